"""From amax to scale: every dtype and rule, degenerate groups, non-finite elements."""

import ml_dtypes
import numpy as np
import pytest

from fp8lab import (
    INT4,
    INT8,
    ScaleDtype,
    ScaleRule,
    compute_scale,
    measure_amax,
    quantize,
)
from tests.oracles import SIGNED_NAMES, exact_scale, limit_of

ELEMENTS = (*SIGNED_NAMES, "int8", "int4")
RULES = ("floor", "ceil", "even", "rceil")
STORED = [("float32", "floor"), ("bfloat16", "floor"), *(("e8m0", r) for r in RULES)]
KINDS = pytest.mark.parametrize(("stored", "rule"), STORED)


def magnitudes(dtype: type = np.float32) -> np.ndarray:
    """Powers of two, element limits times them, their neighbours, and random ones."""
    powers = np.exp2(np.array([*range(-126, -90, 3), *range(-9, 10), 60, 120.0]))
    significands = [1.0, 1.75, 1.875, 1.9375, 1.96875, 1.5, 1.25, 127 / 64, 7 / 4]
    points = np.concatenate([powers * s for s in significands]).astype(dtype)
    with np.errstate(all="ignore"):
        up, down = np.nextafter(points, dtype(np.inf)), np.nextafter(points, dtype(0))
    rng = np.random.default_rng(8)
    spread = rng.uniform(1, 2, 200) * np.exp2(rng.integers(-126, 121, 200))
    return np.concatenate([points, up, down, spread.astype(dtype)])


@KINDS
@pytest.mark.parametrize("name", ELEMENTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scale_is_the_one_the_definition_gives(name, stored, rule, dtype):
    amax = magnitudes(dtype)
    ours = compute_scale(amax, name, scale_dtype=stored, scale_rule=rule)
    wide = dtype == np.float64
    exact = [exact_scale(a, name, stored, rule, wide) for a in amax.tolist()]
    assert ours.dtype == np.float32
    assert np.array_equal(ours, exact)


@pytest.mark.parametrize("name", ELEMENTS)
def test_float32_and_bfloat16_scales_by_one_and_two_casts(name):
    amax = magnitudes()
    amax = amax[amax > 2.0**-100]
    scale = amax / np.float32(limit_of(name))
    assert np.array_equal(compute_scale(amax, name), scale)
    narrow = scale.astype(ml_dtypes.bfloat16).astype(np.float32)
    assert np.array_equal(compute_scale(amax, name, scale_dtype="bfloat16"), narrow)


@pytest.mark.parametrize("name", ELEMENTS)
def test_what_each_power_of_two_rule_promises(name):
    amax = magnitudes()
    amax = amax[(amax > 2.0**-100) & (amax < 2.0**100)]
    limit = limit_of(name)
    scale = {
        rule: compute_scale(amax, name, scale_dtype="e8m0", scale_rule=rule)
        for rule in RULES
    }
    for rule in RULES:
        assert (np.frexp(scale[rule])[0] == 0.5).all()
    assert (amax / scale["ceil"] <= limit).all()
    # rceil rounds amax / max to float32 first: at most half an ulp beyond max.
    assert (amax / scale["rceil"] <= np.nextafter(np.float32(limit), np.inf)).all()
    assert (scale["rceil"] <= scale["ceil"]).all()
    assert (amax / scale["rceil"] > limit / 2).all()
    assert (
        (scale["ceil"] == scale["floor"]) | (scale["ceil"] == 2 * scale["floor"])
    ).all()
    assert (
        (scale["even"] == scale["floor"]) | (scale["even"] == 2 * scale["floor"])
    ).all()


@pytest.mark.parametrize("rule", RULES)
def test_literal_power_of_two_scales_of_e4m3fn(rule):
    """By hand from the text of OCP MX 6.3, where Emax of E4M3 is 8."""
    amax = np.array([256, 255.99998, 448, 448.00003, 480, 496, 511, 512, 1], np.float32)
    expected = {
        "floor": [1, 0.5, 1, 1, 1, 1, 1, 2, 2**-8],
        "ceil": [1, 1, 2, 2, 2, 2, 2, 2, 2**-8],
        "even": [1, 1, 1, 1, 1, 2, 2, 2, 2**-8],
        "rceil": [1, 1, 1, 2, 2, 2, 2, 2, 2**-8],
    }
    scale = compute_scale(amax, "E4M3FN", scale_dtype="e8m0", scale_rule=rule)
    assert scale.tolist() == expected[rule]


def test_the_rule_is_for_e8m0_alone():
    amax = magnitudes()
    for stored in ("float32", "bfloat16"):
        plain = compute_scale(amax, "E4M3FN", scale_dtype=stored)
        for rule in RULES:
            same = compute_scale(amax, "E4M3FN", scale_dtype=stored, scale_rule=rule)
            assert np.array_equal(same, plain)


# ---------------------------------------------------------------------- degenerate
@KINDS
def test_amax_zero_gives_one_and_nan_gives_nan(stored, rule):
    amax = np.array([0.0, np.nan, -0.0], np.float32)
    for name in ELEMENTS:
        scale = compute_scale(amax, name, scale_dtype=stored, scale_rule=rule)
        assert scale[0] == scale[2] == 1
        assert np.isnan(scale[1])


TINY = np.array([1e-45, 1e-44, 1e-42, 1e-40, 2.0**-127, 2.0**-126], np.float32)


@KINDS
@pytest.mark.parametrize("name", ELEMENTS)
def test_a_tiny_amax_gives_the_smallest_scale(name, stored, rule):
    """Not zero, not a subnormal, and for rceil not 1 (amax / max is 0 in float32)."""
    smallest = 2.0**-127 if stored == "e8m0" else 2.0**-126
    for amax in (TINY, TINY.astype(np.float64)):
        scale = compute_scale(amax, name, scale_dtype=stored, scale_rule=rule)
        assert (scale == smallest).all()


@KINDS
def test_no_amax_raises_a_float_exception(stored, rule):
    amax = np.concatenate([TINY, [0.0, np.nan, 1.0, np.finfo(np.float32).max]])
    with np.errstate(all="raise"):
        for dtype in (np.float32, np.float64):
            for name in ("E4M3FN", "E2M1FN", "INT8"):
                given = amax.astype(dtype)
                compute_scale(given, name, scale_dtype=stored, scale_rule=rule)


@KINDS
def test_the_largest_float32_has_a_finite_scale(stored, rule):
    amax = np.finfo(np.float32).max
    for name in ELEMENTS:
        scale = compute_scale(amax, name, scale_dtype=stored, scale_rule=rule)
        assert np.isfinite(scale)
        assert scale == exact_scale(float(amax), name, stored, rule, wide=False)


@KINDS
@pytest.mark.parametrize("amax", [1e60, 1e300])
def test_a_float64_amax_beyond_any_float32_scale_is_refused_or_kept_finite(
    amax, stored, rule
):
    """An infinite scale would turn the whole group into NaN (0 * inf)."""
    try:
        scale = compute_scale(amax, "E4M3FN", scale_dtype=stored, scale_rule=rule)
    except ValueError:
        return
    assert np.isfinite(scale)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 1)])
def test_scales_keep_the_shape_of_amax(shape):
    for stored, rule in STORED:
        scale = compute_scale(
            np.ones(shape, np.float32), INT8, scale_dtype=stored, scale_rule=rule
        )
        assert scale.shape == shape
        assert scale.dtype == np.float32


def test_amax_is_not_changed():
    amax = np.array([0.0, 1.0, 3.0, np.nan, 1e-30], np.float32)
    before = amax.tobytes()
    for stored, rule in STORED:
        compute_scale(amax, INT4, scale_dtype=stored, scale_rule=rule)
    assert amax.tobytes() == before


def test_names_and_sizes():
    assert [d.value for d in ScaleDtype] == ["float32", "bfloat16", "e8m0"]
    assert [ScaleDtype(d).itemsize for d in ("float32", "bfloat16", "e8m0")] == [
        4,
        2,
        1,
    ]
    assert tuple(rule.value for rule in ScaleRule) == RULES


# ---------------------------------------------------------- NaN and infinity in a group
def with_bad(bad: float, dtype: type = np.float32) -> np.ndarray:
    x = np.linspace(-3, 3, 96).reshape(3, 32).astype(dtype)
    x[1, 7] = bad
    return x


BAD = pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf])


@BAD
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("group", ["per-tensor", "per-token", "1x32", "1x128", (2, 8)])
def test_ignore_measures_the_finite_elements(bad, dtype, group):
    x = with_bad(bad, dtype)
    zeroed = np.where(np.isfinite(x), x, 0).astype(dtype)
    assert np.array_equal(measure_amax(x, group), measure_amax(zeroed, group))
    assert np.array_equal(
        measure_amax(x, group, nonfinite="ignore"), measure_amax(zeroed, group)
    )


@BAD
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, "bfloat16"])
def test_propagate_makes_the_group_and_no_other_nan(bad, dtype):
    x = with_bad(bad, ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    amax = measure_amax(x, "1x32", nonfinite="propagate")
    clean = measure_amax(with_bad(0.0, x.dtype), "1x32")
    assert np.isnan(amax[1, 0])
    assert np.array_equal(amax[[0, 2]], clean[[0, 2]])
    for element in ("E4M3FN", "E2M1FN", "INT8"):
        for stored in ScaleDtype:
            q = quantize(x, element, "1x32", nonfinite="propagate", scale_dtype=stored)
            values = q.dequantize()
            assert np.isnan(values[1]).all()
            assert np.isfinite(values[[0, 2]]).all()


@BAD
@pytest.mark.parametrize("group", ["per-tensor", "per-token", "1x32", (2, 8)])
def test_raise_names_the_first_bad_element(bad, group):
    x = with_bad(bad)
    x[2, 3] = bad
    word = "nan" if np.isnan(bad) else "inf"
    for call in (measure_amax, lambda *a, **k: quantize(a[0], "E4M3FN", a[1], **k)):
        with pytest.raises(ValueError, match=f"{word} at row 1, column 7"):
            call(x, group, nonfinite="raise")
    finite = with_bad(0.0)
    measure_amax(finite, group, nonfinite="raise")


def test_raise_finds_the_first_in_row_major_order_of_a_wide_tensor():
    x = np.zeros((3, 150_000), np.float32)
    x[1, 149_999] = x[2, 0] = np.nan
    for group in ("per-tensor", "per-column", "1x128"):
        with pytest.raises(ValueError, match="row 1, column 149999"):
            measure_amax(x, group, nonfinite="raise")


@BAD
@pytest.mark.parametrize("element", ["E4M3FN", "E5M2", "E2M1FN", "INT8", "INT4"])
def test_ignore_leaves_the_bad_element_its_own_code(bad, element):
    q = quantize(with_bad(bad), element, "1x32")
    clean = quantize(with_bad(0.0), element, "1x32")
    others = np.ones(q.shape, bool)
    others[1, 7] = False
    assert np.array_equal(q.scales, clean.scales)
    assert np.array_equal(q.codes[others], clean.codes[others])
    value = q.dequantize()[1, 7]
    top = np.copysign(np.float32(q.fmt.max), np.float32(bad)) * q.scales[1, 0]
    if np.isinf(bad):
        assert value == top
    elif element.startswith("INT"):
        assert value == 0
    elif element == "E2M1FN":  # no NaN code: CUDA gives +max
        assert value == np.float32(6) * q.scales[1, 0]
    else:
        assert np.isnan(value)
