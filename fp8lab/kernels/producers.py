"""Device functions: what a quantize kernel reads, plain or through an activation.

`silu_mul` does what `fp8lab.fused.silu_mul` does, operation by operation.
"""

from __future__ import annotations

import triton
import triton.language as tl

from fp8lab import fused

__all__ = ["load_values", "silu_mul"]

LOG2_E: tl.constexpr = tl.constexpr(fused.LOG2_E)
LN2_HIGH: tl.constexpr = tl.constexpr(fused.LN2_HIGH)
LN2_LOW: tl.constexpr = tl.constexpr(fused.LN2_LOW)
LARGEST_EXPONENT: tl.constexpr = tl.constexpr(fused.LARGEST_EXPONENT)
C2: tl.constexpr = tl.constexpr(fused.EXP[2])
C3: tl.constexpr = tl.constexpr(fused.EXP[3])
C4: tl.constexpr = tl.constexpr(fused.EXP[4])
C5: tl.constexpr = tl.constexpr(fused.EXP[5])
S0: tl.constexpr = tl.constexpr(fused.RECIPROCAL[0])
S1: tl.constexpr = tl.constexpr(fused.RECIPROCAL[1])
S2: tl.constexpr = tl.constexpr(fused.RECIPROCAL[2])
ROUND: tl.constexpr = tl.constexpr(fused.ROUND)


@triton.jit
def load_values(
    x_ptr, place, mask, gated: tl.constexpr, up_offset, evict: tl.constexpr
):
    """Load float32 values; with ``gated``, silu_mul of a gate and of what is beyond it.

    What an activation gives is rounded to the input's dtype, as if it had been stored.
    """
    x = tl.load(x_ptr + place, mask=mask, other=0.0, eviction_policy=evict)
    values = x.to(tl.float32)
    if gated:
        up = tl.load(x_ptr + place + up_offset, mask=mask, other=0.0)
        values = silu_mul(values, up.to(tl.float32)).to(x.dtype).to(tl.float32)
    return values


@triton.jit
def silu_mul(gate, up):
    """Return silu(gate) * up in float32."""
    small = _exp_minus(tl.abs(gate))
    numerator = tl.where(gate >= 0, gate, gate * small)
    return numerator * _reciprocal(small + 1.0) * up


@triton.jit
def _exp_minus(x):
    # Of a NaN this is any number: the gate that it came from is still a NaN factor.
    total = tl.fma(x, -LOG2_E, ROUND)
    count = total - ROUND
    r = tl.fma(count, -LN2_LOW, tl.fma(count, -LN2_HIGH, x * -1.0))
    series = tl.fma(r, tl.fma(r, tl.fma(r, C5, C4), C3), C2)
    series = tl.fma(r, tl.fma(r, series, 1.0), 1.0)
    # The low bits of the sum are the count: shifted up, they add to the exponent.
    bits = series.to(tl.int32, bitcast=True) + (total.to(tl.int32, bitcast=True) << 23)
    value = bits.to(tl.float32, bitcast=True)
    return tl.where(x > LARGEST_EXPONENT, 0.0, value)


@triton.jit
def _reciprocal(d):
    r = tl.fma(d, tl.fma(d, S2, S1), S0)
    r = tl.fma(r, tl.fma(-d, r, 1.0), r)
    return tl.fma(r, tl.fma(-d, r, 1.0), r)
