"""Tiles of a KV cache, contiguous or in pages, as `attention_kernels` reads them.

``here`` is (first token of the tile, end of the tokens in use, pages), where pages is
what `load_pages` returned for the tile: addresses are made of numbers that were loaded
a tile earlier.
"""

import triton
import triton.language as tl

__all__ = ["load_pages", "load_tile", "load_v", "widen_pairs"]

#: Two pairs of codes, (a0 a1, b0 b1), become a0 b0 and a1 b1, each two float16.
WIDEN = tl.constexpr("""{{
    .reg .b32 turned;
    .reg .b16 low, high;
    prmt.b32 turned, $2, 0, 0x3120;
    mov.b32 {{low, high}}, turned;
    cvt.rn.f16x2.{}x2 $0, low;
    cvt.rn.f16x2.{}x2 $1, high;
}}""")
WIDEN_E4M3 = tl.constexpr(WIDEN.value.format("e4m3", "e4m3"))
WIDEN_E5M2 = tl.constexpr(WIDEN.value.format("e5m2", "e5m2"))


@triton.jit
def load_pages(table_ptr, start, end, PAGE: tl.constexpr, BLOCK: tl.constexpr):
    """Return the page of a tile, or of each of its tokens where pages are smaller."""
    if PAGE == 0:
        pages = 0
    elif PAGE >= BLOCK:
        pages = tl.load(table_ptr + start // PAGE, mask=start < end, other=0)
    else:
        token = start + tl.arange(0, BLOCK)
        pages = tl.load(table_ptr + token // PAGE, mask=token < end, other=0)
    return pages


@triton.jit
def _rows(
    cache_ptr,
    here,
    stride_page,
    stride_token,
    PAGE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Return [BLOCK, 1] pointers to the tokens, and which of them are in use."""
    start, end, pages = here
    rows = tl.arange(0, BLOCK)
    if PAGE == 0:
        base = cache_ptr + start.to(tl.int64) * stride_token
        at = base + rows[:, None] * stride_token
    elif PAGE >= BLOCK:
        base = cache_ptr + pages.to(tl.int64) * stride_page
        base += (start % PAGE).to(tl.int64) * stride_token
        at = base + rows[:, None] * stride_token
    else:
        at = cache_ptr + pages.to(tl.int64)[:, None] * stride_page
        at += ((start + rows) % PAGE)[:, None] * stride_token
    return at, (start + rows < end)[:, None]


@triton.jit
def load_tile(
    cache_ptr,
    here,
    stride_page,
    stride_token,
    PAGE: tl.constexpr,
    BLOCK: tl.constexpr,
    D: tl.constexpr,
):
    """Return [BLOCK, D] of one KV head, zero in tokens that are not in use."""
    at, used = _rows(cache_ptr, here, stride_page, stride_token, PAGE, BLOCK)
    return tl.load(at + tl.arange(0, D)[None, :], mask=used, other=0.0)


@triton.jit
def load_v(
    cache_ptr,
    here,
    stride_page,
    stride_token,
    PAGE: tl.constexpr,
    BLOCK: tl.constexpr,
    D: tl.constexpr,
    PAIRS: tl.constexpr,
):
    """Return [BLOCK, D / 2] pairs of codes; ``PAIRS`` says that strides are even."""
    pair = tl.arange(0, D // 2)[None, :]
    if PAIRS:
        cache_ptr = cache_ptr.to(tl.pointer_type(tl.uint16))
        at, used = _rows(
            cache_ptr, here, stride_page // 2, stride_token // 2, PAGE, BLOCK
        )
        pairs = tl.load(at + pair, mask=used, other=0)
    else:
        cache_ptr = cache_ptr.to(tl.pointer_type(tl.uint8))
        at, used = _rows(cache_ptr, here, stride_page, stride_token, PAGE, BLOCK)
        low = tl.load(at + 2 * pair, mask=used, other=0).to(tl.uint16)
        high = tl.load(at + 2 * pair + 1, mask=used, other=0).to(tl.uint16)
        pairs = low | (high << 8)
    return pairs


@triton.jit
def widen_pairs(pairs, FORMAT: tl.constexpr, NATIVE: tl.constexpr):
    """Return the first and the second codes of pairs, as float16."""
    if NATIVE:
        TEXT: tl.constexpr = WIDEN_E5M2 if FORMAT.is_fp8e5() else WIDEN_E4M3
        low, high = tl.inline_asm_elementwise(
            TEXT, "=r,=r,r", [pairs], (tl.float16, tl.float16), is_pure=True, pack=2
        )
    else:
        low = (pairs & 0xFF).to(tl.uint8).to(FORMAT, bitcast=True).to(tl.float16)
        high = (pairs >> 8).to(tl.uint8).to(FORMAT, bitcast=True).to(tl.float16)
    return low, high
