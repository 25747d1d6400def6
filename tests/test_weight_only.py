"""`fp8lab.weight_only_mm`, the yardstick: against rational numbers, and PyTorch."""

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
import torch

import fp8lab

GROUPS = ["per-tensor", "per-channel", "1x128", "128x128"]


def weight_of(shape, fmt="e4m3fn", group="per-channel", seed=0):
    rng = np.random.default_rng(seed)
    return fp8lab.quantize(rng.standard_normal(shape), fmt, group)


def activations(shape, dtype="float32", seed=1):
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return fp8lab.encode(x, fp8lab.BF16) if dtype == "bfloat16" else x.astype(dtype)


def plain(x):
    return fp8lab.decode(x, fp8lab.BF16) if x.dtype == np.uint16 else x


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("fmt", ["e4m3fn", "e5m2"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_against_rational_numbers(dtype, fmt, group):
    q, x = weight_of((3, 150), fmt, group), activations((2, 150), dtype)
    got = fp8lab.weight_only_mm(x, q, output_dtype="float64")
    values = fp8lab.decode(q.codes, q.fmt)
    scales = q.group.expand(q.scales, q.shape)
    for m, row in enumerate(plain(x)):
        for n in range(3):
            products = [
                Fraction(float(a)) * Fraction(float(b)) * Fraction(float(c))
                for a, b, c in zip(row, values[n], scales[n], strict=True)
            ]
            # float64 additions: at most one rounding each, of at most the sum of sizes.
            error = abs(Fraction(float(got[m, n])) - sum(products))
            assert error <= 155 * Fraction(1, 2**53) * sum(map(abs, products))


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("shape", [(133, 300), (256, 256), (1, 1), (130, 64)])
def test_against_the_dequantized_weight(shape, group):
    q, x = weight_of(shape, group=group), activations((5, shape[1]))
    got = fp8lab.weight_only_mm(x, q, output_dtype="float64")
    want = torch.from_numpy(x).double() @ torch.from_numpy(q.dequantize("float64")).T
    size = np.abs(x).astype(np.float64) @ np.abs(q.dequantize("float64")).T
    assert (np.abs(got - want.numpy()) <= 1e-13 * size).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_rounded_once_from_float64(dtype):
    q, x = weight_of((64, 200)), activations((7, 200))
    exact = fp8lab.weight_only_mm(x, q, output_dtype="float64")
    got = fp8lab.weight_only_mm(x, q, output_dtype=dtype)
    if dtype == "bfloat16":
        # ml_dtypes rounds float64 by way of float32, which no number here notices.
        want = exact.astype(np.float32).astype(ml_dtypes.bfloat16).view(np.uint16)
    else:
        want = exact.astype(dtype)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


def test_a_sum_that_two_roundings_would_get_wrong():
    # 1 + 2^-8 + 2^-32: float32 drops the last bit, and the tie would go to even, 1.
    q = fp8lab.quantize(np.ones((1, 3)), scale=1.0)
    x = np.array([1, 2**-8, 2**-32], np.float32)
    got = fp8lab.weight_only_mm(x, q, output_dtype="bfloat16")
    assert fp8lab.decode(got, fp8lab.BF16) == 1 + 2**-7


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_output_is_like_x(dtype):
    got = fp8lab.weight_only_mm(activations((2, 3, 40), dtype), weight_of((6, 40)))
    assert got.shape == (2, 3, 6)
    assert got.dtype == (np.uint16 if dtype == "bfloat16" else dtype)
    assert fp8lab.weight_only_mm(activations(40, dtype), weight_of((6, 40))).shape == (
        6,
    )


def test_ml_dtypes_array():
    x, q = activations((2, 40), "bfloat16"), weight_of((6, 40))
    got = fp8lab.weight_only_mm(x.view(ml_dtypes.bfloat16), q)
    np.testing.assert_array_equal(got, fp8lab.weight_only_mm(x, q))


def test_nan_and_infinity():
    codes = np.array([[0x38, 0x00], [0x7F, 0x38], [0x38, 0xB8]], np.uint8)
    q = fp8lab.QuantizedTensor(
        codes,
        np.ones((1, 1), np.float32),
        fp8lab.E4M3FN,
        fp8lab.group_of("per-tensor"),
        fp8lab.ScaleDtype.FLOAT32,
    )
    x = np.array([[1, np.inf], [np.inf, np.inf], [np.inf, 1], [1, 1]], np.float32)
    got = fp8lab.weight_only_mm(x, q)
    nan, inf = np.nan, np.inf
    want = [[nan, nan, -inf], [nan, nan, nan], [inf, nan, inf], [1, nan, 0]]
    np.testing.assert_array_equal(got, np.array(want, np.float32))
    assert set(got.view(np.uint32)[np.isnan(got)].tolist()) == {0x7FFFFFFF}
    narrow = fp8lab.weight_only_mm(x, q, output_dtype="bfloat16")
    assert set(narrow[np.isnan(got)].tolist()) == {0x7FFF}


def test_too_large_is_infinity():
    q = fp8lab.quantize(np.full((1, 300), 448.0), scale=1.0)
    got = fp8lab.weight_only_mm(np.full(300, 448, np.float16), q)
    assert got == np.inf
    assert fp8lab.weight_only_mm(np.full(300, 448, np.float32), q) == 300 * 448.0**2
    big = fp8lab.weight_only_mm(np.full(300, 3e38, np.float32), q)
    assert big == np.inf


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4), (2, 3, 0)])
def test_empty(shape):
    rows, height, depth = shape
    q = fp8lab.quantize(np.zeros((height, depth)), group="1x128")
    got = fp8lab.weight_only_mm(np.ones((rows, depth), np.float16), q)
    assert got.shape == (rows, height)
    assert got.dtype == np.float16
    assert not got.any()


def test_refusals():
    q, x = weight_of((4, 128)), activations((2, 128))
    with pytest.raises(ValueError, match="x is float64; give float16, bfloat16"):
        fp8lab.weight_only_mm(x.astype(np.float64), q)
    with pytest.raises(ValueError, match="x has dtype int32"):
        fp8lab.weight_only_mm(x.astype(np.int32), q)
    with pytest.raises(ValueError, match=r"shape \(2, 127\) and the weight \(4, 128\)"):
        fp8lab.weight_only_mm(x[:, 1:], q)
    with pytest.raises(ValueError, match="the weight has 1x64 scales; quantize it"):
        fp8lab.weight_only_mm(x, weight_of((4, 128), group="1x64"))
    with pytest.raises(ValueError, match="the weight has per-column scales"):
        fp8lab.weight_only_mm(x, weight_of((4, 128), group="per-column"))
    with pytest.raises(ValueError, match="the weight is INT8; give E4M3FN or E5M2"):
        fp8lab.weight_only_mm(x, weight_of((4, 128), "int8"))
    with pytest.raises(ValueError, match="the weight is E4M3FNUZ; give"):
        fp8lab.weight_only_mm(x, weight_of((4, 128), "e4m3fnuz"))
    with pytest.raises(ValueError, match=r"the weight has shape \(2, 4, 128\)"):
        fp8lab.weight_only_mm(x, weight_of((2, 4, 128)))
    with pytest.raises(ValueError, match="dtype is 'int8'"):
        fp8lab.weight_only_mm(x, q, output_dtype="int8")
