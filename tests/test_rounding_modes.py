"""The four rounding modes, and one rounding for float64 where libraries do two."""

import gfloat
import numpy as np
import pytest

from fp8lab import Rounding, decode, encode, format_of, round_to
from fp8lab.rounding import rounding_of
from tests.oracles import (
    ML_NAMES,
    OCP_NAMES,
    SIGNED_NAMES,
    boundaries,
    every_bfloat16,
    every_float16,
    exact_codes,
    gfloat_info,
    midpoints,
    ml_dtypes_codes,
    random_float32,
    torch_codes,
    values_of,
)

MODES = ("nearest-even", "toward-zero", "ties-away")
MODE = pytest.mark.parametrize("mode", MODES)
GFLOAT = {
    "nearest-even": gfloat.RoundMode.TiesToEven,
    "toward-zero": gfloat.RoundMode.TowardZero,
    "ties-away": gfloat.RoundMode.TiesToAway,
}
SEED = 20


@pytest.fixture(autouse=True)
def _no_float_exceptions():
    with np.errstate(all="raise"):
        yield


def numbers(x: np.ndarray) -> np.ndarray:
    """The finite ones, as float64."""
    return x[np.isfinite(x)].astype(np.float64)


# --------------------------------------------------------------- exact arithmetic
@MODE
@pytest.mark.parametrize("name", ML_NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_boundary_is_rounded_as_rational_arithmetic_says(name, mode, dtype):
    x = boundaries(name, dtype)
    x = x[np.isfinite(x)]
    assert np.array_equal(encode(x, name, rounding=mode), exact_codes(x, name, mode))


@MODE
@pytest.mark.parametrize("name", ML_NAMES)
def test_any_float64_is_rounded_as_rational_arithmetic_says(name, mode):
    rng = np.random.default_rng(SEED)
    spread = rng.integers(0, 1 << 64, 2000, np.uint64).view(np.float64)
    near = rng.normal(0, 1, 2000) * np.exp2(rng.uniform(-20, 10, 2000))
    x = np.concatenate([spread, near, [5e-324, -5e-324, 1e308, -1e308]])
    x = x[np.isfinite(x)]
    assert np.array_equal(encode(x, name, rounding=mode), exact_codes(x, name, mode))


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_half_of_all_doubles_next_to_a_tie_are_wrong_in_ml_dtypes_and_torch(name):
    """They round to float32 first, which lands on the tie: 126 of 252 for E4M3FN."""
    ties = midpoints(name)[:-1]
    x = np.concatenate([np.nextafter(ties, np.inf), np.nextafter(ties, -np.inf)])
    exact = exact_codes(x, name)
    assert np.array_equal(encode(x, name), exact)
    for oracle in (ml_dtypes_codes, torch_codes):
        assert (oracle(x, name) != exact).sum() == ties.size
    assert ties.size == {"float8_e4m3fn": 126, "float8_e5m2": 123}[name]


# ------------------------------------------------------------------------- gfloat
@MODE
@pytest.mark.parametrize("name", OCP_NAMES)
@pytest.mark.parametrize("source", [every_bfloat16, every_float16])
def test_every_16_bit_number_is_rounded_as_gfloat_does(name, mode, source):
    x = numbers(source())
    theirs = gfloat.round_ndarray(gfloat_info(name), x, GFLOAT[mode], sat=True)
    ours = round_to(x, name, rounding=mode)
    assert np.array_equal(ours, theirs)
    assert np.array_equal(np.signbit(ours), np.signbit(theirs))


@MODE
@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_overflow_without_saturation_is_that_of_gfloat(name, mode):
    x = every_bfloat16()
    x = x[~np.isnan(x)].astype(np.float64)
    with np.errstate(all="ignore"):
        theirs = gfloat.round_ndarray(gfloat_info(name), x, GFLOAT[mode])
    ours = round_to(x, name, rounding=mode, policy="ml_dtypes")
    assert np.array_equal(ours, theirs, equal_nan=True)


@pytest.mark.parametrize("mode", ["toward-zero", "ties-away"])
def test_e8m0_is_rounded_as_gfloat_does(mode):
    x = numbers(every_bfloat16())
    x = x[x >= 2.0**-127]  # gfloat has nothing below
    theirs = gfloat.round_ndarray(
        gfloat_info("float8_e8m0fnu"), x, GFLOAT[mode], sat=True
    )
    assert np.array_equal(round_to(x, "E8M0FNU", rounding=mode), theirs)


def test_a_tie_of_e8m0_goes_up_as_in_ml_dtypes_and_torch():
    """The significand 1 is odd and 10 is even: parity of the code has no say."""
    ties = 1.5 * np.exp2(np.arange(-126, 127, dtype=np.float32))
    codes = encode(ties, "E8M0FNU")
    assert np.array_equal(codes, np.arange(2, 255))
    assert np.array_equal(codes, ml_dtypes_codes(ties, "float8_e8m0fnu"))
    assert np.array_equal(codes, torch_codes(ties, "float8_e8m0fnu"))


# ------------------------------------------------------------- formats of 16 bits up
@pytest.mark.parametrize(
    ("short", "dropped"), [("BF16", 16), ("TF32", 13)], ids=["BF16", "TF32"]
)
def test_wide_formats_are_rounded_as_bits_are_cut(short, dropped):
    x = random_float32(1 << 16)
    x = x[np.isfinite(x)]
    bits = x.view(np.uint32).astype(np.uint64)
    truncated, away = bits >> dropped, (bits + (1 << (dropped - 1))) >> dropped
    assert np.array_equal(encode(x, short, rounding="toward-zero"), truncated)
    assert np.array_equal(encode(x, short, rounding="ties-away"), away)


@MODE
def test_fp16_is_rounded_as_gfloat_does(mode):
    x = numbers(random_float32(1 << 14))
    theirs = gfloat.round_ndarray(gfloat.formats.format_info_binary16, x, GFLOAT[mode])
    assert np.array_equal(round_to(x, "FP16", rounding=mode), theirs)


# ------------------------------------------------------------------ each mode's law
@pytest.mark.parametrize("name", SIGNED_NAMES)
def test_toward_zero_never_overflows_but_infinity_does(name):
    fmt = format_of(name)
    x = np.array([1e30, -1e30, 1e300, -1e300])
    for policy in ("cuda", "ml_dtypes", "onnx-nosat"):
        codes = encode(x, fmt, rounding="toward-zero", policy=policy)
        assert codes.tolist() == [fmt.max_code, fmt.max_code | fmt.sign_mask] * 2
        infinity = np.array([np.inf, -np.inf])
        assert np.array_equal(
            encode(infinity, fmt, rounding="toward-zero", policy=policy),
            encode(infinity, fmt, policy=policy),
        )


@pytest.mark.parametrize("name", SIGNED_NAMES)
def test_a_tie_splits_the_modes(name):
    ties = midpoints(name)[:-1]
    below = np.arange(ties.size)
    for sign in (1, -1):
        bit = 0 if sign == 1 else format_of(name).sign_mask
        zero_has_sign = not name.endswith("fnuz")
        expected = {
            "toward-zero": below,
            "ties-away": below + 1,
            "nearest-even": below + below % 2,
        }
        for mode, codes in expected.items():
            signed = np.where((codes > 0) | zero_has_sign, codes | bit, 0)
            got = encode(sign * ties, name, rounding=mode)
            assert np.array_equal(got, signed), mode


def test_modes_by_name_and_by_member():
    assert [mode.value for mode in Rounding] == [*MODES, "stochastic"]
    x = random_float32(1000)
    for mode in MODES:
        assert rounding_of(mode) is rounding_of(Rounding(mode)) is Rounding(mode)
        member = encode(x, rounding=Rounding(mode))
        assert np.array_equal(member, encode(x, rounding=mode))
    assert np.array_equal(encode(x), encode(x, rounding="nearest-even"))


# --------------------------------------------------------------------- stochastic
def bits_for(x: np.ndarray, seed: int = SEED) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << 32, x.shape, np.uint32)


@pytest.mark.parametrize("name", OCP_NAMES)
def test_stochastic_with_given_bits_is_gfloats_fastest(name):
    """Both: up where fraction + bits / 2**32 >= 1."""
    x = numbers(every_bfloat16())
    bits = bits_for(x)
    theirs = gfloat.round_ndarray(
        gfloat_info(name),
        x,
        gfloat.RoundMode.StochasticFastest,
        sat=True,
        srbits=bits.astype(np.int64),
        srnumbits=32,
    )
    ours = round_to(x, name, rounding="stochastic", random_bits=bits)
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("name", ML_NAMES)
def test_stochastic_extremes_of_the_random_bits(name):
    """0 never rounds up; 2**32 - 1 does where at least 2**-32 of the gap is covered."""
    x = numbers(boundaries(name))
    none, all_ones = (
        np.zeros(x.shape, np.uint32),
        np.full(x.shape, 2**32 - 1, np.uint32),
    )
    down = encode(x, name, rounding="stochastic", random_bits=none)
    fmt = format_of(name)
    inside = np.abs(x) <= fmt.max
    assert np.array_equal(down[inside], encode(x, name, rounding="toward-zero")[inside])
    up = encode(x, name, rounding="stochastic", random_bits=all_ones)
    exact = decode(down, fmt, dtype=float) == x
    stays = exact | ~inside
    assert np.array_equal(up[exact], down[exact])
    values = np.abs(decode(up, fmt, dtype=float))[~stays]
    # Next to a value, less than 2**-32 of the gap may be covered: then it stays.
    assert (values >= np.abs(decode(down, fmt, dtype=float))[~stays]).all()
    halfway = np.isin(np.abs(x), midpoints(name)[:-1]) & inside & (x > 0)
    assert np.array_equal(up[halfway], down[halfway] + 1)


@pytest.mark.parametrize("name", SIGNED_NAMES)
def test_stochastic_rounds_up_from_exactly_one_minus_the_fraction(name):
    fmt = format_of(name)
    code = fmt.max_code // 2
    low, high = values_of(name)[[code, code + 1]]
    for numerator in (1, 3, 1 << 30, 1 << 31, (1 << 32) - 1):
        x = np.full(3, low + numerator / 2**32 * (high - low))
        edge = (1 << 32) - numerator
        bits = np.array([edge - 1, edge, min(edge + 1, 2**32 - 1)], np.uint32)
        codes = encode(x, name, rounding="stochastic", random_bits=bits)
        assert codes.tolist() == [code, code + 1, code + 1]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.uint16])
def test_a_generator_draws_one_uint32_an_element_in_c_order(dtype):
    """So the result depends neither on chunks nor on memory order."""
    rng = np.random.default_rng(SEED)
    x = rng.normal(0, 3, (301, 203)).astype(np.float32)
    x = (
        (x.view(np.uint32) >> 16).astype(dtype)
        if dtype == np.uint16
        else x.astype(dtype)
    )
    expected = encode(x, rounding="stochastic", random_bits=bits_for(x))
    for given in (x, np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2], x[::-1][::-1]):
        codes = encode(given, rounding="stochastic", rng=np.random.default_rng(SEED))
        assert np.array_equal(codes, expected)
        with_bits = encode(
            given, rounding="stochastic", random_bits=np.asfortranarray(bits_for(x))
        )
        assert np.array_equal(with_bits, expected)
    rng = np.random.default_rng(SEED)
    by_row = [encode(row, rounding="stochastic", rng=rng) for row in x]
    assert np.array_equal(by_row, expected)
    again = encode(x, rounding="stochastic", rng=np.random.default_rng(SEED + 1))
    assert not np.array_equal(again, expected)


@pytest.mark.parametrize("name", SIGNED_NAMES)
def test_stochastic_is_one_of_the_two_neighbours_and_unbiased(name):
    fmt = format_of(name)
    below = fmt.max_code // 2
    low, high = values_of(name)[[below, below + 1]]
    count = 200_000
    for fraction in (0.0, 1 / 64, 0.3, 0.5, 0.9):
        x = np.full(count, low + fraction * (high - low))
        for sign in (1, -1):
            rng = np.random.default_rng(SEED)
            values = round_to(sign * x, name, rounding="stochastic", rng=rng)
            assert set(np.unique(np.abs(values))) <= {low, high}
            up = np.mean(np.abs(values) == high)
            sigma = np.sqrt(fraction * (1 - fraction) / count)
            assert abs(up - fraction) <= 5 * sigma


@pytest.mark.parametrize("name", ML_NAMES)
@pytest.mark.parametrize("policy", ["cuda", "ml_dtypes", "torch", "onnx-nosat"])
def test_stochastic_gives_special_inputs_the_policys_codes(name, policy):
    x = np.array([np.inf, -np.inf, np.nan, -np.nan, 0.0, -0.0])
    rng = np.random.default_rng(SEED)
    codes = encode(x, name, rounding="stochastic", policy=policy, rng=rng)
    assert np.array_equal(codes, encode(x, name, policy=policy))


def test_stochastic_in_a_wide_format_is_unbiased_too():
    x = np.full(100_000, 1 + 2.0**-9 * 0.25)
    rng = np.random.default_rng(SEED)
    values = round_to(x, "BF16", rounding="stochastic", rng=rng)
    assert set(np.unique(values)) == {1.0, 1 + 2.0**-7}
    assert abs(values.mean() - x[0]) < 5 * 2.0**-7 * np.sqrt(1 / 16 / x.size)
