"""The code map as a figure."""

from __future__ import annotations

import base64
from textwrap import fill
from typing import TYPE_CHECKING, Any

from fp8lab.figures.canvas import pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_code_map"]

INK, PAPER = "#1b2027", "#ffffff"
# Zero, subnormal, normal, infinity, NaN: the order of the state's kinds.
KINDS = ("#d4d8df", "#b3ccba", "#dfeaf8", "#c9b08d", "#eebcb8")
NAN = 4
HEAT = (
    *("#f5f6f8", "#d9eaf7", "#bad8ee", "#98c1e3", "#74a8d6"),
    *("#3f77b0", "#2f6299", "#1f4b7b", "#0f345c"),
)
DARK_FROM = 5


def draw_code_map(state: dict[str, Any], ax: Axes | None = None) -> Axes:
    """Draw what the code map shows, without the selected code, and return the axes.

    Parameters
    ----------
    state
        A dict from `fp8lab.states.code_map_state`.
    ax
        Where to draw; a new figure by default.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    columns = state["columns"]
    rows = -(-len(state["hex"]) // columns)
    axes = ax if ax is not None else _new_axes(rows)
    _draw_cells(state, axes, rows)
    _draw_legend(state, axes)
    axes.set(xlim=(0, columns), ylim=(rows + 0.3, -0.1), xticks=[], yticks=[])
    axes.set_frame_on(False)
    # A number and its percent sign stay on one line.
    title = fill(state["summary"].replace(" %", "\u00a0%"), 90)
    axes.set_title(title, fontsize=9, loc="left")
    return axes


def _draw_cells(state: dict[str, Any], ax: Axes, rows: int) -> None:
    from matplotlib.patches import Rectangle

    heat = state["colour"] == "usage"
    levels = base64.b64decode(state["usage"]["heat"] if heat else state["kinds"])
    for code, level in enumerate(levels):
        row, column = divmod(code, state["columns"])
        # The same gap as in the view parts the negative half.
        y = row + 0.3 if 1 < rows <= 2 * row else row
        hatch = "////" if not heat and level == NAN else ""
        colour = HEAT[level] if heat else KINDS[level]
        cell = Rectangle(
            (column, y), 0.94, 0.92, facecolor=colour, hatch=hatch, ec=PAPER
        )
        ax.add_patch(cell)
        ax.text(
            *(column + 0.47, y + 0.48, state["hex"][code][2:]),
            ha="center",
            va="center",
            fontsize=7,
            family="monospace",
            color=PAPER if heat and level >= DARK_FROM else INK,
        )


def _draw_legend(state: dict[str, Any], ax: Axes) -> None:
    from matplotlib.patches import Patch

    if state["colour"] == "usage":
        title = "elements at a code"
        entries = [(HEAT[level], text) for level, text in state["usage"]["heat_legend"]]
    else:
        title = "kinds of code, and how many"
        counted = zip(KINDS, state["kind_names"], state["kind_counts"], strict=True)
        entries = [(c, f"{text} ({count})") for c, (_, text), count in counted if count]
    ax.legend(
        handles=[Patch(color=colour, label=text) for colour, text in entries],
        title=title,
        ncols=len(entries),
        loc="upper center",
        bbox_to_anchor=(0.5, -0.01),
        frameon=False,
        fontsize=8,
        title_fontsize=8,
        handlelength=1,
        columnspacing=1,
    )


def _new_axes(rows: int) -> Axes:
    _, axes = pyplot().subplots(figsize=(7.5, 1.2 + 0.28 * rows), layout="constrained")
    return axes
