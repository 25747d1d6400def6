"""RMSNorm and SiLU-mul fused with quantization: `fp8lab.fused` on a Hopper GPU.

Policy for NaN, infinity and zero: that of `fp8lab.rms_norm`, `fp8lab.silu_mul` and
`fp8lab.kernels.quantize`, whose bytes these give in one pass over the activations. The
activation's result is rounded to the input's dtype before it is quantized, as if it had
been stored between the two.

Not here: groups of several rows for `rms_norm_quantize` (a program has whole rows), and
its amax over the whole tensor, for which every row must be known first: give a scale.
"""

from __future__ import annotations

from typing import Any

import torch

from fp8lab.formats import E4M3FN, FloatFormat
from fp8lab.granularity import GroupShape
from fp8lab.kernels import operators
from fp8lab.kernels.arguments import check_floats, stored_scale
from fp8lab.kernels.norm_launch import check_width
from fp8lab.kernels.quantize import quantized
from fp8lab.kernels.recipe import Recipe
from fp8lab.kernels.tensors import QuantizedTensor

__all__ = ["rms_norm_quantize", "silu_mul_quantize"]


def rms_norm_quantize(
    x: torch.Tensor,
    weight: torch.Tensor,
    fmt: FloatFormat | str = E4M3FN,
    group: GroupShape | str | tuple[int, int] = "per-token",
    *,
    eps: float = 1e-6,
    scale: torch.Tensor | float | None = None,
    **options: Any,
) -> QuantizedTensor:
    """Return the bytes of ``quantize(rms_norm(x, weight), fmt, group)``.

    Parameters
    ----------
    x
        [..., K], K up to 32,768: float32, float16 or bfloat16.
    weight
        [K], of these dtypes.
    fmt
        E4M3FN or E5M2.
    group
        Per token, 1 x a power of two; per tensor where ``scale`` is given.
    eps
        Added to the mean of the squares.
    scale
        One decode scale for the whole tensor.
    **options
        scale_dtype, scale_rule, arithmetic and nonfinite, as in `quantize`.

    Raises
    ------
    ValueError
        Dtypes, shapes, groups or names that do not fit.
    RuntimeError
        A device that the kernels do not run on.
    """
    check_floats(x, "x")
    check_floats(weight, "weight")
    recipe = Recipe.of(fmt, group, **options)
    if not x.ndim or weight.shape != x.shape[-1:]:
        raise ValueError(
            f"x has shape {tuple(x.shape)} and weight {tuple(weight.shape)}; "
            "give [..., K] and [K]"
        )
    check_width(x.shape[-1])
    _check_group(recipe.group, scale)
    known = None
    if scale is not None:
        known = stored_scale(scale, (1, 1), x.device, recipe.scale_dtype)
    codes, scales = operators.rms_norm_quantize(x, weight, known, eps, *recipe.names())
    return QuantizedTensor(codes, scales, recipe.fmt, recipe.group, recipe.scale_dtype)


def silu_mul_quantize(
    x: torch.Tensor,
    fmt: FloatFormat | str = E4M3FN,
    group: GroupShape | str | tuple[int, int] = "per-token",
    *,
    amax: torch.Tensor | float | None = None,
    scale: torch.Tensor | float | None = None,
    **options: Any,
) -> QuantizedTensor:
    """Return the bytes of ``quantize(silu_mul(x), fmt, group)``.

    Parameters
    ----------
    x
        [..., 2 N]: N gates, then N ups; float32, float16 or bfloat16.
    fmt, group, amax, scale, **options
        As in `quantize`, of the [..., N] result.

    Raises
    ------
    ValueError
        Dtypes, shapes or names that do not fit.
    RuntimeError
        A device that the kernels do not run on.
    """
    check_floats(x, "x")
    if not x.ndim or x.shape[-1] % 2:
        raise ValueError(
            f"x has shape {tuple(x.shape)}; give [..., 2 N]: N gates, then N ups"
        )
    return quantized(x, Recipe.of(fmt, group, **options), amax, scale, gated=True)


def _check_group(group: GroupShape, scale: torch.Tensor | float | None) -> None:
    known = scale is not None
    if known == (group == GroupShape(-1, -1)) and (known or group.rows == 1):
        wide = group.cols
        if wide == -1 or wide & (wide - 1) == 0:
            return
    raise ValueError(
        f"group is {group}{' with' if known else ' without'} a scale; "
        "rms_norm_quantize takes per-token or 1 x a power of two, and per-tensor with "
        "a scale"
    )
