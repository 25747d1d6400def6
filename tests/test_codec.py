"""encode, decode and round_to against outsiders over the whole domain, and as arrays.

Every call runs with all NumPy float exceptions raising: the codec is quiet.
"""

from concurrent.futures import ThreadPoolExecutor

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
    boundaries,
    every_bfloat16,
    every_float16,
    gfloat_info,
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


def assert_same_bits(ours: np.ndarray, theirs: np.ndarray):
    assert ours.dtype == theirs.dtype
    width = f"uint{8 * ours.dtype.itemsize}"
    left = np.ascontiguousarray(ours).view(width)
    assert np.array_equal(left, np.ascontiguousarray(theirs).view(width))


def outside_e8m0_error(x: np.ndarray, name: str) -> np.ndarray:
    """x without the inputs that ml_dtypes and torch round wrongly (test_policies)."""
    with np.errstate(all="ignore"):
        magnitude = np.abs(x.astype(np.float64))
    wrong = (magnitude > 2.0**-127) & (magnitude < 1.5 * 2.0**-127)
    return x[~wrong] if name == "float8_e8m0fnu" else x


# ------------------------------------------------------------------ every code
@pytest.mark.parametrize("name", (*ML_NAMES, "float16", "bfloat16"))
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


@pytest.mark.parametrize("name", (*OCP_NAMES, "float8_e8m0fnu"))
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


@pytest.mark.parametrize("name", (*ML_NAMES, "float16", "bfloat16", "tfloat32"))
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
@pytest.mark.parametrize("name", (*ML_NAMES, "float16", "bfloat16"))
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


@pytest.mark.parametrize("name", (*ML_NAMES, "bfloat16"))
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


@pytest.mark.parametrize("name", (*ML_NAMES, "float16", "bfloat16"))
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


# ------------------------------------------------------------ any array will do
@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (0, 3), (3, 0, 2), (2, 3, 5)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.uint16])
@pytest.mark.parametrize("short", ["E4M3FN", "E5M2FNUZ", "BF16"])
def test_any_shape_comes_back(shape, dtype, short):
    flat = np.linspace(-3, 3, max(1, int(np.prod(shape)))).astype(dtype)
    x = flat[: int(np.prod(shape))].reshape(shape)
    codes = encode(x, short)
    assert codes.shape == decode(codes, short).shape == round_to(x, short).shape == shape
    expected = encode(flat, short)[: x.size].reshape(shape)
    assert np.array_equal(codes, expected)
    assert codes.dtype == format_of(short).code_dtype


def test_a_number_gives_a_number():
    assert isinstance(encode(1.0), np.uint8)
    assert isinstance(decode(np.uint8(56)), np.float32)
    assert isinstance(round_to(np.float16(0.3)), np.float16)
    assert encode(1) == encode(np.float32(1)) == encode([1])[0] == encode([[1.0]])[0, 0]


def layouts(base: np.ndarray) -> dict[str, np.ndarray]:
    """Views with awkward memory, by name."""
    doubled = np.repeat(base, 2, axis=-1)
    raw = np.zeros(base.nbytes + 1, np.uint8)
    unaligned = raw[1:].view(base.dtype).reshape(base.shape)
    unaligned[...] = base
    return {
        "contiguous": base,
        "fortran": np.asfortranarray(base),
        "transposed": base.transpose(2, 0, 1),
        "reversed": base[::-1, :, ::-1],
        "step": doubled[..., ::2],
        "offset": base[1:, 3:, 1:],
        "stride-0": np.broadcast_to(base[:1, :, :1], base.shape),
        "one-number": np.broadcast_to(base[0, 0, 0], base.shape),
        "unaligned": unaligned,
        "big-endian": base.astype(base.dtype.newbyteorder(">")),
        "read-only": np.frombuffer(base.tobytes(), base.dtype).reshape(base.shape),
    }


LAYOUTS = tuple(layouts(np.zeros((2, 4, 2), np.float32)))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.uint16])
@pytest.mark.parametrize("short", ["E4M3FN", "E4M3FNUZ", "E2M1FN", "FP16"])
def test_any_layout_gives_the_codes_of_a_plain_copy(layout, dtype, short):
    base = np.random.default_rng(1).normal(0, 60, (5, 37, 501))
    x = layouts(base.astype(dtype) if dtype != np.uint16 else ml_bfloat16(base))[layout]
    before = x.tobytes()
    plain = np.array(x, dtype, order="C")
    codes = encode(x, short)
    assert np.array_equal(codes, encode(plain, short))
    assert np.array_equal(codes.reshape(-1)[:99], encode(plain.reshape(-1)[:99], short))
    assert_same_bits(round_to(x, short), round_to(plain, short))
    assert_same_bits(decode(codes, short), decode(np.array(codes, order="C"), short))
    assert x.tobytes() == before


def ml_bfloat16(x: np.ndarray) -> np.ndarray:
    return x.astype(ml_dtypes.bfloat16).view(np.uint16)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_of_codes_decodes(layout):
    base = np.random.default_rng(1).integers(0, 256, (5, 37, 501)).astype(np.uint8)
    codes = layouts(base)[layout]
    before = codes.tobytes()
    plain = np.array(codes, order="C")
    for dtype in (np.float32, np.float64, np.float16):
        expected = decode(plain, dtype=dtype)
        assert_same_bits(decode(codes, dtype=dtype), expected)
        assert_same_bits(decode(codes.astype(np.int64), dtype=dtype), expected)
    typed = plain.view(ml_dtypes.float8_e4m3fn)
    assert_same_bits(decode(typed), decode(plain))
    assert codes.tobytes() == before


@pytest.mark.parametrize("length", [1, 2, 65535, 65536, 65537, 131071, 200_003])
def test_no_seam_shows_between_chunks(length):
    x = np.random.default_rng(length).normal(0, 100, length).astype(np.float32)
    assert_same_bits(encode(x, policy="ml_dtypes"), ml_dtypes_codes(x, "float8_e4m3fn"))
    codes = np.random.default_rng(length).integers(0, 256, length).astype(np.uint8)
    theirs = values_of("float8_e4m3fn")[codes].astype(np.float32)
    assert np.array_equal(decode(codes), theirs, equal_nan=True)


# ------------------------------------------------------------------------- out=
def outs(shape: tuple[int, ...], dtype: type) -> dict[str, np.ndarray]:
    wide = np.zeros((*shape[:-1], 2 * shape[-1]), dtype)
    raw = np.zeros(int(np.prod(shape)) * np.dtype(dtype).itemsize + 1, np.uint8)
    return {
        "plain": np.zeros(shape, dtype),
        "fortran": np.zeros(shape, dtype, order="F"),
        "transposed": np.zeros(shape[::-1], dtype).transpose(),
        "step": wide[..., ::2],
        "reversed": np.zeros(shape, dtype)[::-1, ::-1],
        "unaligned": raw[1:].view(dtype).reshape(shape),
    }


@pytest.mark.parametrize("layout", list(outs((1, 1), np.uint8)))
@pytest.mark.parametrize("short", ["E4M3FN", "E4M3FNUZ", "BF16"])
def test_out_of_any_layout_is_filled_and_returned(layout, short):
    x = np.random.default_rng(2).normal(0, 9, (301, 407)).astype(np.float32)
    expected = encode(x, short)
    out = outs(x.shape, expected.dtype)[layout]
    assert encode(x, short, out=out) is out
    assert np.array_equal(out, expected)
    values = outs(x.shape, np.float32)[layout]
    assert decode(expected, short, out=values) is values
    assert np.array_equal(values, decode(expected, short))
    values = outs(x.shape, np.float32)[layout]
    assert round_to(x, short, out=values) is values
    assert np.array_equal(values, round_to(x, short))
    stepped = outs(x.shape, np.uint8)["step"]
    assert not stepped.base[..., 1::2].any()


def test_out_of_one_number_is_an_array_of_no_axes():
    out = np.zeros((), np.uint8)
    assert encode(1.0, out=out) is out
    assert out == 0x38


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.uint16])
@pytest.mark.parametrize("short", ["E4M3FN", "E4M3FNUZ"])
def test_round_to_may_work_in_place(dtype, short):
    base = np.random.default_rng(4).normal(0, 9, 100_001)
    with np.errstate(all="ignore"):
        x = base.astype(dtype) if dtype != np.uint16 else ml_bfloat16(base)
    expected = round_to(x, short)
    assert round_to(x, short, out=x) is x
    assert_same_bits(x, expected)


@pytest.mark.parametrize("shift", [1, -1, 70_000])
def test_out_that_overlaps_the_input_is_right_all_the_same(shift):
    memory = np.random.default_rng(5).normal(0, 9, 200_000).astype(np.float32)
    n = memory.size - abs(shift)
    x, out = (memory[:n], memory[-n:]) if shift > 0 else (memory[-n:], memory[:n])
    expected = round_to(x.copy())
    assert_same_bits(round_to(x, out=out), expected)
    x = np.random.default_rng(5).normal(0, 9, 200_000).astype(np.float32)
    expected = encode(x.copy())
    assert np.array_equal(encode(x, out=x.view(np.uint8)[: x.size]), expected)
    x = np.random.default_rng(5).normal(0, 9, (300, 300)).astype(np.float32)
    expected = round_to(x.copy().T)
    assert_same_bits(round_to(x.T, out=x), expected)


# ---------------------------------------------------------------------- threads
def test_eight_threads_give_the_bytes_of_one():
    rng = np.random.default_rng(6)
    inputs = [rng.normal(0, 99, 150_000 + i).astype(np.float32) for i in range(16)]

    def work(x: np.ndarray) -> bytes:
        codes = encode(x, "E5M2", policy="torch")
        values = decode(codes, "E5M2", dtype=np.float16)
        return codes.tobytes() + values.tobytes() + round_to(x, "E3M4").tobytes()

    expected = [work(x) for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, inputs)) == expected


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
