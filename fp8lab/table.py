"""A small table for a lesson: HTML in a notebook, aligned text elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["Table"]


class Table:
    """Rows of cells under column heads; the last expression of a cell shows it.

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
        for row in self.rows:
            if len(row) != len(self.heads):
                raise ValueError(
                    f"row {row} has {len(row)} cells; there are {len(self.heads)} heads"
                )

    def __repr__(self) -> str:
        lines = [self.heads, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.heads))]
        text = (
            "  ".join(
                cell.rjust(width) if i else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )
        return "\n".join([*([self.title] if self.title else []), *text])

    def _repr_html_(self) -> str:
        first, right = "text-align:left", "text-align:right"
        title = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        heads = "".join(
            f'<th scope="col" style="{right if i else first}">{escape(head)}</th>'
            for i, head in enumerate(self.heads)
        )
        body = "".join(
            "<tr>"
            + "".join(
                f'<td style="{right if i else first};'
                f'font-variant-numeric:tabular-nums">{escape(cell)}</td>'
                for i, cell in enumerate(row)
            )
            + "</tr>"
            for row in self.rows
        )
        return (
            f"<table>{title}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
        )
