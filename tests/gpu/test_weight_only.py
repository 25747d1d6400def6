"""`weight_only_mm` at the sizes of a model's layers."""

import pytest
import torch

from fp8lab.kernels.weight_only import Plan, weight_only_mm
from tests.kernels.weight_only_cases import (
    check_bound,
    check_exact,
    every_code,
    exact_case,
    product,
)

pytestmark = pytest.mark.gpu

GROUPS = ["per-tensor", "per-channel", "1x128", "128x128"]
#: [N, K]: wide, deep, a small projection, and one whose rows are not aligned.
LAYERS = [(4096, 2048), (1024, 8192), (576, 7168), (1000, 5003)]


@pytest.mark.parametrize("shape", LAYERS, ids=str)
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("rows", [1, 2, 16, 33, 64, 130])
def test_exact(rows, group, shape, device):
    check_exact(exact_case(rows, shape, "bfloat16", device, group=group), "float32")


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("rows", [1, 5, 16])
@pytest.mark.parametrize("fmt", ["e4m3fn", "e5m2"])
def test_exact_in_other_types(fmt, rows, dtype, device):
    case = exact_case(rows, (2048, 4096), dtype, device, fmt=fmt, group="1x128")
    check_exact(case, "float32")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("fmt", ["e4m3fn", "e5m2"])
@pytest.mark.parametrize("rows", [1, 2])
def test_every_code(rows, fmt, dtype, device):
    check_exact(every_code(rows, fmt, dtype, device, depth=4096), "float32")


@pytest.mark.parametrize("group", ["per-channel", "1x128"])
@pytest.mark.parametrize("rows", [1, 2, 16])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_bound(dtype, rows, group, device):
    check_bound(rows, (512, 8192), dtype, group, device)


@pytest.mark.parametrize("rows", [1, 16])
@pytest.mark.parametrize("group", ["per-channel", "1x128"])
def test_equal_launches_give_equal_bits(group, rows, device):
    # Slices of K, whose order of arrival is chance.
    shape = (128, 16384) if rows == 1 else (2048, 8192)
    case = exact_case(rows, shape, "bfloat16", device, group=group)
    x = torch.randn(rows, shape[1], device=device).bfloat16()
    first = weight_only_mm(x, case.weight_torch)
    for _ in range(50):
        assert torch.equal(weight_only_mm(x, case.weight_torch), first)


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
@pytest.mark.parametrize("block_n", [2, 4, 8])
def test_row_pipelines(block_n, stages, device):
    case = exact_case(1, (1024, 8192), "bfloat16", device, group="1x128")
    for warps in (2, 4, 8):
        plan = Plan("row", 1, block_n, 512 * warps, 1, warps, stages)
        check_exact(case, "float32", plan)


@pytest.mark.parametrize("stages", [2, 3, 5, 6])
@pytest.mark.parametrize(("block_n", "warps"), [(64, 4), (128, 4), (128, 8)])
def test_tile_pipelines(block_n, warps, stages, device):
    case = exact_case(16, (1024, 8192), "bfloat16", device, group="1x128")
    want = product(case, "float32", Plan("row", 4, 4, 2048, 1, 4, 1))
    for split in (1, 4):
        plan = Plan("tile", 16, block_n, 128, split, warps, stages)
        assert torch.equal(product(case, "float32", plan), want)
