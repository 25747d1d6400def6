"""The scale map as a figure: the heat map, and the chart of the cliff beside it."""

from __future__ import annotations

import base64
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from fp8lab.figures.canvas import pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_scale_map"]

ACCENT, MUTED = "#5b3fa8", "#596273"
LEVELS = (
    *("#eaf2f9", "#cfe2f2", "#aacbe8", "#78a9d6", "#3f77b0", "#163f6d"),
    *("#e0a100", "#c8321f"),
)
SERIES = (("#0b5cad", "-"), ("#7a4b00", "--"), ("#b3261e", ":"), ("#1d6b34", "-."))


def draw_scale_map(state: dict[str, Any], ax: Axes | None = None) -> Axes:
    """Draw what the scale map shows, and return the axes of the heat map.

    Parameters
    ----------
    state
        A dict from `fp8lab.states.scale_map_state`.
    ax
        Where to draw the heat map alone; by default a new figure holds the chart too.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    if ax is None:
        ax, chart = _new_axes()
        _draw_chart(state["chart"], chart)
    _draw_map(state["map"], ax)
    ax.plot(
        *(state["column"], state["row"]),
        marker="o",
        markersize=13,
        markerfacecolor="none",
        markeredgecolor=ACCENT,
        markeredgewidth=2.5,
    )
    # A number and its percent sign stay on one line.
    title = fill(state["summary"].replace(" %", "\u00a0%"), 54)
    ax.set_title(title, fontsize=9, loc="left")
    return ax


def _draw_map(picture: dict[str, Any], ax: Axes) -> None:
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch, Rectangle

    shape = (picture["rows"], picture["columns"])
    levels = np.frombuffer(base64.b64decode(picture["levels"]), np.uint8).reshape(shape)
    top = len(LEVELS) - 1
    ax.imshow(levels, cmap=ListedColormap(LEVELS), vmin=0, vmax=top, aspect="auto")
    for lines, at in (
        (ax.axhline, picture["row_borders"]),
        (ax.axvline, picture["column_borders"]),
    ):
        for border in at:
            lines(border - 0.5, color="white", linewidth=0.6)
    left, high, right, low = picture["box"]
    ax.add_patch(
        Rectangle(
            (left - 0.5, high - 0.5),
            right - left,
            low - high,
            fill=False,
            ec=ACCENT,
            lw=2,
        )
    )
    ax.legend(
        handles=[
            Patch(color=colour, label=text)
            for colour, text in zip(LEVELS, picture["legend"], strict=True)
        ],
        title="relative error",
        ncols=4,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.01),
        frameon=False,
        fontsize=8,
        title_fontsize=8,
        handlelength=1,
    )
    ax.set(xticks=[], yticks=[])


def _draw_chart(chart: dict[str, Any], ax: Axes) -> None:
    for line, (colour, style) in zip(chart["lines"], SERIES, strict=False):
        x, y = zip(*line["points"], strict=True)
        width = 2.6 if line["chosen"] else 1.4
        ax.plot(x, y, color=colour, linestyle=style, lw=width, label=line["format"])
        cliff = line["cliff"]
        if line["chosen"]:
            ax.axvspan(
                cliff["precision"], cliff["zero"], color=colour, alpha=0.12, lw=0
            )
            words = f"{cliff['title']} {', '.join(cliff['words'])}"
            ax.set_xlabel(fill(words, 60), fontsize=8, color=MUTED)
    ax.plot(*chart["here"], "o", color=ACCENT, markersize=9)
    for axis, ticks in ((ax.xaxis, chart["x_ticks"]), (ax.yaxis, chart["y_ticks"])):
        axis.set_ticks([t["at"] for t in ticks], [t["text"] for t in ticks], fontsize=8)
    ax.grid(color="#d4d8df", linewidth=0.6)
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.legend(frameon=False, fontsize=8)
    ax.set_title(chart["title"], fontsize=9, loc="left")


def _new_axes() -> tuple[Axes, Axes]:
    _, axes = pyplot().subplots(1, 2, figsize=(9.5, 4.6), layout="constrained")
    return axes[0], axes[1]
