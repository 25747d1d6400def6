"""Lab 2: scales."""

from __future__ import annotations

from fp8lab.grading.labs import Written
from fp8lab.grading.labs.lab2_budget import BUDGET, choose
from fp8lab.grading.labs.lab2_budget_cases import budget_cases
from fp8lab.grading.labs.lab2_cases import (
    SHOWN,
    dequantize_cases,
    group_scales_cases,
    lost_cases,
    quantize_cases,
    repair_cases,
    tensor_scale_cases,
)
from fp8lab.grading.labs.lab2_groups import (
    dequantize,
    group_scales,
    lost,
    quantize,
    tensor_scale,
)
from fp8lab.grading.labs.lab2_mistakes import GROUP_SCALES, TENSOR_SCALE
from fp8lab.grading.labs.lab2_mistakes_codes import DEQUANTIZE, LOST, QUANTIZE
from fp8lab.grading.labs.lab2_repair import REPAIR, quantize_rows
from fp8lab.grading.tasks import Aspect, Task

__all__ = ["MINUTES", "SHOWN", "TASKS", "TITLE", "WRITTEN"]

TITLE = "Scales"
MINUTES = 90


def _aspects(*rows: tuple[str, int, str]) -> tuple[Aspect, ...]:
    return tuple(Aspect(*row) for row in rows)


TASKS = (
    Task(
        lab="lab2",
        name="tensor_scale",
        title="amax and scale of a tensor",
        aspects=_aspects(
            ("numbers", 2, "any shape, both signs"),
            ("NaN and infinity", 1, "they do not count"),
            ("nothing but zeros", 1, "zeros or nothing at all: scale 1"),
            ("tiny numbers", 1, "no scale below 2**-126"),
        ),
        reference=tensor_scale,
        cases=tensor_scale_cases,
        mistakes=TENSOR_SCALE,
        hints=(
            "x ~ decode(code) * scale, and the largest number should get the largest "
            "code. What has to be the scale?",
            "`values.max(initial=0)` of nothing is 0. Keep everything float32: "
            "`np.float32(448)`.",
        ),
    ),
    Task(
        lab="lab2",
        name="group_scales",
        title="A scale for each group",
        aspects=_aspects(
            ("whole rows and columns", 2, "one scale a tensor, a row, a column"),
            ("blocks", 1, "groups that divide the matrix"),
            ("ragged edges", 2, "groups that do not"),
            ("groups of zeros", 1, "their scale is 1"),
        ),
        reference=group_scales,
        cases=group_scales_cases,
        mistakes=GROUP_SCALES,
        hints=(
            "Two loops over the groups are fine: slices stop at the edge.",
            "-1 is the whole extent: replace it by the number of rows or columns "
            "first. The number of groups is rounded up: `-(-n // size)`.",
            "Without loops: `np.maximum.reduceat(np.abs(x), np.arange(0, n, rows), "
            "axis=0)`, and once more along the other axis.",
        ),
    ),
    Task(
        lab="lab2",
        name="quantize",
        title="Quantize with given scales",
        aspects=_aspects(
            ("one scale", 1, "a scale for the tensor"),
            ("a scale a row", 1, "per token"),
            ("blocks", 1, "groups that divide the matrix"),
            ("ragged edges", 1, "groups that do not"),
            ("near ties", 2, "where a division and a product by 1 / scale differ"),
        ),
        reference=quantize,
        cases=quantize_cases,
        mistakes=QUANTIZE,
        hints=(
            "Which group does element (i, j) lie in? `i // rows` and `j // cols`.",
            "`scales[np.ix_(row, col)]`, with the group numbers of all rows and of all "
            "columns, is the scale of every element.",
        ),
    ),
    Task(
        lab="lab2",
        name="dequantize",
        title="And back",
        aspects=_aspects(
            ("one scale", 1, "a scale for the tensor"),
            ("a scale a row", 1, "per token"),
            ("blocks", 1, "groups that divide the matrix"),
            ("ragged edges", 1, "groups that do not"),
            ("all codes", 1, "NaN and -0 among them"),
        ),
        reference=dequantize,
        cases=dequantize_cases,
        mistakes=DEQUANTIZE,
        hints=("Spread the scales as in `quantize`, and multiply in float32.",),
    ),
    Task(
        lab="lab2",
        name="lost",
        title="Who is lost? INT8 against FP8",
        aspects=_aspects(
            ("one scale", 1, "a scale for the tensor"),
            ("a scale a row", 1, "per token"),
            ("blocks", 1, "groups that divide the matrix"),
            ("ragged edges", 1, "groups that do not"),
            ("an outlier channel", 2, "a large column in every token; exact ties"),
        ),
        reference=lost,
        cases=lost_cases,
        mistakes=LOST,
        hints=(
            "Scale x twice with the amax of its groups: to 127 for INT8, to 448 for "
            "E4M3.",
            "In INT8 it is lost where `np.rint(x / scale)` is 0, in E4M3 where the "
            "code is 0x00 or 0x80. Count only what was not zero before.",
        ),
    ),
    Task(
        lab="lab2",
        name="choose",
        title="Spend a budget of scale bytes",
        aspects=_aspects(
            ("trade-offs", 3, "the best of all choices within the budget"),
            ("room for all", 1, "a budget that is large enough"),
            ("exactly the budget", 1, "a choice may cost all of it"),
            ("equal losses", 1, "the cheapest of equals, then the first"),
        ),
        reference=choose,
        cases=budget_cases,
        mistakes=BUDGET,
        hints=(
            "There are only 4**n choices, at most 1024: look at all of them. "
            "`itertools.product(range(4), repeat=n)` gives them in order.",
            "`min` of tuples compares the first entry, then the second: "
            "(lost, bytes, choice).",
        ),
    ),
    Task(
        lab="lab2",
        name="quantize_rows",
        title="Bug hunt: repair a quantizer",
        aspects=_aspects(
            ("the scale's direction", 2, "rows on which all else is right"),
            ("the stored scale", 2, "codes belong to the scale that is returned"),
            ("rows of zeros", 1, "scale 1, codes 0"),
            ("division", 2, "rows near ties"),
        ),
        reference=quantize_rows,
        cases=repair_cases,
        mistakes=REPAIR,
        hints=(
            "Multiply one number: does decode(code) * scale give x back?",
            "Which scale will somebody multiply with who gets only what you return? "
            "Codes have to be made with that one.",
            "One bug shows only near ties, another one only for a row of zeros.",
        ),
    ),
)

WRITTEN = Written(
    title="Who should share a scale?",
    points=6,
    rubric=(
        (
            1,
            "says that finer scales hardly change E4M3's error on ordinary numbers, "
            "and why: its step grows with the number",
        ),
        (1, "says that INT8 does profit, and why: its step is the same everywhere"),
        (
            2,
            "explains the per-token trap: outliers in a channel are in every token, so "
            "every token's scale is set by one",
        ),
        (1, "says why a scale a column is no cure: it differs along the summed axis"),
        (
            1,
            "gives a case in which E4M3 does need finer scales, with a number "
            "(amax / |x| above 28,672, or a massive activation)",
        ),
    ),
    answer=(
        "E4M3 keeps about 3 bits of every number as long as it stays normal, whoever "
        "sets the scale; only past amax / |x| = 448 * 2^6 = 28,672 does it lose "
        "precision, and past 458,752 the number. INT8's step is amax / 127 for all. "
        "Outlier channels are in every token: a scale a token changes nothing. A scale "
        "a channel would, but cannot be taken out of the sum over channels; groups "
        "along the row are the compromise."
    ),
)
