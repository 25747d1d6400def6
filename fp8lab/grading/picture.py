"""A picture of what was expected beside what was handed in, as a small inline SVG.

Up to three parts, one below the other: both numbers bit for bit; the number line around
what was encoded; and a map of the whole array with the wrong elements marked. Colours
come from the page, so the picture follows its light or dark. Its text says the same in
words.
"""

from __future__ import annotations

from html import escape

import numpy as np

from fp8lab.grading.compare import Difference
from fp8lab.grading.picture_bits import RIGHT, WRONG, Part, bits_part, text
from fp8lab.grading.picture_line import line_part
from fp8lab.grading.words import format_words, listed

__all__ = ["picture"]

#: How many cells the map has at most along its sides.
COLUMNS, ROWS = 48, 16
CELL, SPACE = 11, 18
#: Arrays of whole numbers up to this size are written out.
FEW = 8


def picture(differs: Difference) -> str:
    """Return the SVG, or nothing where shapes or dtypes cannot be laid side by side.

    Parameters
    ----------
    differs
        From `fp8lab.grading.compare.compare`.
    """
    if differs.index is None or differs.wrong is None:
        return ""
    right, given = (side[differs.output] for side in (differs.expected, differs.got))
    expected, got = right[differs.index], given[differs.index]
    parts = [bits_part(expected, got, differs.kind)]
    if differs.kind:
        parts.append(line_part(differs.number, int(expected), int(got), differs.kind))
    if right.dtype.kind in "iu" and not differs.kind and right.size <= FEW:
        parts.append(_numbers(right, given))
    elif right.size > 1:
        parts.append(_map(differs.wrong, differs.index))
    return _stacked([part for part in parts if part is not None])


def _stacked(parts: list[Part]) -> str:
    if not parts:
        return ""
    drawing, y = "", 0.0
    for part in parts:
        drawing += f'<g transform="translate(4 {y + 4:g})">{part.drawing}</g>'
        y += part.height + SPACE
    width, height = max(part.width for part in parts) + 8, y + 4
    words = " ".join(part.words for part in parts)
    return (
        f'<svg class="expected-against-got" role="img" width="{width:g}" '
        f'height="{height:g}" viewBox="0 0 {width:g} {height:g}" '
        'font-family="system-ui, sans-serif">'
        "<style>.expected-against-got .mono { font-family: ui-monospace, "
        '"DejaVu Sans Mono", monospace; }</style>'
        f"<title>Expected against got</title><desc>{escape(words)}</desc>"
        f"{drawing}</svg>"
    )


def _numbers(right: np.ndarray, given: np.ndarray) -> Part:
    """Few whole numbers, written below one another."""
    drawing, rows = "", []
    for y, name, colour, array in (
        (16, "expected", RIGHT, right),
        (40, "yours", WRONG, given),
    ):
        told = [format_words(value) for value in array.reshape(-1)]
        rows.append(f"{name} {listed(told)}")
        style = f'font-weight="600" style="fill:{colour}"'
        drawing += text(0, y, name, how=style)
        for i, value in enumerate(told):
            same = right.reshape(-1)[i] == given.reshape(-1)[i]
            how = f'class="mono" style="fill:{"currentColor" if same else colour}"'
            drawing += text(110 + 64 * i, y, value, anchor="middle", how=how)
    return Part(drawing, 110 + 64 * right.size, 50, f"{'; '.join(rows)}.")


def _map(wrong: np.ndarray, first: tuple[int, ...]) -> Part:
    """The whole array, a mark for each element or for each small block of them."""
    grid = _grid(np.atleast_1d(wrong))
    down = -(-grid.shape[0] // ROWS)
    across = -(-grid.shape[1] // COLUMNS)
    cells = np.logical_or.reduceat(
        np.logical_or.reduceat(grid, np.arange(0, grid.shape[0], down), axis=0),
        np.arange(0, grid.shape[1], across),
        axis=1,
    )
    flat = int(np.ravel_multi_index(first, wrong.shape)) if wrong.ndim else 0
    at = (flat // grid.shape[1] // down, flat % grid.shape[1] // across)
    drawing = ""
    padding = grid.size - wrong.size
    for row, column in np.ndindex(*cells.shape):
        last = row == cells.shape[0] - 1
        if last and padding and column >= cells.shape[1] - padding // (down * across):
            continue
        drawing += _mark(row, column, bool(cells[row, column]), (row, column) == at)
    many = f"{int(wrong.sum()):,} of {wrong.size:,} elements differ"
    block = f"; a cell is {down} x {across} of them" if down * across > 1 else ""
    height = cells.shape[0] * CELL
    caption = f"{many}{block}; the first is framed"
    drawing += text(0, height + 16, caption, how='opacity="0.8"')
    width = max(cells.shape[1] * CELL, 6.6 * len(caption))
    return Part(drawing, width, height + 20, f"{many}.")


def _grid(wrong: np.ndarray) -> np.ndarray:
    """The array as a matrix; a long vector is broken into lines."""
    if wrong.ndim > 1:
        return wrong.reshape(-1, wrong.shape[-1])
    side = min(COLUMNS, wrong.size)
    rows = -(-wrong.size // side)
    grid = np.zeros(rows * side, bool)
    grid[: wrong.size] = wrong
    return grid.reshape(rows, side)


def _mark(row: int, column: int, wrong: bool, first: bool) -> str:
    """A small dim square where all is right, a large full one where not."""
    inset = 1 if wrong else 3
    x, y = column * CELL + inset, row * CELL + inset
    size = CELL - 2 * inset
    look = f"fill:{WRONG}" if wrong else f"fill:{RIGHT};fill-opacity:0.45"
    box = f'<rect x="{x}" y="{y}" width="{size}" height="{size}" style="{look}"/>'
    if first:
        frame = "fill:none;stroke:currentColor;stroke-width:2"
        box += (
            f'<rect x="{column * CELL - 0.5}" y="{row * CELL - 0.5}" '
            f'width="{CELL + 1}" height="{CELL + 1}" style="{frame}"/>'
        )
    return box
