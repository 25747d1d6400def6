"""encode, decode and round_to against outsiders, over the whole domain.

Every call runs with all NumPy float exceptions raising: the codec is quiet.
"""

import ml_dtypes
import numpy as np
import pytest
import torch
from gfloat import decode_ndarray

from fp8lab import ALL_FORMATS, decode, encode, format_of, round_to
from tests.oracles import (
    ML_NAMES,
    OCP_NAMES,
    SIGNED_NAMES,
    TORCH_NAMES,
    assert_same_bits,
    boundaries,
    every_bfloat16,
    every_float16,
    gfloat_info,
    midpoints,
    ml_dtype,
    ml_dtypes_codes,
    random_float32,
    torch_codes,
    values_of,
)

BYTE_NAMES = pytest.mark.parametrize("name", ML_NAMES)
IEEE_NAMES = ("float16", "bfloat16", "float32")
POLICY_NAMES = ("cuda", "torch", "torch-2.11", "ml_dtypes", "onnx", "onnx-nosat")
MODES = ("nearest-even", "toward-zero", "ties-away")


@pytest.fixture(autouse=True)
def _no_float_exceptions():
    with np.errstate(all="raise"):
        yield


def outside_e8m0_error(x: np.ndarray, name: str) -> np.ndarray:
    """The inputs without those that ml_dtypes and torch get wrong (test_policies)."""
    with np.errstate(all="ignore"):
        magnitude = np.abs(x.astype(np.float64))
    wrong = (magnitude > 2.0**-127) & (magnitude < 1.5 * 2.0**-127)
    return x[~wrong] if name == "float8_e8m0fnu" else x


# ------------------------------------------------------------------ every code
@pytest.mark.parametrize("name", [*ML_NAMES, "float16", "bfloat16"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_decode_of_every_code_is_that_of_ml_dtypes(name, dtype):
    fmt = format_of(name)
    codes = np.arange(fmt.code_count).astype(fmt.code_dtype)
    theirs = codes.view(ml_dtype(name))
    with np.errstate(all="ignore"):
        theirs = theirs.astype(dtype)
    values = decode(codes, name, dtype=dtype)
    assert values.dtype == dtype
    assert np.array_equal(values, theirs, equal_nan=True)
    assert np.array_equal(np.signbit(values), np.signbit(theirs))


def test_decode_of_fp32_is_the_identity_on_numbers():
    bits = random_float32(1 << 16).view(np.uint32)
    bits = bits[~np.isnan(bits.view(np.float32))]
    assert_same_bits(decode(bits, "FP32"), bits.view(np.float32))


def test_decode_of_every_tf32_code_is_the_float32_with_those_top_bits():
    codes = np.arange(1 << 19, dtype=np.uint32)
    theirs = (codes << 13).view(np.float32)
    assert np.array_equal(decode(codes, "TF32"), theirs, equal_nan=True)


@pytest.mark.parametrize("name", TORCH_NAMES)
def test_decode_of_every_code_is_that_of_torch(name):
    codes = np.arange(256, dtype=np.uint8)
    theirs = torch.from_numpy(codes).view(getattr(torch, name)).float().numpy()
    assert np.array_equal(decode(codes, name), theirs, equal_nan=True)


@pytest.mark.parametrize("name", [*OCP_NAMES, "float8_e8m0fnu"])
def test_decode_of_every_code_is_that_of_gfloat(name):
    info, fmt = gfloat_info(name), format_of(name)
    codes = np.arange(fmt.code_count, dtype=np.uint8)
    with np.errstate(all="ignore"):
        theirs = decode_ndarray(info, codes)
    assert np.array_equal(decode(codes, fmt, dtype=float), theirs, equal_nan=True)


@BYTE_NAMES
def test_decode_to_16_bits_is_exact_or_refused(name):
    codes = np.arange(values_of(name).size, dtype=np.uint8)
    with np.errstate(all="ignore"):
        as_half = values_of(name).astype(np.float16)
        as_bfloat16 = values_of(name).astype(ml_dtypes.bfloat16)
    if np.array_equal(as_half.astype(float), values_of(name), equal_nan=True):
        assert np.array_equal(
            decode(codes, name, dtype=np.float16), as_half, equal_nan=True
        )
    else:
        with pytest.raises(ValueError, match="cannot decode"):
            decode(codes, name, dtype=np.float16)
    for spelled in ("bfloat16", ml_dtypes.bfloat16):
        patterns = decode(codes, name, dtype=spelled)
        assert patterns.dtype == np.uint16
        assert np.array_equal(
            patterns.view(ml_dtypes.bfloat16).astype(float),
            as_bfloat16.astype(float),
            equal_nan=True,
        )


@pytest.mark.parametrize("name", [*ML_NAMES, "float16", "bfloat16", "tfloat32"])
def test_encode_undoes_decode_on_every_number(name):
    fmt = format_of(name)
    codes = np.arange(fmt.code_count).astype(fmt.code_dtype)
    values = decode(codes, fmt, dtype=np.float64)
    # A policy that does not saturate gives infinity its code back.
    back = encode(values, fmt, policy="ml_dtypes")
    number = ~np.isnan(values)
    assert np.array_equal(back[number], codes[number])
    assert all(fmt.is_nan_code(int(code)) for code in np.unique(back[~number]))


# ------------------------------------------------------------- the whole domain
@pytest.mark.parametrize("name", [*ML_NAMES, "float16", "bfloat16"])
def test_encode_of_every_bfloat16_is_that_of_ml_dtypes(name):
    x = every_bfloat16()
    kept = outside_e8m0_error(x, name)
    raw = (kept.view(np.uint32) >> 16).astype(np.uint16)
    theirs = ml_dtypes_codes(kept, name)
    # A wide format drops the payload that ml_dtypes keeps, so NaN is looked at apart.
    number = ~np.isnan(kept) if name in IEEE_NAMES else np.ones(kept.shape, bool)
    for given in (raw, raw.view(ml_dtypes.bfloat16), kept):
        ours = encode(given, name, policy="ml_dtypes")
        assert_same_bits(ours[number], theirs[number])
        assert np.isnan(decode(ours, name)[~number]).all()


@pytest.mark.parametrize("name", [*ML_NAMES, "bfloat16"])
def test_encode_of_every_float16_is_that_of_ml_dtypes(name):
    x = every_float16()
    number = ~np.isnan(x) if name in IEEE_NAMES else np.ones(x.shape, bool)
    with np.errstate(all="ignore"):
        wide = x.astype(np.float32), x.astype(np.float64)
    theirs = ml_dtypes_codes(x, name)
    for given in (x, *wide):
        ours = encode(given, name, policy="ml_dtypes")
        assert_same_bits(ours[number], theirs[number])


@BYTE_NAMES
def test_encode_at_every_boundary_is_that_of_ml_dtypes(name):
    x = outside_e8m0_error(boundaries(name), name)
    assert_same_bits(encode(x, name, policy="ml_dtypes"), ml_dtypes_codes(x, name))


@pytest.mark.parametrize("name", [*ML_NAMES, "float16", "bfloat16"])
def test_encode_of_random_float32_is_that_of_ml_dtypes(name):
    x = outside_e8m0_error(random_float32((1 << 20) + 321, seed=len(name)), name)
    if name in IEEE_NAMES:
        x = x[~np.isnan(x)]
    assert_same_bits(encode(x, name, policy="ml_dtypes"), ml_dtypes_codes(x, name))


def test_encode_to_tf32_rounds_away_13_bits():
    x = random_float32(1 << 20)
    x = x[~np.isnan(x)]
    bits = x.view(np.uint32).astype(np.uint64)
    nearest_even = (bits + 0xFFF + ((bits >> 13) & 1)) >> 13
    assert_same_bits(encode(x, "TF32"), nearest_even.astype(np.uint32))


def test_encode_to_fp32_is_one_cast():
    x = random_float32(1 << 16)
    x = x[np.isfinite(x)].astype(np.float64) * (1 + 2.0**-40)
    with np.errstate(all="ignore"):
        theirs = x.astype(np.float32).view(np.uint32)
    assert_same_bits(encode(x, "FP32"), theirs)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "tfloat32"])
@pytest.mark.parametrize("policy", POLICY_NAMES)
def test_a_wide_format_has_infinity_and_one_quiet_signed_nan(name, policy):
    fmt = format_of(name)
    x = np.array([0x7F800001, 0xFFBFFFFF, 0x7F800000, 0xFF800000], np.uint32)
    quiet = fmt.infinity_code | 1 << (fmt.mantissa_bits - 1)
    sign = fmt.sign_mask
    expected = [quiet, quiet | sign, fmt.infinity_code, fmt.infinity_code | sign]
    assert encode(x.view(np.float32), fmt, policy=policy).tolist() == expected
    huge = np.array([1e300, -1e300])
    assert encode(huge, fmt, policy=policy).tolist() == expected[2:]


@pytest.mark.parametrize("name", SIGNED_NAMES)
@pytest.mark.parametrize("policy", POLICY_NAMES)
def test_every_input_dtype_gives_the_code_of_the_same_number(name, policy):
    """Four paths through the code (magic, prefix, two tables) must agree."""
    half = every_float16()
    with np.errstate(all="ignore"):
        single, double = half.astype(np.float32), half.astype(np.float64)
    expected = encode(single, name, policy=policy)
    assert_same_bits(encode(half, name, policy=policy), expected)
    assert_same_bits(encode(double, name, policy=policy), expected)
    x = every_bfloat16()
    raw = (x.view(np.uint32) >> 16).astype(np.uint16)
    assert_same_bits(encode(raw, name, policy=policy), encode(x, name, policy=policy))


# -------------------------------------------------------------------- round_to
@pytest.mark.parametrize("fmt", ALL_FORMATS, ids=str)
@pytest.mark.parametrize("policy", POLICY_NAMES)
@pytest.mark.parametrize("mode", MODES)
def test_round_to_is_decode_of_encode(fmt, policy, mode):
    x = np.concatenate([random_float32(5000, 7), every_bfloat16()[::17]])
    if fmt.bits <= 8:
        x = np.concatenate([x, boundaries(fmt.name)])
    codes = encode(x, fmt, rounding=mode, policy=policy)
    ours = round_to(x, fmt, rounding=mode, policy=policy)
    assert_same_bits(ours, decode(codes, fmt))


@pytest.mark.parametrize("name", SIGNED_NAMES)
@pytest.mark.parametrize("policy", POLICY_NAMES)
def test_a_number_alone_is_treated_as_in_a_crowd(name, policy):
    """The largest number of a chunk decides what the fast paths look for."""
    edge = np.float32(midpoints(name)[-1])
    near = [np.nextafter(edge, np.float32(0)), edge, np.nextafter(edge, 2 * edge)]
    x = np.array([*near, 1.1 * edge, 2 * edge, np.inf, np.nan], np.float32)
    x = np.concatenate([x, -x])
    codes, values = encode(x, name, policy=policy), round_to(x, name, policy=policy)
    assert_same_bits(values, decode(codes, name))
    for i in range(x.size):
        one = x[i : i + 1]
        assert encode(one, name, policy=policy) == codes[i]
        assert_same_bits(round_to(one, name, policy=policy), values[i : i + 1])


@pytest.mark.parametrize("fmt", ALL_FORMATS, ids=str)
@pytest.mark.parametrize("policy", ["cuda", "ml_dtypes"])
def test_round_to_of_any_dtype_is_decode_of_encode(fmt, policy):
    half = every_float16()[::5]
    raw = np.arange(0, 1 << 16, 7, dtype=np.uint16)
    with np.errstate(all="ignore"):
        double = random_float32(9000).astype(np.float64) * 1.000001
    for x in (half, raw, double):
        ours = round_to(x, fmt, policy=policy)
        values = decode(encode(x, fmt, policy=policy), fmt, dtype=np.float64)
        name = "bfloat16" if ours.dtype == np.uint16 else ours.dtype.name
        with np.errstate(all="ignore"):
            wide = ours.view(ml_dtype(name)).astype(np.float64)
        assert np.array_equal(wide, values, equal_nan=True)
        assert np.array_equal(np.signbit(wide), np.signbit(values))


@pytest.mark.parametrize(
    ("short", "given", "returned"),
    [
        ("E4M3FN", np.float64, np.float64),
        ("E4M3FN", np.float16, np.float16),
        ("E4M3FN", np.uint16, np.uint16),
        ("E8M0FNU", np.float16, np.float32),
        ("E8M0FNU", np.uint16, np.uint16),
        ("FP16", np.uint16, np.float32),
        ("BF16", np.float16, np.float32),
        ("TF32", np.float16, np.float32),
        ("FP32", np.float64, np.float64),
    ],
)
def test_round_to_keeps_the_dtype_where_it_holds_the_format(short, given, returned):
    assert round_to(np.ones(3, given), short).dtype == returned


def test_round_to_gives_the_nearest_of_all_values():
    """Brute force: no other value of the format is closer."""
    x = np.random.default_rng(3).normal(0, 3, 4000)
    for name in SIGNED_NAMES:
        values = values_of(name)[np.isfinite(values_of(name))]
        least = np.abs(x[:, None] - values).min(axis=1)
        assert np.array_equal(np.abs(x - round_to(x, name)), least)


# ------------------------------------------------------------------------- slow
@pytest.mark.slow
@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_a_64th_of_all_float32_patterns(name, start):
    """Four passes of 2^24 patterns, spread over the whole range (`fp8lab prove`)."""
    step, count = 251, 1 << 22
    for first in range(start, step * count * 4, step * count):
        bits = first + step * np.arange(count, dtype=np.uint64)
        x = bits[bits < 1 << 32].astype(np.uint32).view(np.float32)
        theirs = ml_dtypes_codes(x, name)
        assert_same_bits(encode(x, name, policy="ml_dtypes"), theirs)
        assert_same_bits(encode(x, name, policy="torch"), torch_codes(x, name))
        ours = round_to(x, name, policy="ml_dtypes")
        assert_same_bits(ours, decode(theirs, name))
