"""`fp8lab.attention` against PyTorch's attention in float64."""

import ml_dtypes
import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from fp8lab import BF16, E4M3FN, E5M2, decode, encode
from fp8lab.attention import decode_attention
from fp8lab.kv_cache import cache_layout

TORCH = {"E4M3FN": torch.float8_e4m3fn, "E5M2": torch.float8_e5m2}
SIZES = [(1, 1, 1, 1), (4, 2, 33, 16), (6, 2, 40, 3), (8, 8, 5, 64)]


def finite_codes(rng, fmt, shape):
    """Any codes but infinities and NaN."""
    good = [c for c in range(256) if np.isfinite(decode(np.uint8(c), fmt))]
    return rng.choice(np.array(good, np.uint8), shape)


def case(sizes, batch=3, fmt="E4M3FN", seed=0):
    heads, kv_heads, tokens, width = sizes
    rng = np.random.default_rng(seed)
    q = rng.standard_normal((batch, heads, width))
    k, v = (finite_codes(rng, fmt, (batch, tokens, kv_heads, width)) for _ in "kv")
    k_scale, v_scale = rng.uniform(0.001, 0.01, (2, batch, kv_heads))
    return q, k, v, k_scale, v_scale


def by_torch(q, k, v, k_scale, v_scale, fmt="E4M3FN", scale=None):
    """PyTorch's result, of FP8 codes that PyTorch decodes."""
    k, v = (torch.from_numpy(x).view(TORCH[fmt]).double() for x in (k, v))
    k *= torch.from_numpy(k_scale)[:, None, :, None]
    v *= torch.from_numpy(v_scale)[:, None, :, None]
    return scaled_dot_product_attention(
        torch.from_numpy(q)[:, :, None],
        k.transpose(1, 2),
        v.transpose(1, 2),
        scale=scale,
        enable_gqa=True,
    )[:, :, 0].numpy()


def assert_close(ours, wanted):
    np.testing.assert_allclose(ours, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("splits", [None, 1, 2, 7, 100])
@pytest.mark.parametrize("fmt", ["E4M3FN", "E5M2"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_pytorch(sizes, fmt, splits):
    q, k, v, k_scale, v_scale = case(sizes, fmt=fmt)
    if fmt == "E5M2":
        k_scale /= 100
    scales = {"k_scale": k_scale, "v_scale": v_scale, "kv_format": fmt}
    assert_close(
        decode_attention(q, k, v, splits=splits, **scales),
        by_torch(q, k, v, k_scale, v_scale, fmt),
    )


def test_scales_of_every_shape():
    q, k, v, k_scale, v_scale = case((4, 2, 20, 8))
    even = np.ones_like(k_scale)
    for given, wide in ((0.01, 0.01 * even), (k_scale[0], k_scale[0] * even)):
        wanted = by_torch(q, k, v, wide, v_scale, scale=-0.7)
        scales = {"k_scale": given, "v_scale": v_scale, "softmax_scale": -0.7}
        assert_close(decode_attention(q, k, v, **scales), wanted)
        wanted = by_torch(q, k, v, k_scale, wide)
        assert_close(decode_attention(q, k, v, k_scale=k_scale, v_scale=given), wanted)


def test_lengths():
    q, k, v, k_scale, v_scale = case((4, 2, 20, 8), batch=4)
    lengths = np.array([0, 1, 13, 20], np.int32)
    garbage = np.arange(20)[:, None, None] >= lengths[:, None, None, None]
    k, v = (np.where(garbage, np.uint8(0x7F), x) for x in (k, v))
    scales = {"k_scale": k_scale, "v_scale": v_scale}
    out = decode_attention(q, k, v, lengths, **scales)
    assert not out[0].any()
    assert not np.signbit(out[0]).any()
    for b, n in enumerate(lengths):
        if n:
            one = slice(b, b + 1)
            part = (x[one, :n] for x in (k, v))
            assert_close(out[one], by_torch(q[one], *part, k_scale[one], v_scale[one]))


@pytest.mark.parametrize("page_size", [1, 3, 16, 32])
def test_pages(page_size):
    q, k, v, k_scale, v_scale = case((4, 2, 48, 8))
    lengths = np.array([48, 5, 0])
    width = -(-48 // page_size)
    order = np.random.default_rng(1).permutation(3 * width)
    table = order.reshape(3, width)
    caches = []
    for cache in (k, v):
        pages = np.full((3 * width, page_size, 2, 8), 0x7F, np.uint8)
        padded = np.pad(cache, ((0, 0), (0, width * page_size - 48), (0, 0), (0, 0)))
        pages[table] = padded.reshape(3, width, page_size, 2, 8)
        caches.append(pages)
    table[1, -(-5 // page_size) :] = -1
    scales = {"k_scale": k_scale, "v_scale": v_scale}
    ours = decode_attention(q, *caches, lengths, block_table=table, **scales)
    assert np.array_equal(ours, decode_attention(q, k, v, lengths, **scales))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_types_of_q_and_of_the_cache(dtype):
    q, k, v, k_scale, v_scale = case((4, 2, 20, 8))
    k, v = (decode(x, E4M3FN) for x in (k, v))
    scales = {"k_scale": k_scale, "v_scale": v_scale}
    bfloat16 = dtype == "bfloat16"
    wide = np.dtype(ml_dtypes.bfloat16 if bfloat16 else dtype)
    q, k, v = (x.astype(wide) for x in (q, k, v))
    wanted = decode_attention(*(x.astype(np.float64) for x in (q, k, v)), **scales)
    ours = decode_attention(q, k, v, **scales)
    if bfloat16:
        assert np.array_equal(ours, encode(wanted, BF16))
        bits = (x.view(np.uint16) for x in (q, k, v))
        assert np.array_equal(ours, decode_attention(*bits, **scales))
    else:
        assert ours.dtype == wide
        assert np.array_equal(ours, wanted.astype(wide))


@pytest.mark.parametrize("splits", [1, 4])
def test_special_values(splits):
    q, k, v, k_scale, v_scale = case((4, 2, 20, 8), batch=1, fmt="E5M2")
    options = {"k_scale": k_scale / 100, "v_scale": v_scale, "kv_format": "E5M2"}
    options["splits"] = splits
    q = np.abs(q)
    clean = decode_attention(q, k, v, **options)
    special = np.array([np.inf, -np.inf, np.nan])
    infinity, minus, nan = encode(special, E5M2, policy="ml_dtypes")

    changed = k.copy()
    changed[0, 3, 0, 0] = nan
    out = decode_attention(q, changed, v, **options)
    assert np.isnan(out[0, :2]).all()
    assert np.array_equal(out[0, 2:], clean[0, 2:])

    changed[0, 3, 0, 0] = infinity
    assert np.isnan(decode_attention(q, changed, v, **options)[0, :2]).all()

    # A score of -infinity is a weight of 0; nothing but such scores has no answer.
    changed[0, 3, 0, 0] = minus
    keep = np.arange(20) != 3
    without = decode_attention(q, k[:, keep], v[:, keep], **options)
    out = decode_attention(q, changed, v, **options)
    assert_close(out[0, :2], without[0, :2])
    changed[:] = minus
    assert np.isnan(decode_attention(q, changed, v, **options)).all()

    changed = v.copy()
    changed[0, 5, 1, 2] = infinity
    out = decode_attention(q, k, changed, **options)
    assert (out[0, 2:, 2] == np.inf).all()
    out[0, 2:, 2] = clean[0, 2:, 2]
    assert np.array_equal(out, clean)


def test_empty():
    q, k, v, *_ = case((4, 2, 20, 8))
    assert decode_attention(q[:0], k[:0], v[:0]).shape == (0, 4, 8)
    assert not decode_attention(q, k[:, :0], v[:, :0]).any()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"q": np.zeros((2, 4, 8), int)}, "q has dtype int64"),
        ({"q": np.zeros((4, 8))}, r"give \[B, Hq, D\] and twice \[B, T, Hkv, D\]"),
        ({"v_cache": np.zeros((2, 9, 2, 8), np.uint8)}, "twice"),
        ({"q": np.zeros((2, 4, 7))}, "q is 7 wide and the cache 8"),
        ({"q": np.zeros((2, 3, 8))}, "q has 3 heads and the cache 2; give a multiple"),
        ({"q": np.zeros((3, 4, 8))}, "q has 3 sequences and the cache 2"),
        ({"lengths": [1, 2, 3]}, r"lengths has shape \(3,\); give \[B\] = \(2,\)"),
        ({"lengths": [1.0, 2.0]}, "lengths has dtype float64; give integers"),
        ({"lengths": [1, 21]}, "lengths has 21; there is room for 0 to 20 tokens"),
        ({"lengths": [-1, 2]}, "lengths has -1; there is room for 0 to 20 tokens"),
        ({"k_scale": np.ones(3)}, r"k_scale has shape \(3,\); give one number"),
        ({"v_scale": np.ones((1, 2))}, r"v_scale has shape \(1, 2\)"),
        ({"v_scale": "1"}, "v_scale has dtype <U1; give floats"),
        ({"block_table": [0, 1]}, r"block_table has shape \(2,\)"),
        ({"block_table": [[0], [2]]}, "sequence 1 names pages 2 to 2; the cache has"),
        ({"block_table": [[0.5], [1]]}, "block_table has dtype float64"),
        ({"splits": 0}, "splits is 0; give a positive integer"),
        ({"splits": True}, "splits is True; give a positive integer"),
        ({"kv_format": "E9M9"}, "E9M9"),
        ({"k_cache": np.zeros((2, 20, 2, 8), int)}, "a cache that is not uint8 codes"),
    ],
)
def test_errors(changes, text):
    q, k, v, *_ = case((4, 2, 20, 8), batch=2)
    arguments = {"q": q, "k_cache": k, "v_cache": v} | changes
    with pytest.raises(ValueError, match=text):
        decode_attention(**arguments)


def test_layout():
    layout = cache_layout((3, 8, 64), (50, 16, 2, 64), (50, 16, 2, 64), (3, 10))
    assert (layout.batch, layout.heads, layout.kv_heads, layout.width) == (3, 8, 2, 64)
    assert (layout.capacity, layout.page_size, layout.group) == (160, 16, 4)
    layout = cache_layout((3, 8, 64), (3, 99, 8, 64), (3, 99, 8, 64), None)
    assert (layout.capacity, layout.page_size, layout.group) == (99, 0, 1)
