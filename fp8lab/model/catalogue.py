"""What the real samples are: which tensor of which model, and the part shipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["REAL_SAMPLES", "TEXT", "TEXT_TOKENS", "RealSample"]

TEXT = (
    "A computer keeps most of its numbers in floating point: a sign, an exponent and a "
    "few bits of fraction. With eight bits there are only 256 codes, so nearly every "
    "value has to move to a neighbour, and a value beyond the largest code has nowhere "
    "to go. People who run language models accept this because memory is slow: a "
    "weight that takes one byte instead of two arrives in half the time. The craft is "
    "in the scale. A group of numbers shares one, chosen so that the largest of them "
    "just fits; if that one is a thousand times larger than the others, they are left "
    "with the small codes. The lab you are reading lets you drag that number and watch "
    "what happens to the rest."
)
"""What SmolLM2 reads for the activation samples; written for this lab."""

TEXT_TOKENS = 128
"""The text is cut here, so that one column of tokens is one group of 128."""


@dataclass(frozen=True)
class RealSample:
    """Where one real matrix comes from."""

    name: str
    kind: Literal["weight", "activation"]
    model: str
    """A key of `fp8lab.model.files.MODELS`."""
    tensor: str
    """Name of the weight in its file, or of the activation in the model's ``tap``."""
    shape: tuple[int, int]
    """[out, in] of a weight, [tokens, channels] of an activation."""
    first_column: int
    """The shipped excerpt is the first 128 rows and 128 columns from here on.

    A multiple of 128, so that heads of 64 stay whole and groups of 128 are the same
    groups in the excerpt as in the whole; and chosen so that the peak is inside.
    """
    description: str
    rms: float
    """Root mean square without the peak; a generated stand-in gets the same."""
    peak: tuple[int, int, float]
    """Row, column and value of the element of largest magnitude."""

    @property
    def excerpt(self) -> tuple[slice, slice]:
        """Rows and columns of the shipped part."""
        return slice(0, 128), slice(self.first_column, self.first_column + 128)


_ALL = (
    RealSample(
        name="minilm-weight",
        kind="weight",
        model="minilm",
        tensor="encoder.layer.0.attention.self.key.weight",
        shape=(384, 384),
        first_column=128,
        description="an ordinary weight matrix: of 36, the median in peak over RMS",
        rms=0.09244,
        peak=(85, 245, 0.656285),
    ),
    RealSample(
        name="minilm-weight-outlier",
        kind="weight",
        model="minilm",
        tensor="encoder.layer.0.output.dense.weight",
        shape=(384, 1536),
        first_column=768,
        description="a weight matrix with one element far above the rest",
        rms=0.04411,
        peak=(99, 856, 7.9148),
    ),
    RealSample(
        name="smollm2-attn-input",
        kind="activation",
        model="smollm2",
        tensor="layers.12.attn_qkv.input",
        shape=(128, 576),
        first_column=128,
        description="what W_q, W_k and W_v read: some channels large for every token",
        rms=0.3833,
        peak=(102, 247, -11.3864),
    ),
    RealSample(
        name="smollm2-ffn-down-input",
        kind="activation",
        model="smollm2",
        tensor="layers.11.ffn_down.input",
        shape=(128, 1536),
        first_column=1152,
        description="what the down projection reads; token 0 goes beyond 448",
        rms=2.436,
        peak=(0, 1229, 3033.83),
    ),
    RealSample(
        name="smollm2-k",
        kind="activation",
        model="smollm2",
        tensor="layers.10.k",
        shape=(128, 192),
        first_column=0,
        description="keys after RoPE as a KV cache stores them, heads of 64 channels",
        rms=2.39,
        peak=(111, 112, 18.9688),
    ),
    RealSample(
        name="smollm2-residual",
        kind="activation",
        model="smollm2",
        tensor="layers.12.residual",
        shape=(128, 576),
        first_column=384,
        description="the residual stream, with its massive activation at token 0",
        rms=12.13,
        peak=(0, 507, 24494.1),
    ),
    RealSample(
        name="smollm2-v",
        kind="activation",
        model="smollm2",
        tensor="layers.23.v",
        shape=(128, 192),
        first_column=0,
        description="values as a KV cache stores them, heads of 64 channels",
        rms=1.668,
        peak=(26, 104, 9.09965),
    ),
)

REAL_SAMPLES: dict[str, RealSample] = {sample.name: sample for sample in _ALL}
