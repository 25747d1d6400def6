"""The Triton kernels of `quantize` and `dequantize`: one pass, and its three parts.

A tensor is a matrix of rows x cols elements; a tile is TILE_ROWS x TILE_COLS of it.

=================  ==================================================================
kernel             a program
=================  ==================================================================
`_group_kernel`    reads a tile of whole groups once: amax, scale, codes. The values
                   stay in registers between the two.
`_amax_kernel`     walks over tiles, and keeps the largest magnitude of each group with
                   an atomic maximum on the bits of the float32: its order cannot show
`_scale_kernel`    turns amax into scales
`_apply_kernel`    reads a tile again, and encodes it with scales that are known
`_decode_kernel`   codes times scales
=================  ==================================================================

The second pass goes through the tiles backwards: what the first pass read last may
still be in the L2 cache.
"""

from __future__ import annotations

import triton
import triton.language as tl

from fp8lab.kernels.producers import load_values
from fp8lab.kernels.scaling import (
    amax_bits,
    divide,
    lifted,
    magnitude_key,
    no_key,
    reciprocal_parts,
    scale_of,
)

__all__: list[str] = []


@triton.jit
def encode_tile(
    values, scale, divides: tl.constexpr, fmt: tl.constexpr, narrow: tl.constexpr
):
    """Return codes; ``scale`` broadcasts to the values.

    ``narrow``: values are 16-bit numbers, and the scale is of their own amax.
    """
    if divides and narrow:
        high, low = reciprocal_parts(scale)
        return tl.fma(values, high, values * low).to(fmt)
    if divides:
        scale, reciprocal, lift = lifted(scale)
        return divide(values, scale, reciprocal, lift).to(fmt)
    return (values * tl.div_rn(1.0, scale)).to(fmt)


@triton.jit
def store_scale(scale_ptr, place, scale, mask, stored: tl.constexpr):
    """Store float32 scales as what they are kept as."""
    if stored == "e8m0":
        codes = (scale.to(tl.int32, bitcast=True) >> 23).to(tl.uint8)
        tl.store(scale_ptr + place, codes, mask=mask)
    else:
        tl.store(scale_ptr + place, scale.to(scale_ptr.dtype.element_ty), mask=mask)


@triton.jit
def _group_kernel(
    x_ptr, codes_ptr, scale_ptr, rows, cols, up_offset,
    x_row, x_col, code_row, scale_row, scale_col, row_groups,
    GROUP_COLS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr,
    ONE_GROUP: tl.constexpr, EVEN: tl.constexpr, GATED: tl.constexpr,
    PROPAGATE: tl.constexpr,
    LARGEST: tl.constexpr, EMAX: tl.constexpr, MANTISSA: tl.constexpr,
    STORED: tl.constexpr, RULE: tl.constexpr, DIVIDES: tl.constexpr,
):  # fmt: skip
    """Quantize a tile; each of its rows is a group, or (ONE_GROUP) all of it is one.

    Programs one after the other have tiles side by side: together they read whole rows.
    EVEN: the tiles cover the matrix and no more.

    Row i's scale is at (i // row_groups) * scale_row + (i % row_groups + column of the
    tile) * scale_col: a contiguous matrix may come as one of a group a row.
    """
    tile_row = tl.program_id(2) * tl.num_programs(1) + tl.program_id(1)
    tile_col = tl.program_id(0)
    row = tile_row.to(tl.int64) * TILE_ROWS + tl.arange(0, TILE_ROWS)
    inside = tl.arange(0, TILE_COLS)
    col = tile_col * GROUP_COLS + inside
    mask = (row < rows)[:, None] & ((col < cols) & (inside < GROUP_COLS))[None, :]
    place = row[:, None] * x_row + col[None, :] * x_col
    values = load_values(x_ptr, place, mask, GATED, up_offset, "evict_first", EVEN)
    fmt: tl.constexpr = codes_ptr.dtype.element_ty
    narrow: tl.constexpr = x_ptr.dtype.element_ty != tl.float32
    key = tl.max(magnitude_key(values, PROPAGATE), axis=1)
    key = tl.maximum(key, no_key(PROPAGATE))
    if ONE_GROUP:
        bits = amax_bits(tl.max(key, axis=0), PROPAGATE)
        scale = scale_of(bits, LARGEST, EMAX, MANTISSA, STORED, RULE)
        at = tile_row * scale_row + tile_col * scale_col
        store_scale(scale_ptr, at, scale, tile_row * TILE_ROWS < rows, STORED)
        codes = encode_tile(values, scale, DIVIDES, fmt, narrow)
    else:
        bits = amax_bits(key, PROPAGATE)
        scale = scale_of(bits, LARGEST, EMAX, MANTISSA, STORED, RULE)
        at = row // row_groups * scale_row + (row % row_groups + tile_col) * scale_col
        store_scale(scale_ptr, at, scale, row < rows, STORED)
        codes = encode_tile(values, scale[:, None], DIVIDES, fmt, narrow)
    at = codes_ptr + row[:, None] * code_row + col[None, :]
    if EVEN:
        tl.store(at, codes)
    else:
        tl.store(at, codes, mask=mask)


@triton.jit
def _group_place(row, col, row_stride, col_stride,
                 GROUP_ROWS: tl.constexpr, GROUP_COLS: tl.constexpr):  # fmt: skip
    """Return where the scales of a tile's elements lie; a side of -1 is the whole."""
    above = row * 0 if GROUP_ROWS == -1 else row // GROUP_ROWS
    left = col * 0 if GROUP_COLS == -1 else col // GROUP_COLS
    return above[:, None] * row_stride + left[None, :] * col_stride


@triton.jit
def _amax_kernel(
    x_ptr, bits_ptr, rows, cols, up_offset, x_row, x_col, bits_row, tiles, tile_cols,
    GROUP_ROWS: tl.constexpr, GROUP_COLS: tl.constexpr,
    TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr,
    WHOLE: tl.constexpr, BY_ROW: tl.constexpr, GATED: tl.constexpr,
    PROPAGATE: tl.constexpr,
):  # fmt: skip
    """Keep the largest magnitude of each group in ``bits``, which begin at zero.

    WHOLE: there is one group, so a program reduces at its end. BY_ROW: a tile's row is
    in one group. Otherwise each element is looked up on its own.
    """
    largest = tl.zeros([TILE_ROWS, TILE_COLS], tl.uint32) + no_key(PROPAGATE)
    for tile in range(tl.program_id(0), tiles, tl.num_programs(0)):
        row = (tile // tile_cols).to(tl.int64) * TILE_ROWS + tl.arange(0, TILE_ROWS)
        col = (tile % tile_cols).to(tl.int64) * TILE_COLS + tl.arange(0, TILE_COLS)
        mask = (row < rows)[:, None] & (col < cols)[None, :]
        place = row[:, None] * x_row + col[None, :] * x_col
        values = load_values(x_ptr, place, mask, GATED, up_offset, "evict_last")
        key = magnitude_key(values, PROPAGATE)
        if WHOLE:
            largest = tl.maximum(largest, key)
        elif BY_ROW:
            key = tl.maximum(tl.max(key, axis=1), no_key(PROPAGATE))
            first = (tile % tile_cols * TILE_COLS + tl.arange(0, 1)).to(tl.int64)
            at = _group_place(row, first, bits_row, 1, GROUP_ROWS, GROUP_COLS)
            bits = amax_bits(key, PROPAGATE)
            tl.atomic_max(bits_ptr + at, bits[:, None], mask=(row < rows)[:, None])
        else:
            at = _group_place(row, col, bits_row, 1, GROUP_ROWS, GROUP_COLS)
            tl.atomic_max(bits_ptr + at, amax_bits(key, PROPAGATE), mask=mask)
    if WHOLE:
        key = tl.maximum(tl.max(tl.max(largest, axis=1), axis=0), no_key(PROPAGATE))
        tl.atomic_max(bits_ptr, amax_bits(key, PROPAGATE))


@triton.jit
def _scale_kernel(
    bits_ptr, scale_ptr, count, cols, scale_row, scale_col, BLOCK: tl.constexpr,
    LARGEST: tl.constexpr, EMAX: tl.constexpr, MANTISSA: tl.constexpr,
    STORED: tl.constexpr, RULE: tl.constexpr,
):  # fmt: skip
    """Compute the scales of row-major amax."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    bits = tl.load(bits_ptr + at, mask=at < count, other=0)
    scale = scale_of(bits, LARGEST, EMAX, MANTISSA, STORED, RULE, measured=False)
    place = at // cols * scale_row + at % cols * scale_col
    store_scale(scale_ptr, place, scale, at < count, STORED)


@triton.jit
def load_scale(scale_ptr, place, mask):
    """Load scales as float32 numbers, whatever they are stored as."""
    stored = tl.load(scale_ptr + place, mask=mask, other=1)
    if scale_ptr.dtype.element_ty == tl.uint8:
        code = stored.to(tl.int32)
        # 2^-127 is a subnormal float32, and code 255 is NaN.
        bits = tl.where(code == 0, 0x00400000, code << 23)
        bits = tl.where(code == 255, 0x7FC00000, bits)
        return bits.to(tl.float32, bitcast=True)
    return stored.to(tl.float32)


@triton.jit
def _apply_kernel(
    x_ptr, codes_ptr, scale_ptr, rows, cols, up_offset,
    x_row, x_col, code_row, scale_row, scale_col, tiles, tile_cols,
    GROUP_ROWS: tl.constexpr, GROUP_COLS: tl.constexpr,
    TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr,
    BY_ROW: tl.constexpr, GATED: tl.constexpr, DIVIDES: tl.constexpr,
):  # fmt: skip
    """Encode with scales that are known; the last tile comes first."""
    tile = tiles - 1 - tl.program_id(0)
    row = (tile // tile_cols).to(tl.int64) * TILE_ROWS + tl.arange(0, TILE_ROWS)
    col = (tile % tile_cols).to(tl.int64) * TILE_COLS + tl.arange(0, TILE_COLS)
    mask = (row < rows)[:, None] & (col < cols)[None, :]
    place = row[:, None] * x_row + col[None, :] * x_col
    values = load_values(x_ptr, place, mask, GATED, up_offset, "evict_first")
    first = (tile % tile_cols * TILE_COLS + tl.arange(0, 1)).to(tl.int64)
    at = _group_place(
        row, first if BY_ROW else col, scale_row, scale_col, GROUP_ROWS, GROUP_COLS
    )
    scale = load_scale(scale_ptr, at, (row < rows)[:, None] if BY_ROW else mask)
    codes = encode_tile(values, scale, DIVIDES, codes_ptr.dtype.element_ty, False)
    tl.store(codes_ptr + row[:, None] * code_row + col[None, :], codes, mask=mask)


@triton.jit
def _decode_kernel(
    codes_ptr, out_ptr, scale_ptr, rows, cols, code_row, code_col, out_row,
    scale_row, scale_col, tile_cols,
    GROUP_ROWS: tl.constexpr, GROUP_COLS: tl.constexpr,
    TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr, BY_ROW: tl.constexpr,
):  # fmt: skip
    """Multiply decoded codes by their scales, in float32 (float64 output: in it)."""
    tile = tl.program_id(0)
    row = (tile // tile_cols).to(tl.int64) * TILE_ROWS + tl.arange(0, TILE_ROWS)
    col = (tile % tile_cols).to(tl.int64) * TILE_COLS + tl.arange(0, TILE_COLS)
    mask = (row < rows)[:, None] & (col < cols)[None, :]
    place = row[:, None] * code_row + col[None, :] * code_col
    codes = tl.load(codes_ptr + place, mask=mask)
    # Through float16, which holds every FP8 number: two at a time.
    values = codes.to(tl.float16).to(tl.float32)
    first = (tile % tile_cols * TILE_COLS + tl.arange(0, 1)).to(tl.int64)
    at = _group_place(
        row, first if BY_ROW else col, scale_row, scale_col, GROUP_ROWS, GROUP_COLS
    )
    scale = load_scale(scale_ptr, at, (row < rows)[:, None] if BY_ROW else mask)
    if out_ptr.dtype.element_ty == tl.float64:
        product = values.to(tl.float64) * scale.to(tl.float64)
    else:
        product = (values * scale).to(out_ptr.dtype.element_ty)
    tl.store(out_ptr + row[:, None] * out_row + col[None, :], product, mask=mask)
