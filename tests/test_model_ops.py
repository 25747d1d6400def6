"""The building blocks of the models, each against its twin in torch."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fp8lab.model import ops


def assert_close(ours: ops.Array, theirs: torch.Tensor) -> None:
    """Allow a few units in the last place: float32 sums in another order."""
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-5, atol=2e-6)


def draw(*shape: int, seed: int = 0) -> ops.Array:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


@pytest.mark.parametrize("name", ["gelu", "silu"])
def test_activation_functions_match_torch_over_their_whole_range(name: str) -> None:
    x = np.linspace(-120, 120, 4801, dtype=np.float32)
    assert_close(getattr(ops, name)(x), getattr(F, name)(torch.from_numpy(x)))


def test_softmax_matches_torch_and_does_not_overflow() -> None:
    x = draw(5, 33) * 200
    assert_close(ops.softmax(x), torch.softmax(torch.from_numpy(x), -1))


def test_norms_match_torch() -> None:
    x, weight, bias = draw(7, 96) * 30 + 5, draw(96, seed=1), draw(96, seed=2)
    t, w, b = map(torch.from_numpy, (x, weight, bias))
    ours = ops.layer_norm(x, weight, bias, 1e-12)
    assert_close(ours, F.layer_norm(t, (96,), w, b, 1e-12))
    assert_close(ops.rms_norm(x, weight, 1e-5), F.rms_norm(t, (96,), w, 1e-5))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("heads", "kv_heads"), [(9, 3), (4, 1), (2, 2)])
def test_attention_matches_torch(heads: int, kv_heads: int, causal: bool) -> None:
    tokens, width = 13, 16
    q = draw(heads, tokens, width)
    k, v = (draw(kv_heads, tokens, width, seed=seed) for seed in (1, 2))
    tq, tk, tv = (torch.from_numpy(x)[None] for x in (q, k, v))
    theirs = F.scaled_dot_product_attention(
        tq, tk, tv, is_causal=causal, enable_gqa=True
    )
    side_by_side = theirs[0].transpose(0, 1).reshape(tokens, heads * width)
    assert_close(ops.attention(q, k, v, causal=causal), side_by_side)


def test_rotation_is_multiplication_by_a_unit_complex_number() -> None:
    """Llama's own definition: pair (2i, 2i + 1) is one complex number."""
    heads, tokens, width, base, first = 3, 40, 64, 1e5, 1000
    x = draw(heads, tokens, width)
    speed = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    position = torch.arange(first, first + tokens, dtype=torch.float64)
    angle = position[:, None] * speed
    turn = torch.polar(torch.ones_like(angle), angle)
    pairs = torch.view_as_complex(torch.from_numpy(x).double().reshape(3, 40, 32, 2))
    theirs = torch.view_as_real(pairs * turn).reshape(x.shape)
    assert_close(ops.rotate_pairs(x, base, first), theirs.float())


def test_rotated_products_depend_on_the_distance_alone() -> None:
    q, k = draw(1, 1, 64), draw(1, 1, 64, seed=1)

    def product(query_at: int, key_at: int) -> float:
        turned = ops.rotate_pairs(q, 1e5, query_at), ops.rotate_pairs(k, 1e5, key_at)
        return float(np.vdot(*turned))

    assert product(12, 5) == pytest.approx(product(107, 100), abs=1e-4)


def test_a_tap_sees_and_may_replace() -> None:
    x = draw(2, 3)
    seen: dict[str, ops.Array] = {}
    assert ops.watch(None, "x", x) is x
    assert ops.watch(seen.__setitem__, "x", x) is x
    assert seen["x"] is x
    assert ops.watch(lambda _, a: a * 2, "x", x)[0, 0] == 2 * x[0, 0]
