"""The division of six instructions, at every rounding boundary of FP8.

A code depends on the quotient only through which side of a boundary it rounds to, and
boundaries have at most five significant bits (E4M3's midpoints; E5M2's are among
them). The exponents of x and scale only shift what happens, unless something is a
subnormal (tests/kernels/test_quantize.py: extreme scales). So all significands of a
scale, times all boundaries, times the float32 numbers around each, are all there is.
"""

import numpy as np
import pytest
import torch

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
