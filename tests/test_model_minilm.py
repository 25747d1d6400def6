"""MiniLM against torch's own encoder layer and the scores its authors publish."""

import dataclasses

import numpy as np
import pytest
import torch

from fp8lab.model.fetch import fetch_models
from fp8lab.model.minilm import MiniLM, load_minilm
from fp8lab.model.ops import Array

PREFIX = "encoder.layer.{}."


@pytest.fixture(scope="module")
def model() -> MiniLM:
    fetch_models(["minilm"])
    return load_minilm()


def test_shapes_and_size(model: MiniLM) -> None:
    shapes = {name: weight.shape for name, weight in model.weights.items()}
    assert shapes["embeddings.word_embeddings.weight"] == (30522, 384)
    assert shapes["encoder.layer.5.output.dense.weight"] == (384, 1536)
    assert all(weight.dtype == np.float32 for weight in model.weights.values())
    assert repr(model) == "MiniLM(6 layers, 22,713,216 parameters)"


# sentence-transformers, examples/sentence_transformer/applications/semantic-search,
# README: the scores of "A man is eating pasta." with all-MiniLM-L6-v2.
@pytest.mark.parametrize(
    ("sentence", "score"),
    [
        ("A man is eating food.", 0.7035),
        ("A man is eating a piece of bread.", 0.5272),
        ("A man is riding a horse.", 0.1889),
        ("A man is riding a white horse on an enclosed ground.", 0.1047),
    ],
)
def test_similarities_are_the_published_ones(
    model: MiniLM, sentence: str, score: float
) -> None:
    found = model.similarity("A man is eating pasta.", sentence)
    assert found == pytest.approx(score, abs=5.1e-5)


def test_a_further_similarity(model: MiniLM) -> None:
    """Computed with transformers 4.57.3 (BertModel) from the same file: 0.75534."""
    found = model.similarity(
        "A man is eating food.", "A man is eating a piece of bread."
    )
    assert found == pytest.approx(0.75534, abs=1e-5)


@pytest.mark.parametrize("i", [0, 5])
def test_a_layer_matches_the_encoder_layer_of_torch(model: MiniLM, i: int) -> None:
    seen: dict[str, Array] = {}
    last = model.forward(model.encode("One byte holds 256 codes."), seen.__setitem__)
    inputs = [seen[f"layers.{n}.attn_qkv.input"] for n in range(6)] + [last]
    theirs = torch_layer(model.weights, PREFIX.format(i))
    with torch.no_grad():
        expected = theirs(torch.from_numpy(inputs[i])[None])[0]
    np.testing.assert_allclose(inputs[i + 1], expected, rtol=1e-4, atol=1e-5)


def torch_layer(
    weights: dict[str, Array], prefix: str
) -> torch.nn.TransformerEncoderLayer:
    layer = torch.nn.TransformerEncoderLayer(
        384, 12, 1536, 0.0, "gelu", layer_norm_eps=1e-12, batch_first=True
    )

    def stack(kind: str) -> torch.Tensor:
        prefixes = [f"{prefix}attention.self.{n}" for n in ("query", "key", "value")]
        parts = [weights[f"{name}.{kind}"] for name in prefixes]
        return torch.from_numpy(np.concatenate(parts))

    state = {"self_attn.in_proj_weight": stack("weight")}
    state["self_attn.in_proj_bias"] = stack("bias")
    places = {
        "self_attn.out_proj": "attention.output.dense",
        "linear1": "intermediate.dense",
        "linear2": "output.dense",
        "norm1": "attention.output.LayerNorm",
        "norm2": "output.LayerNorm",
    }
    for theirs, ours in places.items():
        for kind in ("weight", "bias"):
            weight = weights[f"{prefix}{ours}.{kind}"]
            state[f"{theirs}.{kind}"] = torch.from_numpy(weight)
    layer.load_state_dict(state)
    return layer.eval()


def test_the_tap_changes_what_follows(model: MiniLM) -> None:
    tokens = model.encode("Eight bits.")
    plain = model.forward(tokens)

    def without_values(name: str, x: Array) -> Array | None:
        return x * 0 if name == "layers.3.v" else None

    assert not np.allclose(model.forward(tokens, without_values), plain)
    np.testing.assert_array_equal(model.forward(tokens, lambda *_: None), plain)


def test_changed_weights_are_used(model: MiniLM) -> None:
    name = "encoder.layer.0.output.dense.weight"
    changed = dataclasses.replace(
        model, weights={**model.weights, name: model.weights[name] * 0}
    )
    assert not np.allclose(changed.embed("Eight bits."), model.embed("Eight bits."))


def test_the_worst_weight_matrix(model: MiniLM) -> None:
    """One element of layer.0.output.dense stands 175 times above the RMS."""

    def peak_over_rms(weight: Array) -> float:
        return float(np.abs(weight).max() / np.sqrt(np.square(weight).mean()))

    linear = {n: w for n, w in model.weights.items() if n.endswith("dense.weight")}
    linear.pop("pooler.dense.weight")
    worst = max(linear, key=lambda name: peak_over_rms(linear[name]))
    assert worst == "encoder.layer.0.output.dense.weight"
    assert peak_over_rms(linear[worst]) == pytest.approx(174.7, abs=0.1)


def test_too_long_a_text_is_refused(model: MiniLM) -> None:
    with pytest.raises(ValueError, match="513 tokens and MiniLM takes at most 512"):
        model.forward([101] * 513)


def test_long_texts_are_neither_cut_nor_padded(model: MiniLM) -> None:
    """tokenizer.json asks for both, at 128 tokens."""
    assert len(model.encode("code " * 300)) == 302
    assert len(model.encode("code")) == 3
