"""mma beyond one step: plain sums, shapes, strides, tiles, and what sums come to."""

from fractions import Fraction

import numpy as np
import pytest

from fp8lab import decode, encode, relative_rms, tensorcore
from fp8lab.accumulators import EXACT, FLOAT32, HOPPER
from fp8lab.tensorcore import mma
from tests.oracles import assert_same_bits
from tests.product_oracles import (
    PAIRS,
    float32_of,
    mma_slowly,
    operands,
    starts,
)

PAIR = pytest.mark.parametrize("pair", PAIRS, ids="-".join)
E4 = ("E4M3FN", "E4M3FN")


# ------------------------------------------------------------ float32 and exact
def every_term(row: np.ndarray, column: np.ndarray, pair: tuple[str, str]):
    """The factors of each product, exactly."""
    values = decode(row, pair[0]).tolist(), decode(column, pair[1]).tolist()
    return zip(*([Fraction(x) for x in each] for each in values), strict=True)


@PAIR
def test_float32_is_one_addition_after_the_other(pair):
    a, b = operands("finite", (3, 4, 100), pair, 0)
    c = starts("near", (3, 4), 0)
    options = {"a_format": pair[0], "b_format": pair[1], "accumulator": FLOAT32}
    for start in (None, c):
        ours = mma(a, b, start, **options)
        for i, j in np.ndindex(ours.shape):
            total = Fraction(0 if start is None else float(start[i, j]))
            for x, y in every_term(a[i], b[:, j], pair):
                total = float32_of(total + x * y)
            assert Fraction(float(ours[i, j])) == total


def test_exact_is_exact_for_e4m3_up_to_its_limit():
    a, b = operands("finite", (3, 4, 500), E4, 0)
    c = starts("near", (3, 4), 0)
    c = np.where(abs(c) < 2.0**-10, np.float32(1), c)
    ours = mma(a, b, c, accumulator=EXACT)
    assert ours.dtype == np.float64
    for i, j in np.ndindex(ours.shape):
        terms = [x * y for x, y in every_term(a[i], b[:, j], E4)]
        assert Fraction(float(ours[i, j])) == sum(terms) + Fraction(float(c[i, j]))
    # The worst case: all at the maximum but for one smallest product.
    depth = 1 << 17
    a = np.full((1, depth), 0x7E, np.uint8)
    a[0, 0] = 1
    exactly = (depth - 1) * Fraction(448) ** 2 + Fraction(1, 2**18)
    assert Fraction(float(mma(a, a.T, accumulator=EXACT)[0, 0])) == exactly


# ------------------------------------------------------------ shapes, strides, tiles
@pytest.mark.parametrize("rule", ["exact", "float32", "hopper", "hopper-32"])
@pytest.mark.parametrize("sides", [(0, 3, 32), (3, 0, 32), (3, 2, 0), (1, 1, 1)])
def test_empty_and_single(sides, rule):
    m, n, k = sides
    a, b = operands("finite", sides, E4, 0)
    out = mma(a, b, accumulator=rule)
    assert out.shape == (m, n)
    if k == 0:
        assert not out.any()
        c = np.full((m, n), np.float32(1 / 3))
        assert np.array_equal(mma(a, b, c, accumulator=rule), c)


@pytest.mark.parametrize("rule", ["exact", "float32", "hopper", "hopper-128"])
def test_any_strides_and_untouched_operands(rule):
    base, other = operands("random bits", (20, 22, 150), E4, 0)
    wanted = mma(base[3:13:2, ::-3], other[::-3, 4:9], accumulator=rule)
    copies = base[3:13:2, ::-3].copy(), np.asfortranarray(other[::-3, 4:9])
    for array in copies:
        array.setflags(write=False)
    assert_same_bits(mma(*copies, accumulator=rule), wanted)
    c = starts("any", (10, 5), 0)
    before = c.copy()
    first = mma(base[3:13:2, ::-3], other[::-3, 4:9], c[::2], accumulator=rule)
    assert_same_bits(mma(*copies, c[::2].copy(), accumulator=rule), first)
    assert_same_bits(c, before)


@pytest.mark.parametrize("rule", ["exact", "float32", "hopper", "hopper-128"])
def test_tiles_are_nothing_but_parts(monkeypatch, rule):
    a, b = operands("finite", (23, 29, 160), E4, 0)
    c = starts("any", (23, 29), 1)
    whole = mma(a, b, c, accumulator=rule)
    monkeypatch.setattr(tensorcore, "TILE", 14)
    monkeypatch.setattr(tensorcore, "ROWS", 3)
    assert_same_bits(mma(a, b, c, accumulator=rule), whole)


def test_a_matrix_larger_than_a_tile_equals_its_parts():
    a, b = operands("random bits", (131, 1030, 64), E4, 0)
    whole = mma(a, b)
    for i, j in ((0, 0), (127, 511), (128, 512), (127, 512), (130, 1029)):
        part = mma(a[i : i + 1], b[:, j : j + 1])
        assert_same_bits(part, whole[i : i + 1, j : j + 1])
        assert_same_bits(mma_slowly(a[i : i + 1], b[:, j : j + 1]), part)


def test_a_deep_product_in_one_column():
    a, b = operands("finite", (1, 2, 16_384), E4, 0)
    assert_same_bits(mma(a, b), mma_slowly(a, b))
    promoted = mma(a, b, accumulator="hopper-128")
    assert_same_bits(promoted, mma_slowly(a, b, promote=128))


# ------------------------------------------------------------ what it does to sums
def test_the_error_grows_with_depth_and_promotion_stops_it():
    """On an H200, all-positive data, K = 4096: -6.6 %, and -0.05 % promoted."""
    rng = np.random.default_rng(0)
    a, b = encode(rng.random((16, 4096))), encode(rng.random((4096, 16)))
    exact = mma(a, b, accumulator="exact")
    bias = {
        rule: float((mma(a, b, accumulator=rule) / exact - 1).mean())
        for rule in ("hopper", "hopper-128", "float32")
    }
    assert -0.07 < bias["hopper"] < -0.062
    assert -0.0007 < bias["hopper-128"] < -0.0003
    assert abs(bias["float32"]) < 1e-6
    a, b = (
        encode(rng.standard_normal((16, 4096))),
        encode(rng.standard_normal((4096, 16))),
    )
    exact = mma(a, b, accumulator=EXACT)
    error = {r: relative_rms(exact, mma(a, b, accumulator=r)) for r in bias}
    assert 1e-3 < error["hopper"] < 2e-3
    assert 0.8e-4 < error["hopper-128"] < 1.6e-4
    assert error["hopper"] > 8 * error["hopper-128"]
    assert mma(a, b, accumulator=HOPPER).tobytes() == mma(a, b).tobytes()
