"""The kernel whose warps have one job each (Gluon): tiles are loaded, or multiplied.

One warp loads tiles by TMA, two groups of four warps multiply, and where rows and
columns have scales one more warp brings those. Nobody waits for everybody. So the
tensor core has work from one group while the other one promotes its sums or stores
its rows, which is what the plain kernels of `gemm_chain` and `gemm_promoted` lack:

* Sums that are one chain: the groups take turns, each with a tile of its own. While
  one multiplies, the other scales and stores.
* Promoted sums: each group has half of a tile's rows, and room in its registers for
  the total and for two steps' products.

What is in shared memory is handed over by barriers: ``full`` when a stage is loaded,
``free`` when it was used, and the same for scales; ``turns`` when the other group may
multiply.
"""

from __future__ import annotations

from triton.experimental import gluon
from triton.experimental.gluon import language as gl
from triton.experimental.gluon.language.nvidia.hopper import (
    fence_async_shared,
    mbarrier,
)

from fp8lab.kernels.gemm_warps_load import DEPTH, ROWS, load_scales, load_tiles
from fp8lab.kernels.gemm_warps_multiply import multiply_in_turns, multiply_together

__all__ = ["specialized_kernel"]


@gluon.jit
def _multiply(
    consumer: gl.constexpr, memory, barriers, scales, sizes, out, TILE: gl.constexpr,
    CHAINED: gl.constexpr, BLOCKS: gl.constexpr, FINISH: gl.constexpr,
):  # fmt: skip
    if CHAINED:
        multiply_in_turns(consumer, memory, barriers, scales, sizes, out, TILE, FINISH)
    else:
        multiply_together(
            consumer, memory, barriers, scales, sizes, out, TILE, BLOCKS, FINISH
        )


@gluon.jit
def _barriers(count: gl.constexpr, arrivals: gl.constexpr):
    barriers = gl.allocate_shared_memory(
        gl.int64, [count, 1], mbarrier.MBarrierLayout()
    )
    for i in gl.static_range(count):
        mbarrier.init(barriers.index(i), count=arrivals)
    return barriers


@gluon.jit
def specialized_kernel(
    a, b, out, a_scale, b_scale, a_row, a_step, b_row, b_step,
    M, N, steps, slice_steps, slices, out_rows, PROGRAMS,
    TILE: gl.constexpr, CHAINED: gl.constexpr, BLOCKS: gl.constexpr,
    FINISH: gl.constexpr, MULTIPLIES: gl.constexpr, LOADS: gl.constexpr,
):  # fmt: skip
    """Compute out = scaled(a @ b.T), or the sums of each slice of K, one below another.

    Slice i begins at row i * out_rows of the output.
    """
    SLOTS: gl.constexpr = 2 if CHAINED else 1
    USERS: gl.constexpr = 1 if CHAINED else 2
    flat: gl.constexpr = gl.SwizzledSharedLayout(1, 1, 1, [0])
    lefts = gl.allocate_shared_memory(a.dtype, [2 * TILE.stages, ROWS, DEPTH], a.layout)
    rights = gl.allocate_shared_memory(
        b.dtype, [TILE.stages, TILE.block_n, DEPTH], b.layout
    )
    stores = gl.allocate_shared_memory(
        out.dtype, [2 * TILE.buffers, ROWS, TILE.block_n], out.layout
    )
    a_scales = gl.allocate_shared_memory(gl.float32, [2 * SLOTS, ROWS], flat)
    b_scales = gl.allocate_shared_memory(gl.float32, [SLOTS, TILE.block_n], flat)
    full = _barriers(TILE.stages, 1)
    free = _barriers(TILE.stages, USERS)
    scales_full = _barriers(SLOTS, 1)
    scales_free = _barriers(SLOTS, USERS)
    turns = _barriers(2, 1)
    fence_async_shared()
    tiles = gl.cdiv(M, TILE.block_m) * gl.cdiv(N, TILE.block_n)
    memory = (lefts, rights, stores, a_scales, b_scales)
    barriers = (full, free, scales_full, scales_free, turns)
    scales = (a_scale, b_scale, a_row, a_step, b_row, b_step)
    sizes = (M, N, steps, slice_steps, out_rows, tiles, tiles * slices, PROGRAMS)
    gl.warp_specialize([
        (_multiply, (0, memory, barriers, scales, sizes, out,
                     TILE, CHAINED, BLOCKS, FINISH)),
        (_multiply, (1, memory, barriers, scales, sizes, out,
                     TILE, CHAINED, BLOCKS, FINISH)),
        (load_tiles, (a, b, memory, barriers, sizes, TILE)),
        (load_scales, (memory, barriers, scales, sizes, TILE, CHAINED, FINISH)),
    ], [4, 1, 1], [MULTIPLIES, LOADS, LOADS])  # fmt: skip
