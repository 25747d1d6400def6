"""The warps of `gemm_warps` that multiply: in turns, or together on one tile."""

from __future__ import annotations

from triton.experimental import gluon
from triton.experimental.gluon import language as gl
from triton.experimental.gluon.language.nvidia.hopper import (
    fence_async_shared,
    mbarrier,
    tma,
    warpgroup_mma,
    warpgroup_mma_wait,
)

from fp8lab.kernels.gemm_warps_load import (
    DEPTH,
    ROWS,
    next_stage,
    place,
    stage_before,
    steps_of,
)

__all__ = ["multiply_in_turns", "multiply_together"]

# Later versions of Triton have a shorter name for it.
_write = getattr(tma, "async_store", None) or tma.async_copy_shared_to_global


@gluon.jit
def finish(
    total, row, n, left, right, a_scale, b_scale, out, buffer,
    TILE: gl.constexpr, FINISH: gl.constexpr,
):  # fmt: skip
    """Scale, round and store 64 rows of sums, through one of the group's buffers.

    They come round in turn, so that the oldest store is the one to wait for.
    """
    if FINISH == "row":
        total = total * right[None, :] * left[:, None]
    elif FINISH == "tensor":
        total *= gl.load(a_scale) * gl.load(b_scale)
    tma.store_wait(TILE.buffers - 1)
    buffer.store(total.to(out.dtype))
    fence_async_shared()
    _write(out, [row, n], buffer)


@gluon.jit
def _chain(
    lefts, rights, full, free, other, stage, phase, steps,
    TILE: gl.constexpr, layout: gl.constexpr,
):  # fmt: skip
    """Return the sums of a tile's upper and lower rows, each sum one chain.

    The ``other`` group may begin when this one has started its last step.
    """
    BLOCK_N: gl.constexpr = TILE.block_n
    upper = gl.zeros((ROWS, BLOCK_N), gl.float32, layout)
    lower = gl.zeros((ROWS, BLOCK_N), gl.float32, layout)
    for step in range(steps):
        mbarrier.wait(full.index(stage), phase)
        weight = rights.index(stage).permute((1, 0))
        above = warpgroup_mma(lefts.index(2 * stage), weight, upper, is_async=True)
        below = warpgroup_mma(lefts.index(2 * stage + 1), weight, lower, is_async=True)
        # This step is under way: the one before it has read its operands.
        upper, lower = warpgroup_mma_wait(2, deps=[above, below])
        mbarrier.arrive(free.index(stage_before(stage, TILE)), pred=step > 0)
        stage, phase = next_stage(stage, phase, TILE)
    mbarrier.arrive(other)
    upper, lower = warpgroup_mma_wait(0, deps=[upper, lower])
    mbarrier.arrive(free.index(stage_before(stage, TILE)))
    return upper, lower


@gluon.jit
def multiply_in_turns(
    consumer: gl.constexpr, memory, barriers, scales, sizes, out,
    TILE: gl.constexpr, FINISH: gl.constexpr,
):  # fmt: skip
    """Multiply every other tile of the program, both halves of its rows."""
    lefts, rights, stores, a_scales, b_scales = memory
    full, free, scales_full, scales_free, turns = barriers
    a_scale, b_scale, _, _, _, _ = scales
    _, _, _, _, out_rows, tiles, jobs, PROGRAMS = sizes
    FIRST: gl.constexpr = consumer * TILE.buffers
    LAST: gl.constexpr = FIRST + TILE.buffers - 1
    layout: gl.constexpr = gl.NVMMADistributedLayout(
        [3, 0], [4, 1], [16, TILE.block_n, 32]
    )
    start = gl.program_id(0) + consumer * PROGRAMS
    position = gl.to_tensor(0)
    if consumer == 1:
        position += steps_of(gl.program_id(0), sizes)[1]
    turn = gl.to_tensor(0)
    for job in range(start, jobs, 2 * PROGRAMS):
        m, n = place(job, sizes, TILE)
        steps = steps_of(job, sizes)[1]
        # The first group begins; after that, the other one's end is waited for. Only
        # then is the stage's next load the one to wait for: a barrier tells two loads
        # that follow each other apart, not more.
        mbarrier.wait(turns.index(consumer), turn ^ (1 - consumer))
        stage, phase = position % TILE.stages, position // TILE.stages % 2
        upper, lower = _chain(
            lefts, rights, full, free, turns.index(1 - consumer), stage, phase, steps,
            TILE, layout,
        )  # fmt: skip
        right = gl.arange(0, 1, gl.SliceLayout(0, layout))
        left = right
        below = right
        if FINISH == "row":
            mbarrier.wait(scales_full.index(consumer), turn)
            right = b_scales.index(consumer).load(gl.SliceLayout(0, layout))
            left = a_scales.index(2 * consumer).load(gl.SliceLayout(1, layout))
            below = a_scales.index(2 * consumer + 1).load(gl.SliceLayout(1, layout))
            mbarrier.arrive(scales_free.index(consumer))
        row = job // tiles * out_rows + m
        finish(
            upper, row, n, left, right, a_scale, b_scale, out, stores.index(FIRST),
            TILE, FINISH,
        )  # fmt: skip
        finish(
            lower, row + ROWS, n, below, right, a_scale, b_scale, out,
            stores.index(LAST), TILE, FINISH,
        )  # fmt: skip
        position += steps + steps_of(job + PROGRAMS, sizes)[1]
        turn ^= 1
    tma.store_wait(0)


@gluon.jit
def _start(
    consumer: gl.constexpr, lefts, rights, full, stage, phase,
    TILE: gl.constexpr, layout: gl.constexpr,
):  # fmt: skip
    """Start to multiply a step; the product is there after a wait."""
    BLOCK_N: gl.constexpr = TILE.block_n
    mbarrier.wait(full.index(stage), phase)
    return warpgroup_mma(
        lefts.index(2 * stage + consumer),
        rights.index(stage).permute((1, 0)),
        gl.zeros((ROWS, BLOCK_N), gl.float32, layout),
        use_acc=False,
        is_async=True,
    )


@gluon.jit
def _promote(total, product, scale, BLOCKS: gl.constexpr):
    if BLOCKS:
        total = gl.fma(product, scale[:, None].broadcast_to(product.shape), total)
    else:
        total += product
    return total


@gluon.jit
def _scale(a_scale, b_scale, a_step, b_step, step, inside, BLOCKS: gl.constexpr):
    """Load the scale of each row for a step."""
    scale = inside.to(gl.float32)
    if BLOCKS:
        left = gl.load(a_scale + step * a_step, mask=inside, other=0.0)
        scale = left * gl.load(b_scale + step * b_step)
    return scale


@gluon.jit
def _promoted(
    consumer: gl.constexpr, lefts, rights, full, free, stage, phase, first, end,
    scales, m, n, M, TILE: gl.constexpr, BLOCKS: gl.constexpr, layout: gl.constexpr,
):  # fmt: skip
    """Return half a tile's sums, promoted every step, with the scales of its blocks.

    Two steps are started at a time, and the first is promoted while the tensor core
    has the second. (In flight from one pass of a loop to the next, ptxas would wait for
    every instruction.)
    """
    BLOCK_N: gl.constexpr = TILE.block_n
    a_scale, b_scale, a_row, a_step, b_row, b_step = scales
    total = gl.zeros((ROWS, BLOCK_N), gl.float32, layout)
    rows = m + gl.arange(0, ROWS, gl.SliceLayout(1, layout))
    inside = rows < M
    a_scale += rows * a_row
    b_scale += n // DEPTH * b_row
    scale = _scale(a_scale, b_scale, a_step, b_step, first, inside, BLOCKS)
    pairs = end - (end - first) % 2
    for step in range(first, pairs, 2):
        next_scale = _scale(a_scale, b_scale, a_step, b_step, step + 1, inside, BLOCKS)
        one = _start(consumer, lefts, rights, full, stage, phase, TILE, layout)
        after, after_phase = next_stage(stage, phase, TILE)
        other = _start(consumer, lefts, rights, full, after, after_phase, TILE, layout)
        product = warpgroup_mma_wait(1, deps=[one])
        mbarrier.arrive(free.index(stage))
        total = _promote(total, product, scale, BLOCKS)
        ahead = gl.minimum(step + 2, end - 1)
        scale = _scale(a_scale, b_scale, a_step, b_step, ahead, inside, BLOCKS)
        product = warpgroup_mma_wait(0, deps=[other])
        mbarrier.arrive(free.index(after))
        total = _promote(total, product, next_scale, BLOCKS)
        stage, phase = next_stage(after, after_phase, TILE)
    for _ in range(pairs, end):
        one = _start(consumer, lefts, rights, full, stage, phase, TILE, layout)
        product = warpgroup_mma_wait(0, deps=[one])
        mbarrier.arrive(free.index(stage))
        total = _promote(total, product, scale, BLOCKS)
        stage, phase = next_stage(stage, phase, TILE)
    return total, stage, phase


@gluon.jit
def multiply_together(
    consumer: gl.constexpr, memory, barriers, scales, sizes, out,
    TILE: gl.constexpr, BLOCKS: gl.constexpr, FINISH: gl.constexpr,
):  # fmt: skip
    """Multiply half the rows of every tile of the program."""
    lefts, rights, stores, a_scales, b_scales = memory
    full, free, scales_full, scales_free, _ = barriers
    a_scale, b_scale, _, _, _, _ = scales
    M, _, _, _, out_rows, tiles, jobs, PROGRAMS = sizes
    layout: gl.constexpr = gl.NVMMADistributedLayout(
        [3, 0], [4, 1], [16, TILE.block_n, 32]
    )
    stage = gl.to_tensor(0)
    phase = gl.to_tensor(0)
    turn = gl.to_tensor(0)
    for job in range(gl.program_id(0), jobs, PROGRAMS):
        m, n = place(job, sizes, TILE)
        m += consumer * ROWS
        first, count = steps_of(job, sizes)
        total, stage, phase = _promoted(
            consumer, lefts, rights, full, free, stage, phase, first, first + count,
            scales, m, n, M, TILE, BLOCKS, layout,
        )  # fmt: skip
        right = gl.arange(0, 1, gl.SliceLayout(0, layout))
        left = right
        if FINISH == "row":
            mbarrier.wait(scales_full.index(0), turn)
            right = b_scales.index(0).load(gl.SliceLayout(0, layout))
            left = a_scales.index(consumer).load(gl.SliceLayout(1, layout))
            mbarrier.arrive(scales_free.index(0))
        row = job // tiles * out_rows + m
        buffer = stores.index(consumer * TILE.buffers + turn % TILE.buffers)
        finish(
            total, row, n, left, right, a_scale, b_scale, out, buffer, TILE, FINISH
        )  # fmt: skip
        turn ^= 1
    tma.store_wait(0)
