"""What the shapes of a key and value cache say; NumPy and the kernel ask alike."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "CacheLayout",
    "cache_layout",
    "check_lengths_shape",
    "check_scale_shape",
    "checked_splits",
]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class CacheLayout:
    """What the shapes of a call say.

    Attributes
    ----------
    batch, heads, kv_heads, width
        B, Hq, Hkv and D.
    capacity
        Tokens that a sequence has room for.
    page_size
        Tokens a page; 0 where the cache is contiguous.
    """

    batch: int
    heads: int
    kv_heads: int
    width: int
    capacity: int
    page_size: int

    @property
    def group(self) -> int:
        """Query heads that share a KV head."""
        return self.heads // self.kv_heads


def cache_layout(
    q: Shape, k_cache: Shape, v_cache: Shape, block_table: Shape | None
) -> CacheLayout:
    """Return what four shapes say together; the kernel asks this too.

    Raises
    ------
    ValueError
        They do not fit each other.
    """
    wanted = "[B, T, Hkv, D]" if block_table is None else "[pages, page_size, Hkv, D]"
    if len(q) != 3 or len(k_cache) != 4 or v_cache != k_cache:
        raise ValueError(
            f"q has shape {q}, k_cache {k_cache} and v_cache {v_cache}; give "
            f"[B, Hq, D] and twice {wanted}"
        )
    rows, tokens, kv_heads, width = k_cache
    if width != q[2] or width == 0:
        raise ValueError(f"q is {q[2]} wide and the cache {width}; they have to agree")
    if kv_heads == 0 or q[1] % kv_heads:
        raise ValueError(
            f"q has {q[1]} heads and the cache {kv_heads}; give a multiple of the "
            "cache's"
        )
    if block_table is None and rows != q[0]:
        raise ValueError(
            f"q has {q[0]} sequences and the cache {rows}; give equal numbers, or a "
            "block_table"
        )
    if block_table is not None and (len(block_table) != 2 or block_table[0] != q[0]):
        raise ValueError(
            f"block_table has shape {block_table}; give [B, pages of a sequence], with "
            f"B = {q[0]}"
        )
    paged = 0 if block_table is None else tokens
    capacity = tokens if block_table is None else tokens * block_table[1]
    return CacheLayout(q[0], q[1], kv_heads, width, capacity, paged)


def checked_splits(splits: int | None) -> int | None:
    """Return a number of parts, or None; ValueError for what is neither."""
    if splits is None:
        return None
    if not isinstance(splits, int) or isinstance(splits, bool) or splits < 1:
        raise ValueError(f"splits is {splits!r}; give a positive integer, or None")
    return splits


def check_scale_shape(shape: Shape, name: str, layout: CacheLayout) -> None:
    """Raise a ValueError for scales of another shape than the three allowed."""
    allowed = ((), (layout.kv_heads,), (layout.batch, layout.kv_heads))
    if shape not in allowed:
        raise ValueError(
            f"{name} has shape {shape}; give one number, [Hkv] = {allowed[1]}, or "
            f"[B, Hkv] = {allowed[2]}"
        )


def check_lengths_shape(shape: Shape, layout: CacheLayout) -> None:
    """Raise a ValueError unless there is one length a sequence."""
    if shape != (layout.batch,):
        raise ValueError(f"lengths has shape {shape}; give [B] = ({layout.batch},)")
