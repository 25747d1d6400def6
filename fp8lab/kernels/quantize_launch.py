"""Launch the quantize kernels; each function here is an operator of ``torch.ops``.

Operators take tensors and plain values, so that ``torch.compile`` and CUDA graphs keep
them whole. Their checks are those of `fp8lab.kernels.quantize`.
"""

from __future__ import annotations

import torch
import triton

from fp8lab.granularity import GroupShape
from fp8lab.kernels import quantize_kernels as kernels
from fp8lab.kernels.geometry import Matrix, Tiling, group_tiling, walk_tiling
from fp8lab.kernels.recipe import Recipe
from fp8lab.kernels.runtime import multiprocessors
from fp8lab.kernels.tensors import DTYPES, SCALE_DTYPES
from fp8lab.scales import ScaleDtype

__all__ = [
    "OPTIONS",
    "apply_scale",
    "decode_scaled",
    "new_scales",
    "output_shape",
    "quantize_dynamic",
]

#: Programs a multiprocessor has at once in a pass that walks.
WALKERS = 8
#: Group width whose scales lie column-major, as the matrix products read them.
COLUMN_MAJOR = 128
# Every fused multiply-add is written down; one that the compiler makes of a product and
# a sum would round once where NumPy rounds twice.
OPTIONS = {"enable_fp_fusion": False}


def new_scales(
    x: torch.Tensor, shape: tuple[int, ...], group: GroupShape, dtype: ScaleDtype
) -> torch.Tensor:
    """Return memory for the scales of a tensor of ``shape``."""
    rows, cols = group.scale_shape(shape)
    kind = SCALE_DTYPES[dtype]
    if group == GroupShape(1, COLUMN_MAJOR):
        return x.new_empty((cols, rows), dtype=kind).t()
    return x.new_empty((rows, cols), dtype=kind)


def output_shape(x: torch.Tensor, gated: bool) -> tuple[int, ...]:
    """Return the shape of the codes: of silu_mul, the last axis is half."""
    return (*x.shape[:-1], x.shape[-1] // 2) if gated else tuple(x.shape)


def quantize_dynamic(
    x: torch.Tensor, recipe: Recipe, gated: bool, amax: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return codes and scales, measured unless amax is known."""
    shape = output_shape(x, gated)
    codes = x.new_empty(shape, dtype=DTYPES[recipe.fmt])
    scales = new_scales(x, shape, recipe.group, recipe.scale_dtype)
    matrix = Matrix.of(x, shape, recipe.group)
    if amax is not None:
        scale_from_amax(amax, scales, recipe)
    elif codes.numel() == 0:
        scale_from_amax(
            scales.new_zeros(scales.shape, dtype=torch.float32), scales, recipe
        )
    else:
        tiling = group_tiling(matrix)
        if tiling is not None:
            _launch_groups(matrix, tiling, codes, scales, recipe, gated)
            return codes, scales
        scale_from_amax(_measure(matrix, scales.shape, recipe, gated), scales, recipe)
    apply(matrix, codes, scales, recipe, gated)
    return codes, scales


def _launch_groups(
    matrix: Matrix,
    tiling: Tiling,
    codes: torch.Tensor,
    scales: torch.Tensor,
    recipe: Recipe,
    gated: bool,
) -> None:
    narrow = scales.is_contiguous() and not gated
    view = matrix.by_group() if narrow else matrix
    row_groups = matrix.cols // view.cols if view is not matrix else 1
    x, rows = view.tensor, view.rows
    grid = tiling.grid(view)
    even = (
        grid[1] * grid[2] * tiling.rows == rows and grid[0] * tiling.cols == view.cols
    )
    kernels._group_kernel[grid](
        x, codes, scales, rows, view.cols, matrix.beyond,
        x.stride(0), x.stride(1), view.cols, *scales.stride(), row_groups,
        GROUP_COLS=view.group_cols, TILE_ROWS=tiling.rows, TILE_COLS=tiling.cols,
        EVEN=even, ONE_GROUP=view.group_rows > 1, GATED=gated,
        PROPAGATE=recipe.propagates, DIVIDES=recipe.divides, **recipe.of_scales(),
        num_warps=tiling.warps, **OPTIONS,
    )  # fmt: skip


def _measure(
    matrix: Matrix, shape: torch.Size, recipe: Recipe, gated: bool
) -> torch.Tensor:
    """Return the amax of each group as float32; the first of two passes."""
    x, tiling = matrix.tensor, walk_tiling(matrix)
    down, across = tiling.count(matrix)
    bits = x.new_zeros(shape, dtype=torch.int32)
    whole = bits.numel() == 1
    grid = min(down * across, WALKERS * multiprocessors(x.device))
    kernels._amax_kernel[(grid,)](
        x, bits, matrix.rows, matrix.cols, matrix.beyond,
        x.stride(0), x.stride(1), bits.stride(0), down * across, across,
        GROUP_ROWS=matrix.row_side, GROUP_COLS=matrix.col_side,
        TILE_ROWS=tiling.rows, TILE_COLS=tiling.cols, WHOLE=whole,
        BY_ROW=tiling.by_row, GATED=gated, PROPAGATE=recipe.propagates,
        num_warps=tiling.warps, **OPTIONS,
    )  # fmt: skip
    return bits.view(torch.float32)


def scale_from_amax(amax: torch.Tensor, scales: torch.Tensor, recipe: Recipe) -> None:
    """Write the scales of row-major amax."""
    if scales.numel() == 0:
        return
    kernels._scale_kernel[(triton.cdiv(amax.numel(), 1024),)](
        amax.contiguous().view(torch.int32), scales, amax.numel(), scales.shape[1],
        *scales.stride(), BLOCK=1024, **recipe.of_scales(), num_warps=4, **OPTIONS,
    )  # fmt: skip


def apply(
    matrix: Matrix,
    codes: torch.Tensor,
    scales: torch.Tensor,
    recipe: Recipe,
    gated: bool,
) -> None:
    """Encode with scales that are known: the second pass, or the only one."""
    if codes.numel() == 0:
        return
    x, tiling = matrix.tensor, walk_tiling(matrix)
    down, across = tiling.count(matrix)
    kernels._apply_kernel[(down * across,)](
        x, codes, scales, matrix.rows, matrix.cols, matrix.beyond,
        x.stride(0), x.stride(1), matrix.cols, *scales.stride(),
        down * across, across,
        GROUP_ROWS=matrix.row_side, GROUP_COLS=matrix.col_side,
        TILE_ROWS=tiling.rows, TILE_COLS=tiling.cols, BY_ROW=tiling.by_row,
        GATED=gated, DIVIDES=recipe.divides, num_warps=tiling.warps, **OPTIONS,
    )  # fmt: skip


def apply_scale(
    x: torch.Tensor, scales: torch.Tensor, recipe: Recipe, gated: bool
) -> torch.Tensor:
    """Return codes by scales in memory; their strides may be 0."""
    shape = output_shape(x, gated)
    codes = x.new_empty(shape, dtype=DTYPES[recipe.fmt])
    apply(Matrix.of(x, shape, recipe.group), codes, scales, recipe, gated)
    return codes


def decode_scaled(
    codes: torch.Tensor, scales: torch.Tensor, group: GroupShape, dtype: torch.dtype
) -> torch.Tensor:
    """Return codes times scales as ``dtype``."""
    out = codes.new_empty(codes.shape, dtype=dtype)
    if codes.numel() == 0:
        return out
    matrix = Matrix.of(codes, tuple(codes.shape), group)
    view, tiling = matrix.tensor, walk_tiling(matrix)
    down, across = tiling.count(matrix)
    kernels._decode_kernel[(down * across,)](
        view, out, scales, matrix.rows, matrix.cols, view.stride(0), view.stride(1),
        matrix.cols, *scales.stride(), across,
        GROUP_ROWS=matrix.row_side, GROUP_COLS=matrix.col_side,
        TILE_ROWS=tiling.rows, TILE_COLS=tiling.cols, BY_ROW=tiling.by_row,
        num_warps=tiling.warps, **OPTIONS,
    )  # fmt: skip
    return out
