"""The error by cause and by who pays: error_split and outlier_mask."""

import numpy as np
import pytest

from fp8lab import (
    E2M1FN,
    E4M3FN,
    E5M2,
    error_split,
    outlier_mask,
    quantize,
    relative_rms,
)


def pair() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(31).standard_normal((40, 50)).astype(np.float32)
    return x, quantize(x, scale=1.0).dequantize()


def split_slowly(x, y, limit, outliers):
    """One element at a time, in the words of the docstring."""
    names = ("rounding", "underflow", "clipping", "ordinary", "outliers", "total")
    parts = {name: [] for name in names}
    for a, b, most, heavy in zip(x, y, limit, outliers, strict=True):
        if not np.isfinite(a):
            continue
        if a != 0 and b == 0:
            cause = "underflow"
        elif abs(a) > most and b != 0:
            cause = "clipping"
        else:
            cause = "rounding"
        for name in (cause, "outliers" if heavy else "ordinary", "total"):
            parts[name].append((float(a), float(b)))
    return parts


@pytest.mark.parametrize("fmt", [E4M3FN, E5M2, E2M1FN], ids=str)
@pytest.mark.parametrize("group", ["per-tensor", "1x32"])
def test_the_split_is_that_of_the_definition(fmt, group):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((20, 64)).astype(np.float32)
    x *= np.exp2(-rng.integers(0, 60, x.shape).astype(np.float32))
    x[3, 4], x[5, 6], x[7, 8] = 300, np.nan, np.inf
    q = quantize(x, fmt, group, amax=np.minimum(quantize(x, fmt, group).scales, 0.01))
    limit = q.group.expand(q.scales, x.shape) * fmt.max
    outliers = np.abs(x) > 1
    split = error_split(x, q, limit=limit, outliers=outliers)
    arrays = (a.ravel() for a in (x, q.dequantize(), limit, outliers))
    expected = split_slowly(*arrays)
    total = sum((a - b) ** 2 for a, b in expected["total"])
    for name, pairs in expected.items():
        share = getattr(split, name)
        error = sum((a - b) ** 2 for a, b in pairs)
        signal = sum(a * a for a, _ in pairs)
        assert share.count == len(pairs), name
        assert share.of_error == pytest.approx(error / total)
        relative = np.sqrt(error / signal) if signal else 0
        assert share.relative == pytest.approx(relative)
    assert min(len(expected[name]) for name in expected) > 0


def test_the_parts_add_up():
    x, y = pair()
    split = error_split(x, y)
    causes = (split.rounding, split.underflow, split.clipping)
    payers = (split.ordinary, split.outliers)
    for parts in (causes, payers):
        assert sum(part.count for part in parts) == split.total.count == x.size
        assert sum(part.of_error for part in parts) == pytest.approx(1)
    assert split.total.of_error == 1
    assert split.total.relative == pytest.approx(relative_rms(x, y))


def test_the_split_of_nothing_and_of_no_error():
    for x in (np.empty(0), np.zeros(3), np.ones(3), np.array([np.nan])):
        split = error_split(x, x)
        assert split.total.of_error == split.total.relative == 0
        assert split.total.count == np.isfinite(x).sum()


def test_without_a_limit_the_largest_value_is_the_limit():
    x = np.array([0.5, 3.0, 100.0, 1e-9])
    y = np.array([0.5, 3.0, 4.0, 0.0])
    split = error_split(x, y)
    assert (split.clipping.count, split.underflow.count, split.rounding.count) == (
        1,
        1,
        2,
    )


def test_a_quantized_tensor_brings_its_limits():
    x, _ = pair()
    q = quantize(x, "E4M3FN", "1x32", amax=0.7)
    by_itself, told = error_split(x, q), error_split(x, q, limit=q.limits())
    assert by_itself == told
    assert by_itself.clipping.count == (np.abs(x) > q.limits()).sum() > 0
    assert error_split(x, quantize(x, "E4M3FN", "1x32")).clipping.count == 0


def test_a_negative_value_clips_too():
    split = error_split(np.array([-9.0, 1.0]), np.array([-4.0, 1.0]))
    assert split.clipping.count == 1
    assert split.clipping.of_error == 1


def test_the_text_of_a_split_names_every_part():
    text = str(error_split(*pair()))
    rows = text.splitlines()
    assert [row.split()[0] for row in rows[1:]] == [
        "rounding",
        "underflow",
        "clipping",
        "ordinary",
        "outliers",
        "total",
    ]
    assert "2000" in rows[-1]
    assert "100.00%" in rows[-1]


def test_shapes_of_limit_and_outliers_must_fit():
    x = np.ones((3, 4))
    with pytest.raises(ValueError, match="outliers"):
        error_split(x, x, outliers=np.ones(3, bool))
    with pytest.raises(ValueError):
        error_split(x, x, limit=np.ones(5))
    with pytest.raises(ValueError, match="y"):
        error_split(x, x[:2])


def test_outliers_are_ten_medians_and_a_gaussian_has_none():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(100_000).astype(np.float32)
    assert not outlier_mask(x).any()
    x[5], x[6], x[7] = 100, np.inf, np.nan
    assert np.flatnonzero(outlier_mask(x)).tolist() == [5, 6]
    assert outlier_mask(np.array([0, 0, 0, 1.0, 1.0, 11.0])).tolist() == [
        *[False] * 5,
        True,
    ]
    assert outlier_mask(np.array([1.0, 1.0, 3.0]), factor=2).tolist() == [0, 0, 1]
    assert outlier_mask(np.zeros((2, 3))).shape == (2, 3)
