"""scaled_mm to the bit: every recipe, written out with fractions."""

from fractions import Fraction

import numpy as np
import pytest

from fp8lab import relative_rms
from fp8lab.accumulators import HOPPER
from tests.gemm_oracles import (
    BLOCK,
    E4,
    RECIPE,
    RECIPES,
    B,
    G,
    R,
    T,
    case,
    element,
    in_float32,
    of_row,
    scaled_mm_slowly,
    single,
    sum_of,
)
from tests.oracles import assert_same_bits
from tests.product_oracles import PAIRS, UNIT, products_of


# ------------------------------------------------------------ every recipe
@RECIPE
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_recipe(recipes, pair):
    sides = [(3, 4, 256), (1, 5, 300), (130, 2, 150), (2, 131, 129), (2, 2, 1)]
    sides += [(2, 3, 128)]
    for seed, each in enumerate(sides):
        given = case(recipes, each, pair, seed)
        wanted = scaled_mm_slowly(*given, recipes, pair)
        assert_same_bits(in_float32(*given, recipes, pair), wanted)


@pytest.mark.parametrize("recipes", RECIPES[:2], ids="-".join)
def test_fast_accumulation_is_one_chain(recipes):
    given = case(recipes, (3, 4, 500))
    fast, slow = (
        in_float32(*given, recipes, use_fast_accum=fast) for fast in (True, False)
    )
    assert_same_bits(fast, scaled_mm_slowly(*given, recipes, promote=None))
    assert_same_bits(slow, scaled_mm_slowly(*given, recipes, promote=128))
    assert not np.array_equal(fast, slow)
    assert_same_bits(in_float32(*given, recipes, accumulator=HOPPER), fast)
    assert_same_bits(in_float32(*given, recipes, accumulator="hopper-128"), slow)
    other = in_float32(*given, recipes, accumulator="hopper-64", use_fast_accum=True)
    assert_same_bits(other, scaled_mm_slowly(*given, recipes, promote=64))


@pytest.mark.parametrize("recipes", RECIPES[2:], ids="-".join)
def test_blocks_are_promoted_either_way(recipes):
    given = case(recipes, (3, 4, 500))
    fast = in_float32(*given, recipes, use_fast_accum=True)
    assert_same_bits(fast, in_float32(*given, recipes))


@RECIPE
def test_exact_is_float64_to_the_end(recipes):
    a, b, u, v = case(recipes, (3, 4, 300))
    ours = in_float32(a, b, u, v, recipes, accumulator="exact", output_dtype=np.float64)
    assert ours.dtype == np.float64
    for i, j in np.ndindex(ours.shape):
        products = products_of(a[i], b[:, j], *E4)
        along = zip(of_row(recipes[0], u, i), of_row(recipes[1], v, j), strict=True)
        depth = BLOCK.get(recipes[0], (1, 300))[1]
        terms = (
            Fraction(sum(units for units, _ in products[k * depth :][:depth])) * x * y
            for k, (x, y) in enumerate(along)
        )
        exact = float(sum(terms) / (1 << -UNIT))
        assert ours[i, j] == pytest.approx(exact, rel=1e-12)


@RECIPE
@pytest.mark.parametrize("rule", ["float32", "hopper", "hopper-128"])
def test_error_against_float64(recipes, rule):
    """The worst case by the rule's own steps: 34 cuts a step of the largest addend."""
    given = case(recipes, (16, 24, 1000))
    exact = in_float32(*given, recipes, accumulator="exact", output_dtype="float64")
    ours = in_float32(*given, recipes, accumulator=rule)
    positive = (given[0] & 0x7F, given[1] & 0x7F, *given[2:])
    size = in_float32(*positive, recipes, accumulator="exact", output_dtype="float64")
    steps = 1000 / 32 + 4
    assert (abs(ours - exact) <= 34 * steps * 2.0**-13 * size).all()
    assert relative_rms(exact, ours) < {"float32": 6e-7}.get(rule, 4e-3)


# ------------------------------------------------------------ split K
@pytest.mark.parametrize(
    ("depth", "count", "length"),
    [(512, 2, 256), (600, 2, 384), (640, 3, 256), (640, 5, 128), (640, 4, 256)],
)
def test_slices_of_k_are_whole_units_added_in_order(depth, count, length):
    tried = (((T, T), True), ((T, T), False), ((R, R), False), ((G, B), False))
    for recipes, fast in tried:
        a, b, u, v = case(recipes, (2, 3, depth), seed=count)
        ours = in_float32(a, b, u, v, recipes, split_k=count, use_fast_accum=fast)
        for i, j in np.ndindex(ours.shape):
            products = products_of(a[i], b[:, j], *E4)
            x, y = of_row(recipes[0], u, i), of_row(recipes[1], v, j)
            total = Fraction(0)
            for k in range(0, depth, length):
                part = products[k : k + length]
                if recipes == (G, B):
                    blocks = slice(k // 128, (k + length) // 128)
                    value = element(part, x[blocks], y[blocks], recipes, 128)
                else:
                    value = sum_of(part, None if fast else 128)
                total = single(total + value)
            if recipes == (T, T):
                total = single(total * single(x[0] * y[0]))
            elif recipes == (R, R):
                total = single(single(total * y[0]) * x[0])
            assert Fraction(float(ours[i, j])) == total
