"""The divisions of six and of two instructions, at every rounding boundary of FP8.

A code depends on the quotient only through which side of a boundary it rounds to, and
boundaries have at most five significant bits (E4M3's midpoints; E5M2's are among
them). The exponents of x and scale only shift what happens, unless something is a
subnormal (tests/kernels/test_quantize.py: extreme scales). So all significands of a
scale, times all boundaries, times the float32 numbers around each, are all there is.
"""

import numpy as np
import pytest
import torch

import fp8lab
from fp8lab.fma import fma
from tests.kernels.quantize_cases import check_quantize

#: Floats on each side of scale x boundary: the quotient of the outermost ones is two
#: units or more away from it.
AROUND = np.arange(-2, 3)
BOUNDARIES = np.arange(16, 32) / 16
#: A remainder times a reciprocal errs most where the scale's significand is near a
#: multiple of 2^20: there a quotient can be nearest to the middle of two floats.
CRITICAL = np.unique(
    (np.arange(8, 17) << 20)[:, None] + np.arange(-300, 301)[None, :]
).clip(1 << 23, (1 << 24) - 1)


def check(
    significands: np.ndarray,
    boundary: float,
    device: torch.device,
    formats: tuple[str, ...] = ("E4M3FN", "E5M2"),
) -> None:
    scale = np.ldexp(significands.astype(np.float64), -23).astype(np.float32)
    centre = (scale.astype(np.float64) * boundary).astype(np.float32)
    x = (centre.view(np.int32)[:, None] + AROUND.astype(np.int32)).view(np.float32)
    for fmt in formats:
        check_quantize(
            torch.from_numpy(x),
            device,
            fmt,
            "per-token",
            scale=torch.from_numpy(scale[:, None]).to(device),
        )


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_critical_scales(boundary, device) -> None:
    check(CRITICAL, boundary, device)


@pytest.mark.parametrize("boundary", BOUNDARIES[1::4])
def test_random_scales(boundary, device) -> None:
    random = np.random.default_rng(int(boundary * 16))
    check(random.integers(1 << 23, 1 << 24, 20_000), boundary, device)


@pytest.mark.slow
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_every_scale(boundary, device) -> None:
    for part in np.array_split(np.arange(1 << 23, 1 << 24), 16):
        check(part, boundary, device, ("E4M3FN",))


def narrow_near_boundaries() -> tuple[np.ndarray, np.ndarray]:
    """All x of 11 bits and scales whose quotient is within 2^-20 of a boundary.

    Farther away, a quotient that errs by a unit rounds as the true one does.
    """
    significands = np.arange(1 << 23, 1 << 24, dtype=np.int64)
    found = []
    for boundary in range(16, 32):
        product = significands * boundary
        # Of 28 bits, or 29: 11 bits are a multiple of 2^17, or of 2^18.
        x = (product + (1 << 16)) >> 17 << 17
        near = np.abs(x - product) < product >> 20
        near &= (x < 1 << 28) | (x >> 17 & 1 == 0)
        found.append(np.stack([x[near], significands[near] << 4]))
    x, scale = (np.concatenate(found, axis=1) * 2.0**-27).astype(np.float32)
    return x, scale


def test_two_instructions_for_16_bits() -> None:
    """`reciprocal_parts`: what its scale and numbers of 11 bits can come near."""
    x, scale = narrow_near_boundaries()
    assert len(x) > 50_000
    one = np.float32(1)
    high = one / scale
    high = (high.view(np.int32) - (fma(scale, -high, one) <= 0)).view(np.float32)
    rest = fma(scale, -high, one) * high
    low = (rest.view(np.int32) + 1).view(np.float32)
    quotient = fma(x, high, x * low)
    # As normal codes, and as the subnormal ones, which have boundaries of fewer bits.
    for exponent in (0, -7, -8, -9, -10, -15, -16, -17):
        shift = np.float32(2.0**exponent)
        for fmt in ("E4M3FN", "E5M2"):
            theirs = fp8lab.encode(x / scale * shift, fmt)
            assert np.array_equal(fp8lab.encode(quotient * shift, fmt), theirs)


@pytest.mark.parametrize("fmt", ["E4M3FN", "E5M2"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_measured_scales_of_16_bits(dtype, fmt, device) -> None:
    """Every amax in a binade, and in bfloat16 at both ends, with numbers below it."""
    bits = 8 if dtype is torch.bfloat16 else 11
    exponents = (0, 127, 120, -118, -126) if bits == 8 else (0,)
    steps = np.arange(1 << bits - 1, 1 << bits) / (1 << bits - 1)
    for exponent in exponents:
        amax = np.ldexp(steps, exponent)[:, None]
        below = np.ldexp(steps[:: max(1, bits - 9) ** 4], exponent)[None, :]
        x = np.concatenate([below, below * 2.0**-3, below * 2.0**-9], axis=1)
        x = np.concatenate([amax, np.minimum(x, amax)], axis=1).astype(np.float32)
        check_quantize(torch.from_numpy(x).to(dtype), device, fmt, "per-token")


@pytest.mark.parametrize("fmt", ["E4M3FN", "E5M2"])
def test_amax_over_the_largest_number(fmt, device) -> None:
    """The scale, a division by a constant: random float32, and both ends."""
    bits = np.random.default_rng(1).integers(0, 0x7F800000, 4096 - 6, dtype=np.int32)
    ends = np.array([0, 1, 0x00800000, 0x04800000, 0x7F7FFFFF, 0x43E00000], np.int32)
    amax = np.concatenate([bits, ends]).view(np.float32)
    x = torch.from_numpy(np.repeat(amax[:, None], 16, axis=1))
    check_quantize(x, device, fmt, "per-token")
