"""Bad input is one clear ValueError, and nothing is written.

Each row of the tables is a call that must fail and words its message must hold: what
was given, or what is allowed.
"""

import ml_dtypes
import numpy as np
import pytest

import fp8lab
from fp8lab import decode, dequantize, encode, measure_amax, quantize, round_to

X = np.linspace(-3, 3, 12, dtype=np.float32).reshape(3, 4)
CODES = encode(X)
Q = quantize(X)
TO_CODES = (encode, round_to, quantize)
VERB = pytest.mark.parametrize("verb", TO_CODES)

BAD_NUMBERS = {
    "complex": np.ones(3, complex),
    "complex64": np.ones(3, np.complex64),
    "a complex number": 1j,
    "object": np.array([None, 1.0]),
    "None": None,
    "bool": np.ones(3, bool),
    "a list of bool": [True, False],
    "int32": np.arange(3, dtype=np.int32),
    "int64": np.arange(3),
    "uint8": CODES,
    "text": "1.0",
    "a list of text": ["1.0"],
    "bytes": b"1.0",
    "dates": np.array(["2020-01-01"], "datetime64[D]"),
    "durations": np.array([1], "timedelta64[s]"),
    "longdouble": np.ones(3, np.longdouble),
    "a record": np.zeros(3, [("a", np.float32)]),
    "fp8 already": CODES.view(ml_dtypes.float8_e4m3fn),
    "ragged": [[1.0], [1.0, 2.0]],
    "too large an integer": 10**400,
    "a dict": {"a": 1},
    "a set": {1.0},
}


@VERB
@pytest.mark.parametrize("case", BAD_NUMBERS)
def test_what_is_no_float_array_is_refused(verb, case):
    if case == "longdouble" and np.longdouble is np.float64:
        pytest.skip("longdouble is float64 on this machine")
    with pytest.raises(ValueError, match=r"float64, float32|not an array"):
        verb(BAD_NUMBERS[case])
    with pytest.raises(ValueError, match=r"float64, float32|not an array"):
        measure_amax(BAD_NUMBERS[case])


BAD_FORMATS = ["fp8", "float8", "", "E4M3FN ", None, 8, 1.5, b"E4M3FN", ["E4M3FN"], {}]


@pytest.mark.parametrize("bad", BAD_FORMATS, ids=repr)
def test_an_unknown_format_is_refused(bad):
    for call in (
        lambda: encode(X, bad),
        lambda: decode(CODES, bad),
        lambda: round_to(X, bad),
        lambda: quantize(X, bad),
        lambda: fp8lab.explain(1, bad),
        lambda: fp8lab.compute_scale(1.0, bad),
        lambda: fp8lab.saturation_rate(CODES, bad),
        lambda: fp8lab.ulp_distance(CODES, CODES, bad),
        lambda: fp8lab.MSEAmax(bad),
    ):
        with pytest.raises(ValueError, match=r"unknown format.*E4M3FN"):
            call()


@pytest.mark.parametrize("bad", ["satfinite", "CUDA", "", None, 1, ["cuda"]], ids=repr)
def test_an_unknown_policy_is_refused(bad):
    for call in (
        lambda: encode(X, policy=bad),
        lambda: round_to(X, policy=bad),
        lambda: quantize(X, policy=bad),
        lambda: quantize(X, "INT8", policy=bad),
        lambda: encode(np.empty(0), policy=bad),
    ):
        with pytest.raises(ValueError, match=r"unknown overflow policy.*torch-2\.11"):
            call()


@pytest.mark.parametrize("bad", ["nearest", "", None, 1, ["x"]], ids=repr)
def test_an_unknown_choice_is_refused_with_the_known_ones(bad):
    for known, call in (
        ("ties-away", lambda: encode(X, rounding=bad)),
        ("ties-away", lambda: round_to(X, rounding=bad)),
        ("ties-away", lambda: quantize(X, rounding=bad)),
        ("reciprocal", lambda: quantize(X, arithmetic=bad)),
        ("bfloat16", lambda: quantize(X, scale_dtype=bad)),
        ("bfloat16", lambda: quantize(X, scale=1.0, scale_dtype=bad)),
        ("rceil", lambda: quantize(X, scale_rule=bad)),
        ("rceil", lambda: quantize(X, scale=1.0, scale_rule=bad)),
        ("rceil", lambda: fp8lab.compute_scale(1.0, "E4M3FN", scale_rule=bad)),
        ("propagate", lambda: quantize(X, nonfinite=bad)),
        ("propagate", lambda: measure_amax(X, nonfinite=bad)),
        ("1x128", lambda: quantize(X, group=bad)),
        ("1x128", lambda: measure_amax(X, bad)),
    ):
        with pytest.raises(ValueError, match=f"unknown.*{known}"):
            call()


BAD_GROUPS = [(0, 1), (1, 0), (-2, 1), (1.5, 1), (True, 1), ("1", 2), (1,), (1, 2, 3)]


@pytest.mark.parametrize("bad", [*BAD_GROUPS, "0x4", "x", "1x", "-1x4", [1, 2], 3])
def test_a_bad_group_is_refused(bad):
    for call in (quantize, measure_amax):
        options = {"group": bad}
        with pytest.raises(ValueError, match="group"):
            call(X, **options)
    with pytest.raises(ValueError, match="group"):
        fp8lab.DynamicAmax(bad)


# ------------------------------------------------------------------------------- out=
def bad_outs(shape: tuple[int, ...], dtype: type) -> dict[str, object]:
    read_only = np.zeros(shape, dtype)
    read_only.flags.writeable = False
    other = np.float64 if dtype != np.float64 else np.float32
    return {
        "wrong dtype": np.zeros(shape, other),
        "signed": np.zeros(shape, np.int8),
        "big-endian": np.zeros(shape, np.dtype(">f8")),
        "wrong shape": np.zeros(shape[::-1], dtype),
        "a shape that broadcasts": np.zeros((1, *shape), dtype),
        "one number": np.zeros((), dtype),
        "read-only": read_only,
        "broadcast": np.broadcast_to(np.zeros(1, dtype), shape),
        "a list": [[0] * shape[-1]] * shape[0],
        "a number": 0,
        "a type": dtype,
    }


@pytest.mark.parametrize("case", bad_outs((3, 4), np.uint8))
def test_an_out_that_does_not_fit_is_refused_and_left_alone(case):
    calls = (
        (np.uint8, lambda out: encode(X, out=out)),
        (np.float32, lambda out: decode(CODES, out=out)),
        (np.float64, lambda out: decode(CODES, dtype=float, out=out)),
        (np.float32, lambda out: round_to(X, out=out)),
        (np.float32, lambda out: dequantize(Q, out=out)),
        (np.uint16, lambda out: dequantize(Q, "bfloat16", out=out)),
    )
    for dtype, call in calls:
        out = bad_outs(X.shape, dtype)[case]
        before = out.tobytes() if isinstance(out, np.ndarray) else repr(out)
        with pytest.raises(ValueError, match=r"out (is|has)"):
            call(out)
        after = out.tobytes() if isinstance(out, np.ndarray) else repr(out)
        assert after == before


def test_out_is_left_alone_when_something_else_is_wrong():
    out = np.full(X.shape, 7, np.uint8)
    for options in (
        {"policy": "x"},
        {"rounding": "x"},
        {"rounding": "stochastic"},
        {"fmt": "x"},
        {"rng": np.random.default_rng(0)},
    ):
        with pytest.raises(ValueError):
            encode(X, out=out, **options)
    with pytest.raises(ValueError):
        encode(X.astype(complex), out=out)
    assert (out == 7).all()


# ---------------------------------------------------------------------- random numbers
@pytest.mark.parametrize(
    "options",
    [
        {"rounding": "stochastic"},
        {"rounding": "stochastic", "rng": 0},
        {"rounding": "stochastic", "rng": np.random.RandomState(0)},
        {"rounding": "stochastic", "rng": np.random},
        {"rounding": "stochastic", "random_bits": np.zeros(12, np.uint32)},
        {"rounding": "stochastic", "random_bits": np.zeros((1, 4), np.uint32)},
        {"rounding": "stochastic", "random_bits": np.zeros(X.shape, np.int64)},
        {"rounding": "stochastic", "random_bits": np.zeros(X.shape)},
        {"rounding": "stochastic", "random_bits": 0},
        {
            "rounding": "stochastic",
            "rng": np.random.default_rng(0),
            "random_bits": np.zeros(X.shape, np.uint32),
        },
        {"rng": np.random.default_rng(0)},
        {"random_bits": np.zeros(X.shape, np.uint32)},
        {"rounding": "toward-zero", "rng": np.random.default_rng(0)},
    ],
    ids=lambda options: "-".join(options),
)
def test_random_numbers_come_once_and_for_stochastic_alone(options):
    for verb in (encode, round_to):
        with pytest.raises(ValueError, match=r"rng|random_bits"):
            verb(X, **options)
    if "random_bits" not in options:
        with pytest.raises(ValueError, match="rng"):
            quantize(X, **options)
        with pytest.raises(ValueError, match="rng"):
            quantize(np.empty((0, 4), np.float32), **options)


def test_integers_round_to_nearest_even_alone():
    for mode in ("toward-zero", "ties-away", "stochastic"):
        with pytest.raises(ValueError, match="INT8 rounds to nearest even only"):
            quantize(X, "INT8", rounding=mode)
    with pytest.raises(ValueError, match="rng"):
        quantize(X, "INT8", rng=np.random.default_rng(0))


# ------------------------------------------------------------------------------ decode
@pytest.mark.parametrize(
    ("codes", "short", "words"),
    [
        (np.array([-1]), "E4M3FN", "-1"),
        (np.array([256]), "E4M3FN", "256"),
        (np.array([3, 64], np.uint8), "E2M3FN", "0 to 63"),
        (np.array([16], np.uint8), "E2M1FN", "0 to 15"),
        (np.array([1 << 16]), "FP16", "0 to 65535"),
        (np.array([1 << 19], np.uint32), "TF32", "0 to 524287"),
        (np.array([1.0]), "E4M3FN", "float64"),
        (np.array([True]), "E4M3FN", "bool"),
        (np.array([None]), "E4M3FN", "object"),
        (np.array(["1"]), "E4M3FN", "<U1"),
        (1j, "E4M3FN", "complex"),
        (CODES.view(ml_dtypes.float8_e4m3fn), "E5M2", "float8_e4m3fn"),
        (1 << 70, "E4M3FN", "object"),
    ],
)
def test_codes_that_are_none_of_the_formats_are_refused(codes, short, words):
    with pytest.raises(ValueError, match=words):
        decode(codes, short)


@pytest.mark.parametrize(
    "dtype", [int, np.uint8, complex, bool, object, "float99", "S4", np.longdouble]
)
def test_a_value_dtype_that_is_none_is_refused(dtype):
    if dtype is np.longdouble and np.longdouble is np.float64:
        pytest.skip("longdouble is float64 on this machine")
    with pytest.raises(ValueError, match="float32"):
        decode(CODES, dtype=dtype)
    with pytest.raises(ValueError, match="float32"):
        dequantize(Q, dtype)
    with pytest.raises(ValueError, match="float32"):
        Q.dequantize(dtype)


@pytest.mark.parametrize(
    ("short", "dtype"),
    [
        ("FP32", np.float16),
        ("TF32", "bfloat16"),
        ("BF16", np.float16),
        ("FP16", "bfloat16"),
        ("E8M0FNU", np.float16),
    ],
)
def test_a_value_dtype_that_is_too_narrow_is_refused(short, dtype):
    with pytest.raises(ValueError, match=f"cannot decode {short}"):
        decode(np.zeros(1, np.uint8), short, dtype=dtype)


@pytest.mark.parametrize(
    "bad", [-1, 256, 1.0, "45", None, True, np.bool_(1), [1], 2**70]
)
def test_explain_takes_a_code(bad):
    with pytest.raises(ValueError, match="code"):
        fp8lab.explain(bad)


# ------------------------------------------------------------------------------ scales
BAD_SCALES = {
    "zero": 0.0,
    "negative": -1.0,
    "minus zero": -0.0,
    "NaN": np.nan,
    "infinite": np.inf,
    "one zero of many": [[1.0], [0.0], [1.0]],
    "one NaN of many": [[1.0], [np.nan], [1.0]],
    "zero in float32": 1e-60,
    "infinite in float32": 1e60,
    "complex": 1j,
    "text": "1",
    "None in a list": [None],
    "bool": True,
    "ragged": [[1.0], [1.0, 2.0]],
    "wrong shape": np.ones(5),
    "a scale an element": np.ones(X.shape),
    "too many axes": np.ones((1, 3, 1)),
    "empty": np.ones((0, 1)),
}


@pytest.mark.parametrize("case", BAD_SCALES)
def test_a_scale_is_finite_positive_and_fits(case):
    before = X.tobytes()
    for options in ({}, {"arithmetic": "reciprocal"}, {"fmt": "INT8"}):
        with pytest.raises(ValueError, match="scale"):
            quantize(X, group="per-token", scale=BAD_SCALES[case], **options)
    assert X.tobytes() == before


@pytest.mark.parametrize(
    ("stored", "scale"), [("e8m0", 3.0), ("e8m0", 0.3), ("bfloat16", 1 + 2.0**-8)]
)
def test_a_scale_is_a_value_of_its_dtype(stored, scale):
    with pytest.raises(ValueError, match=f"{stored} cannot store exactly"):
        quantize(X, scale=scale, scale_dtype=stored)


def test_the_smallest_scale_has_a_reciprocal_or_is_refused():
    for arithmetic in ("divide", "reciprocal"):
        for scale in (1e-45, 2.0**-127, 2.0**-128):
            try:
                values = quantize(X, scale=scale, arithmetic=arithmetic).dequantize()
            except ValueError:
                continue
            assert np.isfinite(values).all()


BAD_AMAXES = {
    "negative": -1.0,
    "infinite": np.inf,
    "one negative of many": [[1.0], [-1.0], [1.0]],
    "complex": 1j,
    "text": "a",
    "text of a number": "1.0",
    "None": [None],
    "wrong shape": np.ones(5),
    "an amax an element": np.ones(X.shape),
    "ragged": [[1.0], [1.0, 2.0]],
}


@pytest.mark.parametrize("case", BAD_AMAXES)
def test_an_amax_is_finite_and_fits(case):
    with pytest.raises(ValueError, match="amax"):
        quantize(X, group="per-token", amax=BAD_AMAXES[case])
    if "an" not in case and "shape" not in case:
        with pytest.raises(ValueError, match="amax"):
            fp8lab.compute_scale(BAD_AMAXES[case], "E4M3FN")


def test_amax_and_scale_exclude_each_other():
    with pytest.raises(ValueError, match="scale or amax"):
        quantize(X, amax=1.0, scale=1.0)


@pytest.mark.parametrize("short", ["FP32", "TF32", "BF16", "FP16", "E8M0FNU"])
def test_elements_are_of_a_signed_format_of_at_most_8_bits(short):
    with pytest.raises(ValueError, match=f"{short} cannot hold elements"):
        quantize(X, short)


@pytest.mark.parametrize(
    ("shape", "group"),
    [
        ((3, 4), "1x32"),
        ((3, 33), "1x32"),
        ((128, 129), "128x128"),
        ((129, 8), (128, 8)),
    ],
)
def test_a_group_that_must_divide_does(shape, group):
    x = np.ones(shape, np.float32)
    with pytest.raises(ValueError, match=r"do not divide.*\d+, \d+"):
        quantize(x, group=group, whole_groups=True)
    assert quantize(x, group=group).shape == shape
    quantize(np.ones((128, 256), np.float32), group=group, whole_groups=True)


def test_no_bad_call_leaves_a_mark_on_the_input():
    x = np.full((4, 4), 0.3, np.float32)
    before = x.tobytes()
    for options in (
        {"policy": "x"},
        {"scale": -1.0},
        {"amax": -1.0},
        {"nonfinite": "x"},
        {"group": (0, 0)},
        {"group": "1x3", "whole_groups": True},
        {"rounding": "stochastic"},
        {"scale_dtype": "int8"},
    ):
        with pytest.raises(ValueError):
            quantize(x, **options)
    assert x.tobytes() == before
