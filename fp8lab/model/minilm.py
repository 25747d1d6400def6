"""MiniLM-L6 in NumPy: a real encoder with ordinary float32 weights.

The architecture is BERT's (arXiv 1810.04805; Transformer layers of 1706.03762 with
LayerNorm after each block, GELU with the exact erf, a bias in every linear layer),
distilled to 6 layers (arXiv 2002.10957) and trained so that the mean of the token
vectors tells what a sentence is about (arXiv 1908.10084). The 12 heads and the epsilon
1e-12 of LayerNorm are from the model's config.json; the other sizes follow from the
weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fp8lab.model.files import model_file
from fp8lab.model.ops import Array, Tap, attention, gelu, layer_norm, watch

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["MiniLM", "load_minilm"]

_HEADS = 12
_EPS = 1e-12


@dataclass(frozen=True)
class MiniLM:
    """An encoder: float32 weights under their safetensors names, and the tokenizer.

    A linear weight is [N, K], so y = x @ w.T + b. To run changed weights, replace them:
    ``dataclasses.replace(model, weights={**model.weights, name: changed})``.
    """

    weights: dict[str, Array]
    tokenizer: Tokenizer

    def __repr__(self) -> str:
        count = sum(w.size for w in self.weights.values())
        return f"MiniLM({self.layers} layers, {count:,} parameters)"

    @property
    def layers(self) -> int:
        """Number of Transformer layers."""
        return sum(name.endswith("query.weight") for name in self.weights)

    def encode(self, text: str) -> list[int]:
        """Split a text into token numbers, [CLS] first and [SEP] last; 512 fit."""
        return self.tokenizer.encode(text).ids

    def forward(self, tokens: Sequence[int], tap: Tap | None = None) -> Array:
        """Run the encoder; returns the token vectors, float32 [tokens, 384].

        Parameters
        ----------
        tokens
            Token numbers of one text; no padding, so no mask is needed.
        tap
            Called with each activation; see `fp8lab.model.ops.Tap`. The names are
            SmolLM2's, with i from 0: ``layers.i.attn_qkv.input``, ``layers.i.q``,
            ``layers.i.k``, ``layers.i.v`` (each [heads, tokens, 32]),
            ``layers.i.attn_output.input``, ``layers.i.ffn_up.input`` (what
            ``intermediate.dense`` reads) and ``layers.i.ffn_down.input`` (what
            ``output.dense`` reads).

        Raises
        ------
        ValueError
            More tokens than the model has positions.
        """
        x = self._embed(tokens)
        for i in range(self.layers):
            x = self._attention(i, x, tap)
            x = self._feed_forward(i, x, tap)
        return x

    def embed(self, text: str) -> Array:
        """Average the token vectors of a text into one vector [384] of length 1."""
        mean = self.forward(self.encode(text)).mean(axis=0)
        return mean / np.linalg.norm(mean)

    def similarity(self, text: str, other: str) -> float:
        """Compute the cosine of the angle between the vectors of two texts."""
        return float(self.embed(text) @ self.embed(other))

    def _embed(self, tokens: Sequence[int]) -> Array:
        word, position, kind = (
            self.weights[f"embeddings.{name}_embeddings.weight"]
            for name in ("word", "position", "token_type")
        )
        if len(tokens) > len(position):
            raise ValueError(
                f"the text has {len(tokens)} tokens and MiniLM takes at most "
                f"{len(position)}: give it a shorter text."
            )
        x = word[np.asarray(tokens, dtype=np.int64)] + position[: len(tokens)] + kind[0]
        return self._normalise("embeddings", x)

    def _attention(self, i: int, x: Array, tap: Tap | None) -> Array:
        prefix = f"encoder.layer.{i}.attention"
        x = watch(tap, f"layers.{i}.attn_qkv.input", x)
        q, k, v = (
            watch(tap, f"layers.{i}.{name[0]}", self._heads(f"{prefix}.self.{name}", x))
            for name in ("query", "key", "value")
        )
        mixed = attention(q, k, v, causal=False)
        mixed = watch(tap, f"layers.{i}.attn_output.input", mixed)
        return self._normalise(
            f"{prefix}.output", x + self._linear(f"{prefix}.output.dense", mixed)
        )

    def _feed_forward(self, i: int, x: Array, tap: Tap | None) -> Array:
        prefix = f"encoder.layer.{i}"
        x = watch(tap, f"layers.{i}.ffn_up.input", x)
        hidden = gelu(self._linear(f"{prefix}.intermediate.dense", x))
        hidden = watch(tap, f"layers.{i}.ffn_down.input", hidden)
        return self._normalise(
            f"{prefix}.output", x + self._linear(f"{prefix}.output.dense", hidden)
        )

    def _linear(self, name: str, x: Array) -> Array:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _heads(self, name: str, x: Array) -> Array:
        """Apply a linear layer and split its output into heads: [heads, tokens, d]."""
        return self._linear(name, x).reshape(len(x), _HEADS, -1).swapaxes(0, 1)

    def _normalise(self, name: str, x: Array) -> Array:
        weight = self.weights[f"{name}.LayerNorm.weight"]
        return layer_norm(x, weight, self.weights[f"{name}.LayerNorm.bias"], _EPS)


def load_minilm(path: Path | None = None) -> MiniLM:
    """Read the model from a safetensors file with its tokenizer.json beside it.

    Parameters
    ----------
    path
        A ``model.safetensors``; None means the fetched one.

    Raises
    ------
    FileNotFoundError
        The model was not fetched.
    ModuleNotFoundError
        The ``model`` extra is not installed.
    """
    path = path or model_file("minilm", ".safetensors")
    try:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Reading MiniLM needs the safetensors and tokenizers packages: "
            'pip install "fp8lab[model]".'
        ) from error
    tokenizer = Tokenizer.from_file(str(path.with_name("tokenizer.json")))
    # The file asks for cutting and padding to 128 tokens; a single text needs neither.
    tokenizer.no_padding()
    tokenizer.no_truncation()
    weights = load_file(path)
    # A buffer of the numbers 0..511 that older exports carry; not a weight.
    weights.pop("embeddings.position_ids", None)
    return MiniLM(weights, tokenizer)
