"""The broken integer code of lab 1's repair, with each of its bugs as a switch."""

from __future__ import annotations

import numpy as np

__all__ = ["bits_wrong"]


def bits_wrong(
    x: np.ndarray,
    *,
    ties: str = "away",
    carry: bool = False,
    zero: bool = False,
    signed_zero: bool = True,
    nan: bool = True,
) -> np.ndarray:
    """Encode to E4M3FN in integers; without switches, the code that students get.

    ``ties``: "away" (the bug), "even" (the repair), "down", "cut", "lsb" (up only where
    the last kept bit is set). ``carry`` and ``zero`` are the other two repairs.
    """
    bits = np.ascontiguousarray(x).view(np.uint32)
    sign = (bits >> 24) & 0x80
    magnitude = bits & 0x7FFFFFFF
    exponent = (magnitude >> 23).astype(np.int64) - 127
    significand = (magnitude & 0x7FFFFF).astype(np.int64) | 0x800000
    shift = np.minimum(20 + np.maximum(-6 - exponent, 0), 40)
    kept = significand >> shift
    cut = significand & ((1 << shift) - 1)
    half = 1 << (shift - 1)
    up = {
        "away": cut >= half,
        "even": (cut > half) | ((cut == half) & (kept & 1 == 1)),
        "down": cut > half,
        "cut": cut < 0,
        "lsb": (cut >= half) & (kept & 1 == 1),
    }[ties]
    kept += up
    normal = exponent >= -6
    field = np.where(normal, exponent + 7, 0) << 3
    mantissa = np.where(normal, kept - 8, kept)
    code = np.minimum(field + mantissa if carry else field | mantissa, 0x7E)
    signed = code | (sign if signed_zero else np.where(code > 0, sign, 0))
    broken = magnitude > 0x7F800000 if zero else magnitude - 1 >= 0x7F800000
    special = np.where(bits == 0, False, broken) if nan else bits < 0
    return np.where(special, 0x7F, signed).astype(np.uint8)
