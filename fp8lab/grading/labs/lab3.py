"""Lab 3: the scaled GEMM and Hopper's accumulator."""

from __future__ import annotations

from fp8lab.grading.labs import Written
from fp8lab.grading.labs.lab3_cases import (
    SHOWN,
    block_cases,
    bug_cases,
    chain_cases,
    interval_cases,
    promoted_cases,
    scaled_cases,
    step_cases,
)
from fp8lab.grading.labs.lab3_hunts import INTERVAL, WHICH, interval_of, which_bug
from fp8lab.grading.labs.lab3_mistakes import SCALED_MM, STEP
from fp8lab.grading.labs.lab3_mistakes_blocks import BLOCK_SCALED
from fp8lab.grading.labs.lab3_mistakes_chains import CHAIN, PROMOTED
from fp8lab.grading.labs.lab3_sums import (
    block_scaled,
    chain,
    promoted,
    scaled_mm,
    step,
)
from fp8lab.grading.tasks import Aspect, Task

__all__ = ["MINUTES", "SHOWN", "TASKS", "TITLE", "WRITTEN"]

TITLE = "The scaled GEMM and Hopper's accumulator"
MINUTES = 110


def _aspects(*rows: tuple[str, int, str]) -> tuple[Aspect, ...]:
    return tuple(Aspect(*row) for row in rows)


TASKS = (
    Task(
        lab="lab3",
        name="scaled_mm",
        title="A scaled product, exactly",
        aspects=_aspects(
            ("rows and columns", 3, "a scale for each row of a and each column of b"),
            ("every code", 1, "a long sum over the whole range"),
            ("scales of 1", 1, "the sum alone, rounded once"),
            ("short sums", 1, "K of 1, and of 0"),
        ),
        reference=scaled_mm,
        cases=scaled_cases,
        mistakes=SCALED_MM,
        hints=(
            "No scale depends on k, so they come out of the sum. The sum first: in "
            "float64 it is exact.",
            "Then float32, then two multiplications, each rounded to float32: scale_b "
            "first. NumPy broadcasts [1, N] and [M, 1].",
        ),
    ),
    Task(
        lab="lab3",
        name="step",
        title="One step of the accumulator",
        aspects=_aspects(
            ("products alone", 3, "an accumulator of zeros"),
            ("an accumulator", 4, "smaller and larger than the products"),
            ("subnormals and zeros", 3, "operands whose exponent field is 0"),
        ),
        reference=step,
        cases=step_cases,
        mistakes=STEP,
        hints=(
            "All products at once: `u[:, :, None] * v[None]` has the axes m, k, n. In "
            "float64 every step of the rule is exact.",
            "The exponent of an operand comes from its code: "
            "`np.maximum((code & 0x7F) >> 3, 1) - 7`, as signed integers. Give "
            "products that are 0 a very low one.",
            "Measure all addends in units of 2**(emax - 13): `np.trunc` makes integers "
            "of them. For line 5, cut the integer sum to 14 significant bits: find its "
            "binade with `np.frexp`.",
        ),
    ),
    Task(
        lab="lab3",
        name="chain",
        title="A chain over K",
        aspects=_aspects(
            ("both signs", 1, "sums that nearly cancel"),
            ("all positive", 1, "sums that grow, and lose"),
            ("a rest", 2, "K that is no multiple of 32"),
            ("short", 1, "fewer than 32 products, or none"),
        ),
        reference=chain,
        cases=chain_cases,
        mistakes=CHAIN,
        hints=(
            "The result of a step is the accumulator of the next; the first is zero.",
            "Slices stop at the end by themselves: the last step just has fewer "
            "products.",
        ),
    ),
    Task(
        lab="lab3",
        name="promoted",
        title="Promotion",
        aspects=_aspects(
            ("both signs", 1, "sums that nearly cancel"),
            ("all positive", 1, "sums that grow"),
            ("uneven pieces", 1, "pieces of very different size"),
            ("a rest", 1, "K that is no multiple of the interval"),
            ("longer than K", 1, "an interval that is never reached"),
        ),
        reference=promoted,
        cases=promoted_cases,
        mistakes=PROMOTED,
        hints=("A chain for each piece of K, and a float32 total of the pieces.",),
    ),
    Task(
        lab="lab3",
        name="block_scaled",
        title="A product with scales for blocks of K",
        aspects=_aspects(
            ("whole blocks", 3, "blocks that divide K and N"),
            ("ragged columns", 2, "N that is no multiple of the block"),
            ("one block", 1, "K of one block"),
        ),
        reference=block_scaled,
        cases=block_cases,
        mistakes=BLOCK_SCALED,
        hints=(
            "`promoted` with a factor: each piece of K is multiplied by its scales "
            "before it is added.",
            "The scale of column n is scale_b[i, n // block]. Multiply the two scales "
            "in float32, all the rest in float64, and round the new total once.",
        ),
    ),
    Task(
        lab="lab3",
        name="interval_of",
        title="Find the promotion interval from bytes",
        aspects=_aspects(
            ("promoted", 3, "any multiple of 32 below K"),
            ("one chain", 1, "never promoted: 0"),
            ("none of them", 2, "another accumulator: -1"),
        ),
        reference=interval_of,
        cases=interval_cases,
        mistakes=INTERVAL,
        hints=(
            "Compute what each interval gives, and compare all bytes: "
            "`np.array_equal`.",
            "`range(32, K, 32)`, and `chain` for none.",
        ),
    ),
    Task(
        lab="lab3",
        name="which_bug",
        title="Bug hunt: what is wrong with this kernel?",
        aspects=_aspects(
            ("nothing wrong", 1, "outputs of a right kernel"),
            ("promotion", 1, "the promotion is forgotten"),
            ("the step", 3, "one line of the rule is broken"),
            ("none of them", 1, "outputs that no bug of the list gives"),
        ),
        reference=which_bug,
        cases=bug_cases,
        mistakes=WHICH,
        hints=(
            "Give your `step` switches for its lines, and pass them on through `chain` "
            "and `promoted`.",
            "`cut=np.trunc` or `np.rint` in both places; normalised exponents are "
            "`np.frexp(product)[1] - 1`.",
        ),
    ),
)

WRITTEN = Written(
    title="When does the accumulator matter?",
    points=6,
    rubric=(
        (
            2,
            "says what is lost in a chain: addends are cut at 2^-13 of the largest, "
            "always toward zero, so that errors of one sign add up",
        ),
        (1, "says why sums of both signs hardly suffer"),
        (
            1,
            "names a product of a language model that is at risk (softmax times "
            "values, products of positive activations) and one that is not",
        ),
        (1, "says what promotion costs, and why block scales bring it for nothing"),
        (1, "supports it with a number computed here"),
    ),
    answer=(
        "Near the end of an all-positive sum the grid is 2^-13 of the sum, and every "
        "product loses half a grid step on average: the share lost grows with K (about "
        "7 % at K = 4096). With both signs the losses cancel like the products. "
        "Attention probabilities are positive and values have a mean. A promotion "
        "costs one float32 addition an output for each interval; a scale for each "
        "block of K needs that multiply-add anyway."
    ),
)
