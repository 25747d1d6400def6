"""Codes with scales: `quantize`, `dequantize`, `QuantizedTensor`.

The arithmetic is that of a kernel and is fixed to the bit: amax and scale in float32,
then code = encode(x / scale) (``"divide"``) or encode(x * (1 / scale)) with 1 / scale
rounded to float32 (``"reciprocal"``). The two differ in a few codes per million; a
Triton twin must use the same one. Float64 input is scaled in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from fp8lab.amax import NonFinite, measure_amax, nonfinite_of
from fp8lab.arrays import as_floats, prepare_out
from fp8lab.codec import Kernel, decode, encode, encode_kernel
from fp8lab.fast import CHUNK, widen_bfloat16
from fp8lab.formats import BF16, E4M3FN, E8M0FNU
from fp8lab.granularity import (
    GroupShape,
    Tile,
    as_matrix,
    by_group,
    group_of,
    matrix_shape,
)
from fp8lab.integers import IntFormat
from fp8lab.policies import Policy, special_codes
from fp8lab.rounding import Rounding, rounding_of
from fp8lab.scales import (
    ElementFormat,
    ScaleDtype,
    ScaleRule,
    check_scale,
    compute_scale,
    element_format_of,
    scale_dtype_of,
)

__all__ = ["Arithmetic", "QuantizedTensor", "dequantize", "quantize"]


class Arithmetic(StrEnum):
    """How an element meets its scale."""

    DIVIDE = "divide"
    RECIPROCAL = "reciprocal"


@dataclass(frozen=True, repr=False, eq=False)
class QuantizedTensor:
    """Codes and the scales that give them meaning: x ~ decode(codes) * scale.

    Indexing gives dequantized float32 values of that part alone: ``q[0, :8]``.
    ``numpy.asarray(q)`` gives them all.

    Attributes
    ----------
    codes
        The original tensor's shape; uint8 for FP8, int8 for INT8 and INT4.
    scales
        float32 in ``group.scale_shape(shape)``, every one a value of ``scale_dtype``.
    fmt
        The element format.
    group
        Which rectangle shares a scale.
    scale_dtype
        What a scale is stored as, and counted as in ``nbytes``.
    """

    codes: np.ndarray
    scales: npt.NDArray[np.float32]
    fmt: ElementFormat
    group: GroupShape
    scale_dtype: ScaleDtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor."""
        return self.codes.shape

    @property
    def nbytes(self) -> int:
        """Bytes in memory: codes at the format's width (INT4: two a byte), scales."""
        return -(-self.codes.size * self.fmt.bits // 8) + self.scale_nbytes

    @property
    def scale_nbytes(self) -> int:
        """Bytes of the scales alone."""
        return self.scales.size * self.scale_dtype.itemsize

    @property
    def bits_per_element(self) -> float:
        """Bits an element costs, its share of the scales included."""
        return 8 * self.nbytes / max(1, self.codes.size)

    @property
    def scale_codes(self) -> np.ndarray:
        """The scales as stored: float32, bfloat16 bits (uint16) or E8M0 codes."""
        if self.scale_dtype is ScaleDtype.FLOAT32:
            return self.scales
        narrow = BF16 if self.scale_dtype is ScaleDtype.BFLOAT16 else E8M0FNU
        return encode(self.scales, narrow)

    def limits(self) -> npt.NDArray[np.float32]:
        """Return the magnitude above which each element clips, in the tensor's shape.

        Up to ``fmt.overflow_threshold`` scales, a number still rounds to the maximum.
        """
        threshold = np.float32(self.fmt.overflow_threshold)
        return self.group.expand(self.scales * threshold, self.shape)

    def dequantize(self, dtype: npt.DTypeLike | str = np.float32) -> np.ndarray:
        """Return the values; see `fp8lab.dequantize`."""
        return dequantize(self, dtype)

    def __getitem__(self, key: Any) -> np.ndarray:
        shape = matrix_shape(self.shape)
        rows, cols = self.group.sides(shape)
        lead = np.arange(shape[0]).reshape(
            (*self.shape[:-1], 1)[-max(1, len(self.shape)) :]
        )
        row = np.broadcast_to(lead, self.shape)[key]
        col = np.broadcast_to(np.arange(shape[1]), self.shape)[key]
        return (
            _decode(self.codes[key], self.fmt) * self.scales[row // rows, col // cols]
        )

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> np.ndarray:
        if copy is False:
            raise ValueError(
                "a QuantizedTensor must be dequantized: copy cannot be False"
            )
        return self.dequantize(np.float32 if dtype is None else dtype)

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        size = "x".join(map(str, self.shape)) or "scalar"
        count = self.scales.size
        low, high = (
            (self.scales.min(), self.scales.max()) if count else (np.nan, np.nan)
        )
        spread = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
        return (
            f"<QuantizedTensor {size} {self.fmt.short}, {self.group} scales: {count} "
            f"{self.scale_dtype} ({spread}); {self.nbytes:,} bytes, "
            f"{self.bits_per_element:.4g} bits an element>"
        )


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
        ``"ignore"``, ``"propagate"`` or ``"raise"``.
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
    how, stored = _arithmetic_of(arithmetic), scale_dtype_of(scale_dtype)
    mode, rule = rounding_of(rounding), nonfinite_of(nonfinite)
    if isinstance(element, IntFormat) and mode is not Rounding.NEAREST_EVEN:
        raise ValueError(f"{element} rounds to nearest even only; got {mode}")
    array = as_floats(x)
    if whole_groups and not shape.divides(array.shape):
        raise ValueError(
            f"groups of {shape} do not divide a tensor of shape {array.shape}; "
            "pad it, or allow ragged groups (whole_groups=False)"
        )
    scales = _scales(array, element, shape, amax, scale, stored, scale_rule, rule)
    codes = np.empty(array.shape, element.code_dtype)
    kernel = _kernel(element, array.dtype, mode, policy, rng)
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
        try:
            amax = np.broadcast_to(np.asarray(amax), wanted)
        except ValueError:
            raise ValueError(
                f"amax has shape {np.shape(amax)}; "
                f"this group needs {wanted} or one number"
            ) from None
    return compute_scale(amax, element, scale_dtype=stored, scale_rule=scale_rule)


def _kernel(
    element: ElementFormat,
    dtype: np.dtype,
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
    return encode_kernel(work, element, specials, mode, CHUNK)


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


def dequantize(
    q: QuantizedTensor,
    dtype: npt.DTypeLike | str = np.float32,
    *,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Return decode(codes) * scale, the product rounded once to float32.

    Parameters
    ----------
    q
        What `quantize` made.
    dtype
        ``float32``; ``float64`` (the product is exact); ``float16`` or ``"bfloat16"``
        (raw uint16), rounded from the float32 product to nearest even.
    out
        Where to put the values: q's shape, that dtype.

    Raises
    ------
    ValueError
        Another dtype, or an ``out`` that does not fit.
    """
    name = dtype if dtype == "bfloat16" else np.dtype(dtype).name
    if name not in ("float32", "float64", "float16", "bfloat16"):
        raise ValueError(
            f"cannot dequantize to {name}; use float32, float64, float16 or 'bfloat16'"
        )
    wanted = np.dtype(np.uint16 if name == "bfloat16" else name)
    result = prepare_out(out, q.codes, wanted)
    work = np.float64 if name == "float64" else np.float32
    codes, values = as_matrix(q.codes), as_matrix(result)
    sides = q.group.sides(codes.shape)
    for tile in q.group.tiles(codes.shape, CHUNK):
        part = _decode(codes[tile.elements], q.fmt).astype(work, copy=False)
        with np.errstate(all="ignore"):
            by_group(np.multiply, part, q.scales[tile.scales], part, sides, tile)
        values[tile.elements] = encode(part, BF16) if name == "bfloat16" else part
    return result


def _decode(codes: np.ndarray, fmt: ElementFormat) -> np.ndarray:
    return fmt.decode(codes) if isinstance(fmt, IntFormat) else decode(codes, fmt)


def _narrow(fmt: ElementFormat | str) -> ElementFormat:
    element = element_format_of(fmt)
    if element.bits > 8 or element == E8M0FNU:
        raise ValueError(
            f"{element} cannot hold elements here; use a signed format of "
            "at most 8 bits, such as E4M3FN, E5M2 or INT8"
        )
    return element


def _arithmetic_of(arithmetic: Arithmetic | str) -> Arithmetic:
    try:
        return Arithmetic(arithmetic)
    except ValueError:
        known = ", ".join(Arithmetic)
        raise ValueError(
            f"unknown arithmetic {arithmetic!r}; use one of {known}"
        ) from None
