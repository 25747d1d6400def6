"""Look-up tables, filled in by the readable rule and kept: one per format and policy.

*The round-to-odd prefix.* The top 16 bits of a float32, with the last bit set if
anything below was set, decide the result of every rounding to at most 5 mantissa bits.
So 65,536 entries hold any format of 8 bits, any deterministic mode and any policy. A
bfloat16 or float16 pattern indexes such a table directly.

*The pair table* (decode). Two codes are one uint16: 65,536 entries of two float32.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fp8lab.arrays import widen_bfloat16
from fp8lab.formats import FloatFormat
from fp8lab.policies import SpecialCodes
from fp8lab.rounding import Rounding, decode_reference, encode_reference

__all__ = [
    "bfloat16_table",
    "decode_table",
    "float16_table",
    "pair_table",
    "prefix_table",
]


@lru_cache(maxsize=64)
def prefix_table(
    fmt: FloatFormat, specials: SpecialCodes, rounding: Rounding
) -> npt.NDArray[np.uint8]:
    """Codes of all 65,536 round-to-odd prefixes of a float32."""
    prefix = np.arange(1 << 16, dtype=np.uint32)
    # An odd prefix stands for everything strictly between its even neighbours; it is
    # itself one of those numbers, so its own rounding is that of them all.
    x = (prefix << 16).view(np.float32)
    return _frozen_codes(x, fmt, specials, rounding)


@lru_cache(maxsize=64)
def bfloat16_table(
    fmt: FloatFormat, specials: SpecialCodes, rounding: Rounding
) -> npt.NDArray[np.uint8]:
    """Codes of all 65,536 bfloat16 bit patterns."""
    patterns = np.arange(1 << 16, dtype=np.uint16)
    return _frozen_codes(widen_bfloat16(patterns), fmt, specials, rounding)


@lru_cache(maxsize=64)
def float16_table(
    fmt: FloatFormat, specials: SpecialCodes, rounding: Rounding
) -> npt.NDArray[np.uint8]:
    """Codes of all 65,536 float16 bit patterns."""
    patterns = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    return _frozen_codes(patterns, fmt, specials, rounding)


def _frozen_codes(
    x: npt.NDArray, fmt: FloatFormat, specials: SpecialCodes, rounding: Rounding
) -> npt.NDArray[np.uint8]:
    with np.errstate(invalid="ignore"):  # widening a signalling NaN
        wide = x.astype(np.float64)
    table = encode_reference(wide, fmt, specials, rounding).astype(np.uint8)
    table.flags.writeable = False
    return table


@lru_cache(maxsize=32)
def decode_table(fmt: FloatFormat) -> npt.NDArray[np.float32]:
    """Values of all 256 byte codes; a narrower format's spare high bits are ignored."""
    codes = np.arange(256) & (fmt.code_count - 1)
    table = decode_reference(codes, fmt).astype(np.float32)
    table.flags.writeable = False
    return table


@lru_cache(maxsize=16)
def pair_table(fmt: FloatFormat) -> npt.NDArray[np.uint64]:
    """Values of all pairs of byte codes: two float32 in a uint64, memory order."""
    codes = np.arange(1 << 16, dtype=np.uint16).view(np.uint8)
    table = decode_table(fmt)[codes].view(np.uint64)
    table.flags.writeable = False
    return table
