"""Each policy against the software it stands for, over the whole 16-bit domain.

Where two implementations of one standard disagree, or break their own text, the exact
set of inputs is pinned here, so that a release that mends it is noticed.
"""

import warnings
from pathlib import Path

import numpy as np
import pytest

from fp8lab import POLICIES, Policy, decode, encode, format_of, round_to
from fp8lab.policies import policy_of, special_codes
from tests.oracles import (
    CUDA_NAN,
    ML_NAMES,
    OCP_NAMES,
    ONNX_NAMES,
    SIGNED_NAMES,
    TORCH_NAMES,
    assert_same_bits,
    boundaries,
    every_bfloat16,
    every_float16,
    ml_dtypes_codes,
    onnxruntime_codes,
    random_float32,
    satfinite_codes,
    torch_codes,
)

SPECIAL_INPUTS = np.array(
    [np.inf, -np.inf, np.nan, -np.nan, 0.0, -0.0, 1e30, -1e30], np.float32
)


def domain(name: str) -> np.ndarray:
    """Float32: all bfloat16 and float16 numbers, every boundary, random patterns."""
    with np.errstate(invalid="ignore"):
        half = every_float16().astype(np.float32)
    parts = (every_bfloat16(), half, boundaries(name), random_float32(1 << 18, 11))
    return np.concatenate(parts)


def differences(ours: np.ndarray, theirs: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The inputs whose codes differ."""
    return x[ours != theirs]


# ------------------------------------------------------------------------- torch
@pytest.mark.parametrize("name", [n for n in TORCH_NAMES if n != "float8_e8m0fnu"])
def test_torch_is_what_torch_does(name):
    x = domain(name)
    assert np.array_equal(encode(x, name, policy="torch"), torch_codes(x, name))
    half = every_float16()
    theirs = torch_codes(half, name)
    assert np.array_equal(encode(half, name, policy="torch"), theirs)


@pytest.mark.parametrize("name", [n for n in TORCH_NAMES if n != "float8_e8m0fnu"])
def test_torch_2_11_differs_from_today_in_e4m3fn_alone(name):
    """Up to 2.11, E4M3FN overflowed to NaN; ml_dtypes still does, with its code."""
    x = domain(name)
    ours = encode(x, name, policy="torch-2.11")
    if name == "float8_e4m3fn":
        assert np.array_equal(ours, ml_dtypes_codes(x, name))
        assert encode(465.0, name, policy="torch-2.11") == 0x7F
        assert encode(-np.inf, name, policy="torch-2.11") == 0xFF
    else:
        assert np.array_equal(ours, torch_codes(x, name))


# -------------------------------------------------------------------------- E8M0
@pytest.mark.parametrize("policy", ["ml_dtypes", "torch"])
def test_e8m0_differs_from_both_libraries_where_they_round_up_too_early(policy):
    """They give 2**-126 to all of (2**-127, 1.5 * 2**-127), nearer to 2**-127."""
    x = domain("float8_e8m0fnu")
    oracle = ml_dtypes_codes if policy == "ml_dtypes" else torch_codes
    ours = encode(x, "E8M0FNU", policy=policy)
    theirs = oracle(x, "float8_e8m0fnu")
    with np.errstate(invalid="ignore"):
        magnitude = np.abs(x.astype(np.float64))
    early = (magnitude > 2.0**-127) & (magnitude < 1.5 * 2.0**-127)
    if policy == "ml_dtypes":  # negative numbers are NaN there
        early &= x > 0
    assert np.array_equal(ours != theirs, early)
    assert early.sum() > 30
    assert (theirs[early] == 1).all()
    assert (ours[early] == 0).all()


def test_e8m0_specials_under_every_policy():
    x = np.array([0.0, -0.0, -1.0, 1.5, 2.0**-130, np.inf, np.nan, -np.nan], np.float32)
    common = [0x00, 0x00, 0x7F, 0x80, 0x00]
    for policy in ("cuda", "onnx"):
        codes = encode(x, "E8M0FNU", policy=policy)
        assert codes.tolist() == [*common, 0xFE, 0xFF, 0xFF]
    for policy in ("torch", "torch-2.11", "onnx-nosat"):
        codes = encode(x, "E8M0FNU", policy=policy)
        assert codes.tolist() == [*common, 0xFF, 0xFF, 0xFF]
    codes = encode(x, "E8M0FNU", policy="ml_dtypes")
    assert codes.tolist() == [0xFF, 0xFF, 0xFF, 0x80, 0x00, 0xFF, 0xFF, 0xFF]


# -------------------------------------------------------------------------- CUDA
@pytest.mark.parametrize("name", SIGNED_NAMES)
def test_cuda_saturates_and_drops_the_sign_of_nan(name):
    x = domain(name)
    assert np.array_equal(encode(x, name, policy="cuda"), satfinite_codes(x, name))


def test_cuda_of_e4m3fn_is_torch_but_for_the_sign_of_nan():
    x = domain("float8_e4m3fn")
    theirs = torch_codes(x, "float8_e4m3fn")
    assert np.array_equal(encode(x), np.where(np.isnan(x), 0x7F, theirs))


# Points of cvt.rn.satfinite, as CUDA 13.0's cuda_fp8.hpp, cuda_fp6.hpp and cuda_fp4.hpp
# gave them when compiled for the CPU: inputs of SPECIAL_INPUTS.
CUDA_POINTS = {
    "float8_e4m3fn": [0x7E, 0xFE, 0x7F, 0x7F, 0x00, 0x80, 0x7E, 0xFE],
    "float8_e5m2": [0x7B, 0xFB, 0x7F, 0x7F, 0x00, 0x80, 0x7B, 0xFB],
    "float6_e3m2fn": [0x1F, 0x3F, 0x1F, 0x1F, 0x00, 0x20, 0x1F, 0x3F],
    "float6_e2m3fn": [0x1F, 0x3F, 0x1F, 0x1F, 0x00, 0x20, 0x1F, 0x3F],
    "float4_e2m1fn": [0x07, 0x0F, 0x07, 0x07, 0x00, 0x08, 0x07, 0x0F],
}


@pytest.mark.parametrize("name", OCP_NAMES)
def test_cuda_special_inputs(name):
    assert encode(SPECIAL_INPUTS, name).tolist() == CUDA_POINTS[name]
    assert encode(SPECIAL_INPUTS.astype(float), name).tolist() == CUDA_POINTS[name]


def test_cuda_is_the_default():
    for name in ML_NAMES:
        x = boundaries(name)
        assert np.array_equal(encode(x, name), encode(x, name, policy="cuda"))


# -------------------------------------------------------------------------- ONNX
def onnx_reference(x: np.ndarray, name: str, saturate: bool) -> np.ndarray:
    """The scalar functions that make ONNX's own test vectors."""
    helper = pytest.importorskip("onnx.helper", reason="needs onnx (Python < 3.13)")
    fnuz = name.endswith("fnuz")
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "e4m3" in name:
            convert = helper.float32_to_float8e4m3
            codes = [convert(v, uz=fnuz, saturate=saturate) for v in x]
        else:
            convert = helper.float32_to_float8e5m2
            codes = [convert(v, fn=fnuz, uz=fnuz, saturate=saturate) for v in x]
    return np.array(codes, np.uint8)


def nosat_error(x: np.ndarray, name: str) -> np.ndarray:
    """Where Cast(saturate=0) breaks its own table, in onnx and in ONNX Runtime.

    E4M3FN: 480 <= |x| < 496 gives 448, though 464 < |x| < 480 and 496 give NaN.
    E5M2: 61440 <= |x| < 65536 gives NaN (0x7B | 0x7C), though the table says infinity.
    """
    low, high = {"float8_e4m3fn": (480, 496), "float8_e5m2": (61440, 65536)}.get(
        name, (0, 0)
    )
    return (np.abs(x) >= low) & (np.abs(x) < high)


@pytest.mark.parametrize("name", ONNX_NAMES)
@pytest.mark.parametrize("oracle", [onnx_reference, onnxruntime_codes])
def test_onnx_is_what_onnx_does(name, oracle):
    pytest.importorskip("onnx", reason="needs onnx (Python < 3.13)")
    x = every_bfloat16() if oracle is onnx_reference else domain(name)
    theirs = oracle(x, name, True)
    assert np.array_equal(encode(x, name, policy="onnx"), theirs)


@pytest.mark.parametrize("name", ONNX_NAMES)
@pytest.mark.parametrize("oracle", [onnx_reference, onnxruntime_codes])
def test_onnx_nosat_is_onnx_but_for_an_error_of_theirs(name, oracle):
    pytest.importorskip("onnx", reason="needs onnx (Python < 3.13)")
    x = every_bfloat16() if oracle is onnx_reference else domain(name)
    theirs = oracle(x, name, False)
    ours = encode(x, name, policy="onnx-nosat")
    error = nosat_error(x, name)
    assert np.array_equal(ours != theirs, error)
    # There ours is what the operator's table says: NaN, and infinity in E5M2.
    table = {"float8_e4m3fn": {0x7F}, "float8_e5m2": {0x7C}}
    assert set((ours[error] & 0x7F).tolist()) == table.get(name, set())


def vectors() -> list[tuple[str, np.ndarray, np.ndarray]]:
    """ONNX's backend data, Cast to FLOAT8: (folder, input, expected codes)."""
    onnx = pytest.importorskip("onnx", reason="needs onnx (Python < 3.13)")
    data = Path(onnx.__file__).parent / "backend/test/data/node"
    found = []
    for folder in sorted(data.glob("test_cast_*_to_FLOAT8*")):
        tensors = []
        for part in ("input_0.pb", "output_0.pb"):
            tensor = onnx.TensorProto()
            tensor.ParseFromString((folder / "test_data_set_0" / part).read_bytes())
            tensors.append(tensor)
        given, expected = tensors
        if given.data_type == onnx.TensorProto.FLOAT:
            x = np.array(given.float_data, np.float32)
        else:
            x = np.array(given.int32_data, np.uint16).view(np.float16)
        found.append((folder.name, x, np.array(expected.int32_data, np.uint8)))
    return found


def test_onnx_vectors():
    seen = 0
    for folder, x, expected in vectors():
        name = "float8_" + folder.rpartition("FLOAT8")[2].lower()
        policy = "onnx-nosat" if "no_saturate" in folder else "onnx"
        assert np.array_equal(encode(x, name, policy=policy), expected), folder
        assert np.isnan(x).any()
        assert np.isinf(x).any()
        seen += 1
    assert seen == 16


# --------------------------------------------------------------- rules and records
def test_the_six_policies():
    names = ["cuda", "torch", "torch-2.11", "ml_dtypes", "onnx", "onnx-nosat"]
    assert list(POLICIES) == names
    assert all(policy.name == name for name, policy in POLICIES.items())
    assert all(policy.stands_for for policy in POLICIES.values())
    assert policy_of("cuda") is policy_of(POLICIES["cuda"]) is POLICIES["cuda"]


@pytest.mark.parametrize("name", ML_NAMES)
@pytest.mark.parametrize("policy", POLICIES)
def test_special_codes_are_what_encode_gives(name, policy):
    fmt = format_of(name)
    codes = special_codes(fmt, policy)
    pairs = (codes.infinity, codes.nan, codes.zero, codes.overflow)
    if codes.negative is not None:
        pairs = (*pairs[:3], (codes.overflow[0], codes.negative))
    flat = [code for pair in pairs for code in pair]
    # E8M0: no finite float32 overflows it.
    x = SPECIAL_INPUTS[:6] if fmt.max > 1e30 else SPECIAL_INPUTS
    assert encode(x, fmt, policy=policy).tolist() == flat[: x.size]
    assert all(0 <= code < fmt.code_count for code in flat)


@pytest.mark.parametrize("name", ["float8_e5m2", "float8_e4m3fn", "float4_e2m1fn"])
@pytest.mark.parametrize("saturates", [True, False])
@pytest.mark.parametrize("infinity_saturates", [True, False])
@pytest.mark.parametrize("nan", ["all-ones", "quiet"])
@pytest.mark.parametrize("keeps_sign", [True, False])
def test_a_policy_of_ones_own(name, saturates, infinity_saturates, nan, keeps_sign):
    """Each of the four fields rules its own kind of input, and no other."""
    rule = Policy("mine", saturates, infinity_saturates, nan, keeps_sign, "a test")
    top = {"float8_e5m2": 0x7B, "float8_e4m3fn": 0x7E, "float4_e2m1fn": 0x07}[name]
    no_room = {"float8_e5m2": 0x7C, "float8_e4m3fn": 0x7F}.get(name, top)
    not_a_number = CUDA_NAN[name]
    if name == "float8_e5m2" and nan == "quiet":
        not_a_number = 0x7E
    sign = 0x08 if name == "float4_e2m1fn" else 0x80
    infinity = top if infinity_saturates else no_room
    overflow = top if saturates else no_room
    codes = encode(SPECIAL_INPUTS, name, policy=rule).tolist()
    # Alone, where nothing else in the chunk makes the encoder look for it.
    assert [int(encode(x, name, policy=rule)) for x in SPECIAL_INPUTS] == codes
    values = round_to(SPECIAL_INPUTS, name, policy=rule)
    alone = [round_to(x, name, policy=rule) for x in SPECIAL_INPUTS]
    assert_same_bits(values, decode(np.array(codes, np.uint8), name))
    assert_same_bits(np.array(alone), values)
    # CUDA's __NV_NOSAT drops the sign of a NaN and keeps that of an overflow to NaN.
    assert codes[:2] == [infinity, infinity | sign]
    assert codes[6:] == [overflow, overflow | sign]
    if name != "float4_e2m1fn":
        assert codes[2:4] == [not_a_number, not_a_number | (sign if keeps_sign else 0)]
    assert codes[4:6] == [0, sign]
