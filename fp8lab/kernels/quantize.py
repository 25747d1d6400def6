"""Quantize and dequantize on a Hopper GPU: `fp8lab.quantize`'s bytes, in one pass.

Policy: that of ``cvt.rn.satfinite``, the policy "cuda" of `fp8lab.quantize`: NaN
becomes 0x7F without its sign, infinity saturates, -0 stays. amax is over the finite
elements, or a NaN makes the whole group NaN (``nonfinite="propagate"``). An all-zero
group has scale 1; no scale is below 2^-126 (E8M0: 2^-127). Empty tensors give empty
codes, and no launch.

Maths: scale = amax / format.max of each group, correctly rounded; code = encode(x /
scale), or of x * (1 / scale), as ``arithmetic`` says. Codes and scales equal those of
the NumPy function in every bit.

Not here: rounding other than nearest even, other policies, INT8, and float64, none of
which the hardware converts; a bound on ragged groups.
"""

from __future__ import annotations

import torch

from fp8lab.amax import NonFinite
from fp8lab.formats import E4M3FN, FloatFormat
from fp8lab.granularity import GroupShape
from fp8lab.kernels import operators
from fp8lab.kernels.arguments import (
    check_floats,
    checked_amax,
    number_scale,
    stored_scale,
)
from fp8lab.kernels.recipe import Recipe
from fp8lab.kernels.runtime import check_device
from fp8lab.kernels.tensors import FLOATS, QuantizedTensor
from fp8lab.quantization import Arithmetic
from fp8lab.scales import ScaleDtype, ScaleRule

__all__ = ["dequantize", "quantize", "quantized"]


def quantize(
    x: torch.Tensor,
    fmt: FloatFormat | str = E4M3FN,
    group: GroupShape | str | tuple[int, int] = "per-tensor",
    *,
    amax: torch.Tensor | float | None = None,
    scale: torch.Tensor | float | None = None,
    scale_dtype: ScaleDtype | str = ScaleDtype.FLOAT32,
    scale_rule: ScaleRule | str = ScaleRule.FLOOR,
    arithmetic: Arithmetic | str = Arithmetic.DIVIDE,
    nonfinite: NonFinite | str = NonFinite.IGNORE,
    whole_groups: bool = False,
) -> QuantizedTensor:
    """Scale each group of ``x`` into the format's range, and encode.

    Parameters
    ----------
    x
        float32, float16 or bfloat16; any shape (leading axes are rows) and strides.
        Strides that no matrix has cost a copy.
    fmt
        E4M3FN or E5M2.
    group
        Which elements share a scale; see `fp8lab.granularity`. Groups that fit a
        program's registers (rows of up to 32,768 elements, 128 x 128) are read once,
        others twice.
    amax
        float32 magnitudes to scale for, in the scales' shape, or one number.
    scale
        float32 decode scales instead, or one number. A tensor on a GPU is not looked
        at, which would wait for it: a scale of 0 or NaN does what the division does.
    scale_dtype, scale_rule, arithmetic, whole_groups
        As in `fp8lab.quantize`.
    nonfinite
        ``"ignore"`` or ``"propagate"``.

    Returns
    -------
    QuantizedTensor

    Raises
    ------
    ValueError
        Dtypes, shapes or names that do not fit, before anything is launched.
    RuntimeError
        A device that the kernels do not run on.
    """
    recipe = Recipe.of(fmt, group, scale_dtype, scale_rule, arithmetic, nonfinite)
    return quantized(x, recipe, amax, scale, whole_groups=whole_groups)


def dequantize(q: QuantizedTensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return decode(codes) * scale, the product rounded once to float32.

    Parameters
    ----------
    q
        What `quantize` made.
    dtype
        float32; float64 (the product is exact); float16 or bfloat16, rounded from the
        float32 product.

    Raises
    ------
    ValueError
        Another dtype.
    RuntimeError
        A device that the kernels do not run on.
    """
    if dtype not in (*FLOATS, torch.float64):
        raise ValueError(f"dtype is {dtype}; use float32, float64, float16 or bfloat16")
    check_device(q.codes, "q")
    sides = q.group.rows, q.group.cols
    return operators.dequantize(q.codes, q.scale_codes, *sides, dtype)


def quantized(
    x: torch.Tensor,
    recipe: Recipe,
    amax: torch.Tensor | float | None,
    scale: torch.Tensor | float | None,
    *,
    gated: bool = False,
    whole_groups: bool = False,
) -> QuantizedTensor:
    """Quantize x, or (gated) silu_mul of it, after checking what was given."""
    check_floats(x, "x")
    shape = operators.output_shape(x, gated)
    if whole_groups and not recipe.group.divides(shape):
        raise ValueError(
            f"groups of {recipe.group} do not divide a tensor of shape {shape}; "
            "pad it, or allow ragged groups (whole_groups=False)"
        )
    if amax is not None and scale is not None:
        raise ValueError("give scale or amax, not both")
    wanted = recipe.group.scale_shape(shape)
    if amax is not None and not isinstance(amax, torch.Tensor):
        scale, amax = number_scale(amax, recipe), None
    if scale is not None:
        scales = stored_scale(scale, wanted, x.device, recipe.scale_dtype)
        codes = operators.quantize_scaled(x, scales, *recipe.names_known(), gated)
    else:
        magnitudes = None if amax is None else checked_amax(amax, wanted, x.device)
        codes, scales = operators.quantize(x, magnitudes, *recipe.names(), gated)
    return QuantizedTensor(codes, scales, recipe.fmt, recipe.group, recipe.scale_dtype)
