"""The same rule as `fp8lab.rounding`, at memory-bound speed, a chunk at a time.

Two techniques, both exact, neither with state shared between threads:

*The magic add* (float32, nearest-even). Let e be the exponent of |x|, at least emin,
and M = 2**(e + 23 - m) plus a small whole number of its ulps. One float32 addition
t = |x| + M then rounds |x| to the format's grid, because ulp(M) *is* that grid's step;
the low bits of t count the steps. Choosing M's own low bits as the code at which the
binade starts makes the low byte of t the finished code. Subnormals need nothing extra:
they share the lowest binade's step. The base code is even, so ties go to even codes.

*The round-to-odd prefix* (float32, any other deterministic mode or format): one look-up
in a table of `fp8lab.tables`.

Chunks of 64 Ki elements keep the working set in a 1 MiB L2 cache while paying NumPy's
cost of a call (0.7 us) rarely.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fp8lab.arrays import CHUNK
from fp8lab.formats import FloatFormat, Specials
from fp8lab.policies import SpecialCodes
from fp8lab.rounding import Rounding
from fp8lab.tables import decode_table, prefix_table

__all__ = ["MagicEncoder", "MagicRounder", "TableEncoder", "encoder32", "uses_magic"]

_ABS = np.array(0x7FFFFFFF, np.int32)
_SIGN = np.array(-0x80000000, np.int32)
_EXPONENT = np.array(0x7F800000, np.int32)
_INFINITY_BITS = 0x7F800000
_SHIFT_23 = np.array(23, np.int32)


@lru_cache(maxsize=64)
def _constant(value: int) -> npt.NDArray[np.int32]:
    """A chunk full of one number, shared and read-only.

    NumPy's maximum and minimum are 4 to 5 times slower with a scalar operand.
    """
    array = np.full(CHUNK, value, np.int32)
    array.flags.writeable = False
    return array


def _bits(value: float) -> int:
    return int(np.float32(value).view(np.int32))


class MagicEncoder:
    """Float32 to codes by one addition; signed formats with -0, nearest-even.

    One instance holds its own scratch for one chunk, so it belongs to one call.
    """

    def __init__(self, fmt: FloatFormat, specials: SpecialCodes, size: int) -> None:
        m, emin = fmt.mantissa_bits, fmt.emin
        self.fmt, self.specials = fmt, specials
        # M's bits are a linear function of the biased exponent E >= 127 + emin:
        # exponent field E + 23 - m, mantissa field (E - 127 - emin) * 2**m.
        self._scale = np.array((1 << 23) + (1 << m), np.int32)
        self._offset = np.array(((23 - m) << 23) - ((127 + emin) << m), np.int32)
        self._lowest = _constant(127 + emin)
        # Clipping |x| here makes overflow come out right by itself: at the maximum, or
        # at the next grid point, whose code is the one for overflow (see uses_magic).
        saturates = specials.overflow[0] == fmt.max_code
        self._infinity_overflows = specials.infinity == specials.overflow
        self._limit = _bits(fmt.max if saturates else _next_above_max(fmt))
        self._limits = _constant(self._limit)
        self._a = np.empty(size, np.int32)
        self._m = np.empty(size, np.int32)
        self._s = np.empty(-(-size // 8) * 8, np.bool_)
        self._sign_shift = np.array(fmt.bits - 1, np.uint64)

    def __call__(self, x: npt.NDArray[np.float32], out: npt.NDArray[np.uint8]) -> None:
        """Encode contiguous ``x`` into contiguous ``out`` (both 1-D, <= size)."""
        n = x.size
        a, magic = self._a[:n], self._m[:n]
        np.bitwise_and(x.view(np.int32), _ABS, out=a)
        largest = int(np.maximum.reduce(a))
        special = nan = None
        if largest > self._limit:
            if largest > _INFINITY_BITS:
                nan = a > _INFINITY_BITS
            if largest >= _INFINITY_BITS and not self._infinity_overflows:
                special = a == _INFINITY_BITS
            np.minimum(a, self._limits[:n], out=a)
        # 1. The exponent of each element's binade, subnormals in the lowest.
        np.right_shift(a, _SHIFT_23, out=magic)
        np.maximum(magic, self._lowest[:n], out=magic)
        # 2. M, by one multiply-add in integers.
        np.multiply(magic, self._scale, out=magic)
        np.add(magic, self._offset, out=magic)
        # 3. The rounding itself: one float32 addition. The low byte is the code.
        af = a.view(np.float32)
        np.add(af, magic.view(np.float32), out=af)
        np.copyto(out, a, casting="unsafe")
        self._or_sign(x, out)
        if special is not None:
            self._patch(x, out, special, self.specials.infinity)
        if nan is not None:
            self._patch(x, out, nan, self.specials.nan)

    def _or_sign(self, x: npt.NDArray[np.float32], out: npt.NDArray[np.uint8]) -> None:
        """OR the signs in, eight booleans to a uint64: byte shifts have no SIMD."""
        n = x.size
        padded = self._s[: -(-n // 8) * 8]
        np.signbit(x, out=padded[:n])
        lanes = padded.view(np.uint64)
        np.left_shift(lanes, self._sign_shift, out=lanes)
        np.bitwise_or(out, padded[:n].view(np.uint8), out=out)

    @staticmethod
    def _patch(
        x: npt.NDArray[np.float32],
        out: npt.NDArray[np.uint8],
        where: npt.NDArray[np.bool_],
        pair: tuple[int, int],
    ) -> None:
        at = np.flatnonzero(where)
        if at.size:
            out[at] = np.where(np.signbit(x[at]), pair[1], pair[0])


class MagicRounder:
    """Float32 to the nearest value of the format: (|x| + M) - M, no codes at all."""

    def __init__(self, fmt: FloatFormat, specials: SpecialCodes, size: int) -> None:
        self._fmt, self._specials = fmt, specials
        self._up = np.array((23 - fmt.mantissa_bits) << 23, np.int32)
        self._lowest = _constant((127 + fmt.emin) << 23)
        self._saturates = specials.overflow[0] == fmt.max_code
        limit = fmt.max if self._saturates else _next_above_max(fmt)
        self._limit = _bits(limit)
        self._limits = _constant(self._limit)
        self._a = np.empty(size, np.int32)
        self._m = np.empty(size, np.int32)
        self._values = decode_table(fmt)

    def __call__(
        self, x: npt.NDArray[np.float32], out: npt.NDArray[np.float32]
    ) -> None:
        """Round contiguous ``x`` into contiguous ``out`` (they may be the same)."""
        n = x.size
        a, magic = self._a[:n], self._m[:n]
        bits = x.view(np.int32)
        np.bitwise_and(bits, _ABS, out=a)
        largest = int(np.maximum.reduce(a))
        special = nan = None
        if largest > self._limit:
            if largest >= _INFINITY_BITS:
                special, nan = a == _INFINITY_BITS, a > _INFINITY_BITS
            np.minimum(a, self._limits[:n], out=a)
        np.bitwise_and(a, _EXPONENT, out=magic)
        np.maximum(magic, self._lowest[:n], out=magic)
        np.add(magic, self._up, out=magic)
        af, mf = a.view(np.float32), magic.view(np.float32)
        np.add(af, mf, out=af)
        np.subtract(af, mf, out=af)
        np.bitwise_and(bits, _SIGN, out=magic)
        over = None
        if not self._saturates and largest >= _bits(self._fmt.max):
            over = af > np.float32(self._fmt.max)
        np.bitwise_or(a, magic, out=out.view(np.int32))
        for where, pair in (
            (over, self._specials.overflow),
            (special, self._specials.infinity),
            (nan, self._specials.nan),
        ):
            if where is not None:
                at = np.flatnonzero(where)
                codes = np.where(magic[at] < 0, pair[1], pair[0])
                out[at] = self._values[codes]


class TableEncoder:
    """Float32 to codes through the round-to-odd prefix and a 65,536-entry table."""

    def __init__(self, table: npt.NDArray[np.uint8], size: int) -> None:
        self._table = table
        self._u = np.empty(size, np.uint32)
        self._index = np.empty(size, np.intp)

    def __call__(self, x: npt.NDArray[np.float32], out: npt.NDArray[np.uint8]) -> None:
        """Encode contiguous ``x`` into contiguous ``out`` (both 1-D, <= size)."""
        u, bits = self._u[: x.size], x.view(np.uint32)
        # Adding 0xFFFF to the low half carries into bit 16 unless the half is zero;
        # OR with the original keeps the bits above as they were: the sticky bit.
        np.bitwise_and(bits, _LOW_HALF, out=u)
        np.add(u, _LOW_HALF, out=u)
        np.bitwise_or(u, bits, out=u)
        np.right_shift(u, _SHIFT_16, out=u)
        index = self._index[: x.size]
        np.copyto(index, u)
        np.take(self._table, index, out=out, mode="clip")


_LOW_HALF = np.array(0xFFFF, np.uint32)
_SHIFT_16 = np.array(16, np.uint32)


def _next_above_max(fmt: FloatFormat) -> float:
    """The first grid point past the maximum, where the grid goes on regardless."""
    return fmt.max + 2.0 ** (fmt.emax - fmt.mantissa_bits)


def uses_magic(fmt: FloatFormat, specials: SpecialCodes, rounding: Rounding) -> bool:
    """Whether the magic add serves this format, policy and mode.

    One byte, signed zero, nearest-even, and overflow to the maximum's code or to the
    code right after it.
    """
    top, negative_top = specials.overflow
    return (
        rounding is Rounding.NEAREST_EVEN
        and fmt.bits <= 8
        and fmt.is_signed
        and fmt.specials is not Specials.NEGATIVE_ZERO
        and top in (fmt.max_code, fmt.max_code + 1)
        and negative_top == top | fmt.sign_mask
    )


def encoder32(
    fmt: FloatFormat, specials: SpecialCodes, rounding: Rounding, size: int
) -> MagicEncoder | TableEncoder:
    """Return a callable (x float32, out uint8) for chunks of up to ``size``."""
    if uses_magic(fmt, specials, rounding):
        return MagicEncoder(fmt, specials, size)
    return TableEncoder(prefix_table(fmt, specials, rounding), size)
