"""Metrics against their formulas, torch, and ml_dtypes' own value line."""

import ml_dtypes
import numpy as np
import pytest
import torch

from fp8lab import (
    E4M3FN,
    encode,
    first_difference,
    mean_relative_error,
    mse,
    quantize,
    relative_rms,
    saturation_rate,
    sqnr_db,
    ulp_distance,
    underflow_rate,
)
from tests.oracles import ML_NAMES, values_of

METRICS = (mse, relative_rms, sqnr_db, mean_relative_error, underflow_rate)
METRIC = pytest.mark.parametrize("metric", METRICS)


def pair(dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(31)
    x = rng.standard_normal((40, 50)).astype(dtype)
    y = quantize(x, scale=1.0).dequantize(np.float64)
    return x, y.astype(dtype)


# ------------------------------------------------------------------------ the formulas
def test_mse_is_that_of_torch():
    x, y = pair(np.float64)
    theirs = torch.nn.functional.mse_loss(torch.from_numpy(y), torch.from_numpy(x))
    assert mse(x, y) == pytest.approx(float(theirs), rel=1e-12)


def test_sqnr_is_torchaos_compute_error():
    x, y = pair(np.float64)
    a, b = torch.from_numpy(x), torch.from_numpy(y)
    theirs = float(20 * torch.log10(torch.norm(a) / torch.norm(a - b)))
    assert sqnr_db(x, y) == pytest.approx(theirs, rel=1e-12)
    assert relative_rms(x, y) == pytest.approx(10 ** (-theirs / 20), rel=1e-12)


def test_by_hand():
    x, y = np.array([1.0, -2.0, 4.0, 0.0]), np.array([1.0, -1.0, 0.0, 0.5])
    assert mse(x, y) == (0 + 1 + 16 + 0.25) / 4
    assert relative_rms(x, y) == pytest.approx(np.sqrt(17.25 / 21))
    assert sqnr_db(x, y) == pytest.approx(10 * np.log10(21 / 17.25))
    assert mean_relative_error(x, y) == (0 + 0.5 + 1) / 3
    assert underflow_rate(x, y) == 0.25


def test_six_decibels_are_one_bit():
    x = np.random.default_rng(0).uniform(-1, 1, 100_000)
    coarse, fine = (quantize(x, "INT8", amax=a).dequantize() for a in (2.0, 1.0))
    assert sqnr_db(x, fine) - sqnr_db(x, coarse) == pytest.approx(6.02, abs=0.1)


# --------------------------------------------------------------------- degenerate input
def test_equal_tensors():
    x, _ = pair()
    assert mse(x, x) == relative_rms(x, x) == mean_relative_error(x, x) == 0
    assert underflow_rate(x, x) == 0
    assert sqnr_db(x, x) == np.inf


@METRIC
def test_nothing_and_zeros(metric):
    perfect = np.inf if metric is sqnr_db else 0
    for x in (np.empty(0), np.zeros(3), np.empty((0, 4)), np.array(0.0)):
        assert metric(x, x) == perfect
    assert np.isnan(sqnr_db(np.zeros(3), np.ones(3)))
    assert np.isnan(relative_rms(np.zeros(3), np.ones(3)))
    assert mean_relative_error(np.zeros(3), np.ones(3)) == 0


@METRIC
def test_non_finite_originals_are_left_out(metric):
    x, y = pair()
    expected = metric(x, y)
    more_x = np.concatenate([x.ravel(), np.float32([np.nan, np.inf, -np.inf])])
    more_y = np.concatenate([y.ravel(), np.float32([np.nan, 448, np.nan])])
    assert metric(more_x, more_y) == pytest.approx(expected, rel=1e-12)


@METRIC
def test_a_nan_that_was_made_is_not_hidden(metric):
    x, y = pair()
    y[3, 3] = np.nan
    if metric is not underflow_rate:
        assert np.isnan(metric(x, y))


@METRIC
@pytest.mark.parametrize("dtype", [np.float64, np.float16, "bfloat16", "raw"])
def test_every_dtype_is_summed_in_float64(metric, dtype):
    x, y = pair()
    kind = ml_dtypes.bfloat16 if dtype in ("bfloat16", "raw") else dtype
    x, y = x.astype(kind), y.astype(kind)
    expected = metric(x.astype(np.float64), y.astype(np.float64))
    if dtype == "raw":
        x, y = x.view(np.uint16), y.view(np.uint16)
    assert metric(x, y) == expected


@METRIC
def test_lists_and_quantized_tensors_are_arrays_too(metric):
    x, _ = pair()
    q = quantize(x)
    assert metric(x, q) == metric(x, q.dequantize())
    assert metric([1, 2, 3], [1, 2, 4]) == metric([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])


@METRIC
def test_shapes_must_agree(metric):
    with pytest.raises(ValueError, match=r"\(3,\).*\(1,\)"):
        metric(np.ones(3), np.ones(1))
    with pytest.raises(ValueError, match="complex"):
        metric(np.ones(3), np.ones(3, complex))


@METRIC
def test_extreme_numbers_raise_no_warning(metric):
    x = np.array([5e-324, 1e-300, 1.0, 1e150])
    metric(x, np.zeros(4))
    metric(x, np.ones(4))


# ----------------------------------------------------------------------------- on codes
@pytest.mark.parametrize("name", ML_NAMES)
def test_saturation_counts_both_ends_of_every_format(name):
    values = values_of(name)
    codes = np.arange(values.size, dtype=np.uint8)
    largest = np.abs(values) == np.abs(values[np.isfinite(values)]).max()
    assert saturation_rate(codes, name) == largest.mean()
    assert saturation_rate(codes[largest], name) == 1
    assert saturation_rate(codes[~largest], name) == 0


def test_saturation_of_nothing_and_of_values():
    assert saturation_rate(np.empty(0, np.uint8)) == 0
    with pytest.raises(ValueError, match="float64"):
        saturation_rate(np.ones(3))
    assert saturation_rate(encode(np.float32([1e9, -1e9, 448, 1])), E4M3FN) == 0.75


@pytest.mark.parametrize("name", ML_NAMES)
def test_ulp_distance_between_all_pairs_of_codes(name):
    """By rank on the sorted line of values; infinity is the last rank."""
    values = values_of(name)
    line = np.unique(values[~np.isnan(values)])
    rank = np.searchsorted(line, np.where(np.isnan(values), 0, values))
    codes = np.arange(values.size, dtype=np.uint8)
    nan = np.isnan(values)
    expected = np.abs(rank[:, None] - rank)
    expected[nan[:, None] & nan] = 0
    expected[nan[:, None] ^ nan] = -1
    ours = ulp_distance(codes[:, None], codes, name)
    assert ours.dtype == np.int64
    assert np.array_equal(ours, expected)


def test_ulp_distance_of_neighbours_in_wide_formats():
    one = encode(np.float32(1), "FP32")
    after = encode(np.nextafter(np.float32(1), np.float32(2)), "FP32")
    assert ulp_distance(one, after, "FP32") == 1
    ends = encode(np.float32([-1e-45, 1e-45]), "FP32")
    assert ulp_distance(ends[0], ends[1], "FP32") == 2
    assert ulp_distance(0x7BFF, 0x7C00, "FP16") == 1  # max to infinity


def test_ulp_distance_takes_integers_of_shapes_that_broadcast():
    with pytest.raises(ValueError, match="integers"):
        ulp_distance(np.ones(3), np.ones(3, np.uint8))
    with pytest.raises(ValueError):
        ulp_distance(np.ones(3, np.uint8), np.ones(2, np.uint8))
    assert ulp_distance(0x80, 0x00) == 0  # -0 and +0 are one place


# --------------------------------------------------------------------- first_difference
def test_first_difference_is_about_bytes():
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert first_difference(x, x.copy()) is None
    y = x.copy()
    y[1, 0, 2], y[1, 2, 3] = -1, np.nan
    found = first_difference(x, y)
    assert (found.count, found.index, found.left, found.right) == (2, (1, 0, 2), 14, -1)
    assert str(found) == "2 differ, first at [1, 0, 2]: 14.0 against -1.0"
    zeros = np.float32([0.0]), np.float32([-0.0])
    assert first_difference(*zeros).index == (0,)
    nan = np.array([np.nan])
    assert first_difference(nan, nan.copy()) is None
    payload = np.array([0x7FF8000000000001], np.uint64).view(float)
    assert first_difference(nan, payload).count == 1


def test_first_difference_of_any_layout_is_in_c_order():
    x = np.zeros((3, 4), np.uint8)
    y = x.copy()
    y[0, 3] = y[2, 0] = 1
    for a, b in ((x, y), (np.asfortranarray(x), y), (x, np.asfortranarray(y))):
        assert first_difference(a, b).index == (0, 3)
    assert first_difference(x.T, y.T).index == (0, 2)
    assert first_difference(np.float32(1), np.float32(2)).index == ()
    assert first_difference(np.empty((0, 3)), np.empty((0, 3))) is None


def test_first_difference_wants_arrays_alike():
    with pytest.raises(ValueError, match=r"float32\[3\].*float64\[3\]"):
        first_difference(np.ones(3, np.float32), np.ones(3))
    with pytest.raises(ValueError, match=r"float64\[3\].*float64\[4\]"):
        first_difference(np.ones(3), np.ones(4))
