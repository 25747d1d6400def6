"""The quantizers as operators of ``torch.ops.fp8lab``, with their fake twins.

An operator is opaque to ``torch.compile``, which traces its fake twin instead: shapes,
dtypes and strides without numbers. CUDA graphs record the launches inside it.
"""

from __future__ import annotations

from typing import Any

import torch

from fp8lab.granularity import GroupShape
from fp8lab.kernels import norm_launch, quantize_launch
from fp8lab.kernels.quantize_launch import new_scales, output_shape
from fp8lab.kernels.recipe import Recipe
from fp8lab.kernels.tensors import fp8_dtype

__all__ = [
    "dequantize",
    "output_shape",
    "quantize",
    "quantize_scaled",
    "rms_norm_quantize",
]


@torch.library.custom_op("fp8lab::quantize", mutates_args=())
def quantize(
    x: torch.Tensor,
    amax: torch.Tensor | None,
    fmt: str,
    group_rows: int,
    group_cols: int,
    scale_dtype: str,
    scale_rule: str,
    arithmetic: str,
    nonfinite: str,
    gated: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes and scales of x, or (gated) of silu_mul of x."""
    group = (group_rows, group_cols)
    recipe = Recipe.of(fmt, group, scale_dtype, scale_rule, arithmetic, nonfinite)
    return quantize_launch.quantize_dynamic(x, recipe, gated, amax)


@quantize.register_fake
def _(
    x: torch.Tensor, _: object, fmt: str, rows: int, cols: int, stored: str, *rest: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    gated = rest[-1]
    return _empty(x, output_shape(x, gated), Recipe.of(fmt, (rows, cols), stored))


@torch.library.custom_op("fp8lab::quantize_scaled", mutates_args=())
def quantize_scaled(
    x: torch.Tensor,
    scale_codes: torch.Tensor,
    fmt: str,
    group_rows: int,
    group_cols: int,
    scale_dtype: str,
    arithmetic: str,
    gated: bool,
) -> torch.Tensor:
    """Codes of x (gated: of silu_mul of x) by scales that are known."""
    recipe = Recipe.of(
        fmt, (group_rows, group_cols), scale_dtype, arithmetic=arithmetic
    )
    return quantize_launch.apply_scale(x, scale_codes, recipe, gated)


@quantize_scaled.register_fake
def _(x: torch.Tensor, _: object, fmt: str, *rest: Any) -> torch.Tensor:
    gated = rest[-1]
    return x.new_empty(output_shape(x, gated), dtype=fp8_dtype(fmt))


@torch.library.custom_op("fp8lab::dequantize", mutates_args=())
def dequantize(
    codes: torch.Tensor,
    scale_codes: torch.Tensor,
    group_rows: int,
    group_cols: int,
    dtype: torch.dtype,
) -> torch.Tensor:
    """Codes times scales."""
    group = GroupShape(group_rows, group_cols)
    return quantize_launch.decode_scaled(codes, scale_codes, group, dtype)


@dequantize.register_fake
def _(codes: torch.Tensor, *rest: Any) -> torch.Tensor:
    dtype = rest[-1]
    return codes.new_empty(codes.shape, dtype=dtype)


@torch.library.custom_op("fp8lab::rms_norm_quantize", mutates_args=())
def rms_norm_quantize(
    x: torch.Tensor,
    weight: torch.Tensor,
    scale: torch.Tensor | None,
    eps: float,
    fmt: str,
    group_rows: int,
    group_cols: int,
    scale_dtype: str,
    scale_rule: str,
    arithmetic: str,
    nonfinite: str,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes and scales of rms_norm of x; with a scale for all, that one again."""
    group = (group_rows, group_cols)
    recipe = Recipe.of(fmt, group, scale_dtype, scale_rule, arithmetic, nonfinite)
    return norm_launch.rms_norm_quantize(x, weight, scale, eps, recipe)


@rms_norm_quantize.register_fake
def _(
    x: torch.Tensor,
    _weight: object,
    _scale: object,
    _eps: float,
    fmt: str,
    rows: int,
    cols: int,
    stored: str,
    *_: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    return _empty(x, tuple(x.shape), Recipe.of(fmt, (rows, cols), stored))


def _empty(
    x: torch.Tensor, shape: tuple[int, ...], recipe: Recipe
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return codes and scales without numbers."""
    codes = x.new_empty(shape, dtype=fp8_dtype(recipe.fmt))
    return codes, new_scales(x, shape, recipe.group, recipe.scale_dtype)
