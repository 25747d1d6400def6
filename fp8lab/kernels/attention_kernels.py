"""The two kernels of decode attention: one part of the tokens, and all parts merged.

A program of the first takes one sequence, one KV head, one part (split) of the tokens,
and every query head that shares the KV head, padded to 16, 32 or 64. Per tile:

====================  ===============================================================
S = q K^T             [heads, tokens] in float32; FP8 goes from shared memory to
                      registers, and becomes float16 there, as the operand
p = 2^(S - m)         online softmax, float32; m is the running maximum less `HEADROOM`
O += p V              [heads, D] in float32; V too becomes float16 in registers
====================  ===============================================================

An operand V holds tokens side by side in a register, and memory has dimensions side by
side. Hopper turns 8 x 8 matrices on the way out of shared memory, of 16-bit numbers
only: so two codes of a token travel as one number, and two products, of the even and
of the odd dimensions, make O.

With ``OVERLAP`` each kernel may be started before the one in front of it has ended, and
waits for its end before it reads or writes memory: launching then costs no time.
"""

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from fp8lab.kernels.attention_tiles import load_pages, load_tile, load_v, widen_pairs

__all__ = []

#: The largest p is 2^15, exact in float16: p keeps 11 bits down to 2^-29 of it, so that
#: a long tail of small weights is not lost.
HEADROOM = tl.constexpr(15.0)
#: Below every score, and finite: the difference of two of them is not NaN.
LOWEST = tl.constexpr(-3.4028234663852886e38)


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
    PAIRS: tl.constexpr,
    OVERLAP: tl.constexpr,
    NATIVE: tl.constexpr,
):
    # Neighbouring programs read neighbouring heads of the same tokens.
    kv_head = tl.program_id(0) % kv_heads
    batch = (tl.program_id(0) // kv_heads).to(tl.int64)
    split = tl.program_id(1)
    splits = tl.num_programs(1)
    FORMAT: tl.constexpr = k_ptr.dtype.element_ty
    CONVERT: tl.constexpr = FORMAT.is_fp8()
    WORK: tl.constexpr = tl.float16 if CONVERT else FORMAT
    heads = tl.arange(0, HEADS)
    dims = tl.arange(0, D)
    q_ptr += batch * stride_q_batch + kv_head * group * stride_q_head
    q_at = q_ptr + heads[:, None] * stride_q_head + dims[None, :]
    if OVERLAP:
        gdc_wait()
        gdc_launch_dependents()

    length = capacity
    if length_ptr is not None:
        length = tl.minimum(tl.load(length_ptr + batch), capacity)
    q = tl.load(q_at, mask=heads[:, None] < group, other=0.0).to(tl.float32).to(WORK)
    if k_scale_ptr is not None:
        at = k_scale_ptr + batch * stride_scale_batch + kv_head * stride_scale_head
        score_factor *= tl.load(at)

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

    maximum = tl.full([HEADS], LOWEST, tl.float32)
    # One sum a column: adding up a row would wait for all warps, in every tile.
    total = tl.zeros([HEADS, BLOCK], tl.float32)
    if CONVERT:
        even = tl.zeros([HEADS, D // 2], tl.float32)
        odd = tl.zeros([HEADS, D // 2], tl.float32)
    else:
        acc = tl.zeros([HEADS, D], tl.float32)
    pages = load_pages(table_ptr, first, end, PAGE, BLOCK)
    for tile in tl.range(0, tl.cdiv(end - first, BLOCK), num_stages=STAGES):
        start = first + tile * BLOCK
        here = start, end, pages
        k = load_tile(k_ptr, here, stride_k_page, stride_k_token, PAGE, BLOCK, D)
        if CONVERT:
            v = load_v(
                v_ptr, here, stride_v_page, stride_v_token, PAGE, BLOCK, D, PAIRS
            )
        else:
            v = load_tile(v_ptr, here, stride_v_page, stride_v_token, PAGE, BLOCK, D)
        # A tile ahead: no address waits for the number of its page.
        pages = load_pages(table_ptr, start + BLOCK, end, PAGE, BLOCK)
        scores = tl.dot(q, k.to(WORK).T) * score_factor
        used = start + tl.arange(0, BLOCK) < end
        scores = tl.where(used[None, :], scores, float("-inf"))
        new_maximum = tl.maximum(maximum, tl.max(scores, 1) - HEADROOM)
        p = tl.exp2(scores - new_maximum[:, None])
        shrink = tl.exp2(maximum - new_maximum)[:, None]
        total = total * shrink + p
        if CONVERT:
            low, high = widen_pairs(v, FORMAT, NATIVE)
            even = tl.dot(p.to(WORK), low, even * shrink)
            odd = tl.dot(p.to(WORK), high, odd * shrink)
        else:
            acc = tl.dot(p.to(WORK), v, acc * shrink)
        maximum = new_maximum

    row = (batch * kv_heads + kv_head) * group + heads
    row = row * splits + split
    real = heads < group
    if CONVERT:
        acc = tl.join(even, odd).reshape(HEADS, D)
    partial_at = partial_ptr + row[:, None] * D + dims[None, :]
    tl.store(partial_at, acc, mask=real[:, None])
    tl.store(maximum_ptr + row, maximum, mask=real)
    tl.store(sum_ptr + row, tl.sum(total, 1), mask=real)


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
    SLICE: tl.constexpr,
    D: tl.constexpr,
    OVERLAP: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    batch = row // query_heads
    head = row % query_heads
    dims = tl.program_id(1) * SLICE + tl.arange(0, SLICE)
    parts = row * splits + tl.arange(0, SPLITS)
    real = tl.arange(0, SPLITS) < splits
    part_at = partial_ptr + parts[:, None] * D + dims[None, :]
    scale_at = batch * stride_scale_batch + head // group * stride_scale_head
    if OVERLAP:
        gdc_wait()
        gdc_launch_dependents()

    # No load waits for another: this kernel lasts as long as one.
    if v_scale_ptr is not None:
        v_factor *= tl.load(v_scale_ptr + scale_at)
    part = tl.load(part_at, mask=real[:, None], other=0.0)
    maximum = tl.load(maximum_ptr + parts, mask=real, other=LOWEST)
    total = tl.load(sum_ptr + parts, mask=real, other=0.0)
    weight = tl.exp2(maximum - tl.max(maximum, 0))
    out = tl.sum(weight[:, None] * part, 0) / tl.sum(weight * total, 0) * v_factor
    if length_ptr is not None:
        out = tl.where(tl.load(length_ptr + batch) > 0, out, 0.0)
    tl.store(out_ptr + row * D + dims, out.to(out_ptr.dtype.element_ty))
