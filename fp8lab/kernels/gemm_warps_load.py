"""The warps of `gemm_warps` that load: where a job lies, its tiles, its scales."""

from __future__ import annotations

from triton.experimental import gluon
from triton.experimental.gluon import language as gl
from triton.experimental.gluon.language.nvidia.hopper import mbarrier, tma

__all__ = [
    "DEPTH",
    "ROWS",
    "load_scales",
    "load_tiles",
    "next_stage",
    "place",
    "stage_before",
    "steps_of",
]

# Later versions of Triton have a shorter name for it.
_load = getattr(tma, "async_load", None) or tma.async_copy_global_to_shared
#: K of a step, which is also a block of scales.
DEPTH = gl.constexpr(128)
#: Rows of one matrix instruction; a tile has twice as many.
ROWS = gl.constexpr(64)


@gluon.jit
def place(job, sizes, TILE: gl.constexpr):
    """Return a job's first row and column."""
    M, N, tiles = sizes[0], sizes[1], sizes[5]
    tile = job % tiles
    width = TILE.group_m * gl.cdiv(N, TILE.block_n)
    first = tile // width * TILE.group_m
    height = gl.minimum(gl.cdiv(M, TILE.block_m) - first, TILE.group_m)
    row = first + tile % width % height
    return row * TILE.block_m, tile % width // height * TILE.block_n


@gluon.jit
def steps_of(job, sizes):
    """Return a job's first step of K, and how many it has."""
    steps, slice_steps, tiles = sizes[2], sizes[3], sizes[5]
    first = job // tiles * slice_steps
    return first, gl.minimum(slice_steps, steps - first)


@gluon.jit
def next_stage(stage, phase, TILE: gl.constexpr):
    """Return the next stage, and the parity of its barriers' phase."""
    wraps = stage == TILE.stages - 1
    return gl.where(wraps, 0, stage + 1), gl.where(wraps, phase ^ 1, phase)


@gluon.jit
def stage_before(stage, TILE: gl.constexpr):
    """Return the stage of the step before."""
    return gl.where(stage == 0, TILE.stages - 1, stage - 1)


@gluon.jit
def load_tiles(a, b, memory, barriers, sizes, TILE: gl.constexpr):
    """Load every step of every job, as soon as a stage is free."""
    lefts, rights, _, _, _ = memory
    full, free, _, _, _ = barriers
    jobs, PROGRAMS = sizes[6], sizes[7]
    BYTES: gl.constexpr = (TILE.block_m + TILE.block_n) * DEPTH
    stage = gl.to_tensor(0)
    phase = gl.to_tensor(1)
    for job in range(gl.program_id(0), jobs, PROGRAMS):
        m, n = place(job, sizes, TILE)
        first, count = steps_of(job, sizes)
        for step in range(first, first + count):
            ready = full.index(stage)
            k = step * DEPTH
            mbarrier.wait(free.index(stage), phase)
            mbarrier.expect(ready, BYTES)
            _load(b, [n, k], ready, rights.index(stage))
            _load(a, [m, k], ready, lefts.index(2 * stage))
            _load(a, [m + ROWS, k], ready, lefts.index(2 * stage + 1))
            stage, phase = next_stage(stage, phase, TILE)


@gluon.jit
def load_scales(
    memory, barriers, scales, sizes, TILE: gl.constexpr,
    TURNS: gl.constexpr, FINISH: gl.constexpr,
):  # fmt: skip
    """Bring each tile's scales while the tile before it is multiplied."""
    if FINISH == "row":
        _, _, _, a_scales, b_scales = memory
        _, _, full, free, _ = barriers
        a_scale, b_scale, a_row, _, b_row, _ = scales
        M, N, jobs, PROGRAMS = sizes[0], sizes[1], sizes[6], sizes[7]
        BLOCK_N: gl.constexpr = TILE.block_n
        SLOTS: gl.constexpr = 2 if TURNS else 1
        layout: gl.constexpr = gl.BlockedLayout([1], [32], [1], [0])
        count = gl.to_tensor(0)
        for job in range(gl.program_id(0), jobs, PROGRAMS):
            m, n = place(job, sizes, TILE)
            slot = count % SLOTS
            columns = n + gl.arange(0, BLOCK_N, layout)
            rows = m + gl.arange(0, ROWS, layout)
            below = rows + ROWS
            right = gl.load(b_scale + columns * b_row, mask=columns < N, other=0.0)
            upper = gl.load(a_scale + rows * a_row, mask=rows < M, other=0.0)
            lower = gl.load(a_scale + below * a_row, mask=below < M, other=0.0)
            mbarrier.wait(free.index(slot), count // SLOTS % 2 ^ 1)
            b_scales.index(slot).store(right)
            a_scales.index(2 * slot).store(upper)
            a_scales.index(2 * slot + 1).store(lower)
            mbarrier.arrive(full.index(slot))
            count += 1
