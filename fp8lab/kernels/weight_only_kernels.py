"""The Triton kernels of `fp8lab.kernels.weight_only`.

Both products take the weight as [N, K] with K contiguous, and x as [M, K] contiguous. A
slice of K is whole steps of BLOCK_K; its result goes behind those of the slices before.
"""

from __future__ import annotations

import triton
import triton.language as tl

__all__: list[str] = []

#: Codes of one 16-byte load: what a thread decodes of a row at a time.
CODES = tl.constexpr(16)
#: A program of the row kernel has at most 2^5 sums, which is what registers allow.
LOG_MOST_SUMS = tl.constexpr(5)


@triton.jit
def _meet(sums):
    """Return the totals of a power of two of vectors, in their order, as a vector.

    Side by side, they all meet in one reduction.
    """
    size: tl.constexpr = len(sums)
    for _ in tl.static_range(LOG_MOST_SUMS):
        if len(sums) > 1:
            joined = ()
            for i in tl.static_range(len(sums) // 2):
                joined += (tl.join(sums[i], sums[i + len(sums) // 2]),)
            sums = joined
    return tl.sum(tl.reshape(sums[0], [sums[0].shape[0], size]), axis=0)


@triton.jit
def _store_slice(total, m, n, out_ptr, M, N):
    """Store [n, m] sums as rows m of the slice of K that the program has."""
    out = out_ptr + tl.program_id(1).to(tl.int64) * M * N
    at = m.to(tl.int64)[None, :] * N + n[:, None]
    kept = (m < M)[None, :] & (n < N)[:, None]
    tl.store(out + at, total.to(out_ptr.dtype.element_ty), mask=kept)


@triton.jit
def _row_kernel(
    x_ptr,
    codes_ptr,
    scales_ptr,
    out_ptr,
    M,
    N,
    K,
    codes_stride,
    scale_stride_n,
    scale_stride_k,
    slice_length,
    GROUP_N: tl.constexpr,
    GROUP_K: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
    STAGES: tl.constexpr,
    WHOLE_K: tl.constexpr,
):
    """Multiply BLOCK_N rows of the weight by BLOCK_M rows of x, on the FP32 pipe.

    A thread has the same 16 of K of every row, so that a piece of x is read once and
    a row costs one 16-byte load. It adds its 16 products first, then this sum to its
    own running sum; lanes meet once, at the end. Each row is a tensor of one axis:
    that makes Triton give x and codes the same layout, without which x would go
    through shared memory.
    """
    LANES: tl.constexpr = BLOCK_K // CODES
    chunks = tl.cdiv(M, BLOCK_M)
    first_m = tl.program_id(0) % chunks * BLOCK_M
    first_n = tl.program_id(0) // chunks * BLOCK_N
    start = tl.program_id(1) * slice_length
    end = tl.minimum(start + slice_length, K)
    cols = tl.arange(0, BLOCK_K)
    lanes = tl.arange(0, LANES) * CODES

    # Past the last row, the last one is computed again and not stored.
    rows = ()
    scales = ()
    total = ()
    for n in tl.static_range(BLOCK_N):
        row = tl.minimum(first_n + n, N - 1)
        rows += (codes_ptr + row.to(tl.int64) * codes_stride,)
        scales += (scales_ptr + row // GROUP_N * scale_stride_n,)
        for _ in tl.static_range(BLOCK_M):
            total += (tl.zeros([LANES], tl.float32),)

    for k in tl.range(start, end, BLOCK_K, num_stages=STAGES):
        inside = None if WHOLE_K else k + cols < end
        known = None if WHOLE_K else k + lanes < end
        nothing = None if WHOLE_K else 0.0
        x = ()
        for m in tl.static_range(BLOCK_M):
            at = x_ptr + tl.minimum(first_m + m, M - 1).to(tl.int64) * K
            x += (tl.load(at + k + cols, mask=inside, other=nothing).to(tl.float32),)
        added = ()
        for n in tl.static_range(BLOCK_N):
            codes = tl.load(rows[n] + k + cols, mask=inside, other=nothing)
            w = codes.to(tl.float16).to(tl.float32)
            if GROUP_K > 0:
                at = scales[n] + (k + lanes) // GROUP_K * scale_stride_k
                scale = tl.load(at, mask=known, other=nothing).to(tl.float32)
            for m in tl.static_range(BLOCK_M):
                part = tl.sum(tl.reshape(w * x[m], [LANES, CODES]), axis=1)
                if GROUP_K > 0:
                    part = part * scale
                added += (total[n * BLOCK_M + m] + part,)
        total = added

    value = tl.reshape(_meet(total), [BLOCK_N, BLOCK_M])
    n = first_n + tl.arange(0, BLOCK_N)
    m = first_m + tl.arange(0, BLOCK_M)
    if GROUP_K == 0:
        scale_at = tl.minimum(n, N - 1) // GROUP_N * scale_stride_n
        value = value * tl.load(scales_ptr + scale_at).to(tl.float32)[:, None]
    _store_slice(value, m, n, out_ptr, M, N)


@triton.jit
def _tile_kernel(
    x_ptr,
    codes_ptr,
    scales_ptr,
    out_ptr,
    M,
    N,
    K,
    codes_stride,
    scale_stride_n,
    scale_stride_k,
    slice_length,
    GROUP_N: tl.constexpr,
    GROUP_K: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
    STAGES: tl.constexpr,
    WHOLE_K: tl.constexpr,
):
    """Multiply BLOCK_N rows of the weight by BLOCK_M rows of x, on the tensor cores.

    The weight is the operand with the 64 rows that wgmma asks for: it is converted to
    x's type in registers, exactly, and x, of which there is little, comes from shared
    memory. With groups of K, BLOCK_K is one group, summed from zero.
    """
    chunks = tl.cdiv(M, BLOCK_M)
    m = tl.program_id(0) % chunks * BLOCK_M + tl.arange(0, BLOCK_M)
    n = tl.program_id(0) // chunks * BLOCK_N + tl.arange(0, BLOCK_N)
    start = tl.program_id(1) * slice_length
    end = tl.minimum(start + slice_length, K)
    cols = tl.arange(0, BLOCK_K)
    # Past the last row, the last one is computed again and not stored.
    row = tl.minimum(n, N - 1)
    x_at = x_ptr + tl.minimum(m, M - 1).to(tl.int64)[:, None] * K + cols[None, :]
    codes_at = codes_ptr + row.to(tl.int64)[:, None] * codes_stride + cols[None, :]
    scales_at = scales_ptr + row // GROUP_N * scale_stride_n

    total = tl.zeros([BLOCK_N, BLOCK_M], tl.float32)
    for k in tl.range(start, end, BLOCK_K, num_stages=STAGES):
        inside = None if WHOLE_K else k + cols[None, :] < end
        nothing = None if WHOLE_K else 0.0
        codes = tl.load(codes_at + k, mask=inside, other=nothing)
        x = tl.load(x_at + k, mask=inside, other=nothing)
        w = codes.to(tl.float16)
        if x_ptr.dtype.element_ty == tl.bfloat16:
            # By way of float32: straight to bfloat16 is a slow instruction.
            w = w.to(tl.float32).to(tl.bfloat16)
        if GROUP_K > 0:
            group = k // GROUP_K
            scale = tl.load(scales_at + group * scale_stride_k).to(tl.float32)
            total += tl.dot(w, x.T) * scale[:, None]
        else:
            total = tl.dot(w, x.T, total)

    if GROUP_K == 0:
        total *= tl.load(scales_at).to(tl.float32)[:, None]
    _store_slice(total, m, n, out_ptr, M, N)


@triton.jit
def _slices_kernel(slices_ptr, out_ptr, size, count, BLOCK: tl.constexpr):
    """Add the results of ``count`` slices of K, in their order."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    total = tl.zeros([BLOCK], tl.float32)
    for _ in range(count):
        total += tl.load(slices_ptr + at, mask=inside, other=0.0)
        slices_ptr += size
    tl.store(out_ptr + at, total.to(out_ptr.dtype.element_ty), mask=inside)
