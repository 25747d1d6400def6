"""Products of many rows, promoted: sums leave the tensor core after every step of K.

A step's product is added to a float32 total, with the scales of its blocks if there are
any. These additions need as many clocks as a quarter of the products, so they must not
wait for each other. A tile is therefore computed in parts of columns: while a part is
promoted, the tensor core multiplies the next one, and with ``DELAYED`` the last part's
promotion waits for the next step. (The compiler waits at once for a dot whose result
the same step reads. A result that is carried to the next step, and first read after
that step's first dot, stays under way. ptxas gives up on this across a branch, hence
not with ``FLATTEN``.) Persistent programs load tiles by TMA.
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
def promoted_kernel(  # noqa: C901 (nearly all branches are the compiler's)
    a, b, out, out_rows, steps, slice_steps, slices,
    a_scale, b_scale, a_row, a_step, b_row, b_step, M, N, PROGRAMS,
    BLOCK_M: tl.constexpr, PART: tl.constexpr, PARTS: tl.constexpr,
    DEPTH: tl.constexpr, GROUP_M: tl.constexpr, FLATTEN: tl.constexpr,
    SPLIT: tl.constexpr, FINISH: tl.constexpr,
    DELAYED: tl.constexpr, MULTIPLY: tl.constexpr,
    A_ROWS: tl.constexpr, B_ROWS: tl.constexpr, AHEAD: tl.constexpr,
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
        left = block_scale(a_scale, rows, first, a_row, a_step, M, A_ROWS)
        rights = _part_scales(b_scale, columns, first, b_row, b_step, N, PARTS, B_ROWS)
        totals = (tl.zeros((BLOCK_M, PART), tl.float32),) * PARTS
        # Of the step before: the last part's product, not promoted yet, and its scale.
        # At first zeros, and a finite scale: infinity times zero is NaN.
        carried = tl.zeros((BLOCK_M, PART), tl.float32)
        carried_scale = tl.minimum(tl.maximum(left * rights[LAST], -1.0), 1.0)
        for step in tl.range(first, end):
            # Without scales of blocks nobody reads them, and the compiler drops the
            # loads.
            loaded = tl.minimum(step + 1, end - 1) if AHEAD else step
            next_left = block_scale(a_scale, rows, loaded, a_row, a_step, M, A_ROWS)
            next_rights = _part_scales(
                b_scale, columns, loaded, b_row, b_step, N, PARTS, B_ROWS
            )
            if not AHEAD:
                left = next_left
                rights = next_rights
            x = a.load([m, step * DEPTH])
            weights = ()
            for i in tl.static_range(PARTS):
                weights += (b.load([n + i * PART, step * DEPTH]),)
            product = tl.dot(x, weights[0].T)
            last = totals[LAST]
            if DELAYED:
                last = promote(last, carried, carried_scale, 1.0, MULTIPLY)
            done = ()
            for i in tl.static_range(1, PARTS):
                # The next part is on its way before the one before it is promoted.
                following = tl.dot(x, weights[i].T)
                done += (
                    promote(totals[i - 1], product, left, rights[i - 1], MULTIPLY),
                )
                product = following
            if DELAYED:
                carried = product
                carried_scale = left * rights[LAST]
            else:
                last = promote(last, product, left, rights[LAST], MULTIPLY)
            totals = done + (last,)  # noqa: RUF005 (Triton takes no starred tuple)
            if AHEAD:
                left = next_left
                rights = next_rights
        for i in tl.static_range(PARTS):
            total = totals[i]
            if DELAYED and i == LAST:
                total = promote(total, carried, carried_scale, 1.0, MULTIPLY)
            store_part(
                out, total, piece * out_rows + m, m, n + i * PART,
                a_scale, b_scale, a_row, b_row, M, N, BLOCK_M, PART, FINISH,
            )  # fmt: skip
