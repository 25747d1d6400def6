"""Products of many rows, promoted: sums leave the tensor core after every step of K.

A step's product is added to a float32 total, with the scales of its blocks if there are
any. A tile may be computed in parts of columns: while a part is promoted, the tensor
core multiplies the next one. Persistent programs load tiles by TMA. This is the product
in plain Triton, with scales of any blocks; on the GPU `gemm_warps` is faster for those
that it has.
"""

from __future__ import annotations

import triton
import triton.language as tl

from fp8lab.kernels.gemm_epilogue import block_scale, promote
from fp8lab.kernels.gemm_tile import corner, store_part

__all__ = ["promoted_kernel"]


@triton.jit
def _part_scales(
    scale, columns, step, row_stride, step_stride, N,
    PARTS: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    scales = ()
    for i in tl.static_range(PARTS):
        scales += (
            block_scale(scale, columns[i], step, row_stride, step_stride, N, ROWS),
        )
    return scales


@triton.jit
def promoted_kernel(
    a, b, out, out_rows, steps, slice_steps, slices,
    a_scale, b_scale, a_row, a_step, b_row, b_step, M, N, PROGRAMS,
    BLOCK_M: tl.constexpr, PART: tl.constexpr, PARTS: tl.constexpr,
    DEPTH: tl.constexpr, GROUP_M: tl.constexpr, FLATTEN: tl.constexpr,
    SPLIT: tl.constexpr, FINISH: tl.constexpr, MULTIPLY: tl.constexpr,
    A_ROWS: tl.constexpr, B_ROWS: tl.constexpr,
):  # fmt: skip
    """Compute out = scaled(a @ b.T), or one matrix of sums a slice with SPLIT."""
    BLOCK_N: tl.constexpr = PART * PARTS
    LAST: tl.constexpr = PARTS - 1
    tiles = tl.cdiv(M, BLOCK_M) * tl.cdiv(N, BLOCK_N)
    for job in tl.range(tl.program_id(0), tiles * slices, PROGRAMS, flatten=FLATTEN):
        m, n = corner(job % tiles, M, N, BLOCK_M, BLOCK_N, GROUP_M)
        piece = job // tiles if SPLIT else 0
        first = piece * slice_steps
        end = tl.minimum(first + slice_steps, steps) if SPLIT else steps
        # Rows that share a scale are one scalar load: 128 hold whole tiles or parts.
        rows = m if A_ROWS >= BLOCK_M else m + tl.arange(0, BLOCK_M)[:, None]
        columns = ()
        for i in tl.static_range(PARTS):
            start = n + i * PART
            apart = start + tl.arange(0, PART)[None, :]
            columns += (start if B_ROWS >= PART else apart,)
        totals = (tl.zeros((BLOCK_M, PART), tl.float32),) * PARTS
        for step in tl.range(first, end):
            # Without scales of blocks nobody reads them, and the compiler drops the
            # loads.
            left = block_scale(a_scale, rows, step, a_row, a_step, M, A_ROWS)
            rights = _part_scales(
                b_scale, columns, step, b_row, b_step, N, PARTS, B_ROWS
            )
            x = a.load([m, step * DEPTH])
            product = tl.dot(x, b.load([n, step * DEPTH]).T)
            done = ()
            for i in tl.static_range(1, PARTS):
                # The next part is on its way before the one before it is promoted.
                following = tl.dot(x, b.load([n + i * PART, step * DEPTH]).T)
                done += (
                    promote(totals[i - 1], product, left, rights[i - 1], MULTIPLY),
                )
                product = following
            last = promote(totals[LAST], product, left, rights[LAST], MULTIPLY)
            totals = done + (last,)  # noqa: RUF005 (Triton takes no starred tuple)
        for i in tl.static_range(PARTS):
            store_part(
                out, totals[i], piece * out_rows + m, m, n + i * PART,
                a_scale, b_scale, a_row, b_row, M, N, BLOCK_M, PART, FINISH,
            )  # fmt: skip
