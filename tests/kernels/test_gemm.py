"""`fp8lab.kernels.gemm` against its NumPy twin, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import fp8lab
from fp8lab.kernels import gemm_large
from fp8lab.kernels.gemm import choose_split_k, linear, scaled_mm
from fp8lab.kernels.gemm_config import SMALL_M, SMALL_TILES, choose_small
from fp8lab.kernels.tensors import QuantizedTensor, fp8_dtype
from fp8lab.proof.operands import KINDS
from tests.kernels.gemm_cases import (
    BLOCKS,
    OUTPUTS,
    PAIRS,
    PLAIN,
    RECIPES,
    TILES,
    Case,
    assert_same_bits,
    check,
    numpy_product,
    on_device,
    torch_product,
)

#: Rows of the kernel that swaps the operands, and of the persistent ones.
ROWS = [7, 80]


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("recipes", RECIPES)
def test_recipes(recipes, fast, rows, device):
    check(Case(rows, 144, 320, recipes, fast), device)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(("a_format", "b_format"), PAIRS)
def test_formats_and_outputs(a_format, b_format, output, rows, device):
    for recipes in ("row", "1x128 by 128x128"):
        formats = {"a_format": a_format, "b_format": b_format}
        check(Case(rows, 48, 272, recipes, output=output, **formats), device)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_operands(kind, fast, rows, device):
    formats = {"a_format": "e5m2", "b_format": "e4m3fn"}
    want = check(Case(rows, 40, 416, "row", fast, kind=kind, **formats), device)
    assert np.isnan(want).any() == (kind == "special")
    for recipes in () if fast else BLOCKS:
        check(Case(rows, 24, 160, recipes, kind=kind, **formats), device)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("split_k", [1, 2, 3, 4])
@pytest.mark.parametrize("recipes", RECIPES)
def test_slices_of_k(recipes, split_k, rows, device):
    # Seven units, which 2 to 4 slices share in unequal parts, and each number of slices
    # rounds otherwise.
    for fast in (False, True) if recipes in PLAIN else (False,):
        case = Case(rows, 24, 784, recipes, fast, split_k, kind="uneven")
        want = check(case, device)
        if split_k > 1 and rows == ROWS[0]:
            whole = replace(case, split_k=1)
            assert (want != numpy_product(whole, case.codes(), case.scales())).any()


@pytest.mark.parametrize(("recipes", "fast", "tile"), TILES)
def test_every_tile(recipes, fast, tile, device, monkeypatch):
    # Two programs for all tiles: each goes on to another tile.
    monkeypatch.setattr(gemm_large, "multiprocessors", lambda device: 2)
    case = Case(140, 200, 272, recipes, fast, 1, "bfloat16")
    check(case, device, tile)
    if tile.parts > 1:
        check(replace(case, m=70, split_k=2), device, tile)


def test_the_small_tile_that_was_faster_on_an_h200():
    # Rows, N, K, slices: few programs that last have more under way each.
    for rows, n, k, slices, alone in (
        (64, 8192, 8192, 1, True),
        (64, 4096, 14336, 4, True),
        (16, 28672, 4096, 1, False),
        (64, 4096, 7168, 4, False),
        (16, 7168, 2048, 2, False),
    ):
        steps = k // 128 // slices
        tile = choose_small(rows, n, steps, slices, 132)
        assert tile is SMALL_TILES[rows][alone], (rows, n, k)


def test_row_blocks_are_grouped(device, monkeypatch):
    # More than one group of row blocks, the last one smaller.
    monkeypatch.setattr(gemm_large, "multiprocessors", lambda device: 3)
    check(Case(1200, 72, 32, "row", True), device)


@pytest.mark.parametrize("rows", [1, 16, 17, 33, 63, 64, 65, 129])
def test_rows(rows, device):
    for recipes in ("row", "1x128 by 1x128"):
        check(Case(rows, 24, 144, recipes), device)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("columns", [1, 3, 63, 65, 130, 193])
def test_columns(columns, rows, device):
    for recipes in ("row", "128x128 by 1x128"):
        check(Case(rows, columns, 144, recipes, output="float16"), device)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("depth", [1, 31, 32, 100, 127, 128, 129, 257])
def test_depths(depth, rows, device):
    for recipes in RECIPES:
        check(Case(rows, 24, depth, recipes), device)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("recipes", RECIPES)
def test_special_scales(recipes, rows, device):
    case = Case(rows, 136, 300, recipes)
    codes, scales = case.codes(), case.scales()
    special = [np.inf, np.nan, -1.0, 0.0, -0.0, 1e-40, 3e38, -np.inf]
    if recipes == "1x32 by 1x32":
        special = [2.0**-149, 2.0**127, np.nan, 2.0**-127]
    for scale in scales:
        if scale.size == 1:
            continue
        places = np.linspace(0, scale.size - 1, len(special)).astype(int)
        scale.flat[places] = special
    want = numpy_product(case, codes, scales)
    assert_same_bits(torch_product(case, codes, scales, device), want)
    assert recipes == "tensor" or np.isnan(want).any()


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("scale", [0.0, -2.5, np.nan, np.inf, 1e300, 3])
def test_one_number_as_scale(scale, rows, device):
    case = Case(rows, 24, 64)
    a, b = case.codes()
    want = fp8lab.scaled_mm(a, b.T, scale_a=scale, scale_b=0.5)
    there = [on_device(x, "e4m3fn", device) for x in (a, b.copy())]
    assert_same_bits(scaled_mm(there[0], there[1].t(), scale, scale_b=0.5), want)


@pytest.mark.parametrize("rows", ROWS)
def test_defaults(rows, device):
    case = Case(rows, 40, 1100)
    a, b = case.codes()
    there = [on_device(x, "e4m3fn", device) for x in (a, b)]
    split_k = choose_split_k(rows, 40, 1100)
    assert split_k == (2 if rows <= SMALL_M else 1)
    want = fp8lab.scaled_mm(a, b.T, split_k=split_k)
    got = scaled_mm(there[0], there[1].t())
    assert_same_bits(got, want)
    assert got.is_contiguous()


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("recipes", ["row", "1x128 by 128x128"])
def test_strides(recipes, rows, device):
    case = Case(rows, 50, 210, recipes)
    codes, scales = case.codes(), case.scales()
    want = numpy_product(case, codes, scales)
    left, right = case.pair
    a, b = (on_device(x, "e4m3fn", device) for x in codes)
    wide = torch.zeros((rows + 1, 256), dtype=torch.uint8, device=device)
    inside = wide[1:, 7 : 7 + 210]
    inside.copy_(a.view(torch.uint8))
    scale_a, scale_b = (torch.from_numpy(x).to(device) for x in scales)
    spread = torch.empty((*scale_a.shape, 2), device=device)[..., 1]
    spread.copy_(scale_a)
    for x in (inside.view(a.dtype), a.t().contiguous().t()):
        for weight in (b.t(), b.t().contiguous()):
            got = scaled_mm(
                x, weight, spread, left, scale_b.t(), right,
                output_dtype=torch.float32, split_k=1,
            )  # fmt: skip
            assert_same_bits(got, want)


@pytest.mark.parametrize("recipes", RECIPES)
@pytest.mark.parametrize("shape", [(0, 5, 40), (5, 0, 40), (5, 6, 0), (70, 6, 0)])
def test_empty(shape, recipes, device):
    case = Case(*shape, recipes)
    a, b = case.codes()
    left, right = case.pair
    scales = case.scales()
    if recipes != "1x32 by 1x32":
        scales = -scales[0], scales[1]
    want = fp8lab.scaled_mm(a, b.T, scales[0], left, scales[1].T, right)
    there = [on_device(x, "e4m3fn", device) for x in (a, b)]
    one, other = (torch.from_numpy(x).to(device) for x in scales)
    got = scaled_mm(there[0], there[1].t(), one, left, other.t(), right)
    assert_same_bits(got, want)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize(
    ("group_x", "group_weight", "scale_dtype"),
    [
        ("per-tensor", "per-tensor", "float32"),
        ("per-token", "per-channel", "bfloat16"),
        ("1x128", "128x128", "float32"),
        ("1x128", "1x128", "e8m0"),
        ("1x32", "1x32", "e8m0"),
    ],
)
def test_linear(group_x, group_weight, scale_dtype, rows, device):
    random = np.random.default_rng(3)
    x, weight = (
        fp8lab.quantize(
            random.standard_normal(shape).astype(np.float32) * 5,
            fmt,
            group,
            scale_dtype=scale_dtype,
        )
        for shape, fmt, group in (
            ((rows, 200), "e4m3fn", group_x),
            ((56, 200), "e5m2", group_weight),
        )
    )
    want = fp8lab.linear(x, weight, output_dtype="float16", split_k=2)
    there = [on_kernels(q, device) for q in (x, weight)]
    got = linear(*there, output_dtype="float16", split_k=2)
    assert_same_bits(got, want)


def on_kernels(q: fp8lab.QuantizedTensor, device: torch.device) -> QuantizedTensor:
    stored = torch.from_numpy(q.scale_codes).to(device)
    if q.scale_dtype == "bfloat16":
        stored = stored.view(torch.bfloat16)
    codes = torch.from_numpy(q.codes).to(device).view(fp8_dtype(q.fmt))
    return QuantizedTensor(codes, stored, q.fmt, q.group, q.scale_dtype)


def test_chosen_slices_follow_the_shape_alone():
    for n in (64, 1000, 4096, 8192, 100_000):
        for k in (32, 512, 4096, 5000, 16384):
            few = {choose_split_k(m, n, k) for m in range(1, SMALL_M + 1)}
            assert len(few) == 1
            for m in (1, 65, 128, 512, 4096):
                count = choose_split_k(m, n, k)
                units = -(-k // 128)
                # A number of slices that there are: whole units, none empty.
                assert 1 <= count <= units
                assert -(-units // -(-units // count)) == count
    # All multiprocessors have work: 64 columns a program, two programs on each.
    assert choose_split_k(16, 4096, 4096) == 4
    assert choose_split_k(16, 28672, 4096) == 1
    assert choose_split_k(4096, 4096, 4096) == 1
    assert choose_split_k(16, 4096, 256) == 1


def codes(*shape: int, dtype: torch.dtype = torch.float8_e4m3fn) -> torch.Tensor:
    return torch.zeros(shape, dtype=torch.uint8).view(dtype)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mat_a": torch.zeros(4, 32)}, "mat_a is torch.float32; give torch.float8"),
        ({"mat_b": codes(32)}, r"mat_b has shape \[32\]; give a matrix"),
        ({"mat_b": codes(33, 8)}, r"mat_a has shape \[4, 32\] and mat_b \[33, 8\]"),
        ({"scale_a": torch.ones(4)}, r"scale_a has shape \(4,\); TensorWise takes"),
        ({"scale_b": torch.ones(2, dtype=torch.bool)}, "scale_b is torch.bool"),
        ({"scale_b": "1"}, "scale_b is str; give a tensor or a number"),
        ({"scale_recipe_a": "RowWise"}, "RowWise, TensorWise do not go together"),
        ({"output_dtype": "float64"}, "output_dtype is 'float64'; use float32"),
        ({"output_dtype": torch.int8}, "output_dtype is torch.int8; use float32"),
        ({"split_k": 2}, "split_k is 2; give 1 to 1 for K = 32"),
        ({"split_k": 1.0}, "split_k is 1.0; give 1 to 1 for K = 32"),
    ],
)
def test_bad_input(arguments, message, device):
    given = {"mat_a": codes(4, 32), "mat_b": codes(8, 32).t(), **arguments}
    moved = {
        name: value.to(device) if isinstance(value, torch.Tensor) else value
        for name, value in given.items()
    }
    with pytest.raises(ValueError, match=message):
        scaled_mm(**moved)


def test_scales_of_another_shape(device):
    a, b = codes(4, 256).to(device), codes(8, 256).to(device)
    left, right = RECIPES["1x128 by 128x128"]
    with pytest.raises(ValueError, match=r"scale_b has shape \(1, 2\); .* \(2, 1\)"):
        scaled_mm(
            a, b.t(), torch.ones(4, 2, device=device), left,
            torch.ones(1, 2, device=device), right,
        )  # fmt: skip
