"""What `decode_attention` may be given, and what it makes of special values."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import fp8lab.attention
from fp8lab.kernels.attention import decode_attention
from fp8lab.kernels.tensors import to_numpy
from tests.kernels.attention_cases import (
    CACHES,
    E4M3,
    E5M2,
    FLOATS,
    edited,
    int32,
    leave_out,
    make,
    paged,
    share_of_bound,
)


# ------------------------------------------------------------ strides, special values
def test_strides(device):
    case = make((4, 2), tokens=100, batch=2, device=device)
    want = case.run()
    q = case.q.transpose(0, 1).contiguous().transpose(0, 1)
    k, v = (cache.view(torch.uint8) for cache in (case.k, case.v))
    both = torch.stack((k, v), 3).view(E4M3)
    together = replace(case, q=q, k=both[:, :, :, 0], v=both[:, :, :, 1])
    assert torch.equal(together.run(), want)
    heads_first = k.transpose(1, 2).contiguous().transpose(1, 2).view(E4M3)
    # Rows of 65 bytes: no load of 16 is aligned.
    odd = torch.nn.functional.pad(v, (0, 1)).view(E4M3)[..., :-1]
    assert torch.equal(replace(case, k=heads_first, v=odd).run(), want)


def put(place, number):
    """Return an edit that puts one number."""

    def edit(values):
        values[place] = number
        return values

    return edit


def test_not_a_number(device):
    case = make((4, 2), tokens=100, batch=2, device=device)
    want = case.run(splits=2)
    k = edited(case.k, put((0, 70, 1, 5), torch.nan))
    v = edited(case.v, put((1, 80, 0, 9), torch.nan))
    out = replace(case, k=k, v=v).run(splits=2)
    spoiled = torch.zeros_like(out, dtype=torch.bool)
    spoiled[0, 2:] = True
    spoiled[1, :2, 9] = True
    assert torch.equal(out.isnan(), spoiled)
    assert torch.equal(out[~spoiled], want[~spoiled])


def with_code(cache, place, code):
    """Return a cache with a code in one place: casts of infinity differ by release."""
    codes = cache.view(torch.uint8).clone()
    codes[place] = code
    return codes.view(cache.dtype)


def test_infinity(device):
    infinity, minus = 0x7C, 0xFC
    case = make((2, 1), tokens=40, cache=E5M2, device=device)
    case = replace(case, q=case.q.abs(), v_scale=1.0)
    # A score of -infinity is a weight of 0: as without the token.
    out = replace(case, k=with_code(case.k, (0, 3, 0, 0), minus)).run()
    assert share_of_bound(out, leave_out(3, case)) <= 1
    for place, code in [((0, 3, 0, 0), infinity), (..., minus)]:
        assert replace(case, k=with_code(case.k, place, code)).run().isnan().all()
    out = replace(case, v=with_code(case.v, (0, 5, 0, 7), infinity)).run()
    assert torch.equal(out[..., 7], torch.full_like(out[..., 7], torch.inf))
    assert torch.equal(out[..., :7], case.run()[..., :7])


def test_empty(device):
    case = make((4, 2), tokens=8, batch=2, device=device)
    nobody = replace(case, q=case.q[:0], k=case.k[:0], v=case.v[:0])
    assert nobody.run().shape == (0, 4, 64)
    nothing = replace(case, k=case.k[:, :0], v=case.v[:, :0])
    assert torch.equal(nothing.run(), torch.zeros_like(case.q))
    lengths = int32(-3, 9, device=device)
    out = replace(case, lengths=lengths).run()
    assert torch.equal(out[0], torch.zeros_like(out[0]))
    assert torch.equal(out[1], case.run()[1])


# ------------------------------------------------------------ the NumPy twin
@pytest.mark.parametrize("q", FLOATS, ids=str)
@pytest.mark.parametrize("cache", CACHES, ids=str)
def test_the_numpy_twin_takes_the_same(cache, q, device):
    case = make((4, 2), tokens=90, batch=3, cache=cache, q=q, device=device)
    case = replace(case, lengths=int32(90, 0, 33, device=device))
    k, v, table = paged(case, 16)
    arguments = (case.q, k, v, case.lengths, case.k_scale, case.v_scale, table)
    *four, k_scale, v_scale, pages = (to_numpy(x) for x in arguments)
    twin = fp8lab.attention.decode_attention(
        *four,
        k_scale=k_scale,
        v_scale=v_scale,
        block_table=pages,
        splits=2,
        kv_format="E5M2" if cache == E5M2 else "E4M3FN",
    )
    ours = decode_attention(
        *arguments[:4],
        k_scale=case.k_scale,
        v_scale=case.v_scale,
        block_table=table,
        splits=2,
    )
    assert to_numpy(ours).dtype == twin.dtype
    there = torch.from_numpy(twin).view(q).to(device)
    # Both are within it of the exact result: the twin by its last rounding alone.
    assert share_of_bound(ours, case, there.double()) <= 2
    assert share_of_bound(there, case) <= 1


# ------------------------------------------------------------ errors
def wrong_call(case, **changes):
    arguments = {"q": case.q, "k_cache": case.k, "v_cache": case.v} | changes
    return decode_attention(**arguments)


ERRORS = {
    "q is torch.float64; give float16 or bfloat16 or float32": {"q": torch.float64},
    "k_cache is torch.uint8; give float8_e4m3fn or": {"k_cache": torch.uint8},
    "give one dtype": {"v_cache": torch.float16},
}


@pytest.mark.parametrize("text", ERRORS)
def test_wrong_types(text, device):
    case = make((4, 2), tokens=8, device=device)
    given = {"q": case.q, "k_cache": case.k, "v_cache": case.v}
    ((name, dtype),) = ERRORS[text].items()
    with pytest.raises(ValueError, match=text):
        decode_attention(**(given | {name: given[name].to(dtype)}))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"q": np.zeros((2, 4, 64))}, "q is a ndarray; give a torch tensor"),
        ({"lengths": torch.tensor([1, 2])}, "lengths is torch.int64; give int32"),
        ({"lengths": int32(1)}, r"lengths has shape \(1,\); give \[B\] = \(2,\)"),
        (
            {"block_table": int32(1, 2)},
            r"block_table has shape \(2,\); give \[B, pages",
        ),
        ({"block_table": int32(1, 2).view(2, 1)}, "a page has 8 tokens; give a power"),
        ({"k_scale": torch.ones(3)}, r"k_scale has shape \(3,\); give one number"),
        ({"v_scale": torch.ones(2).double()}, "v_scale is torch.float64; give float32"),
        ({"v_scale": [1.0, 2.0]}, "v_scale is a list; give a number or a float32"),
        ({"splits": 0}, "splits is 0; give a positive integer"),
        ({"splits": 1.5}, "splits is 1.5; give a positive integer"),
    ],
)
def test_wrong_arguments(changes, text, device):
    there = {
        name: x.to(device) if isinstance(x, torch.Tensor) else x
        for name, x in changes.items()
    }
    with pytest.raises(ValueError, match=text):
        wrong_call(make((4, 2), tokens=8, batch=2, device=device), **there)


def test_wrong_shapes(device):
    case = make((4, 2), tokens=8, batch=2, device=device)
    with pytest.raises(ValueError, match=r"give \[B, Hq, D\] and twice \[B, T, Hkv, D"):
        wrong_call(case, q=case.q[0])
    with pytest.raises(ValueError, match="twice"):
        wrong_call(case, v_cache=case.v[:, :4])
    with pytest.raises(ValueError, match="q is 32 wide and the cache 64"):
        wrong_call(case, q=case.q[..., :32])
    with pytest.raises(ValueError, match="q has 3 heads and the cache 2"):
        wrong_call(case, q=case.q[:, :3])
    with pytest.raises(ValueError, match="q has 1 sequences and the cache 2"):
        wrong_call(case, q=case.q[:1])
    with pytest.raises(ValueError, match="q has its last axis strided"):
        wrong_call(case, q=case.q.transpose(1, 2).contiguous().transpose(1, 2))
    narrow = {"q": case.q[..., :32], "k_cache": case.k[..., :32]}
    with pytest.raises(ValueError, match="heads are 32 wide; the kernel takes"):
        wrong_call(case, v_cache=case.v[..., :32], **narrow)
    with pytest.raises(ValueError, match="65 query heads share a KV head"):
        wrong_call(make((65, 1), tokens=8, device=device))
