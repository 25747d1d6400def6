"""fma rounds once: against fractions, on ties that other ways get wrong."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fp8lab.fma import fma
from tests.oracles import random_float32
from tests.product_oracles import float32_of

FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
TINY, HUGE = np.float32(2.0**-149), np.finfo(np.float32).max


def fma_slowly(a: float, b: float, c: float) -> float:
    """The float32 nearest to the exact a * b + c, all three finite."""
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    if exact == 0:
        # IEEE 754: an exact zero is -0 only if both addends are.
        product_is_negative = bool(np.signbit(a)) != bool(np.signbit(b))
        both = product_is_negative and bool(np.signbit(c)) and a * b == 0
        return -0.0 if both else 0.0
    rounded = float32_of(exact)
    if rounded == 0:
        return -0.0 if exact < 0 else 0.0
    return float(rounded)


def check(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    wanted = [fma_slowly(*each) for each in zip(a, b, c, strict=True)]
    bits = fma(a, b, c).view(np.uint32)
    assert np.array_equal(bits, np.array(wanted, np.float32).view(np.uint32))


def added_then_cast(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """The tempting way: everything in float64, and a cast."""
    with np.errstate(all="ignore"):
        return (a.astype(np.float64) * b + c).astype(np.float32)


def ties(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Products halfway between two float32, and a c below the last bit of float64."""
    rng = np.random.default_rng(seed)
    # An odd number of 25 bits is such a midpoint; here as a product of two factors.
    a = rng.integers(2**12, 2**13, count) | 1
    b = rng.integers(2**11, 2**12, count) | 1
    kept = a * b >> 24 == 1
    scale = np.exp2(rng.integers(-40, 40, kept.sum()))
    # Around an ulp of float64, 2^-28, and far below it.
    c = rng.uniform(-2, 2, kept.sum()) * np.exp2(rng.integers(-60, -26, kept.sum()))
    sign = rng.choice([-1, 1], kept.sum())
    arrays = (sign * a[kept] * scale, b[kept], c * scale)
    return tuple(each.astype(np.float32) for each in arrays)


def ties_around_c(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A large c, and a product next to half of its last bit: (1 + x)(1 - x) of it."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 1 << 23, count, np.uint32) | np.uint32(127 << 23)
    c = bits.view(np.float32) * rng.choice(np.float32([-1, 1]), count)
    x = np.exp2(-rng.integers(15, 24, count)).astype(np.float32)
    half = rng.choice(np.float32([-(2.0**-24), 2.0**-24]), count)
    return half * (1 + x), 1 - x, c


def test_a_tie_that_adding_in_float64_gets_wrong():
    """(1 + 2^-12)^2 is halfway between two float32; 2^-60 more decides, and is lost."""
    a, c = np.float32([1 + 2**-12]), np.float32([2.0**-60])
    below = np.float32(1 + 2**-11)
    assert added_then_cast(a, a, c) == below
    assert fma(a, a, c) == np.nextafter(below, np.float32(2))
    assert fma(a, a, -c) == below
    assert fma(-a, a, -c) == -np.nextafter(below, np.float32(2))


def test_ties():
    a, b, c = ties(40_000, 0)
    assert a.size > 5000
    check(a[:3000], b[:3000], c[:3000])
    # Half of those whose c is lost fall to the other side: wrong with two roundings.
    wrong = (added_then_cast(a, b, c) != fma(a, b, c)).mean()
    assert 0.3 < wrong < 0.6
    a, b, c = ties_around_c(3000, 0)
    check(a, b, c)
    assert (added_then_cast(a, b, c) != fma(a, b, c)).mean() > 0.2


@pytest.mark.parametrize("spread", [4, 30, 60, 100])
def test_random_exponents(spread):
    rng = np.random.default_rng(spread)
    significands = rng.uniform(-2, 2, (3, 2000))
    exponents = rng.integers(-spread, spread, (3, 2000))
    exponents[2] = exponents[0] + exponents[1] + rng.integers(-50, 50, 2000)
    exponents[2] = np.clip(exponents[2], -126, 126)
    check(*np.ldexp(significands, exponents).astype(np.float32))


def test_random_bits():
    a, b, c = random_float32(30_000).reshape(3, -1)
    finite = np.isfinite(a) & np.isfinite(b) & np.isfinite(c)
    check(a[finite][:4000], b[finite][:4000], c[finite][:4000])


@given(a=FLOAT32, b=FLOAT32, c=FLOAT32)
def test_any_finite_numbers(a, b, c):
    check(*np.float32([[a], [b], [c]]))


def test_subnormal_results():
    rng = np.random.default_rng(0)
    a = np.ldexp(rng.uniform(-2, 2, 3000), rng.integers(-80, -60, 3000))
    b = np.ldexp(rng.uniform(-2, 2, 3000), rng.integers(-80, -60, 3000))
    c = rng.integers(-(2**20), 2**20, 3000) * 2.0**-149
    check(*(each.astype(np.float32) for each in (a, b, c)))
    # Half of the smallest float32 is a tie that goes to zero; a bit more goes up.
    half = np.float32([2.0**-75])
    for factor, wanted in ((1, 0), (1 + 2**-23, TINY), (3, 2 * TINY), (-1, 0)):
        assert fma(half, half * np.float32(factor), 0) == wanted
        check(half, half * np.float32(factor), np.float32([0]))


def test_overflow_begins_halfway_to_the_next_power():
    top = np.float32([HUGE])
    below, at = np.float32([2.0**103 * (1 - 2**-24)]), np.float32([2.0**103])
    one = np.float32([1])
    assert fma(top, one, below) == HUGE
    assert fma(top, one, at) == np.inf
    assert fma(-top, one, -at) == -np.inf
    assert fma(top, top, -top) == np.inf
    check(top, one, below)
    # The exact product is too large, the sum is not.
    assert fma(top, 2 * one, -top) == HUGE


def test_specials():
    inf, nan = np.float32(np.inf), np.float32(np.nan)
    for a, b, c in (
        (inf, 0, 1),
        (0, -inf, 1),
        (inf, 1, -inf),
        (nan, 1, 1),
        (1, 1, nan),
    ):
        assert np.isnan(fma(a, b, c))
    assert fma(inf, -2, 5) == -inf
    assert fma(HUGE, HUGE, -inf) == -inf
    assert fma(3, 4, inf) == inf


def test_zeros_keep_the_sign_of_ieee_754():
    zeros = [0.0, -0.0]
    a, b, c = np.float32([[x, y, z] for x in zeros for y in zeros for z in zeros]).T
    check(a, b, c)
    check(np.float32([1, -1]), np.float32([1, 1]), np.float32([-1, 1]))


def test_shapes_broadcast_and_numbers_are_arrays_too():
    """Scalars round once like the rest: NumPy makes copies of them on the way."""
    a, c = 1 + 2**-12, 2.0**-60
    wanted = np.nextafter(np.float32(1 + 2**-11), np.float32(2))
    for first in (np.float32(a), np.float32([[a]]), np.full((3, 1, 2), a, np.float32)):
        result = fma(first, np.float32(a), np.full(2, c, np.float32))
        assert result.dtype == np.float32
        assert (result == wanted).all()
        assert result.shape == np.broadcast_shapes(np.shape(first), (2,))
    alone = fma(np.float32(a), np.float32(a), np.float32(c))
    assert (alone, np.shape(alone)) == (wanted, ())
    matrix = np.full((4, 6), a, np.float32)
    assert (fma(matrix.T, matrix.T, np.float32(c)) == wanted).all()
    assert fma(np.empty((0, 3)), 1, 1).shape == (0, 3)


def test_operands_are_left_alone():
    arrays = [each.copy() for each in ties(100, 1)]
    before = [each.tobytes() for each in arrays]
    for each in arrays:
        each.setflags(write=False)
    fma(*arrays)
    assert [each.tobytes() for each in arrays] == before
