"""Lab 4: a Triton kernel that quantizes, byte for byte."""

from __future__ import annotations

import numpy as np

from fp8lab.codec import decode, encode
from fp8lab.formats import BF16
from fp8lab.grading.labs import Written
from fp8lab.grading.labs.lab4_cases import (
    SHOWN,
    amax_cases,
    copy_cases,
    group_cases,
    repaired_cases,
    static_cases,
    token_cases,
)
from fp8lab.grading.labs.lab4_mistakes import AMAX, COPY, STATIC
from fp8lab.grading.labs.lab4_mistakes_quantize import GROUPS, TOKENS
from fp8lab.grading.labs.lab4_mistakes_repaired import REPAIRED
from fp8lab.grading.labs.lab4_wrong import GROUP, TILE_ROWS
from fp8lab.grading.tasks import Aspect, Task
from fp8lab.quantization import quantize

__all__ = ["MINUTES", "SHOWN", "TASKS", "TITLE", "WRITTEN"]

TITLE = "A Triton kernel that quantizes, byte for byte"
MINUTES = 120

Arrays = tuple[np.ndarray, ...]


def _group_amax(x: np.ndarray) -> np.ndarray:
    groups = range(0, x.shape[1], GROUP)
    return np.stack([np.abs(x[:, k : k + GROUP]).max(axis=1) for k in groups], axis=1)


def _static(x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return encode(x / scale)


def _tokens(x: np.ndarray) -> Arrays:
    values = decode(x, BF16) if x.dtype == np.uint16 else x
    q = quantize(values, group="per-token")
    return q.codes, q.scales


def _groups(x: np.ndarray, _: str) -> Arrays:
    q = quantize(x, group="1x128")
    return q.codes, q.scales


def _repaired(x: np.ndarray, what: str) -> Arrays:
    if what == "bytes":
        return _groups(x, "rows")
    tiles = -(-len(x) // TILE_ROWS) * -(-x.shape[1] // GROUP)
    return (np.array([tiles], np.int32),)


def _aspects(*rows: tuple[str, int, str]) -> tuple[Aspect, ...]:
    return tuple(Aspect(*row) for row in rows)


TASKS = (
    Task(
        lab="lab4",
        name="copy",
        title="A kernel that copies: programs, offsets, masks",
        aspects=_aspects(
            ("whole blocks", 1, "n is a multiple of the block"),
            ("a ragged end", 2, "the last block is shorter"),
            ("any bits", 1, "NaN, infinities, negative zeros, subnormals"),
        ),
        reference=np.copy,
        cases=copy_cases,
        mistakes=COPY,
        hints=(
            "Program p takes the elements p * BLOCK to p * BLOCK + BLOCK - 1, and "
            "tl.program_id(0) is p.",
            "How many programs are enough? triton.cdiv(n, BLOCK). The last of them has "
            "lanes that stand for no element: offsets < n says which.",
            "Both tl.load and tl.store take the mask.",
        ),
    ),
    Task(
        lab="lab4",
        name="group_amax",
        title="The largest magnitude of each group",
        aspects=_aspects(
            ("whole groups", 2, "rows and columns fill the tiles"),
            ("ragged rows", 1, "the last tile has fewer than 16 rows"),
            ("ragged columns", 2, "the last group has fewer than 128 columns"),
            ("both signs", 1, "the largest magnitude is negative"),
        ),
        reference=_group_amax,
        cases=amax_cases,
        mistakes=AMAX,
        hints=(
            "A tile is two ranges: row[:, None] and col[None, :] broadcast to 16 x 128 "
            "offsets, and to as large a mask.",
            "The mask needs row < rows and col < cols; and lanes that are off need an "
            "`other` that changes no maximum.",
            "tl.max(tl.abs(x), axis=1) has one value for each row. Where does it go? "
            "To element (row, group) of an array with `groups` columns.",
        ),
    ),
    Task(
        lab="lab4",
        name="quantize_static",
        title="Encode with a scale that is known",
        aspects=_aspects(
            ("in range", 2, "ordinary numbers"),
            ("saturation", 1, "what is too large becomes 448"),
            ("ties", 3, "where x / scale and x * (1 / scale) give other codes"),
            ("a ragged end", 1, "the last block is shorter"),
        ),
        reference=_static,
        cases=static_cases,
        mistakes=STATIC,
        hints=(
            "The scale lies in memory: tl.load(scale_ptr) is one number.",
            "x / scale with `/` is approximate on a GPU. tl.div_rn rounds once.",
            "A cast to tl.float8e4nv rounds to nearest even and saturates. The pointer "
            "knows the type, too: codes_ptr.dtype.element_ty.",
        ),
    ),
    Task(
        lab="lab4",
        name="quantize_tokens",
        title="A scale for each token, in one pass",
        aspects=_aspects(
            ("whole rows", 3, "codes and scales of rows that fill the block"),
            ("rows of any length", 2, "the block is longer than the row"),
            ("zeros and tiny numbers", 2, "scale 1 for zeros, none below 2^-126"),
            ("bfloat16", 1, "rows in bfloat16"),
        ),
        reference=_tokens,
        cases=token_cases,
        mistakes=TOKENS,
        hints=(
            "One program, one row. Load it once: what tl.load gave is still there "
            "after tl.max.",
            "The steps: to float32, magnitudes, amax, scale = tl.div_rn(amax, 448.0), "
            "never below 2^-126, and 1 where amax is 0; then the codes.",
            "tl.maximum and tl.where do the two special cases. The block is "
            "triton.next_power_of_2(cols).",
        ),
    ),
    Task(
        lab="lab4",
        name="quantize_groups",
        title="Groups of 1x128, ragged, not contiguous",
        aspects=_aspects(
            ("whole groups", 2, "one group of 128 a row"),
            ("scales column by column", 2, "several groups a row"),
            ("ragged edges", 3, "rows and columns that fill no tile"),
            ("not contiguous", 3, "a part of a wider matrix; stored by columns"),
        ),
        reference=_groups,
        cases=group_cases,
        mistakes=GROUPS,
        hints=(
            "This is group_amax and quantize_tokens in one: amax along axis 1, and "
            "scale[:, None] divides the tile.",
            "Element (row, col) of an array lies at row * stride(0) + col * stride(1), "
            "for x and for the scales. Pass the strides to the kernel.",
            "The scales of a tile are one column: row * scale_row + group * scale_col, "
            "masked by row < rows.",
        ),
    ),
    Task(
        lab="lab4",
        name="repaired",
        title="Bug hunt: four bugs in somebody's kernel",
        aspects=_aspects(
            ("division", 2, "codes on ties of x / scale"),
            ("edges", 2, "a last group that is not full"),
            ("scales", 2, "scales rounded once"),
            ("programs", 2, "one program for 16 groups, not for one"),
        ),
        reference=_repaired,
        cases=repaired_cases,
        mistakes=REPAIRED,
        hints=(
            "Each bug can be seen in one line. Two of them are arithmetic, one is a "
            "mask, one is the grid.",
            "Which of the kernel's operations are rounded more than once? Which lanes "
            "of the last group belong to the next row?",
            "For the grid, make the row a range of 16 and reduce along axis 1, as in "
            "quantize_groups.",
        ),
    ),
)

WRITTEN = Written(
    title="One pass, and one division",
    points=7,
    rubric=(
        (2, "bytes: one pass reads 2 and writes 1 an element; a second pass reads 2 "
            "more, so 5 instead of 3, and 5/3 of the time where memory is the limit"),
        (2, "one program for 128 elements: so little to load that starting and "
            "finishing programs shows; a tile of 16 rows has 16 times as much"),
        (2, "x * (1 / s) rounds twice, so some codes next to ties differ, by one; it "
            "is no less accurate on average"),
        (1, "says when equal bytes matter: in tests, for reproducing a result, or for "
            "a cache that two kernels write"),
    ),
    answer=(
        "One pass: 2 + 1 bytes an element in bfloat16 (and 4 for each 128, 1 % more). "
        "Two passes: 2 + 2 + 1, unless the second read comes out of the L2 cache. At "
        "4.3 TB/s, which an H200 reaches when it copies, 2^26 elements take 47 us or "
        "78 us. The reciprocal saves most of a division's instructions, which matters "
        "only where arithmetic and not memory is the limit."
    ),
)  # fmt: skip
