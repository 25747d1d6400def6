"""RMSNorm and SiLU-mul in NumPy: near torch's float64, and defined to the bit."""

import math

import numpy as np
import pytest
import torch

import fp8lab
from fp8lab.arrays import widen_bfloat16

DTYPES = {"float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}


def rounded(values: np.ndarray, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the array as given to fp8lab, and its numbers as float64."""
    if dtype == "bfloat16":
        bits = torch.from_numpy(values).to(torch.bfloat16).view(torch.uint16).numpy()
        return bits, widen_bfloat16(bits).astype(np.float64)
    array = values.astype(dtype)
    return array, array.astype(np.float64)


def wide(array: np.ndarray) -> np.ndarray:
    return (widen_bfloat16(array) if array.dtype == np.uint16 else array).astype(float)


@pytest.mark.parametrize("dtype", DTYPES)
def test_silu_mul(dtype) -> None:
    random = np.random.default_rng(0)
    gate = np.concatenate([random.normal(0, 4, 60_000), np.linspace(-80, 80, 4001)])
    up = random.normal(0, 3, gate.size)
    x, numbers = rounded(np.concatenate([gate, up]).astype(np.float32), dtype)
    gate, up = np.split(numbers, 2)
    exact = torch.nn.functional.silu(torch.from_numpy(gate)).numpy() * up
    ours = wide(fp8lab.silu_mul(x))
    tiny = 2.0**-14 if dtype == "float16" else 2.0**-126
    bound = DTYPES[dtype] + 2.0**-21
    assert np.all(np.abs(ours - exact) <= np.abs(exact) * bound + tiny * bound)


def test_silu_mul_of_specials() -> None:
    inf, nan = np.inf, np.nan
    gate = np.float32([0.0, -0.0, inf, -inf, nan, 1.0, -200.0, 87.0, -87.0])
    up = np.float32([1, 1, 1, 1, 1, nan, 1, 1, 1])
    ours = fp8lab.silu_mul(np.concatenate([gate, up]))
    assert np.array_equal(ours[:6], [0, 0, inf, nan, nan, nan], equal_nan=True)
    assert np.signbit(ours[:2]).tolist() == [False, True]
    # Far below zero only its sign is left.
    assert ours[6] == 0
    assert np.signbit(ours[6])
    assert ours[7] == 87
    assert math.isclose(ours[8], -87 * math.exp(-87), rel_tol=2**-20)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rms_norm(dtype) -> None:
    random = np.random.default_rng(1)
    x, numbers = rounded(random.normal(0, 3, (40, 3, 96)).astype(np.float32), dtype)
    gain, weights = rounded(random.normal(1, 0.2, 96).astype(np.float32), dtype)
    norm = torch.nn.functional.rms_norm
    exact = norm(torch.from_numpy(numbers), (96,), torch.from_numpy(weights), 1e-5)
    ours = wide(fp8lab.rms_norm(x, gain, eps=1e-5))
    bound = np.abs(exact.numpy()) * (DTYPES[dtype] + 2.0**-22)
    assert np.all(np.abs(ours - exact.numpy()) <= bound)


def test_rms_norm_of_specials() -> None:
    x = np.zeros((4, 8), np.float32)
    x[1, 2], x[2, 3], x[3] = np.nan, np.inf, 3
    ours = fp8lab.rms_norm(x, np.ones(8, np.float32))
    assert np.array_equal(ours[0], np.zeros(8))
    assert np.isnan(ours[1]).all()
    assert np.isnan(ours[2, 3])
    assert np.array_equal(np.delete(ours[2], 3), np.zeros(7))
    assert np.allclose(ours[3], 1, rtol=1e-6)


def test_quantizing_is_the_second_step() -> None:
    random = np.random.default_rng(2)
    x, _ = rounded(random.normal(0, 3, (5, 256)).astype(np.float32), "bfloat16")
    gain = np.ones(256, np.float32)
    fused = fp8lab.rms_norm_quantize(x, gain, "E5M2", "1x128", scale_dtype="e8m0")
    apart = fp8lab.quantize(
        fp8lab.rms_norm(x, gain), "E5M2", "1x128", scale_dtype="e8m0"
    )
    assert np.array_equal(fused.codes, apart.codes)
    assert np.array_equal(fused.scales, apart.scales)
    fused = fp8lab.silu_mul_quantize(x, "E4M3FN", "per-tensor", scale=0.25)
    apart = fp8lab.quantize(fp8lab.silu_mul(x), "E4M3FN", "per-tensor", scale=0.25)
    assert np.array_equal(fused.codes, apart.codes)


def test_squares_beyond_float32() -> None:
    ones = np.ones(64, np.float32)
    assert np.allclose(fp8lab.rms_norm(ones * np.float32(1.8e18), ones), 1, rtol=1e-6)
    assert np.array_equal(fp8lab.rms_norm(ones * np.float32(2e19), ones), ones * 0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fp8lab.silu_mul(np.zeros(3, np.float32)), "N gates, then N ups"),
        (lambda: fp8lab.silu_mul(np.zeros(4)), "x is float64; give float32"),
        (lambda: fp8lab.silu_mul(np.zeros(4, int)), "x has dtype int64"),
        (
            lambda: fp8lab.rms_norm(np.zeros((2, 4), np.float32), np.zeros(3, "f4")),
            r"x has shape \(2, 4\) and weight \(3,\)",
        ),
        (
            lambda: fp8lab.rms_norm(np.float32(1), np.zeros(1, np.float32)),
            "give",
        ),
    ],
)
def test_bad_input(call, words) -> None:
    with pytest.raises(ValueError, match=words):
        call()
