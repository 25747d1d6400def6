"""The cases of lab 4, drawn afresh each time, and how its numbers are told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fp8lab.codec import encode
from fp8lab.formats import BF16, E4M3FN
from fp8lab.grading.labs.draws import nans, near, normal_numbers, ties, with_both_signs
from fp8lab.grading.labs.lab4_wrong import BLOCK, GROUP, MAX, TILE_ROWS, scale_from
from fp8lab.grading.tasks import Case
from fp8lab.grading.words import Shown

__all__ = [
    "SHOWN",
    "amax_cases",
    "copy_cases",
    "group_cases",
    "repaired_cases",
    "static_cases",
    "token_cases",
]

Cases = Iterator[Case]
Floats = npt.NDArray[np.float32]


def copy_cases(rng: np.random.Generator) -> Cases:
    """Whole blocks, ragged ends, and numbers that a detour would change."""
    for blocks in (1, int(rng.integers(3, 6))):
        yield Case("whole blocks", (normal_numbers(rng, blocks * BLOCK, 1e-9, 1e9),))
    for size in (int(rng.integers(2, 9)), BLOCK - 1, int(rng.integers(520, 700))):
        yield Case("a ragged end", (normal_numbers(rng, size, 1e-9, 1e9),))
    x = np.concatenate([normal_numbers(rng, BLOCK - 24, 1e-40, 1e38), nans(rng, 8)])
    special = with_both_signs(rng, np.array([0, np.inf], np.float32), 16)
    yield Case("any bits", (rng.permutation(np.concatenate([x, special])),))


def matrix(rng: np.random.Generator, rows: int, cols: int) -> Floats:
    """Numbers of both signs, each row and group of another size, most below 1."""
    x = normal_numbers(rng, rows * cols, 1e-4, 1).reshape(rows, cols)
    sizes = np.exp2(rng.uniform(-9, 3, (rows, -(-cols // GROUP))))
    return (x * np.repeat(sizes, GROUP, axis=1)[:, :cols]).astype(np.float32)


def with_negative_amax(rng: np.random.Generator, x: Floats) -> Floats:
    """Give every group a negative number of the largest magnitude."""
    for left in range(0, x.shape[1], GROUP):
        part = x[:, left : left + GROUP]
        at = rng.integers(0, part.shape[1], len(part))
        part[np.arange(len(part)), at] = -2 * np.abs(part).max(axis=1)
    return x


def amax_cases(rng: np.random.Generator) -> Cases:
    """Whole tiles; then a ragged edge on each side; negative maxima."""
    whole = matrix(rng, 2 * TILE_ROWS, 3 * GROUP)
    yield Case("whole groups", (np.abs(whole),))
    yield Case("whole groups", (np.abs(matrix(rng, TILE_ROWS, 2 * GROUP)),))
    rows = int(rng.integers(TILE_ROWS + 1, 2 * TILE_ROWS))
    yield Case("ragged rows", (np.abs(matrix(rng, rows, GROUP)),))
    yield Case("ragged rows", (np.abs(matrix(rng, 3, 2 * GROUP)),))
    cols = int(rng.integers(GROUP + 1, 2 * GROUP))
    # Each row is larger than the one before: what is read of the next row shows.
    growing = np.abs(matrix(rng, TILE_ROWS, cols))
    growing *= np.exp2(np.arange(TILE_ROWS, dtype=np.float32))[:, None]
    yield Case("ragged columns", (growing,))
    yield Case("ragged columns", (np.abs(matrix(rng, TILE_ROWS, 5)),))
    signed = with_negative_amax(rng, matrix(rng, TILE_ROWS, 2 * GROUP))
    yield Case("both signs", (signed,))


def telling_scale(rng: np.random.Generator) -> tuple[np.float32, Floats]:
    """A scale, and numbers whose codes x / scale and x * (1 / scale) disagree on."""
    while True:
        amax = np.float32(np.exp2(rng.uniform(-6, 6)))
        scale = scale_from(np.array(amax))
        x = near((scale * ties(E4M3FN)).astype(np.float32))
        differs = encode(x / scale) != encode(x * (np.float32(1) / scale))
        differs &= np.abs(x) < amax
        if differs.sum() >= 12:
            return np.float32(scale), x[differs]


def telling_row(rng: np.random.Generator, size: int, *, agree: bool = False) -> Floats:
    """A row that two ways of dividing by its own scale disagree on.

    With ``agree`` amax / 448 and amax * (1/448) are the same.
    """
    while True:
        scale, numbers = telling_scale(rng)
        amax = np.float32(np.float64(scale) * MAX)
        same = amax * (np.float32(1) / MAX) == scale
        if amax / MAX == scale and (same or not agree):
            row = with_both_signs(rng, numbers, size)
            row[int(rng.integers(size))] = -amax
            return row


def static_cases(rng: np.random.Generator) -> Cases:
    """In range, beyond it, on ties of the quotient, and a last block that is short."""

    def scaled(
        low: float, high: float, count: int, powers: tuple[int, int] = (-7, 7)
    ) -> tuple[Floats, Floats]:
        scale = np.exp2(rng.uniform(*powers, 1)).astype(np.float32)
        numbers = normal_numbers(rng, count, low, high) * scale
        return numbers.astype(np.float32), scale

    # No number of these is close to a tie, where two ways of dividing differ.
    for powers in ((-7, -3), (3, 7)):
        x, scale = scaled(2.0**-12, 440, BLOCK, powers)
        yield Case("in range", (calm(x, scale), scale))
        x, scale = scaled(420, 1e6, BLOCK, powers)
        x[:: BLOCK // 16] = with_both_signs(rng, np.array([np.inf, 0], np.float32), 16)
        yield Case("saturation", (calm(x, scale), scale))
    for _ in range(2):
        one, numbers = telling_scale(rng)
        x = with_both_signs(rng, numbers, BLOCK)
        yield Case("ties", (x, np.array([one], np.float32)))
    sizes = int(rng.integers(BLOCK + 1, 2 * BLOCK)), int(rng.integers(1, 40))
    for size in sizes:
        x, scale = scaled(2.0**-9, 440, size)
        yield Case("a ragged end", (calm(x, scale), scale))


def calm(x: Floats, scale: Floats | np.float32) -> Floats:
    """Set to 1.25 scales what codes differently if divided in another way."""
    with np.errstate(all="ignore"):
        wild = encode(x / scale) != encode(x * (np.float32(1) / scale))
        return np.where(wild, np.float32(1.25) * scale, x).astype(np.float32)


def as_bfloat16(x: Floats) -> npt.NDArray[np.uint16]:
    """Round to bfloat16, and give the bits."""
    return encode(x, BF16)


def token_cases(rng: np.random.Generator) -> Cases:
    """Rows of each length and size, also of zeros and of next to nothing."""
    for rows, cols in ((3, 256), (5, 128)):
        x = with_negative_amax(rng, matrix(rng, rows, cols))
        yield Case("whole rows", (x,))
    yield Case("whole rows", (telling_row(rng, 64)[None],))
    for rows, cols in ((2, int(rng.integers(130, 250))), (4, int(rng.integers(3, 60)))):
        yield Case("rows of any length", (matrix(rng, rows, cols),))
    x = matrix(rng, 4, 64)
    x[0], x[2] = 0, np.where(rng.random(64) < 0.5, np.float32(0), np.float32(-0.0))
    x[1] *= np.float32(1e-37) / np.abs(x[1]).max()
    x[3] *= np.float32(1e-7)
    yield Case("zeros and tiny numbers", (x,))
    x = with_negative_amax(rng, matrix(rng, 3, 128))
    yield Case("bfloat16", (as_bfloat16(x),))
    yield Case("bfloat16", (as_bfloat16(matrix(rng, 2, int(rng.integers(65, 120)))),))


def group_cases(rng: np.random.Generator) -> Cases:
    """One group a row, ragged edges, strides; and scales of more than one column."""
    yield Case("whole groups", (matrix(rng, TILE_ROWS, GROUP), "rows"))
    x = with_negative_amax(rng, matrix(rng, 2 * TILE_ROWS, GROUP))
    x[3], x[4] = 0, telling_row(rng, GROUP)
    yield Case("whole groups", (x, "rows"))
    yield Case("scales column by column", (matrix(rng, TILE_ROWS, 3 * GROUP), "rows"))
    rows, cols = int(rng.integers(17, 31)), int(rng.integers(GROUP + 2, 2 * GROUP))
    growing = matrix(rng, rows, cols)
    growing *= np.exp2(np.arange(rows, dtype=np.float32) - 8)[:, None]
    yield Case("ragged edges", (growing, "rows"))
    yield Case("ragged edges", (matrix(rng, 3, int(rng.integers(2, 100))), "rows"))
    for order in ("slice", "columns"):
        rows = int(rng.integers(5, 12))
        yield Case("not contiguous", (matrix(rng, rows, GROUP), order))


def amax_by_scale(rng: np.random.Generator, agree: bool) -> np.float32:
    """An amax for which amax / 448 and amax * (1/448) agree, or do not."""
    while True:
        amax = np.float32(np.exp2(rng.uniform(-6, 6)))
        if (amax / MAX == amax * (np.float32(1) / MAX)) == agree:
            return amax


def prepared(rng: np.random.Generator, rows: int, cols: int, agree: bool) -> Floats:
    """Groups whose amax is chosen, with nothing else that two divisions disagree on."""
    groups = -(-cols // GROUP)
    amax = np.array(
        [[amax_by_scale(rng, agree) for _ in range(groups)] for _ in range(rows)],
        np.float32,
    )
    wide = np.repeat(amax, GROUP, axis=1)[:, :cols]
    x = calm(normal_numbers(rng, rows * cols, 1e-3, 0.9).reshape(rows, cols) * wide,
             scale_from(wide))  # fmt: skip
    x[:, ::GROUP] = -amax
    return x


def repaired_cases(rng: np.random.Generator) -> Cases:
    """One bug at a time: each aspect's cases show one, and none of the others."""
    x = np.stack([telling_row(rng, GROUP, agree=True) for _ in range(TILE_ROWS)])
    yield Case("division", (x, "bytes"))
    x = prepared(rng, TILE_ROWS, GROUP + int(rng.integers(1, 100)), agree=True)
    order = np.argsort(np.abs(x).max(axis=1))
    yield Case("edges", (x[order], "bytes"))
    yield Case("scales", (prepared(rng, TILE_ROWS, 2 * GROUP, agree=False), "bytes"))
    for rows in (TILE_ROWS, int(rng.integers(17, 31))):
        x = prepared(rng, rows, 2 * GROUP, agree=True)
        yield Case("programs", (x, "programs"))


def _order_note(case: Case, _: tuple[int, ...]) -> str:
    return f"x is stored as {case.inputs[1]!r}"


SHOWN = {
    "copy": Shown(("",), 0),
    "group_amax": Shown(("",)),
    "quantize_static": Shown(("E4M3FN",), 0),
    "quantize_tokens": Shown(("E4M3FN", ""), 0),
    "quantize_groups": Shown(("E4M3FN", ""), 0, "", _order_note),
    "repaired": Shown(("E4M3FN", ""), 0),
}
