"""Device functions: what a quantize kernel reads, plain or through an activation.

`silu_mul` does what `fp8lab.fused.silu_mul` does, operation by operation.
"""

from __future__ import annotations

import triton
import triton.language as tl

from fp8lab import fused
from fp8lab.kernels.runtime import INTERPRETED

__all__ = ["load_values", "rounded", "silu_mul", "widened"]

#: The interpreter knows no assembly; it computes what the assembly abbreviates.
PLAIN: tl.constexpr = tl.constexpr(INTERPRETED)

LOG2_E: tl.constexpr = tl.constexpr(fused.LOG2_E)
LN2_HIGH: tl.constexpr = tl.constexpr(fused.LN2_HIGH)
LN2_LOW: tl.constexpr = tl.constexpr(fused.LN2_LOW)
LARGEST_EXPONENT: tl.constexpr = tl.constexpr(fused.LARGEST_EXPONENT)
#: Exponent whose power is a subnormal by the bits of `_exp_minus`, still no negative.
NO_EXPONENT: tl.constexpr = tl.constexpr(88.0)
#: A gate so small has e^-gate = 1.
TINY: tl.constexpr = tl.constexpr(2.0**-100)
C2: tl.constexpr = tl.constexpr(fused.EXP[2])
C3: tl.constexpr = tl.constexpr(fused.EXP[3])
C4: tl.constexpr = tl.constexpr(fused.EXP[4])
C5: tl.constexpr = tl.constexpr(fused.EXP[5])
S0: tl.constexpr = tl.constexpr(fused.RECIPROCAL[0])
S1: tl.constexpr = tl.constexpr(fused.RECIPROCAL[1])
S2: tl.constexpr = tl.constexpr(fused.RECIPROCAL[2])
ROUND: tl.constexpr = tl.constexpr(fused.ROUND)


@triton.jit
def widened(x):
    """Return ``x`` as float32; of bfloat16 it takes an instruction each, not 1.5."""
    if PLAIN or x.dtype != tl.bfloat16 or x.numel == 1:
        wide = x.to(tl.float32)
    else:
        wide = tl.inline_asm_elementwise(
            "shl.b32 $0, $2, 16; and.b32 $1, $2, 0xffff0000;",
            "=r,=r,r", [x], dtype=tl.float32, is_pure=True, pack=2,
        )  # fmt: skip
    return wide


@triton.jit
def rounded(values, dtype: tl.constexpr):
    """Return float32 values rounded to ``dtype``, bfloat16 two at a time."""
    if PLAIN or dtype != tl.bfloat16 or values.numel == 1:
        narrow = values.to(dtype).to(tl.float32)
    else:
        narrow = tl.inline_asm_elementwise(
            "{ .reg .b32 p; cvt.rn.bf16x2.f32 p, $3, $2;"
            " shl.b32 $0, p, 16; and.b32 $1, p, 0xffff0000; }",
            "=r,=r,r,r", [values], dtype=tl.float32, is_pure=True, pack=2,
        )  # fmt: skip
    return narrow


@triton.jit
def load_values(
    x_ptr, place, mask, gated: tl.constexpr, up_offset, evict: tl.constexpr,
    even: tl.constexpr = False,
):  # fmt: skip
    """Load float32 values; with ``gated``, silu_mul of a gate and of what is beyond it.

    What an activation gives is rounded to the input's dtype, as if it had been stored.
    With ``even`` there is no mask to look at.
    """
    if even:
        x = tl.load(x_ptr + place, eviction_policy=evict)
    else:
        x = tl.load(x_ptr + place, mask=mask, other=0.0, eviction_policy=evict)
    values = widened(x)
    if gated:
        place += up_offset
        if even:
            up = tl.load(x_ptr + place, eviction_policy=evict)
        else:
            up = tl.load(x_ptr + place, mask=mask, other=0.0, eviction_policy=evict)
        values = rounded(silu_mul(values, widened(up), x.dtype), x.dtype)
    return values


@triton.jit
def silu_mul(gate, up, dtype: tl.constexpr):
    """Return silu(gate) * up in float32, of numbers that were loaded as ``dtype``."""
    if PLAIN or dtype != tl.bfloat16:
        small = _exp_minus(tl.abs(gate))
        small = tl.where(tl.abs(gate) > LARGEST_EXPONENT, 0.0, small)
        numerator = tl.where(gate >= 0, gate, gate * small)
    else:
        # Above 87 the next bfloat16 is 87.5, and e^-87.5 is a subnormal: a product that
        # takes it for 0 needs no select. Where the gate itself is one, e^gate is 1.
        small = _exp_minus(tl.minimum(tl.abs(gate), NO_EXPONENT))
        product = tl.inline_asm_elementwise(
            "mul.rn.ftz.f32 $0, $1, $2;", "=f,f,f", [gate, small], dtype=tl.float32,
            is_pure=True, pack=1,
        )  # fmt: skip
        numerator = tl.where(gate >= -TINY, gate, product)
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
    return bits.to(tl.float32, bitcast=True)


@triton.jit
def _reciprocal(d):
    r = tl.fma(d, tl.fma(d, S2, S1), S0)
    r = tl.fma(r, tl.fma(d * -1.0, r, 1.0), r)
    return tl.fma(r, tl.fma(d * -1.0, r, 1.0), r)
