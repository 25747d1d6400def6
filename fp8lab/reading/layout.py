"""How a text of numbers is laid out, judged by its first lines."""

from __future__ import annotations

import csv
import re
from typing import NamedTuple

__all__ = ["Layout", "is_number", "layout_of", "split"]

LONGEST_NUMBER = 40
_GONE_WRONG = re.compile(r"[-+]?[\d.,_' ]*\d[\d.,_' ]*(e[-+]?\d+)?%?", re.IGNORECASE)
_WORDS = {"\t": "tabs", ";": "semicolons", ",": "commas", "": "blanks"}


class Layout(NamedTuple):
    """Made by `layout_of`.

    ``separator`` is empty for blanks; ``header`` and ``labels`` say whether a first row
    and a first column are left out; ``trailing`` whether a separator ends each line;
    ``width`` is the number of cells that remain in a row.
    """

    separator: str
    header: bool
    labels: bool
    trailing: bool
    width: int

    @property
    def note(self) -> str:
        """What was understood, in words."""
        left_out = [
            what
            for what, is_there in (
                ("the first row (column heads)", self.header),
                ("the first column (row labels)", self.labels),
            )
            if is_there
        ]
        separated = f"numbers separated by {_WORDS[self.separator]}"
        parts = [separated] if self.width > 1 else []
        if left_out:
            parts.append(f"{' and '.join(left_out)} left out")
        return ", ".join(parts)

    def cells(self, cells: list[str]) -> list[str]:
        """Return the cells of a row that hold its numbers."""
        if self.trailing and len(cells) > 1 and not cells[-1].strip():
            cells = cells[:-1]
        return cells[self.labels :]


def split(line: str, separator: str) -> list[str]:
    """Return the cells of a line; a quoted cell may hold the separator."""
    if not separator:
        return line.split()
    if '"' not in line:
        return line.split(separator)
    try:
        rows = csv.reader([line], delimiter=separator, skipinitialspace=True)
        return next(rows)
    except csv.Error:  # a cell of more than csv's limit
        return line.split(separator)


def is_number(cell: str) -> bool:
    """Whether Python's ``float`` reads it."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def layout_of(lines: list[str]) -> Layout:
    """Judge the layout by the first lines (at least one).

    Left out is a first row without a number; and one whose corner is empty above
    numbered columns, with the column below that corner, as pandas writes them. A first
    column is labels where it begins with a word, or stands below an empty corner.
    """
    separator = next((mark for mark in "\t;," if any(mark in x for x in lines)), "")
    rows = [[cell.strip() for cell in split(line, separator)] for line in lines]
    header = len(rows) > 1 and _is_header(rows[0], rows[1])
    body = rows[header:]
    first = body[0]
    corner = header and len(rows[0]) > 1 and not rows[0][0]
    labels = len(first) > 1 and (corner or _is_word(first[0]))
    ends = [len(row) - (len(row) > 1 and not row[-1]) for row in body]
    trailing = any(not row[-1] for row in body) and len(set(ends)) == 1
    width = (ends[0] if trailing else len(first)) - labels
    return Layout(separator, header, labels, trailing, max(1, width))


def _is_word(cell: str) -> bool:
    """Whether a cell is a head or a label; "1,5", "50%" and "[1" are neither."""
    if not cell or is_number(cell) or cell[0] in "[({":
        return False
    return _GONE_WRONG.fullmatch(cell[:LONGEST_NUMBER]) is None


def _is_header(first: list[str], second: list[str]) -> bool:
    words = [_is_word(cell) for cell in first]
    filled = [bool(cell) for cell in first]
    if words == filled:
        return any(words)
    numbered = first[1:] == [str(i) for i in range(len(first) - 1)]
    if not first[0] and numbered:
        return True
    # Numbered columns under a name for the labels: "step, 0, 1", then "7, 0.5, 0.25".
    return words[0] and not any(words[1:]) and not _is_word(second[0])
