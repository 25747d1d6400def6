"""SmolLM2-135M-Instruct in NumPy: a real decoder, small enough to read in one sitting.

The architecture is Llama's (arXiv 2302.13971): RMSNorm before each block, rotary
positions, SwiGLU, no biases; with grouped-query attention (9 query heads share 3
key/value heads) and the embedding matrix used again as the output layer. Every size
is read from the GGUF header (keys ``llama.*``), none is typed in here.

The weights were stored in 4 bits (Q4_1: 16 levels per 32 weights). They are expanded
to float32 here, but still lie on that grid: use MiniLM for histograms of weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fp8lab.model.files import model_file
from fp8lab.model.ops import Array, Tap, attention, rms_norm, rotate_pairs, silu, watch

if TYPE_CHECKING:
    from gguf import GGUFReader
    from tokenizers import Tokenizer

__all__ = ["SmolLM2", "SmolLM2Config", "load_smollm2"]

_CONTROL_TOKEN = 3
"""``tokenizer.ggml.token_type`` of <|im_start|> and its like (gguf.TokenType)."""


@dataclass(frozen=True)
class SmolLM2Config:
    """The sizes of a Llama-like decoder."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    rope_base: float
    eps: float
    end_token: int


@dataclass(frozen=True)
class SmolLM2:
    """A decoder: sizes, float32 weights under their GGUF names, and the tokenizer.

    A linear weight is [N, K], so y = x @ w.T. To run changed weights, replace them:
    ``dataclasses.replace(model, weights={**model.weights, name: changed})``.
    """

    config: SmolLM2Config
    weights: dict[str, Array]
    tokenizer: Tokenizer

    def __repr__(self) -> str:
        count = sum(w.size for w in self.weights.values())
        return f"SmolLM2({self.config.layers} layers, {count:,} parameters)"

    def encode(self, text: str) -> list[int]:
        """Split a text into token numbers; this model has no begin-of-text token."""
        return self.tokenizer.encode(text).ids

    def forward(self, tokens: Sequence[int], tap: Tap | None = None) -> Array:
        """Run the decoder; returns logits [tokens, vocabulary], row t for token t + 1.

        Parameters
        ----------
        tokens
            Token numbers, at least one.
        tap
            Called with each activation; see `fp8lab.model.ops.Tap`. Names, with i
            from 0: ``layers.i.residual`` (what layer i adds to; ``layers.N.residual``
            is what the last one leaves), ``layers.i.attn_qkv.input``, ``layers.i.q``,
            ``layers.i.k`` (both after RoPE), ``layers.i.v``,
            ``layers.i.attn_output.input``, ``layers.i.ffn_up.input`` (gate and up
            read the same), ``layers.i.ffn_down.input``, ``output.input``. All are
            [tokens, channels], but q, k and v are [heads, tokens, 64].
        """
        embedding = self.weights["token_embd.weight"]
        x = embedding[np.asarray(tokens, dtype=np.int64)]
        for i in range(self.config.layers):
            x = watch(tap, f"layers.{i}.residual", x)
            x = x + self._attention(i, x, tap)
            x = x + self._feed_forward(i, x, tap)
        x = watch(tap, f"layers.{self.config.layers}.residual", x)
        x = rms_norm(x, self.weights["output_norm.weight"], self.config.eps)
        return watch(tap, "output.input", x) @ embedding.T

    def generate(self, tokens: Sequence[int], most: int = 32) -> list[int]:
        """Append the likeliest token until the end token or ``most`` new ones.

        The whole text is run again for each token: simple, and slow for long texts.
        """
        text = list(tokens)
        for _ in range(most):
            following = int(self.forward(text)[-1].argmax())
            if following == self.config.end_token:
                break
            text.append(following)
        return text[len(tokens) :]

    def answer(self, question: str, most: int = 32) -> str:
        """Ask in the chat form the model was tuned on (GGUF key chat_template)."""
        prompt = (
            "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained "
            f"by Hugging Face<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n"
            "<|im_start|>assistant\n"
        )
        return self.tokenizer.decode(self.generate(self.encode(prompt), most))

    def _attention(self, i: int, x: Array, tap: Tap | None) -> Array:
        """Compute what the attention block of layer i adds to the residual stream."""
        sizes = self.config
        x = rms_norm(x, self._weight(i, "attn_norm"), sizes.eps)
        x = watch(tap, f"layers.{i}.attn_qkv.input", x)
        q = _split_heads(x @ self._weight(i, "attn_q").T, sizes.heads)
        k = _split_heads(x @ self._weight(i, "attn_k").T, sizes.kv_heads)
        v = _split_heads(x @ self._weight(i, "attn_v").T, sizes.kv_heads)
        q = watch(tap, f"layers.{i}.q", rotate_pairs(q, sizes.rope_base))
        k = watch(tap, f"layers.{i}.k", rotate_pairs(k, sizes.rope_base))
        v = watch(tap, f"layers.{i}.v", v)
        mixed = attention(q, k, v, causal=True)
        mixed = watch(tap, f"layers.{i}.attn_output.input", mixed)
        return mixed @ self._weight(i, "attn_output").T

    def _feed_forward(self, i: int, x: Array, tap: Tap | None) -> Array:
        """Compute SwiGLU (arXiv 2002.05202): down(silu(gate(x)) * up(x))."""
        x = rms_norm(x, self._weight(i, "ffn_norm"), self.config.eps)
        x = watch(tap, f"layers.{i}.ffn_up.input", x)
        gate = silu(x @ self._weight(i, "ffn_gate").T)
        hidden = gate * (x @ self._weight(i, "ffn_up").T)
        hidden = watch(tap, f"layers.{i}.ffn_down.input", hidden)
        return hidden @ self._weight(i, "ffn_down").T

    def _weight(self, i: int, name: str) -> Array:
        return self.weights[f"blk.{i}.{name}.weight"]


def load_smollm2(path: Path | None = None) -> SmolLM2:
    """Read the model from its GGUF file; the weights take 538 MB as float32.

    Parameters
    ----------
    path
        A GGUF file of a Llama-like model; None means the fetched one.

    Raises
    ------
    FileNotFoundError
        The model was not fetched.
    ModuleNotFoundError
        The ``model`` extra is not installed.
    """
    path = path or model_file("smollm2", ".gguf")
    try:
        from gguf import GGUFReader
        from gguf.quants import dequantize
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'Reading SmolLM2 needs the gguf package: pip install "fp8lab[model]".'
        ) from error
    reader = GGUFReader(path)
    weights = {
        tensor.name: np.asarray(dequantize(tensor.data, tensor.tensor_type), np.float32)
        for tensor in reader.tensors
    }
    return SmolLM2(_read_config(reader), weights, _read_tokenizer(reader))


def _read_config(reader: GGUFReader) -> SmolLM2Config:
    return SmolLM2Config(
        layers=_field(reader, "llama.block_count"),
        width=_field(reader, "llama.embedding_length"),
        heads=_field(reader, "llama.attention.head_count"),
        kv_heads=_field(reader, "llama.attention.head_count_kv"),
        rope_base=_field(reader, "llama.rope.freq_base"),
        eps=_field(reader, "llama.attention.layer_norm_rms_epsilon"),
        end_token=_field(reader, "tokenizer.ggml.eos_token_id"),
    )


def _read_tokenizer(reader: GGUFReader) -> Tokenizer:
    """Build byte-level BPE; every digit is a token of its own (the "smollm" rule)."""
    try:
        from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'Reading text needs the tokenizers package: pip install "fp8lab[model]".'
        ) from error
    tokens = _field(reader, "tokenizer.ggml.tokens")
    kinds = _field(reader, "tokenizer.ggml.token_type")
    merges = [tuple(m.split(" ")) for m in _field(reader, "tokenizer.ggml.merges")]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [
            AddedToken(token, special=True)
            for token, kind in zip(tokens, kinds, strict=True)
            if kind == _CONTROL_TOKEN
        ]
    )
    return tokenizer


def _field(reader: GGUFReader, key: str) -> Any:
    field = reader.fields.get(key)
    if field is None:
        raise ValueError(f"the GGUF file has no field {key!r}: is it a Llama model?")
    return field.contents()


def _split_heads(x: Array, heads: int) -> Array:
    """Turn [tokens, heads * d] into [heads, tokens, d]."""
    return x.reshape(len(x), heads, -1).swapaxes(0, 1)
