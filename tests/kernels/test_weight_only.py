"""`fp8lab.kernels.weight_only_mm` against its NumPy twin."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import fp8lab
from fp8lab.kernels.weight_only import Plan, plan_for, weight_only_mm
from tests.kernels.weight_only_cases import (
    case_of,
    check_bound,
    check_exact,
    every_code,
    exact_case,
    product,
    same_bits,
    to_torch,
)

GROUPS = ["per-tensor", "per-channel", "1x128", "128x128"]
DTYPES = ["bfloat16", "float16", "float32"]

#: Plans that the choice for small matrices would not reach.
ROW_PLANS = [
    Plan("row", block_m, block_n, 512 * warps, split, warps, stages)
    for block_m, block_n, warps, split, stages in [
        (1, 4, 1, 1, 1),
        (1, 8, 2, 2, 2),
        (2, 4, 1, 3, 1),
        (4, 1, 1, 2, 3),
        (4, 4, 2, 1, 1),
    ]
]
TILE_PLANS = [
    Plan("tile", 16, 64, 128, 1, 4, 5),
    Plan("tile", 32, 128, 128, 3, 8, 4),
    Plan("tile", 64, 64, 128, 2, 4, 4),
]


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("fmt", ["e4m3fn", "e5m2"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 3])
def test_exact(rows, dtype, fmt, group, device):
    case = exact_case(rows, (30, 400), dtype, device, fmt=fmt, group=group)
    check_exact(case, "float32")


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("rows", [1, 2])
def test_more_rows_than_a_group(rows, group, device):
    case = exact_case(rows, (133, 300), "bfloat16", device, group=group)
    check_exact(case, "float32")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("output", DTYPES)
@pytest.mark.parametrize("rows", [1, 2])
def test_output_is_rounded_once(rows, output, dtype, device):
    check_exact(exact_case(rows, (14, 256), dtype, device), output)


@pytest.mark.parametrize("plan", ROW_PLANS, ids=str)
@pytest.mark.parametrize("group", ["per-channel", "1x128"])
def test_row_plans(group, plan, device):
    # One K of whole steps, and one that ends within a step.
    for depth, dtype in ((2048, "bfloat16"), (1300, "float32")):
        case = exact_case(3, (9, depth), dtype, device, group=group)
        check_exact(case, "float32", plan)


@pytest.mark.parametrize("plan", TILE_PLANS, ids=str)
@pytest.mark.parametrize("group", ["per-channel", "128x128"])
def test_tile_plans(group, plan, device):
    for depth, dtype in ((512, "bfloat16"), (700, "float16")):
        case = exact_case(33, (140, depth), dtype, device, group=group)
        check_exact(case, "float32", plan)


def test_plan_of_another_depth_than_the_groups(device):
    case = exact_case(2, (64, 256), "float16", device, group="1x128")
    with pytest.raises(ValueError, match="block_k = 64; the tile kernel takes 128"):
        check_exact(case, plan=replace(TILE_PLANS[0], block_k=64))


@pytest.mark.parametrize("fmt", ["e4m3fn", "e5m2"])
@pytest.mark.parametrize(
    ("rows", "dtype"),
    [(1, "bfloat16"), (2, "bfloat16"), (2, "float16"), (1, "float32")],
)
def test_every_code(rows, dtype, fmt, device):
    case = every_code(rows, fmt, dtype, device, depth=144)
    got = product(case, "float32")
    same_bits(got, fp8lab.weight_only_mm(case.x, case.weight, output_dtype="float32"))
    # By hand: a code times the number of its column.
    column = np.arange(256) * 37 % 144
    want = fp8lab.decode(np.arange(256, dtype=np.uint8), fmt) * (column % 61 + 1)
    same_bits(got, np.tile(want.astype(np.float32), (rows, 1)))


@pytest.mark.parametrize("shape", [(1, 1), (5, 37), (3, 16), (66, 130), (2, 515)])
@pytest.mark.parametrize("rows", [1, 2])
def test_ragged(rows, shape, device):
    check_exact(exact_case(rows, shape, "bfloat16", device, group="1x128"))


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("group", ["per-channel", "1x128"])
def test_bound_on_random_numbers(group, dtype, rows, device):
    used = check_bound(rows, (40, 600), dtype, group, device)
    assert used > 0, "no rounding at all is no float32 sum"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 3])
def test_nan_and_infinity_of_x(rows, dtype, device):
    values = np.ones((rows, 200))
    values[0, 3], values[-1, 150] = np.inf, np.nan if rows > 1 else np.inf
    weight = np.full((9, 200), 0x38, np.uint8)
    weight[2, 3], weight[4, 150], weight[5, 3] = 0, 0x7F, 0xB8
    q = case_of(values, weight, dtype, device)
    check_exact(q)
    first = product(q)[0].float().cpu()
    plain = [torch.inf] * 9
    plain[2] = torch.nan
    plain[4] = torch.nan
    plain[5] = torch.nan if rows == 1 else -torch.inf
    torch.testing.assert_close(first, torch.tensor(plain), equal_nan=True)


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("group", ["per-channel", "1x128"])
def test_scales_that_are_no_numbers(group, rows, device):
    codes = np.full((6, 300), 0x38, np.uint8)
    scales = np.ones(fp8lab.group_of(group).scale_shape(codes.shape), np.float32)
    scales[1, -1], scales[4, -1] = np.nan, np.inf
    case = case_of(np.ones((rows, 300)), codes, "float16", device, group, scales)
    check_exact(case)
    got = product(case)
    assert torch.isnan(got[:, 1]).all()
    assert torch.isinf(got[:, 4]).all()


def test_sums_of_slices_in_float16_overflow_at_the_end_alone(device):
    codes = np.full((4, 1024), 0x7E, np.uint8)
    values = np.ones((1, 1024))
    values[:, 512:] = -1
    case = case_of(values, codes, "float16", device)
    got = product(case, plan=Plan("row", 1, 4, 512, 2, 1, 1))
    assert (got == 0).all()


@pytest.mark.parametrize("stored", ["bfloat16", "e8m0"])
@pytest.mark.parametrize("rows", [1, 2])
def test_other_scale_dtypes(rows, stored, device):
    case = exact_case(
        rows, (20, 300), "bfloat16", device, group="1x128", scale_dtype=stored
    )
    check_exact(case, "float32")


@pytest.mark.parametrize("rows", [1, 3])
def test_strides(rows, device):
    case = exact_case(rows, (24, 320), "float16", device, group="1x128")
    want = fp8lab.weight_only_mm(case.x, case.weight)
    q = case.weight_torch
    wide = torch.zeros(24, 352, dtype=torch.uint8, device=device)
    wide[:, :320] = q.codes.view(torch.uint8)
    views = [
        wide.view(q.codes.dtype)[:, :320],
        q.codes.view(torch.uint8).T.contiguous().T.view(q.codes.dtype),
    ]
    assert [view.stride() for view in views] == [(352, 1), (1, 24)]
    for codes in views:
        for scales in (q.scale_codes, q.scale_codes.contiguous()):
            weight = replace(q, codes=codes, scale_codes=scales)
            for x in (case.x_torch, case.x_torch.T.contiguous().T):
                same_bits(weight_only_mm(x, weight), want)


def test_leading_axes(device):
    case = exact_case(6, (10, 64), "bfloat16", device)
    want = weight_only_mm(case.x_torch, case.weight_torch)
    stack = weight_only_mm(case.x_torch.reshape(2, 3, 64), case.weight_torch)
    assert torch.equal(stack, want.reshape(2, 3, 10))
    assert weight_only_mm(case.x_torch[0], case.weight_torch).shape == (10,)


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4), (2, 3, 0)])
def test_empty(shape, device):
    rows, height, depth = shape
    q = fp8lab.quantize(np.zeros((height, depth), np.float32), group="per-channel")
    if not depth:
        # `quantize` has no scale for rows without elements.
        scale = np.ones(q.group.scale_shape(q.shape), np.float32)
        q = replace(q, scales=scale)
    x = torch.ones(rows, depth, dtype=torch.float16, device=device)
    got = weight_only_mm(x, to_torch(q, device))
    assert (got.shape, got.dtype) == ((rows, height), torch.float16)
    assert (got == 0).all()


def test_refusals(device):
    case = exact_case(1, (8, 128), "float16", device)
    x, q = case.x_torch, case.weight_torch
    sides = fp8lab.group_of("1x64")
    with pytest.raises(ValueError, match=r"x is torch\.float64; give"):
        weight_only_mm(x.double(), q)
    with pytest.raises(ValueError, match=r"x has shape \(1, 127\) and the weight"):
        weight_only_mm(x[:, 1:], q)
    with pytest.raises(ValueError, match="has 1x64 scales; quantize it with one of"):
        weight_only_mm(x, replace(q, group=sides))
    with pytest.raises(ValueError, match=r"output_dtype is torch\.float64; give"):
        weight_only_mm(x, q, output_dtype=torch.float64)
    with pytest.raises(ValueError, match=r"scales of shape \(8,\); per-token of"):
        weight_only_mm(x, replace(q, scale_codes=q.scale_codes[:, 0]))
    with pytest.raises(ValueError, match="move them to one device"):
        weight_only_mm(x.to("meta"), q)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("rows", [1, 2, 7, 16, 33, 64, 100, 4096])
def test_plans_are_launchable(rows, dtype):
    for height in (1, 64, 1000, 4096, 28672, 262144):
        for depth in (1, 64, 1000, 8192, 28672, 65536):
            plan = plan_for(rows, (height, depth), dtype, 132)
            for side in (plan.block_m, plan.block_n, plan.block_k, plan.warps):
                assert side & (side - 1) == 0
            assert 1 <= plan.split_k <= 132
            if plan.kernel == "row":
                assert plan.block_k == 512 * plan.warps <= max(512, 2 * depth)
                assert plan.block_m * plan.block_n <= 32
            else:
                assert dtype == torch.bfloat16
                assert plan.block_m >= 16
                assert plan.block_n == 16 * plan.warps
                assert plan.block_k == 128
