"""Scaled FP8 matrix multiplication on Hopper, bit for bit what NumPy computes.

`scaled_mm` and `linear` are the functions of `fp8lab.gemm`, on torch tensors: the same
names, order and meaning, and the same bits for the same ``split_k``. The order of the
scales is in the table at the top of that file. Up to 64 rows are `gemm_small`'s, more
are `gemm_large`'s; the tables of tiles are in `gemm_config`.
"""

from __future__ import annotations

import numbers
from math import ceil
from typing import Any, cast

import numpy as np
import torch

from fp8lab import quantized
from fp8lab.kernels import traced
from fp8lab.kernels.gemm_config import SMALL_M, SPLIT_UNIT, choose_split_k
from fp8lab.kernels.gemm_large import large_product
from fp8lab.kernels.gemm_product import Product, aligned
from fp8lab.kernels.gemm_small import small_product
from fp8lab.kernels.runtime import check_device
from fp8lab.kernels.tensors import QuantizedTensor, fp8_format
from fp8lab.recipes import ScaleRecipe, recipe_of, recipe_pair

__all__ = ["choose_split_k", "linear", "scaled_mm"]

OUTPUTS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

Scale = torch.Tensor | float


def scaled_mm(
    mat_a: torch.Tensor,
    mat_b: torch.Tensor,
    scale_a: Scale = 1.0,
    scale_recipe_a: ScaleRecipe | str = ScaleRecipe.TENSORWISE,
    scale_b: Scale = 1.0,
    scale_recipe_b: ScaleRecipe | str = ScaleRecipe.TENSORWISE,
    *,
    output_dtype: torch.dtype | str = torch.bfloat16,
    use_fast_accum: bool = False,
    split_k: int | None = None,
) -> torch.Tensor:
    """Multiply two matrices of FP8 codes and apply their decode scales.

    Every NaN of the output is 0x7FFFFFFF (0x7FFF in 16 bits); float16 overflows to
    infinity. Scales are multiplied as they are: zero, negative and NaN too; K = 0 gives
    zeros times the scales of a tensor or row. The sums are those of Hopper's tensor
    core: a chain over K, or over a slice of it, with ``use_fast_accum``; else, and
    always with scales of blocks, promoted to float32 every 128 of K (BlockWise1x32:
    every 32). Nothing waits for the GPU, so that powers of two are not checked, as
    NumPy checks them, where BlockWise1x32 wants them.

    Parameters
    ----------
    mat_a, mat_b
        float8_e4m3fn or float8_e5m2 in any mix, [M, K] and [K, N] of any strides. What
        the tensor memory accelerator cannot read is copied first: an operand that is
        not contiguous in K (``weight.t()`` of a weight [N, K] is), or has rows that do
        not begin at multiples of 16 bytes, as with most K that is no multiple of 16.
        Of more than 64 rows with N no multiple of 8, the output is copied.
    scale_a, scale_b
        Decode scales, as floating-point tensors on the operands' device: one number,
        or a tensor of one (TensorWise); [M, 1] and [1, N] (RowWise); [M, K/128] or
        [M/128, K/128], and [K/128, N] or [K/128, N/128] (BlockWise), rounded up;
        [M, K/32] and [K/32, N], powers of two (BlockWise1x32). Any strides; those of
        1 x N groups are best with [1, M].
    scale_recipe_a, scale_recipe_b
        What the scales are shared by, see `fp8lab.ScaleRecipe`.
    output_dtype
        float32, bfloat16 or float16: a dtype or its name.
    use_fast_accum
        True: one chain over K. False: promoted every 128 of K.
    split_k
        Slices of K that are summed apart and added in order, each of
        ceil(K / 128 / split_k) x 128 of K. None: `choose_split_k`, from the shape
        alone. Slices occupy the GPU where there are few outputs.

    Returns
    -------
    torch.Tensor
        [M, N] of ``output_dtype``, contiguous.

    Raises
    ------
    ValueError
        Shapes, scales, recipes, dtypes or a ``split_k`` that do not fit.
    RuntimeError
        Tensors on a device that the kernels do not run on.
    """
    if torch.compiler.is_compiling():
        left, right = (traced.as_tensor(s, mat_a) for s in (scale_a, scale_b))
        names = str(scale_recipe_a), str(scale_recipe_b)
        how = _output(output_dtype), use_fast_accum, split_k
        return traced.scaled_mm(mat_a, mat_b, left, names[0], right, names[1], *how)
    _check_operands(mat_a, mat_b)
    recipes = recipe_pair(scale_recipe_a, scale_recipe_b)
    a, b = mat_a, mat_b.t()
    left = _scales(scale_a, recipes[0], a, "scale_a")
    right = _scales(scale_b, recipes[1], b, "scale_b", transposed=True)
    output = _output(output_dtype)
    shape = (a.shape[0], b.shape[0])
    if split_k is None:
        split_k = choose_split_k(*shape, a.shape[1])
    _check_split(split_k, a.shape[1])
    blocks_of_nothing = a.shape[1] == 0 and recipes[0].group.cols > 0
    if 0 in shape or blocks_of_nothing:
        return torch.zeros(shape, dtype=output, device=a.device)
    product = Product(
        aligned(a), aligned(b), left, right, recipes, use_fast_accum, split_k, output
    )
    return (small_product if shape[0] <= SMALL_M else large_product)(product)


def linear(x: QuantizedTensor, weight: QuantizedTensor, **options: Any) -> torch.Tensor:
    """Return x @ weight.T of quantized matrices: `scaled_mm` with their own scales.

    Parameters
    ----------
    x
        Activations, [M, K]: per tensor, per token, 1x128 or 1x32.
    weight
        A weight as a model stores it, [N, K]: per tensor, per channel, 128x128, 1x128
        or 1x32.
    **options
        Those of `scaled_mm` after the scales; the default output is bfloat16.

    Raises
    ------
    ValueError
        Granularities that no kernel multiplies.
    """
    # A recipe follows from the group alone, which both kinds of tensors have.
    left, right = (
        recipe_of(cast("quantized.QuantizedTensor", q), name)
        for q, name in ((x, "x"), (weight, "weight"))
    )
    scales = x.scales, weight.scales.t()
    return scaled_mm(
        x.codes, weight.codes.t(), scales[0], left, scales[1], right, **options
    )


def _check_operands(a: torch.Tensor, b: torch.Tensor) -> None:
    for operand, name in ((a, "mat_a"), (b, "mat_b")):
        fp8_format(operand, name)
        if operand.ndim != 2:
            raise ValueError(f"{name} has shape {list(operand.shape)}; give a matrix")
        check_device(operand, name)
    if a.shape[1] != b.shape[0]:
        raise ValueError(
            f"mat_a has shape {list(a.shape)} and mat_b {list(b.shape)}; give [M, K] "
            "and [K, N]"
        )
    if a.device != b.device:
        raise ValueError(
            f"mat_a is on {a.device} and mat_b on {b.device}; move one to the other"
        )


def _output(dtype: torch.dtype | str) -> torch.dtype:
    found = OUTPUTS.get(dtype) if isinstance(dtype, str) else dtype
    if found not in OUTPUTS.values():
        raise ValueError(f"output_dtype is {dtype!r}; use {', '.join(OUTPUTS)}")
    return cast("torch.dtype", found)


def _check_split(count: object, depth: int) -> None:
    units = max(ceil(depth / SPLIT_UNIT), 1)
    if not isinstance(count, int) or not 1 <= count <= units:
        raise ValueError(f"split_k is {count!r}; give 1 to {units} for K = {depth}")


def _scales(
    scale: Scale,
    recipe: ScaleRecipe,
    operand: torch.Tensor,
    name: str,
    *,
    transposed: bool = False,
) -> torch.Tensor:
    """Return scales as float32 [rows or 1, blocks or 1]; those of b come transposed."""
    given = _tensor(scale, operand.device, name)
    shape = tuple(operand.shape)
    rows, cols = recipe.group.rows, recipe.group.cols
    # A scale of a whole side is there for an empty one too, though `quantize` has none.
    full = max(shape[0], rows == -1), max(shape[1], cols == -1)
    asked = recipe.group.scale_shape(full)[:: -1 if transposed else 1]
    if recipe is ScaleRecipe.TENSORWISE and given.numel() == 1:
        given = given.reshape(1, 1)
    if full != shape and not given.numel():
        given = given.new_ones(asked)
    if tuple(given.shape) != asked:
        raise ValueError(
            f"{name} has shape {tuple(given.shape)}; {recipe} takes {asked} here"
        )
    return given.t() if transposed else given


def _tensor(scale: Scale, device: torch.device, name: str) -> torch.Tensor:
    if isinstance(scale, torch.Tensor):
        if scale.is_complex() or scale.dtype == torch.bool or scale.itemsize == 1:
            raise ValueError(f"{name} is {scale.dtype}; give decode scales as float32")
        if scale.device != device:
            raise ValueError(
                f"{name} is on {scale.device} and its operand on {device}; move one"
            )
        return scale.float()
    if isinstance(scale, numbers.Real) and not isinstance(scale, bool):
        with np.errstate(over="ignore"):
            value = float(np.float32(scale))
        return torch.full((1, 1), value, dtype=torch.float32, device=device)
    raise ValueError(f"{name} is {type(scale).__name__}; give a tensor or a number")
