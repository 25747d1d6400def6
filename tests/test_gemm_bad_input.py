"""Bad input to mma, scaled_mm and linear: one ValueError of what is given and allowed.

Each row is a change to a call that works, and words that its message must hold.
"""

import re

import ml_dtypes
import numpy as np
import pytest

from fp8lab import quantize
from fp8lab.gemm import linear, scaled_mm
from fp8lab.tensorcore import mma

M, N, K = 3, 4, 256
CODES_A = np.full((M, K), 0x38, np.uint8)
CODES_B = np.full((K, N), 0x38, np.uint8)
FLOATS = np.ones((M, K), np.float32)


def refused(call, message, **arguments):
    """The call says so, whatever the options around; operands stay as they are."""
    with pytest.raises(ValueError, match=message):
        call(**arguments)


BAD_CODES = {
    "float32": (FLOATS, r"float32\[3, 256\].*uint8"),
    "float64": (FLOATS.astype(np.float64), r"float64\[3, 256\].*uint8"),
    "int8": (CODES_A.view(np.int8), r"int8\[3, 256\].*uint8"),
    "uint16": (CODES_A.astype(np.uint16), r"uint16\[3, 256\].*uint8"),
    "bool": (CODES_A > 0, r"bool\[3, 256\].*uint8"),
    "ml_dtypes": (CODES_A.view(ml_dtypes.float8_e4m3fn), r"float8_e4m3fn.*uint8"),
    "a list": ([[1, 2]], r"int64\[1, 2\].*uint8"),
    "None": (None, r"object\[\].*uint8"),
    "one axis": (CODES_A[0], r"uint8\[256\]"),
    "no axis": (np.uint8(3), r"uint8\[\]"),
    "three axes": (CODES_A[None], r"uint8\[1, 3, 256\]"),
}


@pytest.mark.parametrize("case", BAD_CODES)
def test_codes(case):
    bad, message = BAD_CODES[case]
    refused(mma, f"^a is {message}", a=bad, b=CODES_B)
    refused(mma, f"^b is {message}", a=CODES_A, b=bad)
    refused(scaled_mm, f"^mat_a is {message}", mat_a=bad, mat_b=CODES_B)
    refused(scaled_mm, f"^mat_b is {message}", mat_a=CODES_A, mat_b=bad)


def test_codes_of_an_empty_matrix_are_checked_too():
    empty = np.empty((0, K), np.float32)
    refused(mma, r"float32\[0, 256\]", a=empty, b=CODES_B)
    blocks = {"scale_recipe_a": "BlockWise1x128", "scale_recipe_b": "BlockWise1x128"}
    for options in ({}, blocks):
        refused(scaled_mm, r"float32\[0, 256\]", mat_a=empty, mat_b=CODES_B, **options)


@pytest.mark.parametrize("other", [K - 1, K + 1, 0, 2 * K])
def test_depths_that_differ(other):
    bad = np.zeros((other, N), np.uint8)
    refused(mma, rf"K = 256.*K = {other}", a=CODES_A, b=bad)
    shapes = rf"\(3, 256\).*\({other}, 4\).*\[M, K\] and \[K, N\]"
    refused(scaled_mm, shapes, mat_a=CODES_A, mat_b=bad)


BAD_STARTS = {
    "a row": (np.ones((1, N), np.float32), r"float32\[1, 4\].*float32\[3, 4\]"),
    "transposed": (np.ones((N, M), np.float32), r"float32\[4, 3\].*float32\[3, 4\]"),
    "float64": (np.ones((M, N)), r"float64\[3, 4\].*float32\[3, 4\]"),
    "float16": (np.ones((M, N), np.float16), r"float16\[3, 4\].*float32\[3, 4\]"),
    "a number": (1.0, r"float64\[\].*float32\[3, 4\]"),
}


@pytest.mark.parametrize("case", BAD_STARTS)
@pytest.mark.parametrize("rule", ["exact", "float32", "hopper", "hopper-128"])
def test_accumulators_to_begin_with(case, rule):
    bad, message = BAD_STARTS[case]
    refused(mma, f"^c is {message}", a=CODES_A, b=CODES_B, c=bad, accumulator=rule)


@pytest.mark.parametrize("side", ["a_format", "b_format"])
def test_formats(side):
    for bad in ("E3M4", "E4M3FNUZ", "E2M1FN", "BF16"):
        allowed = f"{bad}.*E4M3FN and E5M2"
        refused(mma, allowed, a=CODES_A, b=CODES_B, **{side: bad})
        refused(scaled_mm, allowed, mat_a=CODES_A, mat_b=CODES_B, **{side: bad})
    for bad in ("fp8", None, 8):
        refused(mma, "unknown format.*E4M3FN", a=CODES_A, b=CODES_B, **{side: bad})


@pytest.mark.parametrize("bad", ["fast", None, 13, "hopper-31"])
def test_accumulators(bad):
    message = "unknown accumulator.*exact, float32, hopper|promote is 31"
    refused(mma, message, a=CODES_A, b=CODES_B, accumulator=bad)
    if bad is not None:
        refused(scaled_mm, message, mat_a=CODES_A, mat_b=CODES_B, accumulator=bad)


# ------------------------------------------------------------ scales
NAMES = ("TensorWise", "RowWise", "BlockWise1x32", "BlockWise1x128", "BlockWise128x128")
GOOD = {
    "TensorWise": ((1, 1), (1, 1)),
    "RowWise": ((M, 1), (1, N)),
    "BlockWise1x32": ((M, K // 32), (K // 32, N)),
    "BlockWise1x128": ((M, 2), (2, N)),
    "BlockWise128x128": ((1, 2), (2, 1)),
}
PAIRS = [(name, name) for name in NAMES[:4]]
PAIRS += [
    ("BlockWise1x128", "BlockWise128x128"),
    ("BlockWise128x128", "BlockWise1x128"),
]
WRONG = [(M, N), (N, M), (K, M), (M,), (N,), (M, 1, 1), (2,), (M, 3), (3, N), (0, 0)]
WRONG += [shape for both in GOOD.values() for shape in both if shape != (1, 1)]


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_scale_shapes(pair):
    good = GOOD[pair[0]][0], GOOD[pair[1]][1]
    given = {"mat_a": CODES_A, "mat_b": CODES_B}
    given |= {"scale_recipe_a": pair[0], "scale_recipe_b": pair[1]}
    right = {"scale_a": np.ones(good[0]), "scale_b": np.ones(good[1])}
    assert scaled_mm(**given, **right).shape == (M, N)
    for side, recipe, shape in zip(right, pair, good, strict=True):
        for wrong in WRONG:
            if wrong == shape:
                continue
            said = f"^{side} has shape {re.escape(str(wrong))}; {recipe} takes "
            said += re.escape(str(shape))
            refused(scaled_mm, said, **given, **right | {side: np.ones(wrong)})


def test_one_scale_for_rows_or_blocks_is_refused():
    """A number would broadcast; it is asked for what the recipe says instead."""
    for pair in PAIRS[1:]:
        recipes = {"scale_recipe_a": pair[0], "scale_recipe_b": pair[1]}
        refused(scaled_mm, r"scale_a has shape \(\)", mat_a=CODES_A, mat_b=CODES_B,
                **recipes)  # fmt: skip


BAD_SCALES = [None, 1j, "1.0", [None], True, [[1.0], [1.0, 2.0]], {}, b"1"]


@pytest.mark.parametrize("bad", BAD_SCALES, ids=repr)
@pytest.mark.parametrize("side", ["scale_a", "scale_b"])
def test_scales_that_are_no_numbers(side, bad):
    refused(scaled_mm, f"^{side} is ", mat_a=CODES_A, mat_b=CODES_B, **{side: bad})


@pytest.mark.parametrize("bad", [3.0, 0.0, -2.0, np.inf, 1 + 2.0**-23])
@pytest.mark.parametrize("side", ["scale_a", "scale_b"])
def test_mx_scales_are_powers_of_two(side, bad):
    shapes = dict(zip(("scale_a", "scale_b"), GOOD["BlockWise1x32"], strict=True))
    scales = {name: np.full(shape, 0.5) for name, shape in shapes.items()}
    recipes = {"scale_recipe_a": "BlockWise1x32", "scale_recipe_b": "BlockWise1x32"}
    scaled_mm(CODES_A, CODES_B, **scales, **recipes)
    scales[side][1, 1] = bad
    refused(scaled_mm, f"{side}.*powers of two", mat_a=CODES_A, mat_b=CODES_B,
            **scales, **recipes)  # fmt: skip


def test_recipes_that_do_not_go_together():
    for a in (*NAMES, "tensorwise", "BlockWise1x16", "", None, 0):
        for b in NAMES:
            if (a, b) in PAIRS:
                continue
            said = rf"recipes {a}, {b} do not go together.*TensorWise, TensorWise; Row"
            given = {"scale_recipe_a": a, "scale_recipe_b": b}
            refused(scaled_mm, said, mat_a=CODES_A, mat_b=CODES_B, **given)


# ------------------------------------------------------------ options
@pytest.mark.parametrize("bad", [0, -1, 3, 1.5, 2.0, "2", None, [1]], ids=repr)
def test_split_k(bad):
    said = f"split_k is {re.escape(repr(bad))}; give 1 to 2 for "
    refused(scaled_mm, said, mat_a=CODES_A, mat_b=CODES_B, split_k=bad)


@pytest.mark.parametrize("bad", ["bf16", "int8", np.int32, "float8", None, 3])
def test_output_dtypes(bad):
    said = "dtype is .*float32"
    refused(scaled_mm, said, mat_a=CODES_A, mat_b=CODES_B, output_dtype=bad)


def test_float64_is_for_exact_sums():
    for rule in ("hopper", "float32", "hopper-64"):
        said = f"float64, but {rule} adds in float32; use float32, bfloat16"
        refused(scaled_mm, said, mat_a=CODES_A, mat_b=CODES_B, accumulator=rule,
                output_dtype="float64")  # fmt: skip


# ------------------------------------------------------------ linear
X = np.linspace(-3, 3, 4 * 256, dtype=np.float32).reshape(4, 256)


@pytest.mark.parametrize("bad", ["per-column", "1x64", "2x128", "1x16"])
def test_granularities_of_linear(bad):
    good, odd = quantize(X, group="1x128"), quantize(X, group=bad)
    known = r"per-tensor \(TensorWise\).*1x32.*128x128"
    refused(linear, f"^x has {bad} scales.*{known}", x=odd, weight=good)
    refused(linear, f"^weight has {bad} scales.*{known}", x=good, weight=odd)


def test_granularities_that_do_not_go_together():
    token, block = quantize(X, group="per-token"), quantize(X, group="128x128")
    refused(linear, "recipes RowWise, BlockWise128x128 do not", x=token, weight=block)


def test_formats_and_shapes_of_linear():
    x = quantize(X)
    refused(linear, "INT8", x=quantize(X, "INT8"), weight=x)
    refused(linear, "E3M4", x=x, weight=quantize(X, "E3M4"))
    refused(linear, r"\(4, 256\).*\(128, 4\)", x=x, weight=quantize(X[:, :128]))
    deep = quantize(X.reshape(2, 2, 256))
    refused(linear, r"uint8\[2, 2, 256\]", x=deep, weight=x)


def test_mx_without_powers_of_two_is_told_what_to_do():
    x = quantize(X, group="1x32")
    refused(linear, "powers of two.*e8m0", x=x, weight=x)


def test_nothing_is_written():
    assert (CODES_A == 0x38).all()
    assert (CODES_B == 0x38).all()
