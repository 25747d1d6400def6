"""When an amax is measured: static, dynamic, delayed, percentile, least error."""

import ml_dtypes
import numpy as np
import pytest

from fp8lab import (
    DelayedAmax,
    DynamicAmax,
    MSEAmax,
    PercentileAmax,
    StaticAmax,
    group_of,
    measure_amax,
    quantize,
)
from fp8lab.granularity import matrix_shape

GROUPS = ("per-tensor", "per-token", "per-column", "1x32", (3, 7))
GROUP = pytest.mark.parametrize("group", GROUPS, ids=str)
MAKERS = (DynamicAmax, StaticAmax, DelayedAmax, PercentileAmax, MSEAmax)


def tensors(count: int = 5, shape: tuple[int, ...] = (8, 70)) -> list[np.ndarray]:
    rng = np.random.default_rng(12)
    spread = np.exp2(rng.integers(-4, 5, count))
    return [(rng.standard_normal(shape) * s).astype(np.float32) for s in spread]


def groups_of(x: np.ndarray, group: object):
    """Each group's place among the scales, and its elements as float64."""
    matrix = x.astype(np.float64).reshape(matrix_shape(x.shape))
    shape = group_of(group)
    rows, cols = shape.sides(matrix.shape)
    for i, j in np.ndindex(shape.scale_shape(x.shape)):
        yield (i, j), matrix[i * rows : (i + 1) * rows, j * cols : (j + 1) * cols]


# ------------------------------------------------------------------ all five at once
@GROUP
@pytest.mark.parametrize("make", MAKERS)
def test_every_answer_is_ready_for_quantize(make, group):
    x = tensors(1, (2, 5, 70))[0]
    scaler = make(group=group)
    if make is StaticAmax:
        scaler.observe(x)
    before = x.tobytes()
    amax = scaler.amax_for(x)
    assert amax.shape == group_of(group).scale_shape(x.shape)
    assert (amax <= measure_amax(x, group)).all()
    q = quantize(x, group=group, amax=amax)
    assert np.isfinite(q.dequantize()).all()
    assert x.tobytes() == before


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float16, "bfloat16", "raw"])
def test_every_dtype_is_measured(make, dtype):
    x = tensors(1)[0]
    exact = x.astype(ml_dtypes.bfloat16 if dtype in ("bfloat16", "raw") else dtype)
    given = exact.view(np.uint16) if dtype == "raw" else exact
    scaler = make(percentile=100) if make is PercentileAmax else make()
    if make is MSEAmax:
        scaler = MSEAmax(candidates=[1.0])
    if make is StaticAmax:
        scaler.observe(given)
    assert scaler.amax_for(given) == np.abs(exact.astype(np.float64)).max()


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_elements_are_not_measured(make, bad):
    x = tensors(1)[0]
    x[3, 5] = bad
    zeroed = np.where(np.isfinite(x), x, 0)
    one, other = make(group="per-token"), make(group="per-token")
    if make is StaticAmax:
        one.observe(x)
        other.observe(zeroed)
    amax = one.amax_for(x)
    assert np.isfinite(amax).all()
    if make is PercentileAmax:  # a zero would be one more element
        zeroed = np.delete(x[3], 5)
        expected = other.amax_for(zeroed)
        assert amax[3] == expected[0]
    else:
        assert np.array_equal(amax, other.amax_for(zeroed))


@pytest.mark.parametrize("make", MAKERS)
def test_zeros_have_amax_zero(make):
    x = np.zeros((3, 40), np.float32)
    scaler = make(group="1x32")
    if make is StaticAmax:
        scaler.observe(x)
    amax = scaler.amax_for(x)
    assert amax.shape == (3, 2)
    assert not amax.any()
    assert (quantize(x, group="1x32", amax=amax).scales == 1).all()


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_an_empty_tensor_is_measured_too(make, shape):
    x = np.empty(shape, np.float32)
    for group in GROUPS:
        scaler = make(group=group)
        if make is StaticAmax:
            scaler.observe(x)
        assert scaler.amax_for(x).shape == group_of(group).scale_shape(shape)


@pytest.mark.parametrize("make", MAKERS)
def test_an_answer_is_the_callers_own(make):
    """Writing into it does not reach into the scaler."""
    x = tensors(1)[0]
    scaler = make()
    if make is StaticAmax:
        scaler.observe(x)
    first = scaler.amax_for(x)
    expected = first.copy()
    try:
        first[...] = 0
    except ValueError:  # read-only would do as well
        return
    assert np.array_equal(scaler.amax_for(x), expected)


# ---------------------------------------------------------------------------- dynamic
@GROUP
def test_dynamic_is_the_amax_of_this_tensor(group):
    scaler = DynamicAmax(group)
    for x in tensors():
        assert np.array_equal(scaler.amax_for(x), measure_amax(x, group))


# ----------------------------------------------------------------------------- static
@GROUP
def test_static_is_the_largest_over_the_calibration_tensors(group):
    scaler, given = StaticAmax(group), tensors()
    for x in given:
        assert scaler.observe(x) is scaler
    expected = np.max([measure_amax(x, group) for x in given], axis=0)
    assert np.array_equal(scaler.amax_for(given[0]), expected)
    assert np.array_equal(scaler.amax_for(given[0] * 1000), expected)
    clipped = quantize(given[0] * 1000, group=group, amax=scaler.amax_for(given[0]))
    assert (clipped.codes & 0x7F == 0x7E).mean() > 0.5


def test_static_needs_calibration_and_one_shape():
    with pytest.raises(ValueError, match="observe"):
        StaticAmax().amax_for(np.ones(3, np.float32))
    scaler = StaticAmax("per-token").observe(np.ones((2, 3), np.float32))
    with pytest.raises(ValueError, match=r"\(3, 1\).*\(2, 1\)"):
        scaler.observe(np.ones((3, 3), np.float32))
    assert scaler.amax_for(None).shape == (2, 1)  # and the refused one left no trace


# ---------------------------------------------------------------------------- delayed
def feed(scaler: DelayedAmax, amaxes: list[float]) -> list[float]:
    return [float(scaler.amax_for(np.float32([a, 0]))[0, 0]) for a in amaxes]


def test_delayed_is_the_largest_of_the_history_and_not_of_this_tensor():
    assert feed(DelayedAmax(3), [1, 5, 2, 3, 1, 1, 1]) == [1, 1, 5, 5, 5, 3, 3]
    assert feed(DelayedAmax(1), [1, 5, 2, 3]) == [1, 1, 5, 2]
    assert feed(DelayedAmax(1024), [4, 1, 1, 1]) == [4, 4, 4, 4]


def test_delayed_keeps_the_history_past_zeros():
    assert feed(DelayedAmax(1), [4, 0, 0, 2, 1]) == [4, 4, 4, 4, 2]
    assert feed(DelayedAmax(2), [0, 0, 3, 1]) == [0, 0, 3, 3]


@pytest.mark.parametrize("margin", [0, 1, 3])
def test_delayed_margin_is_powers_of_two_of_headroom(margin):
    plain = feed(DelayedAmax(2), [1, 5, 2])
    wide = feed(DelayedAmax(2, margin), [1, 5, 2])
    assert wide == [a * 2**margin for a in plain]


@GROUP
def test_delayed_in_groups(group):
    scaler, past = DelayedAmax(2, group=group), []
    for x in tensors(6):
        amax = scaler.amax_for(x)
        now = measure_amax(x, group)
        expected = np.max(past[-2:], axis=0) if past else now
        assert np.array_equal(amax, expected)
        past.append(now)


def test_delayed_refuses_another_shape_and_forgets_nothing():
    scaler = DelayedAmax(2, group="per-token")
    scaler.amax_for(np.full((2, 3), 7, np.float32))
    with pytest.raises(ValueError, match="one shape"):
        scaler.amax_for(np.ones((3, 3), np.float32))
    assert np.array_equal(scaler.amax_for(np.ones((2, 3), np.float32)), [[7], [7]])


# ------------------------------------------------------------------------- percentile
@GROUP
@pytest.mark.parametrize("percentile", [0.001, 1, 37.5, 50, 90, 99.9, 100])
def test_percentile_is_the_smallest_element_that_covers_the_share(group, percentile):
    x = tensors(1)[0]
    amax = PercentileAmax(percentile, group).amax_for(x)
    for at, part in groups_of(x, group):
        magnitude = np.sort(np.abs(part), axis=None)
        # NumPy's "higher": position (n - 1) * share, rounded up.
        place = int(np.ceil((magnitude.size - 1) * percentile / 100 - 1e-9))
        assert amax[at] == magnitude[place]


def test_percentile_clips_the_outlier_and_keeps_the_rest():
    x = np.ones(1000, np.float32)
    x[17] = 1000
    assert PercentileAmax(99.5).amax_for(x) == 1
    assert PercentileAmax(100).amax_for(x) == 1000
    values = quantize(x, amax=PercentileAmax(99.5).amax_for(x)).dequantize()
    assert values.tolist() == [1.0] * 1000


@pytest.mark.parametrize("bad", [0, -1, 100.1, np.nan])
def test_a_percentile_is_above_0_and_at_most_100(bad):
    with pytest.raises(ValueError, match="percentile"):
        PercentileAmax(bad)


# -------------------------------------------------------------------------------- mse
def squared_errors(x: np.ndarray, fmt: str, group: object, amax: np.ndarray):
    values = quantize(x, fmt, group, amax=amax).dequantize(np.float64)
    error = (x.astype(np.float64) - values) ** 2
    result = np.zeros(amax.shape)
    for at, part in groups_of(error, group):
        result[at] = part.sum()
    return result


@GROUP
@pytest.mark.parametrize("fmt", ["E4M3FN", "E5M2", "E2M1FN", "INT8", "INT4"])
def test_mse_is_never_worse_than_the_amax(group, fmt):
    for x in tensors(2, (9, 70)):
        x[0, 0] = 40  # an outlier: clipping it may pay
        plain = measure_amax(x, group)
        best = MSEAmax(fmt, group).amax_for(x)
        ours, theirs = (squared_errors(x, fmt, group, amax) for amax in (best, plain))
        assert (ours <= theirs * (1 + 1e-12)).all()
        assert (best <= plain).all()
        assert (best >= plain * np.float32(0.299)).all()


@pytest.mark.parametrize("fmt", ["E4M3FN", "INT4"])
def test_mse_finds_the_best_candidate_of_each_group(fmt):
    x = tensors(1, (6, 64))[0]
    candidates = [1.0, 0.9, 0.7, 0.5]
    best = MSEAmax(fmt, "1x32", candidates).amax_for(x)
    plain = measure_amax(x, "1x32")
    tried = [(plain * c).astype(np.float32) for c in candidates]
    errors = np.array([squared_errors(x, fmt, "1x32", amax) for amax in tried])
    expected = np.take_along_axis(np.array(tried), errors.argmin(0)[None], 0)[0]
    assert np.array_equal(best, expected)


def test_mse_gains_much_for_int4_and_little_for_e4m3():
    x = np.random.default_rng(2).standard_normal((64, 128)).astype(np.float32)
    gain = {}
    for fmt in ("INT4", "E4M3FN"):
        best = MSEAmax(fmt, "per-token").amax_for(x)
        plain = measure_amax(x, "per-token")
        ours, theirs = (
            squared_errors(x, fmt, "per-token", amax).sum() for amax in (best, plain)
        )
        gain[fmt] = theirs / ours
    assert gain["INT4"] > 1.2 > gain["E4M3FN"] >= 1


@pytest.mark.parametrize("bad", [[], [0.0], [1.1], [0.5, -1], [np.nan]])
def test_candidates_are_fractions(bad):
    with pytest.raises(ValueError, match="candidates are fractions"):
        MSEAmax(candidates=bad)


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (DelayedAmax, {"history": 0}),
        (DelayedAmax, {"history": -1}),
        (DelayedAmax, {"history": 2.5}),
        (DelayedAmax, {"margin": -1}),
        (DelayedAmax, {"margin": 0.5}),
        (DynamicAmax, {"group": "rows"}),
        (MSEAmax, {"fmt": "fp8"}),
    ],
)
def test_bad_options_are_one_clear_error(make, options):
    with pytest.raises(ValueError):
        make(**options)
