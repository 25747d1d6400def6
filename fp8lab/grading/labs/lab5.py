"""Lab 5: a Triton FP8 GEMM, and its roofline."""

from __future__ import annotations

import numpy as np

from fp8lab.gemm import scaled_mm
from fp8lab.grading.labs import Written
from fp8lab.grading.labs.lab5_cases import (
    SHOWN,
    batch_cases,
    block_cases,
    chain_cases,
    order_cases,
    promoted_cases,
    repaired_cases,
    roofline_cases,
    scaled_cases,
)
from fp8lab.grading.labs.lab5_mistakes import BATCH, CHAIN, ORDER, PROMOTED, ROOFLINE
from fp8lab.grading.labs.lab5_mistakes_scaled import BLOCKS, REPAIRED, SCALED
from fp8lab.grading.labs.lab5_wrong import order_of, roofline
from fp8lab.grading.tasks import Aspect, Task

__all__ = ["MINUTES", "SHOWN", "TASKS", "TITLE", "WRITTEN"]

TITLE = "A Triton FP8 GEMM, and its roofline"
MINUTES = 120


def _one_chain(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return scaled_mm(a, b.T, use_fast_accum=True, output_dtype="float32")


def _promoted(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return scaled_mm(a, b.T, output_dtype="float32")


def _scaled(
    a: np.ndarray, b: np.ndarray, scale_a: np.ndarray, scale_b: np.ndarray, dtype: str
) -> np.ndarray:
    recipe = "TensorWise" if scale_a.size == scale_b.size == 1 else "RowWise"
    scales = scale_a, recipe, scale_b.T, recipe
    return scaled_mm(a, b.T, *scales, output_dtype=dtype)


def _block_scaled(
    a: np.ndarray, b: np.ndarray, scale_a: np.ndarray, scale_b: np.ndarray
) -> np.ndarray:
    scales = scale_a, "BlockWise1x128", scale_b.T, "BlockWise128x128"
    return scaled_mm(a, b.T, *scales, output_dtype="float32")


def _repaired(
    a: np.ndarray, b: np.ndarray, scale_a: np.ndarray, scale_b: np.ndarray
) -> np.ndarray:
    return _scaled(a, b, scale_a, scale_b, "float32")


def _aspects(*rows: tuple[str, int, str]) -> tuple[Aspect, ...]:
    return tuple(Aspect(*row) for row in rows)


RAGGED = "M, N and K that fill no tile"

TASKS = (
    Task(
        lab="lab5",
        name="one_chain",
        title="Tiles, and one chain over K",
        aspects=_aspects(
            ("one tile", 1, "a product of 64 x 64, one step of K"),
            ("many tiles", 2, "more than one program"),
            ("long sums", 2, "several steps of K, in one chain"),
            ("ragged edges", 2, RAGGED),
        ),
        reference=_one_chain,
        cases=chain_cases,
        mistakes=CHAIN,
        hints=(
            "Three ranges: 64 rows m of a, 64 rows n of b, 128 places k of K. tl.dot "
            "wants [64, 128] by [128, 64], so n goes along the second axis.",
            "In each step of the loop, k + step is masked by < K. The lanes that are "
            "off need `other=0.0`: a product with zero does not count.",
            "acc = tl.dot(a, b, acc) continues the chain. The store is masked, too.",
        ),
    ),
    Task(
        lab="lab5",
        name="promoted",
        title="Promotion every 128 of K",
        aspects=_aspects(
            ("short sums", 1, "one step of K"),
            ("long sums", 3, "several steps of K"),
            ("ragged edges", 2, RAGGED),
        ),
        reference=_promoted,
        cases=promoted_cases,
        mistakes=PROMOTED,
        hints=(
            "One line of one_chain changes.",
            "tl.dot of two arguments begins at zero; an ordinary addition follows.",
        ),
    ),
    Task(
        lab="lab5",
        name="scaled",
        title="Scales in the epilogue",
        aspects=_aspects(
            ("one scale each", 2, "acc * (scale_a * scale_b)"),
            ("a scale a row", 3, "(acc * scale_b) * scale_a"),
            ("bfloat16", 1, "the output rounded to nearest even"),
        ),
        reference=_scaled,
        cases=scaled_cases,
        mistakes=SCALED,
        hints=(
            "Scales are loaded once, after the loop: 64 of a and 64 of b, or one each.",
            "ROWWISE: tl.constexpr lets one kernel have two epilogues; the compiler "
            "keeps the one that is asked for.",
            "left[:, None] belongs to the rows of acc, right[None, :] to its columns. "
            "The cast is .to(out_ptr.dtype.element_ty).",
        ),
    ),
    Task(
        lab="lab5",
        name="block_scaled",
        title="Scales for 1x128 by 128x128",
        aspects=_aspects(
            ("one block of K", 1, "a single step"),
            ("many blocks of K", 2, "scales that change along K"),
            ("many blocks of b", 2, "scales that change along N"),
            ("ragged edges", 2, RAGGED),
        ),
        reference=_block_scaled,
        cases=block_cases,
        mistakes=BLOCKS,
        hints=(
            "Each step loads 64 scales of a, and one number of b's: a tile of 64 "
            "columns lies within one block of 128.",
            "total = tl.fma(product, factors, total), where factors has the shape of "
            "the tile: tl.broadcast_to, or a product that broadcasts.",
            "The scales of a lie column by column: row * stride(0) + step * stride(1).",
        ),
    ),
    Task(
        lab="lab5",
        name="tile_order",
        title="Which program takes which tile",
        aspects=_aspects(
            ("whole groups", 2, "the group divides the rows of tiles"),
            ("a last group that is shorter", 2, "it does not"),
        ),
        reference=order_of,
        cases=order_cases,
        mistakes=ORDER,
        hints=(
            "A group has GROUP * tiles_n programs. Which group is a program in, and "
            "which place does it have there?",
            "A group's rows: GROUP, or what is left of tiles_m. With place p and h "
            "rows, go down first: the row is p % h, the column p // h.",
        ),
    ),
    Task(
        lab="lab5",
        name="small_batch",
        title="Few tokens: swap the operands",
        aspects=_aspects(
            ("16 tokens", 2, "the bytes of the tensor core with 16 rows of a"),
            ("fewer, and ragged", 2, "M below 16, N and K that fill no tile"),
        ),
        reference=_promoted,
        cases=batch_cases,
        mistakes=BATCH,
        hints=(
            "(a b^T)^T = b a^T. Let the 64 rows of the tile be rows of b.",
            "tl.dot of [64, 128] (of b) by [128, 16] (of a) is a tile [64, 16] of the "
            "transposed output; the store puts it in its place with the right strides.",
        ),
    ),
    Task(
        lab="lab5",
        name="roofline",
        title="What a product can cost at best",
        aspects=_aspects(
            ("few tokens", 2, "memory is the limit"),
            ("many tokens", 2, "arithmetic is the limit"),
        ),
        reference=roofline,
        cases=roofline_cases,
        mistakes=ROOFLINE,
        hints=(
            "Count operations, 2 m n k, and bytes: a and b are read once, in `width` "
            "bytes an element, and the output is written once, in 2.",
            "Two times: operations / peak and bytes / bandwidth. Which is longer?",
        ),
    ),
    Task(
        lab="lab5",
        name="repaired",
        title="Bug hunt: three bugs in somebody's GEMM",
        aspects=_aspects(
            ("operands", 2, "how b lies in memory"),
            ("scales", 2, "scales put on once"),
            ("sums", 2, "sums promoted every 128"),
        ),
        reference=_repaired,
        cases=repaired_cases,
        mistakes=REPAIRED,
        hints=(
            "Try it with scales of 1, with a symmetric b, with K = 128: each of these "
            "hides one bug.",
            "Which stride does the kernel call b_row, and which one does it get?",
            "Count how often scale_a is multiplied; and read the line with tl.dot.",
        ),
    ),
)

WRITTEN = Written(
    title="When is FP8 faster?",
    points=6,
    rubric=(
        (2, "finds with `roofline` about which M the layer turns from memory to "
            "arithmetic (a few hundred rows on an H200), and shows the numbers"),
        (1, "says what FP8 can win at best on each side: about 2 on both, as half the "
            "bytes and twice the peak, and less where the bfloat16 output counts"),
        (2, "names two things that the roofline leaves out and that show in measured "
            "times: e.g. quantizing the activations, launches, promotion, clocks under "
            "load, tiles that do not divide the output, caches"),
        (1, "draws a conclusion for a server: what decides in decode, what in prefill"),
    ),
    answer=(
        "With N = K = 4096, 1979 TFLOP/s and 4.3 TB/s the two times meet at M = 277 in "
        "FP8, and at M = 260 in bfloat16 with half the peak. Below, the weight is read "
        "once whatever M is: half the bytes, half the time. Above, twice the peak. "
        "Quantizing the activations costs a pass over them, which is why small layers "
        "may gain nothing at all."
    ),
)  # fmt: skip
