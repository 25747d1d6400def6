"""Known-wrong answers of lab 5: products without scales, tile orders, rooflines."""

from __future__ import annotations

from functools import partial

from fp8lab.grading.labs.lab5_wrong import order_of, product, roofline, small_product
from fp8lab.grading.tasks import Mistake

__all__ = ["BATCH", "CHAIN", "ORDER", "PROMOTED", "REINTERPRETED", "ROOFLINE"]

REINTERPRETED = (
    "b's memory was read as [K, N]. It is [N, K], as nn.Linear stores a weight: the "
    "tile of b that tl.dot wants has K as its rows, so which offset gets which stride?"
)
LAST_BLOCK = "The last, shorter block of K is missing: how many steps has the loop?"
NO_CHAIN = (
    "These are exact sums. A tensor core keeps 14 bits: let tl.dot add up, with all of "
    "the lab's tile sizes."
)
BF16 = "The sums were rounded to bfloat16. Asked for is the float32 accumulator."
BY_COLUMNS = "The product is right and was stored transposed."
DOUBLED = (
    "The total comes out twice and more: `acc += tl.dot(a, b, acc)` adds acc to itself "
    "at each step."
)


def _layout(sums: str) -> tuple[Mistake, ...]:
    def wrong(fault: str, says: str) -> Mistake:
        return Mistake(fault, says, partial(product, sums=sums, fault=fault))

    return (
        wrong("reinterpreted", REINTERPRETED),
        wrong("last block", LAST_BLOCK),
        wrong(
            "first block",
            "Only the first 128 of K were added up: the loop makes one step.",
        ),
        wrong(
            "b stands still",
            "Each step multiplies by the first block of b: its pointers have to move "
            "along K, too.",
        ),
        wrong("by columns", BY_COLUMNS),
        wrong("bf16", BF16),
    )


CHAIN = (
    *_layout("chain"),
    Mistake(
        "promoted",
        "The sum was promoted to float32 at each step, which is the next task. One "
        "chain means that tl.dot is given the accumulator.",
        partial(product, sums="promoted"),
    ),
    Mistake("exact", NO_CHAIN, partial(product, sums="exact")),
    Mistake(
        "grid swapped",
        "Some tiles were never computed: rows and columns of tiles are swapped "
        "between the grid and the kernel.",
        partial(product, sums="chain", fault="grid swapped"),
    ),
    Mistake(
        "first tile",
        "Only the first tile was computed: which tile does a program take?",
        partial(product, sums="chain", fault="first tile"),
    ),
    Mistake(
        "e5m2",
        "The codes were taken as E5M2.",
        partial(product, sums="chain", fault="e5m2"),
    ),
)


def _sums(sums: str, says: str) -> Mistake:
    return Mistake(sums, says, partial(product, sums=sums))


PROMOTED = (
    *_layout("promoted"),
    _sums(
        "chain",
        "This is one chain over all of K: nothing was promoted. What does tl.dot do "
        "with a third argument?",
    ),
    _sums("doubled", DOUBLED),
    _sums("every 64", "Promoted every 64 of K; asked for is every 128."),
    _sums("every 32", "Promoted every 32 of K; asked for is every 128."),
    _sums("every 256", "Promoted every 256 of K; asked for is every 128."),
    _sums("exact", NO_CHAIN),
)


def _batch(name: str, says: str, sums: str = "promoted", fault: str = "") -> Mistake:
    return Mistake(name, says, partial(small_product, sums=sums, fault=fault))


BATCH = (
    _batch(
        "16 rows of a",
        "The left operand of tl.dot has fewer than 64 rows, so a GPU takes another "
        "instruction, whose sums are other ones. Which operand has enough rows?",
        "float32",
    ),
    _batch(
        "not turned",
        "The product is right and lies as [N, M]: the strides of the store are those "
        "of the other order.",
        fault="not turned",
    ),
    _batch("chain", "This is one chain over K; promote every 128.", "chain"),
    _batch("doubled", DOUBLED, "doubled"),
    _batch(
        "first tile",
        "Only the first 64 outputs of each token were computed: the grid has to cover "
        "all rows of b.",
        fault="first tile",
    ),
    _batch("last block", LAST_BLOCK, fault="last block"),
    _batch("reinterpreted", REINTERPRETED, fault="reinterpreted"),
    _batch("b stands still", "The pointers of b do not move along K.",
           fault="b stands still"),
    _batch("every 64", "Promoted every 64 of K; asked for is every 128.", "every 64"),
    _batch("bf16", BF16, fault="bf16"),
)  # fmt: skip


def _order(fault: str, says: str) -> Mistake:
    return Mistake(fault, says, partial(order_of, fault=fault))


ORDER = (
    _order("row by row", "Tiles are taken row by row: nothing is grouped."),
    _order("column by column", "Tiles are taken column by column, over all rows."),
    _order(
        "last group",
        "The last group has fewer rows than the others; some programs fall outside, "
        "and some tiles are taken by nobody.",
    ),
    _order("groups of columns", "Columns of tiles were grouped; asked for are rows."),
    _order("group too large", "Each group has one row too many."),
    _order(
        "swapped",
        "Rows and columns are exchanged: tile_of returns (m, n), the row first.",
    ),
    _order(
        "first forgotten",
        "All groups take the rows of the first one: where does a group begin?",
    ),
    _order(
        "backwards",
        "Every second column goes up instead of down. That is a good order, too, but "
        "not the one asked for.",
    ),
    _order("one group", "All rows are one group, and from the last to the first."),
)


def _roof(fault: str, says: str) -> Mistake:
    return Mistake(fault, says, partial(roofline, fault=fault))


ROOFLINE = (
    _roof("no two", "A multiply-add is two operations: 2 m n k of them."),
    _roof("no output", "The output has to be written, too: m n elements of 2 bytes."),
    _roof(
        "narrow output",
        "The output is bfloat16, 2 bytes an element, whatever the operands are.",
    ),
    _roof("wide output", "The output is bfloat16, 2 bytes an element, not float32."),
    _roof(
        "added",
        "The two times were added. Arithmetic and memory work at once: the longer of "
        "them is the bound.",
    ),
    _roof("shorter", "The shorter of the two times is no bound; the longer is."),
    _roof("upside down", "Intensity is operations a byte, not bytes an operation."),
    _roof("bound swapped", "1 means that arithmetic is the limit, 0 that memory is."),
    _roof("bits", "Operands are counted in bits; `width` is bytes an element."),
    _roof("no weight", "The weight, n k elements, has to be read, too."),
    _roof("microseconds", "The time is asked for in nanoseconds."),
)
