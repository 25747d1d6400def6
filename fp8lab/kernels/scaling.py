"""Device functions: from magnitudes to scales, and from elements to codes.

They do what `fp8lab.amax`, `fp8lab.scales` and `fp8lab.quantization` do, bit for bit.
Only operations that are rounded once by IEEE 754 are used, so that the order of
instructions is all that counts: no approximate division, no contraction that is not
written down.
"""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = [
    "amax_bits",
    "divide",
    "lifted",
    "magnitude_key",
    "no_key",
    "reciprocal_parts",
    "scale_of",
]

# A float32's bits doubled are its magnitude alone, in 32 bits unsigned; one unit of the
# exponent added, what is infinite or NaN wraps around to below every finite number.
ONE_EXPONENT: tl.constexpr = tl.constexpr(0x01000000)
NAN_BITS: tl.constexpr = tl.constexpr(0x7FC00000)
INFINITY_BITS: tl.constexpr = tl.constexpr(0x7F800000)
SMALLEST_NORMAL: tl.constexpr = tl.constexpr(2.0**-126)
SMALLEST_E8M0_BITS: tl.constexpr = tl.constexpr(0x00400000)
# Far from both ends of the range: what is lifted by it stays exact.
LIFT: tl.constexpr = tl.constexpr(2.0**64)
LOW: tl.constexpr = tl.constexpr(2.0**-64)
# Beyond every finite FP8 number, and far below infinity.
BEYOND_FP8: tl.constexpr = tl.constexpr(2.0**20)


@triton.jit
def magnitude_key(x, propagate: tl.constexpr):
    """Return a uint32 that orders |x| of float32; see `amax_bits` for the way back.

    With ``propagate`` NaN and infinity are above every number, else below.
    """
    key = x.to(tl.uint32, bitcast=True) << 1
    return key if propagate else key + ONE_EXPONENT


@triton.jit
def no_key(propagate: tl.constexpr):
    """Return the key of 0, which no maximum needs to stay above."""
    return 0 if propagate else ONE_EXPONENT


@triton.jit
def amax_bits(key, propagate: tl.constexpr):
    """Return the bits of the float32 amax, int32, of the largest key of a group.

    All elements infinite or NaN: 0 where they are ignored, else NaN.
    """
    if propagate:
        bits = (key >> 1).to(tl.int32)
        return tl.where(bits >= INFINITY_BITS, NAN_BITS, bits)
    return (tl.maximum(key, ONE_EXPONENT) - ONE_EXPONENT >> 1).to(tl.int32)


@triton.jit
def scale_of(bits, largest: tl.constexpr, emax: tl.constexpr, mantissa: tl.constexpr,
             dtype: tl.constexpr, rule: tl.constexpr,
             measured: tl.constexpr = True):  # fmt: skip
    """Return the float32 decode scale of an amax given by its bits: `compute_scale`.

    ``largest``, ``emax`` and ``mantissa`` are those of the format; ``dtype`` and
    ``rule`` the names of `ScaleDtype` and `ScaleRule`. An amax that was ``measured`` is
    not infinite.
    """
    amax = bits.to(tl.float32, bitcast=True)
    if dtype == "e8m0":
        exponent = _power_of_two(amax, largest, emax, mantissa, rule)
        exponent = tl.minimum(tl.maximum(exponent, -127), 127)
        powers = tl.maximum((exponent + 127) << 23, SMALLEST_E8M0_BITS)
        powers = tl.where(bits > INFINITY_BITS, NAN_BITS, powers)
        scale = powers.to(tl.float32, bitcast=True)
    else:
        if measured:
            # Markstein's division by a constant, without a path for what cannot be: an
            # infinity, or a subnormal quotient, which the next line replaces.
            quotient = amax * (1.0 / largest)
            rest = tl.fma(quotient, -largest, amax)
            scale = tl.fma(rest, 1.0 / largest, quotient)
        else:
            scale = tl.div_rn(amax, largest)
        scale = tl.where(scale < SMALLEST_NORMAL, SMALLEST_NORMAL, scale)
        if dtype == "bfloat16":
            scale = scale.to(tl.bfloat16).to(tl.float32)
    return tl.where(bits == 0, 1.0, scale)


@triton.jit
def _power_of_two(amax, largest: tl.constexpr, emax: tl.constexpr,
                  mantissa: tl.constexpr, rule: tl.constexpr):  # fmt: skip
    if rule == "rceil":
        ratio = tl.div_rn(amax, largest)
        return tl.where(ratio == 0, -127, _ceil_log2(ratio))
    if rule == "ceil":
        return _ceil_log2(amax) - emax
    if rule == "even":
        # Half a unit of the element's last mantissa bit may carry into the exponent.
        return _floor_log2(amax, 1 << (22 - mantissa)) - emax
    return _floor_log2(amax, 0) - emax


@triton.jit
def _floor_log2(x, add):
    # Subnormals are lifted, so that the exponent field says it all.
    tiny = x < LOW
    bits = tl.where(tiny, x * LIFT, x).to(tl.int32, bitcast=True) + add
    return (bits >> 23) - 127 - tl.where(tiny, 64, 0)


@triton.jit
def _ceil_log2(x):
    return _floor_log2(x, (1 << 23) - 1)


@triton.jit
def lifted(scale):
    """Return what `divide` needs of a scale: scale', 1 / scale', and the lift.

    x / scale = (x * lift) / scale', and there no intermediate result that counts is a
    subnormal, which would be inexact.
    """
    lift = tl.where(scale < LOW, LIFT, tl.where(scale > LIFT, LOW, 1.0))
    scale = scale * lift
    return scale, tl.div_rn(1.0, scale), lift


@triton.jit
def divide(x, scale, reciprocal, lift):
    """Return a float32 that encodes as x / scale does; the rest is `lifted` scale.

    Where the quotient is an FP8 number or near one, it is the correctly rounded one: a
    product, its remainder by a fused multiply-add, and one correction (Markstein,
    *Computation of elementary functions on the IBM RISC System/6000*, 1990). A true
    division takes some twenty instructions an element, this takes six.
    tests/kernels/test_division.py compares the two at every rounding boundary of FP8
    for all 2^23 significands of a scale.
    """
    x = x * lift
    # An infinite quotient has no remainder; a bound beyond FP8's range has one, and
    # what it is a bound of saturates. (A select would cost more: 32 predicates.)
    quotient = tl.minimum(tl.maximum(x * reciprocal, -BEYOND_FP8), BEYOND_FP8)
    # In this order the remainder of a zero, +0, leaves the zero its sign.
    excess = tl.fma(quotient, scale, x * -1.0)
    return tl.fma(excess, reciprocal * -1.0, quotient)


@triton.jit
def reciprocal_parts(scale):
    """Return 1 / scale as the sum of two float32, both above zero, to 2^-46.

    ``fma(x, high, x * low)`` then encodes as x / scale does, if x comes from 16 bits: a
    significand of at most 11 bits comes nowhere so near a boundary of FP8 that more of
    the reciprocal counts (tests/kernels/test_division.py has all that come near, of all
    scales). As both parts are positive, infinities and the signs of zeros are what a
    division gives. The scale is of an amax: far from 2^127, or the parts are subnormal.
    """
    high = tl.div_rn(1.0, scale)
    rest = tl.fma(scale, high * -1.0, 1.0)
    bits = high.to(tl.int32, bitcast=True) - tl.where(rest <= 0, 1, 0)
    high = bits.to(tl.float32, bitcast=True)
    rest = tl.fma(scale, high * -1.0, 1.0) * high
    # The remainder times `high` is short by some 2^-23 of itself: one unit.
    low = (rest.to(tl.int32, bitcast=True) + 1).to(tl.float32, bitcast=True)
    return high, low
