"""`fp8lab.kernels.attention` against float64, within the error that it states."""

from dataclasses import replace

import pytest
import torch

from fp8lab.kernels.attention import Plan, choose_splits, decode_attention, plan_for
from tests.kernels.attention_cases import (
    CACHES,
    E4M3,
    FLOATS,
    check,
    int32,
    make,
    paged,
    with_garbage,
)


# ------------------------------------------------------------ values
@pytest.mark.parametrize("q", FLOATS, ids=str)
@pytest.mark.parametrize("cache", CACHES, ids=str)
def test_types(cache, q, device):
    check(make(cache=cache, q=q, device=device), splits=1)


@pytest.mark.parametrize("width", [64, 128, 256])
@pytest.mark.parametrize("cache", [E4M3, torch.bfloat16], ids=str)
def test_widths(cache, width, device):
    check(make((4, 2), width, 150, cache=cache, device=device))


@pytest.mark.parametrize(
    "heads",
    [(2, 2), (8, 2), (8, 1), (6, 2), (16, 1), (17, 1), (40, 1), (64, 1)],
    ids=str,
)
def test_groups(heads, device):
    check(make(heads, tokens=150, device=device, seed=heads[0]))


@pytest.mark.parametrize("splits", [None, 1, 2, 3, 4, 5, 100])
def test_ragged_lengths(splits, device):
    lengths = int32(0, 1, 128, 129, 300, device=device)
    case = make((4, 1), tokens=300, batch=5, device=device, v_scale=1.5)
    case = with_garbage(replace(case, lengths=lengths))
    out = check(case, splits=splits)
    assert torch.equal(out[0], torch.zeros_like(out[0]))
    # One token's weight is 1: its value, exactly but for the scale.
    value = case.v[1, 0].double() * case.v_scale
    assert torch.equal(out[1], value.expand(4, -1).to(out.dtype))


@pytest.mark.parametrize("cache", CACHES, ids=str)
def test_what_lies_beyond_the_length_changes_no_bit(cache, device):
    case = make((4, 1), tokens=140, batch=2, cache=cache, device=device)
    case = replace(case, lengths=int32(33, 129, device=device))
    clean = case.run(splits=2)
    assert torch.equal(with_garbage(case).run(splits=2), clean)


def test_scales(device):
    case = make((6, 2), tokens=40, batch=2, device=device)
    random = torch.Generator().manual_seed(1)
    grid = (0.01 + 0.05 * torch.rand(2, 2, 2, generator=random)).to(device)
    check(replace(case, k_scale=grid[0], v_scale=grid[1]))
    check(replace(case, k_scale=grid[0].T, v_scale=grid[1].T))
    check(replace(case, k_scale=0.03, v_scale=grid[0, 0]))
    check(replace(case, k_scale=grid[0, 0, 0], v_scale=3e-5))
    check(replace(case, softmax_scale=0.3))
    check(replace(case, softmax_scale=-0.1))


def test_a_new_maximum_in_every_tile(device):
    case = make((1, 1), tokens=200, q=torch.float32, device=device, k_scale=0.3)
    scores = case.k[0, :, 0].float() @ case.q[0, 0].float()
    rising = case.k.float()[:, scores.argsort()].to(E4M3)
    check(replace(case, k=rising), splits=1, plan=Plan(32, 4, 2))


def test_scores_far_below_zero(device):
    # All near -300: three parts, padded to four where they are merged.
    case = make((1, 1), tokens=384, device=device, k_scale=1 / 40)
    q = case.q.clone()
    q[..., 0] = -400.0
    k = case.k.float()
    k[..., 0] = 240.0
    check(replace(case, q=q, k=k.to(E4M3)), splits=3)


def test_many_small_weights_are_kept(device):
    # 511 tokens of weight 2^-18 each: float16 alone has 6 bits there, if any.
    case = make((1, 1), tokens=512, device=device, k_scale=1.0, v_scale=1.0)
    k, v = torch.zeros(1, 512, 1, 64), torch.ones(1, 512, 1, 64)
    k[:, 0, :, 0], v[:, 0] = 16.0, 0.0
    q = torch.zeros_like(case.q)
    q[..., 0] = 6.25
    k, v = (x.to(E4M3).to(device) for x in (k, v))
    check(replace(case, q=q, k=k, v=v, softmax_scale=0.125), splits=1)


@pytest.mark.parametrize("cache", [E4M3, torch.bfloat16], ids=str)
@pytest.mark.parametrize("plan", [Plan(32, 4, 2), Plan(64, 8, 4), Plan(256, 8, 1)])
def test_plans(plan, cache, device):
    case = make((4, 1), tokens=200, cache=cache, device=device)
    check(case, splits=2, plan=plan)


# ------------------------------------------------------------ pages
@pytest.mark.parametrize("cache", [E4M3, torch.bfloat16], ids=str)
@pytest.mark.parametrize("page_size", [16, 64, 128, 256])
def test_pages_change_no_bit(page_size, cache, device):
    case = make((4, 2), tokens=200, batch=4, cache=cache, device=device)
    case = replace(case, lengths=int32(0, 1, 130, 200, device=device))
    want = check(case, splits=2)
    scales = {"k_scale": case.k_scale, "v_scale": case.v_scale}
    for interleaved in (False, True):
        k, v, table = paged(case, page_size, interleaved=interleaved)
        rest = {"block_table": table, "splits": 2, **scales}
        assert torch.equal(decode_attention(case.q, k, v, case.lengths, **rest), want)


def test_pages_can_be_shared(device):
    case = make((2, 1), tokens=64, device=device)
    k, v, table = paged(case, 32)
    q = case.q.expand(3, -1, -1)
    out = decode_attention(
        q,
        k,
        v,
        int32(64, 64, 64, device=device),
        k_scale=case.k_scale,
        v_scale=case.v_scale,
        block_table=table.expand(3, -1),
    )
    assert torch.equal(out, case.run().expand(3, -1, -1))


# ------------------------------------------------------------ how it is launched
@pytest.mark.parametrize("tokens", [1, 100, 1000, 32768, 131072, 10**6])
@pytest.mark.parametrize("pairs", [1, 8, 24, 64, 160, 512])
@pytest.mark.parametrize("block", [64, 128])
def test_splits_fill_the_gpu(block, pairs, tokens):
    slots = 65536 // 128 // block * 132
    splits = choose_splits(pairs, tokens, slots, block)
    tiles = -(-tokens // block)
    assert 1 <= splits <= min(tiles, 256)
    rounds = -(-pairs * splits // slots)
    # In rounds, no more than a third beside what is to be done, and what starting and
    # ending a program costs; as far as 256 parts are enough to fill the GPU.
    least = pairs * tiles / min(slots, 256 * pairs)
    assert rounds * -(-tiles // splits) <= 4 / 3 * least + 8 * rounds


def test_splits_of_a_full_gpu():
    # Four programs a multiprocessor of an H200, tiles of 64 tokens.
    slots = 4 * 132
    assert choose_splits(8, 32768, slots, 64) == 64
    assert choose_splits(64, 32768, slots, 64) == 8
    assert choose_splits(264, 32768, slots, 64) == 2
    assert choose_splits(8, 64, slots, 64) == 1


@pytest.mark.parametrize("group", [1, 16, 17, 32, 33, 64])
@pytest.mark.parametrize("width", [64, 128, 256])
@pytest.mark.parametrize("cache", CACHES, ids=str)
def test_plans_fit_triton(cache, width, group):
    plan = plan_for(width, group, cache)
    assert plan.block in (32, 64, 128)
    assert plan.warps in (4, 8)
