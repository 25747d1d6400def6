"""Numbers to codes with scales: `quantize`.

The arithmetic is that of a kernel and is fixed to the bit: amax and scale in float32,
then code = encode(x / scale) (``"divide"``) or encode(x * (1 / scale)) with 1 / scale
rounded to float32 (``"reciprocal"``). The two differ in a few codes per million; a
Triton twin must use the same one. Float64 input is scaled in float64.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from fp8lab.amax import NonFinite, measure_amax, nonfinite_of
from fp8lab.arrays import CHUNK, as_floats, widen_bfloat16
from fp8lab.codec import Kernel, check_random, encode, encode_kernel
from fp8lab.formats import E4M3FN, E8M0FNU
from fp8lab.granularity import (
    GroupShape,
    Tile,
    as_matrix,
    by_group,
    group_of,
)
from fp8lab.integers import IntFormat
from fp8lab.policies import Policy, policy_of, special_codes
from fp8lab.quantized import QuantizedTensor
from fp8lab.rounding import Rounding, rounding_of
from fp8lab.scales import (
    ElementFormat,
    ScaleDtype,
    ScaleRule,
    as_amax,
    check_scale,
    compute_scale,
    element_format_of,
    scale_dtype_of,
    scale_rule_of,
)

__all__ = ["Arithmetic", "arithmetic_of", "quantize"]


class Arithmetic(StrEnum):
    """How an element meets its scale."""

    DIVIDE = "divide"
    RECIPROCAL = "reciprocal"


def quantize(
    x: npt.ArrayLike,
    fmt: ElementFormat | str = E4M3FN,
    group: GroupShape | str | tuple[int, int] = "per-tensor",
    *,
    amax: npt.ArrayLike | None = None,
    scale: npt.ArrayLike | None = None,
    scale_dtype: ScaleDtype | str = ScaleDtype.FLOAT32,
    scale_rule: ScaleRule | str = ScaleRule.FLOOR,
    arithmetic: Arithmetic | str = Arithmetic.DIVIDE,
    rounding: Rounding | str = Rounding.NEAREST_EVEN,
    policy: Policy | str = "cuda",
    nonfinite: NonFinite | str = NonFinite.IGNORE,
    whole_groups: bool = False,
    rng: np.random.Generator | None = None,
) -> QuantizedTensor:
    """Scale each group of ``x`` into the format's range, and encode.

    A NaN element gets the policy's NaN code (0 for INT8 and INT4); an infinity
    saturates under the default policy. What they do to their group's scale is
    ``nonfinite``. An all-zero group has scale 1. See `fp8lab.scales` for the rest.

    Parameters
    ----------
    x
        float64, float32, float16 or bfloat16; any shape (leading axes are rows) and
        any strides. Not changed.
    fmt
        A float format of up to 8 bits, INT8 or INT4, or a name.
    group
        Which elements share a scale; see `fp8lab.granularity`.
    amax
        Magnitudes to scale for, in the scales' shape or one number, where they are
        known already (static, delayed, percentile: see `fp8lab.scaling`).
    scale
        The decode scales themselves, instead of ``amax``.
    scale_dtype, scale_rule
        What the scale is rounded to; see `compute_scale`.
    arithmetic
        ``"divide"``: x / scale. ``"reciprocal"``: x * (1 / scale).
    rounding, policy, rng
        As in `encode`; integer formats round to nearest even and always saturate.
    nonfinite
        ``"ignore"``, ``"propagate"`` or ``"raise"``: a rule for measuring amax, without
        effect where ``amax`` or ``scale`` is given.
    whole_groups
        Refuse a tensor whose edges leave ragged groups, as GEMM kernels do.

    Returns
    -------
    QuantizedTensor

    Raises
    ------
    ValueError
        Bad names, dtypes or shapes; a scale that is not finite and positive; ragged
        groups where ``whole_groups``. ``x`` is never touched.
    """
    element, shape = _narrow(fmt), group_of(group)
    how, stored = arithmetic_of(arithmetic), scale_dtype_of(scale_dtype)
    mode, rule = rounding_of(rounding), nonfinite_of(nonfinite)
    policy, scale_rule = policy_of(policy), scale_rule_of(scale_rule)
    if isinstance(element, IntFormat) and mode is not Rounding.NEAREST_EVEN:
        raise ValueError(f"{element} rounds to nearest even only; got {mode}")
    array = as_floats(x)
    check_random(array, mode, rng, None)
    if whole_groups and not shape.divides(array.shape):
        raise ValueError(
            f"groups of {shape} do not divide a tensor of shape {array.shape}; "
            "pad it, or allow ragged groups (whole_groups=False)"
        )
    scales = _scales(array, element, shape, amax, scale, stored, scale_rule, rule)
    codes = np.empty(array.shape, element.code_dtype)
    kernel = _kernel(element, array.dtype, array.size, mode, policy, rng)
    matrix, flat = as_matrix(array), as_matrix(codes)
    sides = shape.sides(matrix.shape)
    for tile in shape.tiles(matrix.shape, CHUNK):
        scaled = _rescale(matrix[tile.elements], scales[tile.scales], sides, tile, how)
        kernel(scaled.reshape(-1), flat[tile.elements].reshape(-1))
    return QuantizedTensor(codes, scales, element, shape, stored)


def _scales(
    x: np.ndarray,
    element: ElementFormat,
    shape: GroupShape,
    amax: npt.ArrayLike | None,
    scale: npt.ArrayLike | None,
    stored: ScaleDtype,
    scale_rule: ScaleRule | str,
    nonfinite: NonFinite,
) -> npt.NDArray[np.float32]:
    wanted = shape.scale_shape(x.shape)
    if scale is not None:
        if amax is not None:
            raise ValueError("give scale or amax, not both")
        return check_scale(scale, wanted, stored)
    if amax is None:
        amax = measure_amax(x, shape, nonfinite=nonfinite)
    else:
        amax = as_amax(amax)
        try:
            amax = np.broadcast_to(amax, wanted)
        except ValueError:
            raise ValueError(
                f"amax has shape {np.shape(amax)}; "
                f"this group needs {wanted} or one number"
            ) from None
    return compute_scale(amax, element, scale_dtype=stored, scale_rule=scale_rule)


def _kernel(
    element: ElementFormat,
    dtype: np.dtype,
    size: int,
    mode: Rounding,
    policy: Policy | str,
    rng: np.random.Generator | None,
) -> Kernel:
    """How a scaled, contiguous chunk becomes codes."""
    if isinstance(element, IntFormat):

        def by_rounding(x: np.ndarray, codes: np.ndarray) -> None:
            codes[...] = element.encode(x)

        return by_rounding
    if mode is Rounding.STOCHASTIC:

        def by_chance(x: np.ndarray, codes: np.ndarray) -> None:
            encode(x, element, rounding=mode, policy=policy, rng=rng, out=codes)

        return by_chance
    specials = special_codes(element, policy)
    work = np.dtype(np.float64 if dtype == np.float64 else np.float32)
    return encode_kernel(work, element, specials, mode, min(CHUNK, size))


def _rescale(
    x: np.ndarray,
    scales: np.ndarray,
    sides: tuple[int, int],
    tile: Tile,
    how: Arithmetic,
) -> np.ndarray:
    """One tile over its scales, contiguous: float32, or float64 for float64 input."""
    if x.dtype == np.uint16:
        x = widen_bfloat16(x)
    elif x.dtype == np.float16:
        x = x.astype(np.float32)
    operate: np.ufunc = np.divide
    if how is Arithmetic.RECIPROCAL:
        scales, operate = np.float32(1) / scales, np.multiply
    out = np.empty(x.shape, x.dtype)
    with np.errstate(all="ignore"):  # infinities and NaN are the encoder's business
        by_group(operate, x, scales, out, sides, tile)
    return out


def _narrow(fmt: ElementFormat | str) -> ElementFormat:
    element = element_format_of(fmt)
    if element.bits > 8 or element == E8M0FNU:
        raise ValueError(
            f"{element} cannot hold elements here; use a signed format of "
            "at most 8 bits, such as E4M3FN, E5M2 or INT8"
        )
    return element


def arithmetic_of(arithmetic: Arithmetic | str) -> Arithmetic:
    """Return the arithmetic that is named; ValueError lists the known names."""
    try:
        return Arithmetic(arithmetic)
    except ValueError:
        known = ", ".join(Arithmetic)
        raise ValueError(
            f"unknown arithmetic {arithmetic!r}; use one of {known}"
        ) from None
