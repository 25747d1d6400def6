"""Attention of one new token a sequence over a KV cache in FP8: the exact yardstick.

A decoding step reads every key and value once for a few query heads: it costs the bytes
of the cache, and FP8 halves them. K and V are codes with decode scales; nothing else is
rounded here. `fp8lab.kernels.attention` is the kernel, and its error is measured
against this.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fp8lab.arrays import as_floats, widen
from fp8lab.codec import decode, encode
from fp8lab.formats import BF16, E4M3FN, FloatFormat
from fp8lab.kv_cache import (
    CacheLayout,
    cache_layout,
    check_lengths_shape,
    check_scale_shape,
    checked_splits,
)

__all__ = ["decode_attention"]


def decode_attention(
    q: npt.ArrayLike,
    k_cache: npt.ArrayLike,
    v_cache: npt.ArrayLike,
    lengths: npt.ArrayLike | None = None,
    *,
    k_scale: npt.ArrayLike = 1.0,
    v_scale: npt.ArrayLike = 1.0,
    block_table: npt.ArrayLike | None = None,
    softmax_scale: float | None = None,
    splits: int | None = None,
    kv_format: FloatFormat | str = E4M3FN,
) -> np.ndarray:
    """Return softmax(q K^T) V for one query token of every sequence, in float64.

    A length of 0 gives +0. What lies beyond a sequence's length is never looked at, NaN
    or not. A NaN among the keys in use, or a score of +infinity, makes its query heads
    NaN; so do scores that are all -infinity. A NaN or infinity among the values spoils
    its own coordinate. Empty batches give empty results.

        s[t] = softmax_scale * k_scale * sum over d of q[d] * k[t, d]
        out  = v_scale * (sum over t of e^s[t] * v[t]) / (sum over t of e^s[t])

    Query head h reads KV head h // (Hq / Hkv). The new token's own key and value are
    expected in the cache already. No causal mask is needed, and none is offered; no
    sliding window, sinks, soft cap or position encoding either.

    Parameters
    ----------
    q
        [B, Hq, D]: float16, bfloat16 (uint16 bit patterns), float32 or float64.
    k_cache, v_cache
        [B, T, Hkv, D]; with ``block_table`` [pages, page_size, Hkv, D]. uint8 codes of
        ``kv_format``, or floats as ``q``.
    lengths
        Tokens in use, integers [B]; default all.
    k_scale, v_scale
        Decode scales: one number, [Hkv], or [B, Hkv].
    block_table
        Page of tokens i * page_size and up of a sequence, integers [B, width]. Entries
        that a length does not reach may be anything.
    softmax_scale
        Default 1 / sqrt(D).
    splits
        Parts that the tokens are cut into, each with a softmax of its own, merged at
        the end as the kernel does it. The result is the same to float64 rounding.
    kv_format
        Of uint8 caches.

    Returns
    -------
    numpy.ndarray
        [B, Hq, D], rounded once to q's dtype (bfloat16 as uint16 bit patterns).

    Raises
    ------
    ValueError
        Shapes, dtypes, lengths, pages or splits that do not fit.

    Notes
    -----
    Merging parts: Dao et al., "Flash-Decoding for long-context inference" (2023).
    """
    queries = as_floats(q, "q")
    caches = [np.asarray(cache) for cache in (k_cache, v_cache)]
    table = None if block_table is None else _integers(block_table, "block_table")
    pages = None if table is None else table.shape
    layout = cache_layout(queries.shape, caches[0].shape, caches[1].shape, pages)
    used = _lengths(lengths, layout)
    k_scales = _scales(k_scale, "k_scale", layout)
    v_scales = _scales(v_scale, "v_scale", layout)
    if softmax_scale is None:
        softmax_scale = 1 / math.sqrt(layout.width)
    parts = checked_splits(splits) or 1
    out = np.zeros((layout.batch, layout.kv_heads, layout.group, layout.width))
    with np.errstate(all="ignore"):
        for b in np.flatnonzero(used):
            at = _places(int(b), int(used[b]), table, layout, len(caches[0]))
            k, v = (_values(cache[at], kv_format) for cache in caches)
            q_heads = widen(queries[b]).reshape(out[b].shape)
            scores = np.einsum("hgd,thd->hgt", q_heads, k)
            scores *= softmax_scale * k_scales[b, :, None, None]
            out[b] = _softmax_times(scores, v, parts) * v_scales[b, :, None, None]
        result = out.reshape(queries.shape)
        bfloat16 = queries.dtype == np.uint16
        return encode(result, BF16) if bfloat16 else result.astype(queries.dtype)


def _softmax_times(
    scores: npt.NDArray[np.float64], v: npt.NDArray[np.float64], parts: int
) -> npt.NDArray[np.float64]:
    """Return softmax(scores) V for scores [Hkv, G, T], from parts of T merged."""
    pieces = [
        _part(s, piece)
        for s, piece in zip(
            np.array_split(scores, parts, axis=2), np.array_split(v, parts), strict=True
        )
        if len(piece)
    ]
    tops, sums, mixes = (np.stack(each) for each in zip(*pieces, strict=True))
    weights = _exp(tops, tops.max(axis=0))
    mixed: npt.NDArray[np.float64] = (weights * mixes).sum(0) / (weights * sums).sum(0)
    return mixed


def _part(
    scores: npt.NDArray[np.float64], v: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], ...]:
    """Return a part's largest score, and its sums of p = e^(s - largest) and of p V."""
    top = scores.max(axis=2, keepdims=True)
    p = _exp(scores, top)
    return top, p.sum(axis=2, keepdims=True), np.einsum("hgt,thd->hgd", p, v)


def _exp(
    scores: npt.NDArray[np.float64], top: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    # Where every score is -infinity the difference would be NaN, not the weight 0.
    return np.exp(scores - np.where(np.isinf(top), 0.0, top))


def _places(
    b: int, length: int, table: np.ndarray | None, layout: CacheLayout, pages: int
) -> tuple[Any, ...]:
    """Return the index of a sequence's tokens in a cache: it gives [length, Hkv, D]."""
    if table is None:
        return b, slice(length)
    tokens = np.arange(length)
    chosen = table[b, tokens // layout.page_size]
    if chosen.min() < 0 or chosen.max() >= pages:
        raise ValueError(
            f"block_table of sequence {b} names pages {chosen.min()} to "
            f"{chosen.max()}; the cache has pages 0 to {pages - 1}"
        )
    return chosen, tokens % layout.page_size


def _values(cache: np.ndarray, fmt: FloatFormat | str) -> npt.NDArray[np.float64]:
    if cache.dtype == np.uint8:
        return decode(cache, fmt, dtype=np.float64)
    return widen(as_floats(cache, "a cache that is not uint8 codes"))


def _scales(
    given: npt.ArrayLike, name: str, layout: CacheLayout
) -> npt.NDArray[np.float64]:
    scales = np.asarray(given)
    if scales.dtype.kind not in "fiu":
        raise ValueError(f"{name} has dtype {scales.dtype}; give floats")
    check_scale_shape(scales.shape, name, layout)
    return np.broadcast_to(scales, (layout.batch, layout.kv_heads)).astype(np.float64)


def _integers(given: npt.ArrayLike, name: str) -> np.ndarray:
    array = np.asarray(given)
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} has dtype {array.dtype}; give integers")
    return array


def _lengths(lengths: npt.ArrayLike | None, layout: CacheLayout) -> np.ndarray:
    if lengths is None:
        return np.full(layout.batch, layout.capacity)
    used = _integers(lengths, "lengths")
    check_lengths_shape(used.shape, layout)
    wrong = used[(used < 0) | (used > layout.capacity)]
    if wrong.size:
        raise ValueError(
            f"lengths has {wrong[0]}; there is room for 0 to {layout.capacity} tokens"
        )
    return used
