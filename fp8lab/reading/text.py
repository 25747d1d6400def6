"""Numbers as text: a .csv, .tsv or .txt file, or what was pasted.

A row is a line; its numbers are separated by tabs, semicolons, commas or blanks,
whichever of these, in this order, stands in one of the first lines. A comma is never a
decimal comma: that guess would turn "1,5" into another number. Numbers are what
Python's ``float`` reads, "nan" and "inf" included; an empty cell becomes NaN, and lines
that begin with "#" are skipped. A first row of column heads and a first column of row
labels are left out. One row, or one column, is a vector. A printed list, array or
tensor is read, too; of more than two axes all but the last become rows.
"""

from __future__ import annotations

import io
import itertools
import re
from array import array
from collections.abc import Iterable, Iterator

import numpy as np

from fp8lab.reading.entries import LARGEST, Entry, Loaded, join_notes, quote
from fp8lab.reading.layout import Layout, is_number, layout_of, split
from fp8lab.reading.part import check_largest
from fp8lab.reading.source import Source

__all__ = ["contents", "parse_numbers", "read"]

LONGEST_LINE = 1 << 22
SNIFFED = 8

Line = tuple[int, str]


def contents(source: Source) -> list[Entry]:
    """Return the one entry: what `read` gives, for a text has no header to ask."""
    found = read(source, None, LARGEST).array
    return [Entry(source.name, found.shape, "float64", found.size)]


def read(source: Source, name: str | None, largest: int) -> Loaded:
    """Return the numbers; they have no name, so ``name`` chooses nothing."""
    del name
    head = source.head(64).decode("utf-8-sig", "replace")
    if source.size <= LONGEST_LINE and _PRINTED_HEAD.match(head):
        whole = source.take(0, source.size).decode("utf-8-sig", "replace")
        return parse_numbers(whole, source.name, largest=largest)
    source.file.seek(0)
    lines = io.TextIOWrapper(source.file, "utf-8-sig", errors="replace", newline=None)
    try:
        return _numbers(_bounded(lines), source.name, largest)
    finally:
        lines.detach()  # or closing the wrapper closes the file


def parse_numbers(
    text: str, name: str = "pasted numbers", *, largest: int = LARGEST
) -> Loaded:
    """Return the numbers in a text, float64: a vector or a matrix.

    NaN and infinity are kept, an empty cell becomes NaN. The text is read as that of a
    file is: lines, or a printed list such as ``[[1, 2], [3, 4]]``; see
    `fp8lab.reading.text`.

    Raises
    ------
    ValueError
        No numbers, something that is none, or rows of different lengths; the message
        gives the line.
    """
    lines = _bounded(io.StringIO(_without_brackets(text), newline=None))
    return _numbers(lines, name, check_largest(largest))


_PRINTED_HEAD = re.compile(r"\s*((np\.|torch\.)?(array|tensor)\(\s*)?\[")
_PRINTED_TAIL = re.compile(r"\]\s*(,[\w\s.=,:'\"<>()]*)?\)?\s*")
LONGEST_TAIL = 200


def _without_brackets(text: str) -> str:
    """A printed list, array or tensor as lines; any other text as it is."""
    head, last = _PRINTED_HEAD.match(text), text.rfind("]")
    tail = text[last : last + LONGEST_TAIL].rstrip()
    if head is None or not _PRINTED_TAIL.fullmatch(tail):
        return text
    rows = " ".join(text[head.end() : last].split()).replace("[", " ").split("]")
    return "\n".join(row.strip(" ,") for row in rows)


def _bounded(lines: io.TextIOBase) -> Iterator[Line]:
    """Yield (line number, line) of the lines that are neither blank nor a comment."""
    number = 0
    while line := lines.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise ValueError(
                f"line {number} has more than {LONGEST_LINE:,} characters; "
                "write one row a line"
            )
        line = line.strip(" \r\n\f")
        if line.strip() and not line.startswith("#"):
            yield number, line


def _numbers(lines: Iterator[Line], name: str, largest: int) -> Loaded:
    first = list(itertools.islice(lines, SNIFFED))
    if not first:
        raise ValueError(f"{quote(name)} holds no numbers; write one row a line")
    layout = layout_of([line for _, line in first])
    rest = itertools.islice(itertools.chain(first, lines), layout.header, None)
    values, more, empty = _values(rest, layout, largest)
    rows = len(values) // layout.width
    if not rows:
        raise ValueError(f"{quote(name)} holds no numbers below its head; add a row")
    found = np.frombuffer(values, np.float64)
    if np.isnan(found).all():
        raise ValueError(f"{quote(name)} holds nothing but nan; give some numbers")
    if rows > 1 and layout.width > 1:
        found = found.reshape(rows, layout.width)
    notes = (
        f"the first {rows:,} rows were read" if more else "",
        layout.note,
        f"empty cells became nan ({empty:,})" if empty else "",
    )
    return Loaded(name, found, join_notes(notes))


def _values(
    lines: Iterable[Line], layout: Layout, largest: int
) -> tuple[array[float], bool, int]:
    """Return the numbers, whether rows were left out, and how many cells were empty."""
    values: array[float] = array("d")
    limit, empty = max(1, largest // layout.width) * layout.width, 0
    for number, line in lines:
        if len(values) >= limit:
            return values, True, empty
        cells = layout.cells(split(line, layout.separator))
        if len(cells) != layout.width:
            raise ValueError(
                f"line {number} has {len(cells):,} cells and the first row "
                f"{layout.width:,}; give every row as many"
            )
        start = len(values)
        try:
            values.extend(map(float, cells))
        except ValueError:
            del values[start:]
            values.extend(_number(cell, number) for cell in cells)
            empty += sum(not cell.strip() for cell in cells)
    return values, False, empty


def _number(cell: str, line: int) -> float:
    if not cell.strip():
        return float("nan")
    if is_number(cell):
        return float(cell)
    raise ValueError(
        f"line {line}: {quote(cell.strip())} is not a number; write it like 1.5 "
        "(no decimal comma), or nan, or leave the cell empty"
    )
