"""The two kernels of decode attention: one part of the tokens, and all parts merged.

A program of the first takes one sequence, one KV head, one part (split) of the tokens,
and every query head that shares the KV head, padded to 16, 32 or 64. Per tile:

====================  ===============================================================
S = q K^T             [heads, tokens] in float32, on warp-level tensor instructions:
                      FP8 goes from shared memory to registers and becomes float16
                      there, as the operand
p = 2^(S - m)         online softmax, float32; m is the running maximum less `HEADROOM`
O^T += V^T p^T        [D, heads] in float32, on wgmma: its wide side is D, so that few
                      heads waste nothing
====================  ===============================================================

wgmma wants V in shared memory in 16 bits. The converted tile is therefore carried into
the next iteration, which is what makes Triton store it there whole (16 bytes a thread
and store); converted where it is used, V would be gathered byte by byte.
"""

import triton
import triton.language as tl

__all__ = []

#: The largest p is 2^15, exact in float16: p keeps 11 bits down to 2^-29 of it, so that
#: a long tail of small weights is not lost.
HEADROOM = tl.constexpr(15.0)
#: Below every score, and finite: the difference of two of them is not NaN.
LOWEST = tl.constexpr(-3.4028234663852886e38)


@triton.jit
def _load_tile(
    cache_ptr,
    table_ptr,
    start,
    end,
    stride_page,
    stride_token,
    PAGE: tl.constexpr,
    BLOCK: tl.constexpr,
    D: tl.constexpr,
):
    """Return tokens [start, start + BLOCK) of one KV head, zero from ``end`` on."""
    rows = tl.arange(0, BLOCK)
    used = start + rows < end
    if PAGE == 0:
        base = cache_ptr + start.to(tl.int64) * stride_token
        offsets = rows[:, None] * stride_token
    elif PAGE >= BLOCK:
        page = tl.load(table_ptr + start // PAGE, mask=start < end, other=0)
        base = cache_ptr + page.to(tl.int64) * stride_page
        base += (start % PAGE).to(tl.int64) * stride_token
        offsets = rows[:, None] * stride_token
    else:
        pages = tl.load(table_ptr + (start + rows) // PAGE, mask=used, other=0)
        base = cache_ptr
        offsets = pages.to(tl.int64)[:, None] * stride_page
        offsets += ((start + rows) % PAGE)[:, None] * stride_token
    pointers = base + offsets + tl.arange(0, D)[None, :]
    return tl.load(pointers, mask=used[:, None], other=0.0)


@triton.jit
def _split_kernel(
    q_ptr,
    k_ptr,
    v_ptr,
    length_ptr,
    table_ptr,
    k_scale_ptr,
    partial_ptr,
    maximum_ptr,
    sum_ptr,
    score_factor,
    capacity,
    kv_heads,
    group,
    stride_q_batch,
    stride_q_head,
    stride_k_page,
    stride_k_token,
    stride_k_head,
    stride_v_page,
    stride_v_token,
    stride_v_head,
    stride_table,
    stride_scale_batch,
    stride_scale_head,
    HEADS: tl.constexpr,
    D: tl.constexpr,
    PAGE: tl.constexpr,
    BLOCK: tl.constexpr,
    STAGES: tl.constexpr,
):
    # Neighbouring programs read neighbouring heads of the same tokens.
    kv_head = tl.program_id(0) % kv_heads
    batch = (tl.program_id(0) // kv_heads).to(tl.int64)
    split = tl.program_id(1)
    splits = tl.num_programs(1)
    CONVERT: tl.constexpr = k_ptr.dtype.element_ty.is_fp8()
    WORK: tl.constexpr = tl.float16 if CONVERT else k_ptr.dtype.element_ty

    length = capacity
    if length_ptr is not None:
        length = tl.minimum(tl.load(length_ptr + batch), capacity)
    tiles = tl.cdiv(tl.cdiv(length, BLOCK), splits)
    first = split * tiles * BLOCK
    end = tl.minimum(first + tiles * BLOCK, length)

    k_ptr += kv_head * stride_k_head
    v_ptr += kv_head * stride_v_head
    if PAGE == 0:
        k_ptr += batch * stride_k_page
        v_ptr += batch * stride_v_page
    else:
        table_ptr += batch * stride_table
    if k_scale_ptr is not None:
        at = k_scale_ptr + batch * stride_scale_batch + kv_head * stride_scale_head
        score_factor *= tl.load(at)

    heads = tl.arange(0, HEADS)
    dims = tl.arange(0, D)
    q_ptr += batch * stride_q_batch + kv_head * group * stride_q_head
    q_at = q_ptr + heads[:, None] * stride_q_head + dims[None, :]
    q = tl.load(q_at, mask=heads[:, None] < group, other=0.0).to(tl.float32).to(WORK)

    maximum = tl.full([HEADS], LOWEST, tl.float32)
    total = tl.zeros([HEADS], tl.float32)
    acc = tl.zeros([D, HEADS], tl.float32)
    if CONVERT:
        v = _load_tile(
            v_ptr, table_ptr, first, end, stride_v_page, stride_v_token, PAGE, BLOCK, D
        ).to(WORK)
    for tile in tl.range(0, tl.cdiv(end - first, BLOCK), num_stages=STAGES):
        start = first + tile * BLOCK
        k = _load_tile(
            k_ptr, table_ptr, start, end, stride_k_page, stride_k_token, PAGE, BLOCK, D
        ).to(WORK)
        ahead = start + BLOCK if CONVERT else start
        v_tile = _load_tile(
            v_ptr, table_ptr, ahead, end, stride_v_page, stride_v_token, PAGE, BLOCK, D
        )
        if not CONVERT:
            v = v_tile
        scores = tl.dot(q, k.T) * score_factor
        used = start + tl.arange(0, BLOCK) < end
        scores = tl.where(used[None, :], scores, float("-inf"))
        new_maximum = tl.maximum(maximum, tl.max(scores, 1) - HEADROOM)
        p = tl.exp2(scores - new_maximum[:, None])
        shrink = tl.exp2(maximum - new_maximum)
        total = total * shrink + tl.sum(p, 1)
        acc = tl.dot(v.T, p.to(WORK).T, acc * shrink[None, :])
        maximum = new_maximum
        if CONVERT:
            v = v_tile.to(WORK)

    row = (batch * kv_heads + kv_head) * group + heads
    row = row * splits + split
    real = heads < group
    tl.store(maximum_ptr + row, maximum, mask=real)
    tl.store(sum_ptr + row, total, mask=real)
    partial_at = partial_ptr + row[None, :] * D + dims[:, None]
    tl.store(partial_at, acc, mask=real[None, :])


@triton.jit
def _combine_kernel(
    partial_ptr,
    maximum_ptr,
    sum_ptr,
    length_ptr,
    v_scale_ptr,
    out_ptr,
    v_factor,
    splits,
    query_heads,
    group,
    stride_scale_batch,
    stride_scale_head,
    SPLITS: tl.constexpr,
    CHUNK: tl.constexpr,
    D: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    batch = row // query_heads
    head = row % query_heads
    every = tl.arange(0, SPLITS)
    at = maximum_ptr + row * splits
    top = tl.max(tl.load(at + every, mask=every < splits, other=LOWEST), 0)

    dims = tl.arange(0, D)
    total = tl.zeros([CHUNK], tl.float32)
    acc = tl.zeros([CHUNK, D], tl.float32)
    for first in range(0, splits, CHUNK):
        some = first + tl.arange(0, CHUNK)
        real = some < splits
        weight = tl.exp2(tl.load(at + some, mask=real, other=float("-inf")) - top)
        total += weight * tl.load(sum_ptr + row * splits + some, mask=real, other=0.0)
        part_at = partial_ptr + (row * splits + some)[:, None] * D + dims[None, :]
        acc += weight[:, None] * tl.load(part_at, mask=real[:, None], other=0.0)

    if v_scale_ptr is not None:
        at = batch * stride_scale_batch + head // group * stride_scale_head
        v_factor *= tl.load(v_scale_ptr + at)
    out = tl.sum(acc, 0) / tl.sum(total, 0) * v_factor
    if length_ptr is not None:
        out = tl.where(tl.load(length_ptr + batch) > 0, out, 0.0)
    tl.store(out_ptr + row * D + dims, out.to(out_ptr.dtype.element_ty))
