"""Check what decode attention is given, before anything is launched."""

from __future__ import annotations

from numbers import Real

import torch

from fp8lab.kernels.attention_plan import MOST_HEADS
from fp8lab.kernels.runtime import check_device
from fp8lab.kv_cache import (
    CacheLayout,
    cache_layout,
    check_lengths_shape,
    check_scale_shape,
)

__all__ = ["checked_layout", "checked_scale"]

FLOATS = (torch.float16, torch.bfloat16, torch.float32)
CACHES = (torch.float8_e4m3fn, torch.float8_e5m2, torch.bfloat16, torch.float16)
WIDTHS = (64, 128, 256)
SMALLEST_PAGE = 16


def checked_layout(
    q: torch.Tensor,
    k_cache: torch.Tensor,
    v_cache: torch.Tensor,
    lengths: torch.Tensor | None,
    block_table: torch.Tensor | None,
) -> CacheLayout:
    """Return the shapes of a call; ValueError for what the kernel does not take."""
    named = {"q": q, "k_cache": k_cache, "v_cache": v_cache}
    indices = {"lengths": lengths, "block_table": block_table}
    named |= {name: x for name, x in indices.items() if x is not None}
    for name, x in named.items():
        if not isinstance(x, torch.Tensor):
            raise ValueError(f"{name} is a {type(x).__name__}; give a torch tensor")
        allowed = {"q": FLOATS, "k_cache": CACHES, "v_cache": CACHES}
        _check_dtype(x, name, allowed.get(name, (torch.int32,)))
        if x.device != q.device:
            raise ValueError(f"{name} is on {x.device}, and q on {q.device}")
        if x.dim() and x.shape[-1] > 1 and x.stride(-1) != 1:
            raise ValueError(f"{name} has its last axis strided; make it contiguous")
    check_device(q, "q")
    if v_cache.dtype != k_cache.dtype:
        raise ValueError(
            f"k_cache is {k_cache.dtype} and v_cache {v_cache.dtype}; give one dtype"
        )
    table = None if block_table is None else tuple(block_table.shape)
    shapes = tuple(q.shape), tuple(k_cache.shape), tuple(v_cache.shape)
    layout = cache_layout(*shapes, table)
    if lengths is not None:
        check_lengths_shape(tuple(lengths.shape), layout)
    _check_limits(layout)
    return layout


def _check_dtype(x: torch.Tensor, name: str, allowed: tuple[torch.dtype, ...]) -> None:
    if x.dtype not in allowed:
        listed = " or ".join(str(dtype).removeprefix("torch.") for dtype in allowed)
        raise ValueError(f"{name} is {x.dtype}; give {listed}")


def _check_limits(layout: CacheLayout) -> None:
    if layout.width not in WIDTHS:
        raise ValueError(f"heads are {layout.width} wide; the kernel takes {WIDTHS}")
    if layout.group > MOST_HEADS:
        raise ValueError(
            f"{layout.group} query heads share a KV head; the kernel takes up to "
            f"{MOST_HEADS}"
        )
    page = layout.page_size
    if page and (page < SMALLEST_PAGE or page & (page - 1)):
        raise ValueError(
            f"a page has {page} tokens; give a power of two from {SMALLEST_PAGE} on"
        )


def checked_scale(
    given: torch.Tensor | float, name: str, layout: CacheLayout, device: torch.device
) -> tuple[float, torch.Tensor | None]:
    """Return a scale as a number, and as float32 [B, Hkv] where it is a tensor."""
    if isinstance(given, Real):
        return float(given), None
    if not isinstance(given, torch.Tensor):
        raise ValueError(
            f"{name} is a {type(given).__name__}; give a number or a float32 tensor"
        )
    _check_dtype(given, name, (torch.float32,))
    if given.device != device:
        raise ValueError(f"{name} is on {given.device}, and q on {device}")
    check_scale_shape(tuple(given.shape), name, layout)
    return 1.0, given.detach().expand(layout.batch, layout.kv_heads)
