"""Known-wrong answers of lab 3: the product with scales for blocks of K."""

from __future__ import annotations

from functools import partial

from fp8lab.grading.labs.lab3_sums import block_scaled
from fp8lab.grading.tasks import Mistake

__all__ = ["BLOCK_SCALED"]

BLOCK_SCALED = (
    Mistake(
        "scaled at the end",
        "The blocks of K are summed first and scaled once. Their scales differ: they "
        "cannot come out of the sum.",
        partial(block_scaled, at_end=True),
    ),
    Mistake(
        "the first block's scales",
        "All blocks of K have the scales of the first.",
        partial(block_scaled, scales="first block"),
    ),
    Mistake(
        "the first block's scale of b",
        "The scales of b do not move on along K.",
        partial(block_scaled, scales="first block of b"),
    ),
    Mistake(
        "the next block's scales",
        "Every block has the scales of the one after it.",
        partial(block_scaled, scales="next block"),
    ),
    Mistake(
        "one scale of b a block of K",
        "All columns have the scale of the first block of columns.",
        partial(block_scaled, scales="one column"),
    ),
    Mistake(
        "the scale of a alone",
        "scale_b has no effect.",
        partial(block_scaled, scales="a alone"),
    ),
    Mistake(
        "the scale of b alone",
        "scale_a has no effect.",
        partial(block_scaled, scales="b alone"),
    ),
    Mistake(
        "two roundings",
        "The scaled block is rounded to float32, and the sum once more. A fused "
        "multiply-add rounds once: do both in float64.",
        partial(block_scaled, roundings=2),
    ),
    Mistake(
        "the scales one by one",
        "The kernel multiplies the two scales first, in float32, and the block's sum "
        "by their product.",
        partial(block_scaled, order="one by one"),
    ),
    Mistake(
        "the chain goes on",
        "A block's chain has to begin at zero: yours holds the blocks before it, too.",
        partial(block_scaled, carried=True),
    ),
    Mistake(
        "exact sums",
        "Inside a block the sum is that of the tensor core, not the exact one.",
        partial(block_scaled, sums="exact"),
    ),
)
