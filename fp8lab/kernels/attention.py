"""Decode attention over an FP8 KV cache: one new token of each sequence.

Its time is that of reading the cache once, so FP8 is about twice as fast as bfloat16.
Two kernels (`fp8lab.kernels.attention_kernels`): the tokens of a sequence are cut into
parts, so that there is work for every multiprocessor, and the parts merged.
"""

from __future__ import annotations

import math

import torch
import triton

from fp8lab.kernels import attention_kernels as kernels
from fp8lab.kernels import traced
from fp8lab.kernels.attention_arguments import checked_layout, checked_scale
from fp8lab.kernels.attention_plan import (
    SMALLEST_HEADS,
    Plan,
    choose_splits,
    plan_for,
)
from fp8lab.kernels.runtime import INTERPRETED, multiprocessors
from fp8lab.kv_cache import CacheLayout, checked_splits

__all__ = ["Plan", "choose_splits", "decode_attention", "plan_for"]

LOG2_E = math.log2(math.e)
#: Numbers that a program of the second kernel merges: few, so that one warp is enough
#: and waits for no other. The fewest of one part are 32 bytes, which come together.
MERGED, NARROWEST = 1024, 8
#: Parts that one program can merge.
MOST_PARTS = 1024


def decode_attention(
    q: torch.Tensor,
    k_cache: torch.Tensor,
    v_cache: torch.Tensor,
    lengths: torch.Tensor | None = None,
    *,
    k_scale: torch.Tensor | float = 1.0,
    v_scale: torch.Tensor | float = 1.0,
    block_table: torch.Tensor | None = None,
    softmax_scale: float | None = None,
    splits: int | None = None,
    plan: Plan | None = None,
) -> torch.Tensor:
    """Return softmax(q K^T) V for one query token of every sequence.

    The twin of `fp8lab.decode_attention`, whose mathematics and policy on NaN, infinity
    and empty sequences it has, but for this: q beyond float16's 65504 is infinite, and
    so makes its head NaN (a bfloat16 cache keeps q in bfloat16). Nothing is read from
    tokens beyond a length. Lengths below 0 count as 0, those above the capacity as the
    capacity: looking at them would wait for the GPU. Pages are not checked at all.

    FP8 codes become float16, exactly; q becomes q', and p = e^(s - max) is rounded, in
    float16, or in the dtype of a 16-bit cache: u = 2^-11, in bfloat16 2^-8. Products
    are exact and sums float32, perhaps truncated. With T tokens a part, and

        e = |softmax_scale k_scale| * max over t of the sum over d of
            (|q[d] - q'[d]| + (D + 8) 2^-22 |q[d]|) |k[t, d]|,

    an s is off by e at most, a softmax weight w by a factor e^(2 e), and

        |out - exact| <= ((1 + u) e^(2 e) (1 + (T + 256) 2^-26) - 1)
                         * sum over t of w[t] |v_scale v[t, d]|,

    before out is rounded to q's dtype. Equal launches give equal bits, and so do a
    paged and a contiguous cache with equal splits.

    Parameters
    ----------
    q
        [B, Hq, D], float16, bfloat16 or float32; D is 64, 128 or 256 and contiguous.
    k_cache, v_cache
        [B, T, Hkv, D]; with ``block_table`` [pages, page_size, Hkv, D], page_size a
        power of two from 16 on. float8_e4m3fn, float8_e5m2, bfloat16 or float16. D is
        contiguous; the other strides are free, but multiples of 16 bytes are fast. Up
        to 64 query heads a KV head.
    lengths
        Tokens in use, int32 [B]; default all.
    k_scale, v_scale
        Decode scales: one number, or float32 [Hkv] or [B, Hkv].
    block_table
        Page of tokens i * page_size and up of a sequence, int32 [B, width].
    softmax_scale
        Default 1 / sqrt(D).
    splits
        Parts that the tokens are cut into, 1024 at most; default `choose_splits`.
    plan
        How to launch it, instead of `plan_for`: for measurements.

    Returns
    -------
    torch.Tensor
        [B, Hq, D] in q's dtype, contiguous.

    Raises
    ------
    ValueError
        Shapes, dtypes or strides that do not fit, or tensors on two devices.
    RuntimeError
        A device that the kernels do not run on.

    Notes
    -----
    Pages of fewer tokens than a tile cost an address for each token. Native FP8
    products would need q in FP8, which rounds it to 4 bits, and V transposed.
    An FP8 V with an odd stride is read byte by byte.
    """
    if torch.compiler.is_compiling():
        k, v = traced.tensor_or_number(k_scale), traced.tensor_or_number(v_scale)
        return traced.decode_attention(
            q, k_cache, v_cache, lengths, *k, *v, block_table, softmax_scale, splits
        )
    layout = checked_layout(q, k_cache, v_cache, lengths, block_table)
    k_factor, k_scales = checked_scale(k_scale, "k_scale", layout, q.device)
    v_factor, v_scales = checked_scale(v_scale, "v_scale", layout, q.device)
    parts = checked_splits(splits)
    if plan is None:
        page = layout.page_size
        plan = plan_for(layout.width, layout.group, k_cache.dtype, page)
    if q.numel() == 0 or layout.capacity == 0:
        return torch.zeros(q.shape, dtype=q.dtype, device=q.device)
    if softmax_scale is None:
        softmax_scale = 1 / math.sqrt(layout.width)
    score_factor = softmax_scale * LOG2_E * k_factor
    if parts is None:
        slots = plan.programs * multiprocessors(q.device)
        pairs = layout.batch * layout.kv_heads
        parts = choose_splits(pairs, layout.capacity, slots, plan.block)
    # More parts than tiles would be empty.
    parts = min(parts, triton.cdiv(layout.capacity, plan.block), MOST_PARTS)
    where = lengths, block_table, k_scales
    merged = _split(q, k_cache, v_cache, where, score_factor, layout, plan, parts)
    return _combine(q, merged, lengths, v_scales, v_factor, layout, plan.overlap)


def _split(
    q: torch.Tensor,
    k_cache: torch.Tensor,
    v_cache: torch.Tensor,
    where: tuple[torch.Tensor | None, ...],
    score_factor: float,
    layout: CacheLayout,
    plan: Plan,
    parts: int,
) -> tuple[torch.Tensor, ...]:
    """Return each part's sum of p V, largest score and sum of p, in float32."""
    _, block_table, k_scales = where
    size = (layout.batch, layout.heads, parts)
    partial = torch.empty((*size, layout.width), device=q.device)
    maximum, total = torch.empty((2, *size), device=q.device)
    strides = *q.stride()[:2], *k_cache.stride()[:3], *v_cache.stride()[:3]
    kernels._split_kernel[(layout.batch * layout.kv_heads, parts)](
        *(q, k_cache, v_cache, *where, partial, maximum, total, score_factor),
        *(layout.capacity, layout.kv_heads, layout.group, *strides),
        0 if block_table is None else block_table.stride(0),
        *_scale_strides(k_scales),
        HEADS=max(SMALLEST_HEADS, triton.next_power_of_2(layout.group)),
        D=layout.width,
        PAGE=layout.page_size,
        BLOCK=plan.block,
        STAGES=plan.stages,
        PAIRS=_in_pairs(v_cache),
        NATIVE=not INTERPRETED,
        num_warps=plan.warps,
        enable_fp_fusion=True,
        **_overlapping(plan.overlap),
    )
    return partial, maximum, total


def _combine(
    q: torch.Tensor,
    merged: tuple[torch.Tensor, ...],
    lengths: torch.Tensor | None,
    v_scales: torch.Tensor | None,
    v_factor: float,
    layout: CacheLayout,
    overlap: bool,
) -> torch.Tensor:
    parts = merged[0].shape[2]
    padded = triton.next_power_of_2(parts)
    width = min(max(MERGED // padded, NARROWEST), layout.width)
    out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
    kernels._combine_kernel[(layout.batch * layout.heads, layout.width // width)](
        *(*merged, lengths, v_scales, out, v_factor),
        *(parts, layout.heads, layout.group, *_scale_strides(v_scales)),
        SPLITS=padded,
        SLICE=width,
        D=layout.width,
        num_warps=1 if padded * width <= 2 * MERGED else 4,
        enable_fp_fusion=True,
        **_overlapping(overlap),
    )
    return out


def _in_pairs(cache: torch.Tensor) -> bool:
    """Say whether two codes of a token can be read as one number of 16 bits."""
    return not any(n % 2 for n in (*cache.stride()[:3], cache.data_ptr()))


def _overlapping(overlap: bool) -> dict[str, bool]:
    overlap = overlap and not INTERPRETED
    return {"OVERLAP": overlap, "launch_pdl": overlap}


def _scale_strides(scales: torch.Tensor | None) -> tuple[int, int]:
    return (0, 0) if scales is None else (scales.stride(0), scales.stride(1))
