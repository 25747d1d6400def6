"""`decode_attention` at the lengths it is for."""

from dataclasses import replace

import pytest
import torch

from fp8lab.kernels.attention import Plan, decode_attention, plan_for
from tests.kernels.attention_cases import (
    E4M3,
    E5M2,
    check,
    edited,
    exact,
    int32,
    make,
    paged,
    share_of_bound,
)

pytestmark = pytest.mark.gpu

#: Llama-3.1-8B, and a model with one KV head.
LLAMA, ONE_HEAD = ((32, 8), 128), ((16, 1), 128)
#: What a tuner may try, as far as shared memory goes: none of it may be wrong.
PLANS = [
    (cache, Plan(block, warps, stages))
    for cache in (E4M3, torch.bfloat16)
    for block, warps in [(32, 4), (64, 4), (64, 8), (128, 4), (128, 8)]
    for stages in (1, 2, 3, 4)
    if block * stages * cache.itemsize <= 512
]


@pytest.mark.parametrize("tokens", [32768, 131072])
@pytest.mark.parametrize("q", [torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("cache", [E4M3, E5M2, torch.bfloat16, torch.float16], ids=str)
def test_long_contexts(cache, q, tokens, device):
    case = make(*LLAMA, tokens, cache=cache, q=q, device=device)
    wanted = exact(case)
    for splits in (None, 1, 7):
        assert share_of_bound(case.run(splits=splits), case, wanted) <= 1


@pytest.mark.parametrize("width", [64, 128, 256])
@pytest.mark.parametrize("heads", [(8, 8), (24, 8), (64, 4), (40, 1), (64, 1)], ids=str)
@pytest.mark.parametrize("cache", [E4M3, torch.bfloat16], ids=str)
def test_heads(cache, heads, width, device):
    check(make(heads, width, 5000, batch=2, cache=cache, device=device, spread=2.0))


@pytest.mark.parametrize("page_size", [16, 32, 64, 128, 512])
@pytest.mark.parametrize("cache", [E4M3, torch.bfloat16], ids=str)
def test_pages_change_no_bit(cache, page_size, device):
    lengths = int32(0, 1, 127, 128, 4000, 8192, 8191, 5555, device=device)
    case = make(*LLAMA, 8192, batch=8, cache=cache, device=device)
    case = replace(case, lengths=lengths)
    # By default, short pages are read in shorter tiles.
    plan = plan_for(128, 4, cache, page_size)
    scales = {"k_scale": case.k_scale, "v_scale": case.v_scale, "plan": plan}
    want = check(case, plan=plan)
    for interleaved in (False, True):
        k, v, table = paged(case, page_size, interleaved=interleaved)
        rest = {"block_table": table, **scales}
        assert torch.equal(decode_attention(case.q, k, v, lengths, **rest), want)


@pytest.mark.parametrize(("cache", "plan"), PLANS, ids=str)
def test_plans(cache, plan, device):
    case = make(*LLAMA, 3000, cache=cache, device=device)
    wanted = exact(case)
    k, v, table = paged(case, 64)
    rest = {"k_scale": case.k_scale, "v_scale": case.v_scale, "block_table": table}
    rest |= {"lengths": int32(3000, device=device), "plan": plan}
    assert share_of_bound(case.run(plan=plan), case, wanted) <= 1
    assert share_of_bound(decode_attention(case.q, k, v, **rest), case, wanted) <= 1


def test_equal_launches_give_equal_bits(device):
    case = make(*ONE_HEAD, 40000, batch=3, device=device)
    first = case.run()
    for _ in range(50):
        assert torch.equal(case.run(), first)


def test_kernels_that_overlap_wait_for_each_other(device):
    # Each query is the result before it, and every call takes the same memory again.
    case = make(*LLAMA, 8192, batch=2, device=device)
    plan = plan_for(128, 4, E4M3)
    results = []
    for overlap in (False, True):
        out = case.q
        for _ in range(200):
            step = replace(case, q=out)
            out = step.run(plan=replace(plan, overlap=overlap))
            out = out / out.float().square().mean().sqrt().to(out.dtype)
        results.append(out)
    assert results[0].isfinite().all()
    assert torch.equal(*results)


def test_offsets_beyond_32_bits(device):
    # Keys alike: the result is the share of the last tokens, which lie beyond 2^31.
    tokens, last = 1_100_000, 1000
    k, v = torch.zeros(2, 1, tokens, 8, 256, dtype=torch.uint8, device=device)
    v[:, -last:] = torch.tensor(448.0).to(E4M3).view(torch.uint8).item()
    k, v = k.view(E4M3), v.view(E4M3)
    q = torch.randn(1, 8, 256, device=device)
    out = decode_attention(q, k, v)
    want = torch.full_like(out, 448.0 * last / tokens)
    assert torch.allclose(out, want, rtol=1e-3)
    pages = [cache.view(tokens // 16, 16, 8, 256) for cache in (k, v)]
    table = torch.arange(tokens // 16, dtype=torch.int32, device=device)[None]
    assert torch.equal(decode_attention(q, *pages, block_table=table), out)


def test_in_a_graph(device):
    case = make(*LLAMA, 4096, batch=2, device=device)
    case = replace(case, lengths=int32(4096, 100, device=device))
    case.run()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = case.run()
    # Lengths are read when the graph runs, and nothing else decides what is launched.
    case.lengths.copy_(int32(77, 3000, device=device))
    case.v.copy_(edited(case.v, lambda x: x.flip(3)))
    graph.replay()
    torch.cuda.synchronize()
    assert share_of_bound(out, case) <= 1
