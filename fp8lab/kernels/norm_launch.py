"""RMSNorm and quantization in one pass: a program normalizes whole rows.

Sums of eight squares are in float32 and in a stated order, and the sum of those in
float64, so that its order does not show (in one row of some 10^7 the mean may lie so
near a float32 midpoint that it does). Everything else, too, is the arithmetic of
`fp8lab.fused.rms_norm`, operation by operation.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from fp8lab.kernels.geometry import LARGEST_TILE, norm_plan, power_of_two
from fp8lab.kernels.producers import rounded, widened
from fp8lab.kernels.quantize_kernels import encode_tile, load_scale, store_scale
from fp8lab.kernels.quantize_launch import OPTIONS, new_scales
from fp8lab.kernels.recipe import Recipe
from fp8lab.kernels.runtime import multiprocessors
from fp8lab.kernels.scaling import amax_bits, magnitude_key, no_key, scale_of
from fp8lab.kernels.tensors import DTYPES

__all__ = ["check_width", "rms_norm_quantize"]

#: A tile holds whole eights.
NARROWEST = 8


@triton.jit
def _sums_of_eight(x):
    """Return the sums of each eight neighbours, by halves, as float64.

    They are one 16-byte load of a thread: nothing moves for it.
    """
    rows: tl.constexpr = x.shape[0]
    parts: tl.constexpr = x.shape[1] // 8
    for level in tl.static_range(3):
        left, right = tl.split(tl.reshape(x, (rows, parts << (2 - level), 2)))
        x = left + right
    return x.to(tl.float64)


@triton.jit
def _norm_kernel(
    x_ptr, weight_ptr, codes_ptr, scale_ptr, rows, cols, eps,
    x_row, scale_row, scale_col, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr,
    GROUP_COLS: tl.constexpr, MARGIN: tl.constexpr, WALK: tl.constexpr,
    KNOWN: tl.constexpr, PROPAGATE: tl.constexpr,
    LARGEST: tl.constexpr, EMAX: tl.constexpr, MANTISSA: tl.constexpr,
    STORED: tl.constexpr, RULE: tl.constexpr, DIVIDES: tl.constexpr,
):  # fmt: skip
    """Normalize and quantize rows; KNOWN: by one scale that is there already.

    A program goes through the tiles in steps of the grid. WALK: it loads the next while
    it computes, and keeps the weights in registers. MARGIN: the tile is wider than the
    matrix.
    """
    col = tl.arange(0, TILE_COLS)[None, :]
    inside = col < (cols if MARGIN else TILE_COLS)
    row = tl.program_id(0).to(tl.int64) * TILE_ROWS + tl.arange(0, TILE_ROWS)[:, None]
    step = tl.num_programs(0).to(tl.int64) * TILE_ROWS
    x = tl.load(x_ptr + row * x_row + col, mask=inside & (row < rows), other=0.0)
    if WALK:
        gain = widened(tl.load(weight_ptr + col, mask=inside, other=0.0))
    for _ in range(tl.program_id(0), tl.cdiv(rows, TILE_ROWS), tl.num_programs(0)):
        here = inside & (row < rows)
        if WALK:
            later = inside & (row + step < rows)
            ahead = tl.load(x_ptr + (row + step) * x_row + col, mask=later, other=0.0)
        values = widened(x)
        total = tl.sum(_sums_of_eight(values * values), axis=1, keep_dims=True)
        # A power of two has an exact reciprocal.
        mean = total / cols if MARGIN else total * (1.0 / TILE_COLS)
        inverse = tl.div_rn(1.0, tl.sqrt_rn(mean.to(tl.float32) + eps))
        if not WALK:
            gain = widened(tl.load(weight_ptr + col, mask=inside, other=0.0))
        values = rounded(values * inverse * gain, x.dtype)
        if MARGIN:
            # A NaN row is NaN in its columns alone.
            values = tl.where(here, values, 0.0)
        fmt: tl.constexpr = codes_ptr.dtype.element_ty
        if KNOWN:
            scale = load_scale(scale_ptr, row * 0, row < rows)
            codes = encode_tile(values, scale, DIVIDES, fmt, False)
        else:
            narrow: tl.constexpr = x_ptr.dtype.element_ty != tl.float32
            count: tl.constexpr = TILE_COLS // GROUP_COLS
            grouped = tl.reshape(values, (TILE_ROWS, count, GROUP_COLS))
            key = tl.max(magnitude_key(grouped, PROPAGATE), axis=2)
            bits = amax_bits(tl.maximum(key, no_key(PROPAGATE)), PROPAGATE)
            scale = scale_of(bits, LARGEST, EMAX, MANTISSA, STORED, RULE)
            at = tl.arange(0, count)[None, :]
            there = (row < rows) & (at * GROUP_COLS < cols)
            store_scale(scale_ptr, row * scale_row + at * scale_col, scale, there,
                        STORED)  # fmt: skip
            codes = encode_tile(grouped, scale[:, :, None], DIVIDES, fmt, narrow)
            codes = tl.reshape(codes, (TILE_ROWS, TILE_COLS))
        tl.store(codes_ptr + row * cols + col, codes, mask=here)
        if WALK:
            row += step
            x = ahead


def rms_norm_quantize(
    x: torch.Tensor,
    weight: torch.Tensor,
    scale: torch.Tensor | None,
    eps: float,
    recipe: Recipe,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return codes and scales of a normalized matrix; its groups lie within a row."""
    shape = tuple(x.shape)
    cols = shape[-1]
    codes = x.new_empty(shape, dtype=DTYPES[recipe.fmt])
    if scale is None:
        scales = new_scales(x, shape, recipe.group, recipe.scale_dtype)
    else:
        scales = scale.reshape(1, 1).clone()
    if codes.numel() == 0:
        return codes, scales.fill_(127 if scales.dtype == torch.uint8 else 1)
    view = x.reshape(-1, cols)
    if view.stride(1) != 1:
        view = view.contiguous()
    width = max(power_of_two(cols), NARROWEST)
    group = width if recipe.group.cols == -1 else min(recipe.group.cols, width)
    plan = norm_plan(len(view), width, x.element_size())
    tiles = triton.cdiv(len(view), plan.rows)
    programs = plan.programs * multiprocessors(x.device)
    _norm_kernel[(min(programs, tiles) if plan.walks else tiles,)](
        view, weight.contiguous(), codes, scales, len(view), cols, eps,
        view.stride(0), *scales.stride(), TILE_ROWS=plan.rows, TILE_COLS=width,
        GROUP_COLS=group, MARGIN=cols < width, WALK=plan.walks,
        KNOWN=scale is not None, PROPAGATE=recipe.propagates,
        DIVIDES=recipe.divides, **recipe.of_scales(),
        num_warps=plan.warps, **OPTIONS,
    )  # fmt: skip
    return codes, scales


def check_width(cols: int) -> None:
    """Raise ValueError for rows that a program cannot hold."""
    if power_of_two(cols) > LARGEST_TILE:
        raise ValueError(
            f"rows of {cols:,} elements are too long; rms_norm_quantize holds a row in "
            f"registers, up to {LARGEST_TILE:,}. Use rms_norm, then quantize"
        )
