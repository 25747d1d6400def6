"""What a Hopper tensor core returns for a sum of FP8 products, bit for bit.

``wgmma.mma_async.m64nNk32`` adds 32 products and an accumulator at a time. The rule of
one such step, for every output element; what holds after each line is in brackets:

1. Multiply the decoded operands. [Exact: two significands of 4 bits make 8.] The
   exponent of a product is ea + eb, *not normalised*: its significand lies in [1, 4). A
   subnormal counts with the exponent of the smallest normal, a zero product not at all.
2. emax is the largest exponent of the products and of the accumulator. [Every addend is
   below 2^(emax + 2) in magnitude.]
3. Truncate every addend, *the accumulator included*, toward zero to a multiple of
   2^(emax - 13). [Each is an integer of at most 15 bits and a sign, times that.]
4. Add the 33 integers. [Exact, so the order does not matter; at most 21 bits.]
5. Normalise, and truncate toward zero to 13 fraction bits. [The accumulator has 14
   significant bits: the low 10 of its float32 are 0.]

The result is the accumulator of the next 32 of K. The rule without an accumulator was
published by Khattak and Mikaitis (arXiv 2512.07004) and in MMA-Sim (arXiv 2511.10909);
that the accumulator is truncated like the others, and all that `fp8lab.gemm` builds on
this, was measured on an H200: ``fp8lab/records/tensorcore-h200.json``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2

import numpy as np
import numpy.typing as npt

from fp8lab.accumulators import HOPPER, Accumulator, accumulator_of
from fp8lab.codec import decode
from fp8lab.formats import E4M3FN, E5M2, FloatFormat, format_of

__all__ = ["check_codes", "mma"]

Floats = npt.NDArray[np.float32]

#: Elements of a tile: its buffers stay in a core's cache.
TILE = 1 << 16
#: Of a zero: with any other exponent (-16 to 15) below half of it, where no product of
#: two numbers is (-28 to 30); and its double fits int8.
NO_EXPONENT = -60
ROWS = 128
#: Of an operand: that of E5M2's maximum.
LARGEST_EXPONENT = 15
#: Of float32, the accumulator's own format.
BIAS, FRACTION = 127, 23
#: The NaN that the tensor core makes of any other.
NAN = np.uint32(0x7FFFFFFF).view(np.float32)


def mma(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    c: npt.ArrayLike | None = None,
    *,
    a_format: FloatFormat | str = E4M3FN,
    b_format: FloatFormat | str = E4M3FN,
    accumulator: Accumulator | str = HOPPER,
) -> np.ndarray:
    """Multiply two matrices of FP8 codes, a @ b + c, as an accumulator adds it up.

    NaN in an operand, infinity times zero, and infinities of both signs in one sum give
    the NaN 0x7FFFFFFF; one infinity gives infinity. A sum that cancels is +0, and so is
    a sum of nothing but -0.

    Parameters
    ----------
    a, b
        uint8 codes, [M, K] and [K, N]. A K that is no multiple of the group is padded
        with zeros, which do not count.
    c
        [M, N] float32 to begin with; None is zero. Of `EXACT` and `FLOAT32` too.
    a_format, b_format
        `E4M3FN` or `E5M2`, in any mix.
    accumulator
        A record or a name, see `accumulator_of`.

    Returns
    -------
    numpy.ndarray
        [M, N], float32; float64 for `EXACT`.

    Raises
    ------
    ValueError
        Shapes, dtypes or formats that do not fit, or an unknown accumulator.
    """
    rule = accumulator_of(accumulator)
    left = _Operand.of(a, a_format, "a", k_axis=1)
    right = _Operand.of(b, b_format, "b", k_axis=0)
    if len(left.values) != len(right.values):
        raise ValueError(
            f"a is [M, K] with K = {len(left.values)} and b is [K, N] with K = "
            f"{len(right.values)}; they must be equal"
        )
    shape = (left.values.shape[1], right.values.shape[1])
    start = _start(c, shape)
    out = np.empty(shape, rule.dtype)
    rows = max(1, min(shape[0], ROWS))
    columns = max(1, TILE // rows)
    for i in range(0, shape[0], rows):
        for j in range(0, shape[1], columns):
            tile = np.s_[i : i + rows, j : j + columns]
            first = None if start is None else start[tile]
            out[tile] = _tile(left[tile[0]], right[tile[1]], first, rule)
    _put_specials(out, left, right, start)
    return out


def check_codes(codes: npt.ArrayLike, fmt: FloatFormat | str, name: str) -> np.ndarray:
    """Return an operand's codes, if the instruction takes them.

    Raises
    ------
    ValueError
        Another format than `E4M3FN` and `E5M2`, another dtype than uint8, or no matrix.
    """
    record, array = format_of(fmt), np.asarray(codes)
    if record not in (E4M3FN, E5M2):
        raise ValueError(
            f"{name} is in {record}; Hopper's FP8 instruction takes E4M3FN and E5M2"
        )
    if array.dtype != np.uint8 or array.ndim != 2:
        raise ValueError(
            f"{name} is {array.dtype}{list(array.shape)}; give a matrix of uint8 codes"
        )
    return array


@dataclass(frozen=True)
class _Operand:
    """A matrix with K first: values (0 for a special), exponents, and its specials."""

    values: Floats
    exponents: npt.NDArray[np.int8]
    raw: Floats

    @classmethod
    def of(
        cls, codes: npt.ArrayLike, fmt: FloatFormat | str, name: str, k_axis: int
    ) -> _Operand:
        record, array = format_of(fmt), check_codes(codes, fmt, name)
        array = np.ascontiguousarray(array if k_axis == 0 else array.T)
        raw = decode(array, record)
        finite = np.isfinite(raw)
        values = raw if finite.all() else np.where(finite, raw, np.float32(0))
        # A subnormal's field is 0, and counts as the smallest normal's.
        magnitudes = array & np.uint8(record.magnitude_mask)
        fields = np.maximum(magnitudes >> np.uint8(record.mantissa_bits), np.uint8(1))
        exponents = fields.view(np.int8) - np.int8(record.bias)
        exponents[values == 0] = NO_EXPONENT
        return cls(values, exponents, raw)

    def __getitem__(self, part: slice) -> _Operand:
        return _Operand(
            self.values[:, part], self.exponents[:, part], self.raw[:, part]
        )


def _start(c: npt.ArrayLike | None, shape: tuple[int, int]) -> Floats | None:
    if c is None:
        return None
    start = np.asarray(c)
    if start.shape != shape or start.dtype != np.float32:
        raise ValueError(
            f"c is {start.dtype}{list(start.shape)}; give float32{list(shape)}"
        )
    return start


def _tile(
    a: _Operand, b: _Operand, c: Floats | None, rule: Accumulator
) -> npt.NDArray[np.floating]:
    """Add up one tile; specials are 0 here."""
    shape = (a.values.shape[1], b.values.shape[1])
    total = np.zeros(shape, rule.dtype)
    if c is not None:
        total += np.where(np.isfinite(c), c, np.float32(0))
    if rule.fraction_bits is None:
        return _add_plainly(a, b, total, rule)
    step = _Step(shape, rule.fraction_bits, rule.group)
    depth = len(a.values)
    if rule.promote is None:
        for k in range(0, depth, rule.group):
            step.run(a, b, k, total)
        return total
    for begin in range(0, depth, rule.promote):
        chain = np.zeros(shape, np.float32)
        for k in range(begin, min(begin + rule.promote, depth), rule.group):
            step.run(a, b, k, chain)
        total += chain
    return total


def _add_plainly(
    a: _Operand, b: _Operand, total: npt.NDArray[np.floating], rule: Accumulator
) -> npt.NDArray[np.floating]:
    if rule.dtype == "float64":
        total += a.values.T.astype(np.float64) @ b.values.astype(np.float64)
        return total
    product = np.empty_like(total)
    for row, column in zip(a.values, b.values, strict=True):
        np.multiply.outer(row, column, out=product)
        total += product
    return total


class _Step:
    """One step of the rule, for a tile; its buffers are used again and again.

    Addends are scaled by 2^(fraction_bits - emax), so that truncating them to the grid
    is truncating to an integer. All is exact in the dtype chosen here.
    """

    def __init__(self, shape: tuple[int, int], fraction_bits: int, group: int) -> None:
        # Two bits before the point, a sign, and the carries of the additions.
        needed = fraction_bits + 3 + ceil(log2(group + 1))
        fits = needed <= np.finfo(np.float32).nmant + 1
        self._bits, self._group, self._shape = fraction_bits, group, shape
        self._emax, self._exponent = np.empty((2, *shape), np.int8)
        self._narrow = _Buffers(shape, np.float32) if fits else None
        self._wide: _Buffers | None = None

    def run(self, a: _Operand, b: _Operand, k: int, accumulator: Floats) -> None:
        """Add the products k to k + group to the accumulator, in place."""
        part = slice(k, k + self._group)
        emax = self._largest_exponent(a.exponents[part], b.exponents[part], accumulator)
        buffers = self._buffers(emax)
        scale, product, total = buffers.scale, buffers.product, buffers.total
        np.ldexp(scale.dtype.type(1), self._bits - emax, out=scale)
        np.multiply(accumulator, scale, out=total)
        np.trunc(total, out=total)
        total += 0  # a zero has no sign here
        for row, column in zip(a.values[part], b.values[part], strict=True):
            np.multiply(row[:, None], scale, out=product)
            product *= column
            np.trunc(product, out=product)
            total += product
        buffers.truncate(self._bits)
        np.divide(total, scale, out=accumulator, casting="same_kind")

    def _largest_exponent(
        self, rows: np.ndarray, columns: np.ndarray, accumulator: Floats
    ) -> npt.NDArray[np.int32]:
        self._emax.fill(2 * NO_EXPONENT)
        for row, column in zip(rows, columns, strict=True):
            np.add.outer(row, column, out=self._exponent)
            np.maximum(self._emax, self._exponent, out=self._emax)
        # A subnormal sum, and a zero, count with the smallest normal's exponent.
        field = (accumulator.view(np.int32) >> FRACTION) & 0xFF
        of_sum = np.maximum(field, 1) - BIAS
        # With a zero operand a product has no exponent, whatever the other one is.
        of_products = np.where(self._emax > NO_EXPONENT // 2, self._emax, -BIAS)
        emax: npt.NDArray[np.int32] = np.maximum(of_products, of_sum)
        return emax

    def _buffers(self, emax: npt.NDArray[np.int32]) -> _Buffers:
        """Float32 where an operand times the scale, and 1 / scale, stay within it."""
        lowest = self._bits - BIAS + LARGEST_EXPONENT + 1
        if self._narrow is not None and emax.min(initial=0) >= lowest:
            return self._narrow
        if self._wide is None:
            self._wide = _Buffers(self._shape, np.float64)
        return self._wide


class _Buffers:
    """The arrays of one step."""

    def __init__(self, shape: tuple[int, int], dtype: type[np.floating]) -> None:
        self.scale, self.product, self.total = np.empty((3, *shape), dtype)
        self._words = np.int32 if dtype is np.float32 else np.int64

    def truncate(self, fraction_bits: int) -> None:
        """Cut the total to its fraction bits, toward zero."""
        dropped = np.finfo(self.total.dtype).nmant - fraction_bits
        self.total.view(self._words)[...] &= self._words(-1 << dropped)


def _put_specials(
    out: npt.NDArray[np.floating], a: _Operand, b: _Operand, c: Floats | None
) -> None:
    """Write NaN and infinities where an addend is one; their order does not matter."""
    addends = (a.raw, b.raw) if c is None else (a.raw, b.raw, c)
    if all(np.isfinite(x).all() for x in addends):
        return
    left, right = a.raw.T, b.raw
    with np.errstate(invalid="ignore"):
        # Each matrix product counts the addends of a kind: none or some is all we ask.
        nan = _count(np.isnan(left), np.ones(right.shape, bool))
        nan |= _count(np.ones(left.shape, bool), np.isnan(right))
        nan |= _count(np.isinf(left), right == 0) | _count(left == 0, np.isinf(right))
        plus, minus = _infinite(left, right), _infinite(-left, right)
    if c is not None:
        nan |= np.isnan(c)
        plus |= c == np.inf
        minus |= c == -np.inf
    out[plus], out[minus] = np.inf, -np.inf
    out[nan | (plus & minus)] = NAN


def _infinite(left: Floats, right: Floats) -> npt.NDArray[np.bool_]:
    """Where some product is +infinity."""
    return (
        _count(left == np.inf, right > 0)
        | _count(left == -np.inf, right < 0)
        | _count(left > 0, right == np.inf)
        | _count(left < 0, right == -np.inf)
    )


def _count(left: np.ndarray, right: np.ndarray) -> npt.NDArray[np.bool_]:
    return (left.astype(np.float32) @ right.astype(np.float32)) > 0
