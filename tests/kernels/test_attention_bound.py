"""The error that `decode_attention` states is small enough to notice a mistake."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from tests.kernels.attention_cases import (
    E4M3,
    E5M2,
    edited,
    exact,
    leave_out,
    make,
    share_of_bound,
)


def edit_both(function, case):
    return replace(case, k=edited(case.k, function), v=edited(case.v, function))


def swap_heads(case):
    return replace(case, q=case.q.flip(1))


def other(name, factor, case):
    return replace(case, **{name: getattr(case, name) * factor})


MUTANTS = {
    "first token dropped": partial(leave_out, 0),
    "last token dropped": partial(leave_out, 32),
    "heads swapped": swap_heads,
    "KV heads swapped": partial(edit_both, lambda x: x.flip(2)),
    "V shifted by a token": lambda case: replace(
        case, v=edited(case.v, lambda x: x.roll(1, 1))
    ),
    "V of another coordinate": lambda case: replace(
        case, v=edited(case.v, lambda x: x.roll(1, 3))
    ),
    "K of another coordinate": lambda case: replace(
        case, k=edited(case.k, lambda x: x.roll(1, 3))
    ),
    "k_scale 1 % too large": partial(other, "k_scale", 1.01),
    "v_scale 0.5 % too large": partial(other, "v_scale", 1.005),
    "scales of other heads": lambda case: replace(case, k_scale=case.k_scale.flip(0)),
    "no log2(e)": lambda case: replace(case, softmax_scale=0.125 * float(np.log(2))),
    "a zero token more": partial(
        edit_both, lambda x: torch.cat((x, torch.zeros_like(x[:, :1])), 1)
    ),
}


@pytest.mark.parametrize("q", [torch.float16, torch.float32], ids=str)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_bound_notices(mutant, q, device):
    case = make((4, 2), tokens=33, q=q, device=device)
    right = share_of_bound(case.run(), case)
    wrong = share_of_bound(MUTANTS[mutant](case).run(), case)
    assert right <= 1 < wrong


@pytest.mark.parametrize(
    ("cache", "q"),
    [
        (E4M3, torch.float16),
        (E4M3, torch.bfloat16),
        (E4M3, torch.float32),
        (E5M2, torch.float16),
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.bfloat16),
    ],
    ids=str,
)
def test_the_bound_notices_any_token(cache, q, device):
    case = make((4, 2), tokens=33, cache=cache, q=q, device=device)
    out = case.run()
    for token in range(33):
        assert share_of_bound(out, leave_out(token, case)) > 1


def test_exact_is_exact(device):
    # By hand, so that the yardstick itself is held to something: weights 1/4 and 3/4.
    case = make((1, 1), tokens=2, q=torch.float32, device=device, v_scale=0.5)
    q = torch.zeros_like(case.q)
    q[..., 0] = np.log(3.0) / 2
    k = torch.zeros(1, 2, 1, 64)
    k[0, 1, 0, 0] = 2.0
    k = k.to(E4M3).to(device)
    out = exact(replace(case, q=q, k=k, k_scale=1.0, softmax_scale=1.0))
    want = 0.125 * case.v[0, 0].double() + 0.375 * case.v[0, 1].double()
    assert torch.allclose(out[0], want, rtol=1e-6)
