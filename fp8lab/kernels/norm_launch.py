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

from fp8lab.kernels.geometry import LARGEST_TILE, MOST_WARPS, TILE, power_of_two
from fp8lab.kernels.quantize_kernels import encode_tile, load_scale, store_scale
from fp8lab.kernels.quantize_launch import OPTIONS, new_scales
from fp8lab.kernels.recipe import Recipe
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
    GROUP_COLS: tl.constexpr, MARGIN: tl.constexpr, KNOWN: tl.constexpr,
    PROPAGATE: tl.constexpr,
    LARGEST: tl.constexpr, EMAX: tl.constexpr, MANTISSA: tl.constexpr,
    STORED: tl.constexpr, RULE: tl.constexpr, DIVIDES: tl.constexpr,
):  # fmt: skip
    """Normalize and quantize rows; KNOWN: by one scale that is there already.

    MARGIN: the tile is wider than the matrix.
    """
    row = tl.program_id(0).to(tl.int64) * TILE_ROWS + tl.arange(0, TILE_ROWS)
    col = tl.arange(0, TILE_COLS)
    mask = (row < rows)[:, None] & (col < cols)[None, :]
    x = tl.load(x_ptr + row[:, None] * x_row + col[None, :], mask=mask, other=0.0)
    gain = tl.load(weight_ptr + col, mask=col < cols, other=0.0).to(tl.float32)
    values = x.to(tl.float32)
    mean = (tl.sum(_sums_of_eight(values * values), axis=1) / cols).to(tl.float32)
    inverse = tl.div_rn(1.0, tl.sqrt_rn(mean + eps))
    values = (values * inverse[:, None] * gain[None, :]).to(x.dtype).to(tl.float32)
    if MARGIN:
        # A NaN row is NaN in its columns alone.
        values = tl.where(mask, values, 0.0)
    place = row[:, None] * cols + col[None, :]
    fmt: tl.constexpr = codes_ptr.dtype.element_ty
    if KNOWN:
        scale = load_scale(scale_ptr, row * 0, row < rows)
        tl.store(codes_ptr + place, encode_tile(values, scale[:, None], DIVIDES, fmt),
                 mask=mask)  # fmt: skip
    else:
        count: tl.constexpr = TILE_COLS // GROUP_COLS
        grouped = tl.reshape(values, (TILE_ROWS, count, GROUP_COLS))
        key = tl.max(magnitude_key(grouped, PROPAGATE), axis=2)
        bits = amax_bits(tl.maximum(key, no_key(PROPAGATE)), PROPAGATE)
        scale = scale_of(bits, LARGEST, EMAX, MANTISSA, STORED, RULE)
        at = tl.arange(0, count)
        there = (row < rows)[:, None] & (at * GROUP_COLS < cols)[None, :]
        store_scale(scale_ptr, row[:, None] * scale_row + at[None, :] * scale_col,
                    scale, there, STORED)  # fmt: skip
        codes = encode_tile(grouped, scale[:, :, None], DIVIDES, fmt)
        codes = tl.reshape(codes, (TILE_ROWS, TILE_COLS))
        tl.store(codes_ptr + place, codes, mask=mask)


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
    rows = max(1, min(TILE // width, power_of_two(len(view))))
    _norm_kernel[(triton.cdiv(len(view), rows),)](
        view, weight.contiguous(), codes, scales, len(view), cols, eps,
        view.stride(0), *scales.stride(), TILE_ROWS=rows, TILE_COLS=width,
        GROUP_COLS=group, MARGIN=cols < width, KNOWN=scale is not None,
        PROPAGATE=recipe.propagates,
        DIVIDES=recipe.divides, **recipe.of_scales(),
        num_warps=min(max(rows * width // 1024, 1), MOST_WARPS), **OPTIONS,
    )  # fmt: skip
    return codes, scales


def check_width(cols: int) -> None:
    """Raise ValueError for rows that a program cannot hold."""
    if power_of_two(cols) > LARGEST_TILE:
        raise ValueError(
            f"rows of {cols:,} elements are too long; rms_norm_quantize holds a row in "
            f"registers, up to {LARGEST_TILE:,}. Use rms_norm, then quantize"
        )
