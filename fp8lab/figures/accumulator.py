"""The accumulator's error against K as a figure."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

from fp8lab.figures.canvas import pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_accumulator"]

LINES = {
    "float32": ("#6b7482", ":"),
    "never": ("#b3261e", "-"),
    "promoted": ("#0b5cad", "-"),
}
HERE, GRID = "#5b3fa8", "#d4d8df"


def draw_accumulator(state: dict[str, Any], ax: Axes | None = None) -> Axes:
    """Draw the RMS error of 256 sums against K, and return the axes.

    Parameters
    ----------
    state
        A dict from `fp8lab.states.accumulator_state`.
    ax
        Where to draw; a new figure by default.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    axes = ax if ax is not None else _new_axes()
    chart = state["errors"]
    for line in chart["lines"]:
        colour, style = LINES[line["key"]]
        # A line whose errors are all zero is nowhere on a log axis.
        points = line["points"] or [(float("nan"), float("nan"))]
        axes.plot(
            *zip(*points, strict=True),
            color=colour,
            linestyle=style,
            linewidth=2.6 if line["key"] == state["chosen"] else 1.6,
            label=state["names"][line["key"]],
        )
    axes.axvline(chart["at"], color=HERE, linewidth=1)
    for axis, ticks in ((axes.xaxis, chart["x_ticks"]), (axes.yaxis, chart["y_ticks"])):
        axis.set_ticks([at for at, _ in ticks], [text for _, text in ticks], fontsize=8)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.set_xlabel("K", fontsize=8)
    axes.set_ylabel("RMS error of 256 sums", fontsize=8)
    axes.legend(frameon=False, fontsize=8)
    axes.set_title(fill(state["sentences"][-1], 92), fontsize=9, loc="left")
    return axes


def _new_axes() -> Axes:
    _, axes = pyplot().subplots(figsize=(8, 3.6), layout="constrained")
    return axes
