"""Known-wrong answers of lab 5: products with scales."""

from __future__ import annotations

from functools import partial

import numpy as np

from fp8lab.grading.labs.lab5_mistakes import REINTERPRETED
from fp8lab.grading.labs.lab5_wrong import block_scaled, product, scaled
from fp8lab.grading.tasks import Mistake

__all__ = ["BLOCKS", "REPAIRED", "SCALED"]

TWICE = "A scale was applied twice: look for it in the epilogue, line by line."
DIVIDED = (
    "The sums were divided by the scales. They are decode scales: x ~ decode(code) * "
    "scale."
)


def _scaled(fault: str, says: str) -> Mistake:
    return Mistake(fault, says, partial(scaled, fault=fault))


SCALED = (
    _scaled(
        "sides swapped",
        "With a scale for each row the order is (sum * scale_b) * scale_a; yours is "
        "the other one. Each product is rounded, so it shows in the last bit.",
    ),
    _scaled(
        "multiplied first",
        "With a scale for each row the sum is multiplied by one scale, then by the "
        "other. You multiplied the scales by each other first.",
    ),
    _scaled(
        "one by one",
        "With one scale each, cuBLASLt multiplies the two scales by each other first, "
        "and the sum by that.",
    ),
    _scaled("divided", DIVIDED),
    _scaled("a alone", "Only the scale of a was applied."),
    _scaled(
        "in the loop",
        "Each step was scaled and then added. These scales are the same for all of K: "
        "put them on once, at the end.",
    ),
    _scaled(
        "rounded first",
        "The sum was rounded to bfloat16 before it was scaled, and then again.",
    ),
    _scaled(
        "truncated",
        "The upper 16 bits of the float32 were taken: that cuts off, where a cast to "
        "tl.bfloat16 rounds to nearest even.",
    ),
    _scaled("twice", TWICE),
    _scaled("ignored", "The scales have no effect."),
    _scaled("chain", "The sum is one chain over K; promote every 128, as before."),
)


def _blocks(fault: str, says: str) -> Mistake:
    return Mistake(fault, says, partial(block_scaled, fault=fault))


BLOCKS = (
    _blocks(
        "no fma",
        "The product was rounded, and the sum again. `tl.fma` rounds once, and a GPU's "
        "compiler would have made one of it, or not: say which you want.",
    ),
    _blocks(
        "one by one",
        "The order is fma(product, scale_a * scale_b, total): multiply the two scales "
        "by each other first.",
    ),
    _blocks(
        "first scales",
        "All of K was scaled by the scales of its first block.",
    ),
    _blocks(
        "at the end",
        "The scales were put on after the sum. They change along K, so they belong "
        "into the loop.",
    ),
    _blocks(
        "first columns",
        "All columns were scaled as the first 128: which row of scale_b belongs to a "
        "tile of 64 columns?",
    ),
    _blocks(
        "by rows",
        "The scales of a were read row by row. They lie column by column, as lab 4 "
        "stored them: use the strides.",
    ),
    _blocks(
        "into the chain",
        "The total so far was scaled once more at each step: only the new product is.",
    ),
    _blocks("divided", DIVIDED),
    _blocks("b alone", "Only the scales of b were applied."),
    _blocks(
        "last block",
        "The last, shorter block of K is missing: how many steps has the loop?",
    ),
)

CHAIN = (
    "Nothing is promoted: tl.dot adds to the total itself, in 14 bits, over all of K."
)
SEVERAL = "More than one bug is left. "


def _repaired(
    name: str, says: str, scale: str = "", sums: str = "promoted", operand: str = ""
) -> Mistake:
    def answer(
        a: np.ndarray, b: np.ndarray, scale_a: np.ndarray, scale_b: np.ndarray
    ) -> np.ndarray:
        out = product(a, b, sums, operand) * scale_b.T
        if scale != "ignored":
            out = out * scale_a
        return out * scale_a if scale == "twice" else out

    return Mistake(name, says, answer)


def _left(says: str, *bugs: str) -> Mistake:
    return _repaired(
        " and ".join(bugs) + " left",
        (SEVERAL if len(bugs) > 1 else "") + says,
        "twice" if "scales" in bugs else "",
        "chain" if "sums" in bugs else "promoted",
        "reinterpreted" if "operands" in bugs else "",
    )


REPAIRED = (
    _left(REINTERPRETED, "operands", "scales", "sums"),
    _left(REINTERPRETED, "operands"),
    _left(TWICE, "scales"),
    _left(CHAIN, "sums"),
    _left(REINTERPRETED, "operands", "scales"),
    _left(REINTERPRETED, "operands", "sums"),
    _left(TWICE, "scales", "sums"),
    _repaired("a's scale gone", "The scale of a is applied no more at all.", "ignored"),
    _repaired(
        "promoted too often",
        "Promoted every 64 of K; asked for is every 128.",
        sums="every 64",
    ),
)
