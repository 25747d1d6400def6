"""The handful of functions that both models are made of, in float32 NumPy.

Every function keeps the dtype of its input, changes no argument, and lets NaN and Inf
propagate as IEEE 754 arithmetic does. The tests compare each one with its torch twin.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Array",
    "Tap",
    "attention",
    "gelu",
    "layer_norm",
    "rms_norm",
    "rotate_pairs",
    "silu",
    "softmax",
    "watch",
]

Array = NDArray[np.float32]

Tap = Callable[[str, Array], "Array | None"]
"""Sees each activation by name; what it returns, unless None, takes its place.

``found.__setitem__`` of a dict records everything and replaces nothing.
"""

_erf = np.frompyfunc(math.erf, 1, 1)


def watch(tap: Tap | None, name: str, x: Array) -> Array:
    """Show ``x`` to the tap, and return what the model goes on with."""
    replacement = None if tap is None else tap(name, x)
    return x if replacement is None else replacement


def softmax(x: Array) -> Array:
    """Normalise exp(x) over the last axis; subtracts the maximum against overflow."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def silu(x: Array) -> Array:
    """Compute x * sigmoid(x), also called swish (arXiv 1702.03118)."""
    with np.errstate(over="ignore"):  # exp(-x) = inf rightly gives -0 for x below -88
        return x / (1 + np.exp(-x))


def gelu(x: Array) -> Array:
    """Compute x * Phi(x) with the exact erf, as BERT does (arXiv 1606.08415, eq. 1)."""
    return x * (1 + _erf(x / math.sqrt(2)).astype(x.dtype)) / 2


def layer_norm(x: Array, weight: Array, bias: Array, eps: float) -> Array:
    """Normalise each row to mean 0, variance 1, then scale and shift (1607.06450)."""
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = np.square(centred).mean(axis=-1, keepdims=True)
    return centred / np.sqrt(variance + x.dtype.type(eps)) * weight + bias


def rms_norm(x: Array, weight: Array, eps: float) -> Array:
    """Divide each row by its root mean square, then scale (arXiv 1910.07467)."""
    mean_square = np.square(x).mean(axis=-1, keepdims=True)
    return x / np.sqrt(mean_square + x.dtype.type(eps)) * weight


def rotate_pairs(x: Array, base: float, first: int = 0) -> Array:
    """Turn the neighbours (2i, 2i + 1) by the token's position (RoPE), as GGUF has it.

    Llama checkpoints on the hub rotate (i, i + d/2) instead. The converter to GGUF
    reorders the rows of W_q and W_k so that this pairing gives the same products q.k.

    Parameters
    ----------
    x
        float32 [heads, tokens, d], d even.
    base
        Pair i of position p turns by p * base ** (-2i / d) radians.
    first
        Position of the first token.

    Notes
    -----
    Su et al. 2021, arXiv 2104.09864, section 3.2.2. Pairings and permutation:
    llama.cpp, ``LlamaModel.permute`` in convert_hf_to_gguf.py, and pull request 7481.
    """
    _, tokens, width = x.shape
    speed = float(base) ** (-np.arange(0, width, 2) / width)
    angle = np.arange(first, first + tokens)[:, None] * speed
    cos, sin = np.cos(angle).astype(x.dtype), np.sin(angle).astype(x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = np.empty_like(x)
    turned[..., 0::2] = even * cos - odd * sin
    turned[..., 1::2] = even * sin + odd * cos
    return turned


def attention(q: Array, k: Array, v: Array, *, causal: bool) -> Array:
    """Mix values by scaled dot-product attention with grouped queries.

    Parameters
    ----------
    q
        float32 [heads, tokens, d].
    k, v
        float32 [kv_heads, tokens, d]. Each key/value head serves heads / kv_heads
        consecutive query heads (grouped-query attention, arXiv 2305.13245).
    causal
        If true, a token sees itself and the tokens before it.

    Returns
    -------
    float32 [tokens, heads * d], the heads side by side.
    """
    heads, tokens, width = q.shape
    group = heads // k.shape[0]
    k, v = np.repeat(k, group, axis=0), np.repeat(v, group, axis=0)
    scores = q @ k.swapaxes(1, 2) / q.dtype.type(math.sqrt(width))
    if causal:
        future = np.triu(np.ones((tokens, tokens), bool), 1)
        scores = np.where(future, q.dtype.type(-np.inf), scores)
    mixed = softmax(scores) @ v
    return mixed.swapaxes(0, 1).reshape(tokens, heads * width)
