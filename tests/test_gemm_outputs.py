"""What scaled_mm and linear return: dtypes, NaN, shapes, torch's names, linear."""

import inspect

import ml_dtypes
import numpy as np
import pytest
import torch
from torch.nn import functional

from fp8lab import dequantize, quantize, relative_rms
from fp8lab.accumulators import HOPPER, HOPPER_PROMOTED, accumulator_of
from fp8lab.gemm import linear, scaled_mm
from fp8lab.recipes import ScaleRecipe
from fp8lab.tensorcore import mma
from tests.gemm_oracles import (
    E4,
    MX,
    RECIPE,
    RECIPES,
    B,
    G,
    T,
    case,
    in_float32,
)
from tests.oracles import assert_same_bits

NAN32, NAN16 = 0x7FFFFFFF, 0x7FFF


# ------------------------------------------------------------ what comes out
@RECIPE
def test_narrow_outputs_are_the_float32_result_rounded_once(recipes):
    given = case(recipes, (20, 30, 200))
    wide = in_float32(*given, recipes)
    brain = in_float32(*given, recipes, output_dtype="bfloat16")
    assert_same_bits(brain, wide.astype(ml_dtypes.bfloat16).view(np.uint16))
    half = in_float32(*given, recipes, output_dtype=np.float16)
    assert_same_bits(half, torch.from_numpy(wide).to(torch.float16).numpy())


def test_bfloat16_comes_by_default():
    a, b, *_ = case((T, T), (2, 3, 32))
    assert_same_bits(scaled_mm(a, b), scaled_mm(a, b, output_dtype="bfloat16"))
    assert scaled_mm(a, b).dtype == np.uint16


def test_overflow_of_every_output():
    top = np.uint8([[0x7E]])  # 448 * 448 = 200704
    half = scaled_mm(top, top, output_dtype="float16")
    assert half == np.inf
    assert scaled_mm(top, top | 0x80, output_dtype="float16") == -np.inf
    assert scaled_mm(top, top, 65519 / 200704, output_dtype="float16") == 65504
    for scale, name, bits in (
        (3.4e38, "float32", 0x7F800000),
        (3.4e38, "bfloat16", 0x7F80),
        (3.39e38 / 200704, "bfloat16", 0x7F7F),
        (3.4e38 / 200704, "bfloat16", 0x7F80),
    ):
        out = scaled_mm(top, top, scale, output_dtype=name)
        assert out.view(f"u{out.itemsize}") == bits
    wide = scaled_mm(top, top, 3.4e38, accumulator="exact", output_dtype="float32")
    assert wide == np.inf
    wide = scaled_mm(top, top, 3e38, "TensorWise", 3e38, accumulator="exact",
                     output_dtype="float64")  # fmt: skip
    assert wide == float(np.float32(3e38)) ** 2 * 200704


@pytest.mark.parametrize(
    ("name", "bits"), [("float32", NAN32), ("bfloat16", NAN16), ("float16", NAN16)]
)
def test_every_nan_has_one_pattern(name, bits):
    """Of the operands, of the scales of either sign, of what they make together."""
    inf, nan = np.float32(np.inf), np.float32(np.nan)
    one, infinite, no_number = 0x3C, 0x7C, 0xFE
    codes = [(no_number, 1, 1), (infinite, 0, 1), (one, nan, 1), (one, 1, nan)]
    codes += [(one, inf, 0), (infinite, 1, -0.0), (one, -inf, -nan)]
    for recipes in RECIPES:
        for code, u, v in codes:
            if recipes == (MX, MX) and not {u, v} <= {1, nan}:
                continue  # its scales have no zero and no infinity
            a, b = np.full((1, 1), code, np.uint8), np.full((1, 1), one, np.uint8)
            sides = np.float32([[u]]), np.float32([[v]])
            out = in_float32(a, b, *sides, recipes, ("E5M2",) * 2, output_dtype=name)
            assert out.view(f"u{out.itemsize}") == bits
    a = np.zeros((1, 256), np.uint8)
    a[0, 0], a[0, 200] = infinite, infinite | 0x80
    b = np.full((256, 1), one, np.uint8)
    for options in ({"split_k": 2}, {}, {"accumulator": "exact"}):
        both = {"a_format": "E5M2", "b_format": "E5M2", "output_dtype": name}
        out = scaled_mm(a, b, **both, **options)
        assert out.view(f"u{out.itemsize}") == bits


# ------------------------------------------------------------ shapes
@RECIPE
@pytest.mark.parametrize("sides", [(0, 3, 40), (3, 0, 40), (3, 2, 0), (0, 0, 0)])
def test_empty(recipes, sides):
    given = case(recipes, sides)
    out = in_float32(*given, recipes)
    assert out.shape == sides[:2]
    assert not out.any()
    assert out.dtype == np.float32


@RECIPE
def test_any_strides(recipes):
    a, b, u, v = case(recipes, (5, 6, 140))
    wanted = in_float32(a, b, u, v, recipes)
    spread = [np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3] for x in (a, b, u, v)]
    assert_same_bits(in_float32(*spread, recipes), wanted)
    other = [np.asfortranarray(x) for x in (a, b, u, v)]
    for array in other:
        array.setflags(write=False)
    assert_same_bits(in_float32(*other, recipes), wanted)


def test_one_scale_may_have_any_shape_and_be_a_number():
    a, b, *_ = case((T, T), (2, 3, 40))
    for scale in (0.3, np.float64(0.3), [0.3], np.float32([[0.3]]), np.full(1, 0.3)):
        assert_same_bits(scaled_mm(a, b, scale), scaled_mm(a, b, np.float32(0.3)))
    assert_same_bits(scaled_mm(a, b, 2), scaled_mm(a, b, 2.0))


def test_recipes_go_by_the_names_of_torch():
    a, b, u, v = case((G, B), (2, 3, 140))
    wanted = scaled_mm(a, b, u, G, v.T, B)
    named = scaled_mm(a, b, u, "BlockWise1x128", v.T, "BlockWise128x128")
    assert_same_bits(named, wanted)
    assert {str(recipe) for recipe in ScaleRecipe} <= set(
        functional.ScalingType.__members__
    )
    ours = list(inspect.signature(scaled_mm).parameters.values())
    theirs = inspect.signature(functional.scaled_mm).parameters
    assert [p.name for p in ours[:6]] == list(theirs)[:6]
    for name in ("use_fast_accum", "output_dtype"):
        default = inspect.signature(scaled_mm).parameters[name].default
        assert str(theirs[name].default).removeprefix("torch.") == str(default)


# ------------------------------------------------------------ torch, and linear
@pytest.mark.parametrize("recipes", RECIPES[:2], ids="-".join)
def test_beside_torch_on_the_cpu(recipes):
    """The CPU adds in float32, in an order of its own: close, not equal."""
    a, b, u, v = case(recipes, (32, 48, 512))
    tensors = [
        torch.from_numpy(np.ascontiguousarray(x)).view(torch.float8_e4m3fn)
        for x in (a, b.T)
    ]
    kinds = [getattr(functional.ScalingType, recipe) for recipe in recipes]
    scale = [torch.from_numpy(np.ascontiguousarray(x)) for x in (u, v.T)]
    theirs = functional.scaled_mm(
        tensors[0], tensors[1].T, scale[0], kinds[0], scale[1], kinds[1],
        output_dtype=torch.float32,
    ).numpy()  # fmt: skip
    assert relative_rms(theirs, in_float32(a, b, u, v, recipes)) < 4e-3
    ours = in_float32(a, b, u, v, recipes, accumulator="float32")
    assert relative_rms(theirs, ours) < 1e-6


LINEAR = [
    ("per-tensor", "per-tensor"),
    ("per-token", "per-channel"),
    ("1x128", "128x128"),
    ("1x128", "1x128"),
    ("128x128", "1x128"),
    ("1x32", "1x32"),
]


@pytest.mark.parametrize(("x_group", "weight_group"), LINEAR)
@pytest.mark.parametrize("pair", [E4, ("E5M2", "E4M3FN")], ids="-".join)
def test_linear(x_group, weight_group, pair):
    rng = np.random.default_rng(0)
    # Every row and column has a size of its own: a scale in a wrong place shows.
    x = rng.standard_normal((140, 300)) * np.exp2(rng.integers(-6, 6, (140, 1)))
    w = rng.standard_normal((130, 300)) * np.exp2(rng.integers(-6, 6, (130, 1)))
    stored = {"scale_dtype": "e8m0"} if x_group == "1x32" else {}
    xq = quantize(x.astype(np.float32), pair[0], x_group, **stored)
    wq = quantize(w.astype(np.float32), pair[1], weight_group, **stored)
    exact = dequantize(xq, np.float64) @ dequantize(wq, np.float64).T
    out = linear(xq, wq, accumulator="exact", output_dtype="float64")
    assert relative_rms(exact, out) < 1e-14
    hopper = linear(xq, wq, output_dtype="float32")
    # Row by row, for the large ones would hide the small.
    assert max(relative_rms(e, h) for e, h in zip(exact, hopper, strict=True)) < 1e-3


def test_linear_passes_its_options_on():
    rng = np.random.default_rng(0)
    x, w = (quantize(rng.standard_normal((4, 700))) for _ in range(2))
    by_hand = scaled_mm(
        x.codes, w.codes.T, x.scales, T, w.scales, T,
        use_fast_accum=True, output_dtype="float16", split_k=2,
    )  # fmt: skip
    options = {"use_fast_accum": True, "output_dtype": "float16", "split_k": 2}
    assert_same_bits(linear(x, w, **options), by_hand)
    assert linear(x, w).dtype == np.uint16


def test_no_scales_is_the_bare_product():
    a, b, *_ = case((T, T), (5, 6, 300))
    for rule in (HOPPER, HOPPER_PROMOTED, accumulator_of("float32")):
        bare = mma(a, b, accumulator=rule)
        assert_same_bits(
            scaled_mm(a, b, accumulator=rule, output_dtype="float32"), bare
        )
