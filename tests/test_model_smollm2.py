"""SmolLM2 against the GGUF header, transformers, and facts about its activations."""

import dataclasses

import numpy as np
import pytest
from gguf import GGUFReader, ReaderTensor

from fp8lab.model.catalogue import TEXT, TEXT_TOKENS
from fp8lab.model.fetch import fetch_models
from fp8lab.model.files import model_file
from fp8lab.model.ops import Array
from fp8lab.model.smollm2 import SmolLM2, load_smollm2


@pytest.fixture(scope="module")
def model() -> SmolLM2:
    fetch_models(["smollm2"])
    return load_smollm2()


@pytest.fixture(scope="module")
def stored(model: SmolLM2) -> dict[str, ReaderTensor]:
    """What the file holds, as the gguf package reads it."""
    tensors = GGUFReader(model_file("smollm2", ".gguf")).tensors
    return {tensor.name: tensor for tensor in tensors}


@pytest.fixture(scope="module")
def run(model: SmolLM2) -> tuple[Array, dict[str, Array]]:
    """The logits and every activation of the fixed text."""
    seen: dict[str, Array] = {}
    return model.forward(model.encode(TEXT)[:TEXT_TOKENS], seen.__setitem__), seen


def test_sizes_come_from_the_header(model: SmolLM2) -> None:
    sizes = dataclasses.astuple(model.config)
    assert sizes[:5] == (30, 576, 9, 3, 100_000.0)
    assert repr(model) == "SmolLM2(30 layers, 134,515,008 parameters)"


def test_every_tensor_has_the_shape_in_the_header(
    model: SmolLM2, stored: dict[str, ReaderTensor]
) -> None:
    assert len(stored) == 272
    assert stored.keys() == model.weights.keys()
    for name, weight in model.weights.items():
        assert weight.shape == tuple(reversed(stored[name].shape.tolist())), name
        assert weight.dtype == np.float32


def test_4_bit_blocks_are_expanded_as_ggml_defines_them(
    model: SmolLM2, stored: dict[str, ReaderTensor]
) -> None:
    """Q4_1: per 32 weights a float16 step and minimum, then 16 bytes of two nibbles."""
    name = "blk.0.attn_q.weight"
    blocks = np.asarray(stored[name].data).reshape(-1, 20)
    step, minimum = (blocks[:, i : i + 2].copy().view(np.float16) for i in (0, 2))
    nibbles = np.hstack([blocks[:, 4:] & 15, blocks[:, 4:] >> 4])
    expected = nibbles * step.astype(np.float32) + minimum
    np.testing.assert_array_equal(model.weights[name].reshape(-1, 32), expected)


def test_it_knows_the_capital_of_france(model: SmolLM2) -> None:
    logits = model.forward(model.encode("The capital of France is"))
    assert model.tokenizer.decode([int(logits[-1].argmax())]) == " Paris"
    answer = model.answer("What is the capital of France?")
    assert answer == "The capital of France is Paris."


# From transformers 4.57.3 with torch 2.13.0: LlamaForCausalLM on the same weights, the
# rows of W_q and W_k back in the order of the hub. Over the 128 tokens of the text its
# logits and ours differed by at most 1.5e-4.
def test_logits_are_those_of_transformers(
    run: tuple[Array, dict[str, Array]], model: SmolLM2
) -> None:
    logits, _ = run
    for row, expected in {
        0: {29: 24.0260, 28: 22.7220, 198: 21.4177},
        -1: {30: 32.6169, 338: 31.8172, 28: 31.5677},
    }.items():
        best = np.argsort(-logits[row])[:3].tolist()
        assert best == list(expected)
        np.testing.assert_allclose(
            logits[row][best], list(expected.values()), atol=2e-3
        )
    exact = logits.astype(np.float64)
    exact -= exact.max(axis=1, keepdims=True)
    following = model.encode(TEXT)[1:TEXT_TOKENS]
    log_sums = np.log(np.exp(exact).sum(axis=1))[:-1]
    loss = (log_sums - exact[np.arange(len(following)), following]).mean()
    assert loss == pytest.approx(4.188553, abs=1e-4)


def test_tokens_are_those_of_transformers(model: SmolLM2) -> None:
    """AutoTokenizer on the same GGUF file, less the token it puts in front."""
    text = "In 2024, naïve  café — 3.14159!\n\n\tdef f(x): <|im_end|>"
    expected = (
        "788 216 34 32 34 36 28 15486 46494 216 37366 1841 216 35 30 33 36 33 37 41 "
        "17 1116 197 1604 275 24 104 727 216 2"
    )
    assert model.encode(text) == [int(number) for number in expected.split()]
    ids = model.encode(text.removesuffix("<|im_end|>"))
    assert model.tokenizer.decode(ids) == text.removesuffix("<|im_end|>")


def test_the_massive_activation(run: tuple[Array, dict[str, Array]]) -> None:
    """One channel of the first token carries it from layer 12 to layer 28."""
    _, seen = run
    for i in range(12, 29):
        residual = np.abs(seen[f"layers.{i}.residual"])
        assert residual.argmax() == 507, "channel 507 of token 0"
        assert 24_000 < residual.max() < 24_500
        assert residual[1:].max() < 700


def test_two_values_are_beyond_the_largest_of_e4m3(
    run: tuple[Array, dict[str, Array]],
) -> None:
    hidden = run[1]["layers.11.ffn_down.input"]
    beyond = np.abs(hidden) > 448
    assert np.argwhere(beyond).tolist() == [[0, 1229], [0, 1487]]
    np.testing.assert_allclose(hidden[beyond], [3033.8, 1077.2], atol=0.5)


def test_a_token_does_not_see_the_ones_after_it(
    run: tuple[Array, dict[str, Array]], model: SmolLM2
) -> None:
    start = model.forward(model.encode(TEXT)[:10])
    np.testing.assert_allclose(start, run[0][:10], atol=2e-3)


def test_the_tap_may_replace_what_flows(model: SmolLM2) -> None:
    tokens = model.encode("The capital of France is")

    def keys_to_zero(name: str, x: Array) -> Array | None:
        return x * 0 if name.endswith(".k") else None

    assert not np.allclose(model.forward(tokens, keys_to_zero), model.forward(tokens))


def test_generation_stops_at_the_limit(model: SmolLM2) -> None:
    assert len(model.generate(model.encode("Once upon a time"), most=2)) == 2
