"""The tensor core's sums to the bit, against the rule in Python's integers."""

from itertools import product as every

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fp8lab import decode, encode
from fp8lab.accumulators import Accumulator
from fp8lab.tensorcore import mma
from tests.oracles import assert_same_bits
from tests.product_oracles import (
    KINDS,
    NAN_BITS,
    PAIRS,
    STARTS,
    fp8,
    mma_slowly,
    operands,
    starts,
)

PAIR = pytest.mark.parametrize("pair", PAIRS, ids="-".join)
E4 = ("E4M3FN", "E4M3FN")
ONE = np.uint8(0x38)


def check(a, b, c=None, pair=E4, **rule):
    """One product to the bit, under a record with these fields."""
    names = {"bits": "fraction_bits"}
    fields = {names.get(key, key): value for key, value in rule.items()}
    record = Accumulator("tried", **({"fraction_bits": 13} | fields))
    ours = mma(a, b, c, a_format=pair[0], b_format=pair[1], accumulator=record)
    assert_same_bits(ours, mma_slowly(a, b, c, *pair, **rule))


def row(*values: float, to: int = 32) -> np.ndarray:
    """Codes of these values and zeros, [1, to]."""
    return np.pad(encode(np.float32(values)), (0, to - len(values)))[None]


def dot(left: np.ndarray, right: np.ndarray, c: float | None = None, **options):
    """One output element."""
    start = None if c is None else np.float32([[c]])
    return mma(left, right.T, start, **options)[0, 0]


# ------------------------------------------------------------ the oracle itself
@pytest.mark.parametrize("fmt", ["E4M3FN", "E5M2"])
def test_the_oracle_decodes_as_the_codec_does(fmt):
    for code in range(256):
        parts, value = fp8(code, fmt), float(decode(np.uint8(code), fmt))
        if isinstance(parts, str):
            assert parts == {np.inf: "+inf", -np.inf: "-inf"}.get(value, "nan")
        else:
            assert parts[0] * parts[1] * 2.0 ** parts[2] == value


# ------------------------------------------------------------ each step of the rule
def test_the_exponent_of_a_product_is_not_normalised():
    """1.875 * 1.875 is 3.5: were its exponent 1, 2^-13 would fall below the grid."""
    assert dot(row(1.875, 2**-7), row(1.875, 2**-6)) == np.float32(3.515625)
    assert dot(row(1.875, -1.875, 2**-7), row(1.875, 1.875, 2**-6)) == 2**-13
    # A product with exponent 1 does push it off.
    assert dot(row(2, -2, 2**-7), row(1, 1, 2**-6)) == 0


def test_a_subnormal_counts_with_the_exponent_of_the_smallest_normal():
    """2^-9 * 1 has exponent -6: the grid is 2^-19, and 2^-20 is cut."""
    wide = {"b_format": "E5M2"}
    left = np.pad(np.uint8([[0x01, 0x81, 0x38]]), ((0, 0), (0, 29)))
    right = np.pad(encode(np.float32([[1, 1, 2.0**-16]]), "E5M2"), ((0, 0), (0, 29)))
    assert dot(left, right, **wide) == 2.0**-16
    sums = [dot(left, right, c, **wide) for c in (2.0**-19, 2.0**-20, 3 * 2.0**-20)]
    assert sums == [2.0**-16 + 2.0**-19, 2.0**-16, 2.0**-16 + 2.0**-19]


def test_a_zero_product_has_no_exponent():
    """448 * 0 does not push the grid up, on either side."""
    for left, right in ((row(448, 1), row(0, 1)), (row(0, 1), row(448, 1))):
        assert dot(left, right, 2.0**-13) == 1 + 2.0**-13
        assert dot(left, right, 2.0**-14) == 1


def test_every_addend_is_cut_toward_zero_and_alone():
    """31 times 2^-14 beside 1: almost 2^-9 in all, but each is cut to nothing."""
    for one, small in every((1, -1), (2.0**-7, -(2.0**-7))):
        assert dot(row(one, *[small] * 31), row(1, *[2.0**-7] * 31)) == one


def test_the_accumulator_is_cut_like_every_other_addend():
    assert dot(row(2), row(1), 2.0**-12) == 2 + 2.0**-12
    assert dot(row(2), row(1), 2.0**-12 + 2.0**-13) == 2 + 2.0**-12
    assert dot(row(2), row(1), -(2.0**-13)) == 2
    # Even where no product counts: the low ten bits of the result are 0.
    third = np.float32(1 / 3)
    assert dot(row(0), row(1), third) == (third.view("u4") & 0xFFFFFC00).view("f4")


def test_the_sum_is_cut_to_13_fraction_bits():
    """1.875^2 is 3.515625: with 2^-13 more it would need 14 after the point's 2."""
    left, right = row(1.875, 2**-7, 2**-7), row(1.875, 2**-6, 2**-6)
    assert dot(left, right) == 3.515625 + 2.0**-12
    assert dot(left[:, :2], right[:, :2]) == 3.515625
    everything = np.full((1, 4096), 0x7E, np.uint8)
    assert not mma(everything, everything.T).view("u4")[0, 0] & 0x3FF


# ------------------------------------------------------------ all of it, at random
@PAIR
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("start", STARTS)
def test_chain(pair, kind, start):
    for seed, depth in ((0, 32), (1, 200)):
        a, b = operands(kind, (4, 5, depth), pair, seed)
        check(a, b, starts(start, (4, 5), seed), pair)


@pytest.mark.parametrize("depth", [1, 31, 33, 128, 129, 300, 512])
@pytest.mark.parametrize("promote", [32, 64, 128, 256])
def test_promotion(depth, promote):
    for kind, start in every(("finite", "cancelling"), ("none", "near", "any")):
        a, b = operands(kind, (3, 4, depth), E4, depth)
        check(a, b, starts(start, (3, 4), depth), promote=promote)


@pytest.mark.parametrize("bits", range(1, 24))
@pytest.mark.parametrize("group", [1, 4, 16, 32, 64])
def test_every_number_of_fraction_bits_and_group(bits, group):
    for pair, start in ((E4, "any"), (("E5M2", "E4M3FN"), "tiny"), (E4, "near")):
        a, b = operands("cancelling", (3, 3, 80), pair, bits)
        check(a, b, starts(start, (3, 3), group), pair, bits=bits, group=group)
    a, b = operands("finite", (2, 3, 4 * group + 1), E4, bits)
    check(a, b, bits=bits, group=group, promote=2 * group)
    a, b = operands("subnormal", (3, 3, 80), E4, bits)
    check(a, b, starts("tiny", (3, 3), bits), bits=bits, group=group)


@pytest.mark.parametrize("bits", [12, 13, 14, 15, 16, 17, 18, 20, 22, 23])
@pytest.mark.parametrize("group", [1, 4, 16, 32, 64])
def test_the_largest_addends_with_all_their_bits(bits, group):
    """Sums at the top of their range, whose last bits are not zero."""
    rng = np.random.default_rng(bits)
    a, b = np.full((8, 4 * group), 0x3F, np.uint8), np.full((4 * group, 8), 0x3F)
    b[rng.random(b.shape) < 0.3] = 0x01  # 1.875 * 2^-9
    b = b.astype(np.uint8) | (rng.random(b.shape) < 0.1).astype(np.uint8) << 7
    c = rng.uniform(1, 2, (8, 8)).astype(np.float32)
    check(a, b, c, bits=bits, group=group)


@given(
    terms=st.lists(st.tuples(*[st.integers(0, 255)] * 2), min_size=1, max_size=70),
    start=st.integers(0, 2**32 - 1),
    pair=st.sampled_from(PAIRS),
)
def test_any_codes_and_any_accumulator(terms, start, pair):
    a, b = np.array(terms, np.uint8).T
    check(a[None], b[:, None], np.uint32([[start]]).view("f4"), pair)


def test_the_largest_group_adds_exactly():
    for fill in (0x7E, 0xFE):
        a, b = np.full((1, 2048), fill, np.uint8), np.full((2048, 1), 0x7E, np.uint8)
        for bits in (8, 13, 23):
            check(a, b, bits=bits, group=1024)


# ------------------------------------------------------------ zero, infinity, NaN
def test_a_sum_that_cancels_is_plus_zero():
    for c in (None, 0.0, -0.0):
        assert dot(row(1, -1), row(1, 1), c).view("u4") == 0
        assert dot(row(-0.0), row(1), c).view("u4") == 0
    negative_zeros, ones = np.full((1, 32), 0x80, np.uint8), row(*[1] * 32)
    for c in (None, -0.0, -(2.0**-149)):
        assert dot(negative_zeros, ones, c).view("u4") == 0


def test_specials_by_hand():
    inf, nan, one, zero = 0x7C, 0x7D, 0x3C, 0x00
    cases = [
        ([inf, one], [one, one], 0, np.inf),
        ([inf | 0x80], [one], 0, -np.inf),
        ([inf | 0x80], [inf | 0x80], 0, np.inf),
        ([one | 0x80], [inf | 0x80], 0, np.inf),
        ([inf | 0x80], [one | 0x80], 0, np.inf),
        ([one], [inf], 0, np.inf),
        ([one | 0x80], [inf], 0, -np.inf),
        ([one], [inf | 0x80], 0, -np.inf),
        ([inf], [zero], 0, None),
        ([zero | 0x80], [inf], 0, None),
        ([inf, inf | 0x80], [one, one], 0, None),
        ([nan | 0x80], [one], 0, None),
        ([zero], [nan], 0, None),
        ([one], [one], np.inf, np.inf),
        ([inf], [one], -np.inf, None),
        ([one], [one], -np.nan, None),
        ([nan], [inf], np.inf, None),
    ]
    for (a, b, c, wanted), rule in every(cases, ("hopper", "hopper-128", "float32")):
        options = {"a_format": "E5M2", "b_format": "E5M2", "accumulator": rule}
        got = dot(np.uint8([a]), np.uint8([b]), c, **options)
        assert got.view("u4") == NAN_BITS if wanted is None else got == wanted


def test_a_special_touches_its_own_row_and_column_alone():
    a, b = operands("finite", (5, 6, 64), E4, 0)
    before = mma(a, b)
    a[2, 3], b[40, 1] = 0x7F, 0xFF
    after = mma(a, b)
    assert np.isnan(after[2]).all()
    assert np.isnan(after[:, 1]).all()
    kept = np.ix_([0, 1, 3, 4], [0, 2, 3, 4, 5])
    assert_same_bits(after[kept], before[kept])
