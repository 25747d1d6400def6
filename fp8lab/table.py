"""A small table for a lesson: HTML in a notebook, aligned text elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["Table"]


_NUMBER = re.compile(r"[-+]?[\d,.]+(e[-+]?\d+)?\s?%?|-")


class Table:
    """Rows of cells under column heads; the last expression of a cell shows it.

    A column of nothing but numbers is aligned to the right.

    Parameters
    ----------
    heads
        One text a column.
    rows
        Cells of any type, shown with ``str``; as many a row as there are heads.
    title
        A line above the table.

    Raises
    ------
    ValueError
        A row has another number of cells than there are heads.
    """

    def __init__(
        self, heads: Sequence[str], rows: Iterable[Sequence[object]], title: str = ""
    ) -> None:
        self.heads, self.title = tuple(heads), title
        self.rows = [tuple(str(cell) for cell in row) for row in rows]
        self._align = ["left"] * len(self.heads)
        for row in self.rows:
            if len(row) != len(self.heads):
                raise ValueError(
                    f"row {row} has {len(row)} cells; there are {len(self.heads)} heads"
                )
        for i in range(len(self.heads)):
            if all(_NUMBER.fullmatch(row[i]) for row in self.rows):
                self._align[i] = "right"

    def __repr__(self) -> str:
        lines = [self.heads, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.heads))]
        text = (
            "  ".join(
                cell.rjust(width) if align == "right" else cell.ljust(width)
                for cell, width, align in zip(line, widths, self._align, strict=True)
            ).rstrip()
            for line in lines
        )
        return "\n".join([*([self.title] if self.title else []), *text])

    def _repr_html_(self) -> str:
        title = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        heads = self._cells("th", self.heads, ' scope="col"')
        body = "".join(f"<tr>{self._cells('td', row)}</tr>" for row in self.rows)
        head = f"<thead><tr>{heads}</tr></thead>"
        return f"<table>{title}{head}<tbody>{body}</tbody></table>"

    def _cells(self, tag: str, cells: Sequence[str], more: str = "") -> str:
        return "".join(
            f'<{tag}{more} style="text-align:{align}">{escape(cell)}</{tag}>'
            for cell, align in zip(cells, self._align, strict=True)
        )
