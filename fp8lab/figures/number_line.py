"""The number line as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fp8lab.figures.canvas import pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_number_line"]

INK, MUTED = "#1b2027", "#9aa1ad"
BIN, OUTSIDE, SUBNORMAL = "#ece6fb", "#fbe4e2", "#7a4b00"
X, LANDED = "#0b5cad", "#1d6b34"

#: Height of the large lane, of one more lane, and of the space above each.
MAIN, SIDE, SPACE = 1.0, 0.36, 0.34


def draw_number_line(state: dict[str, Any], ax: Axes | None = None) -> Axes:
    """Draw what the number line shows, and return the axes.

    Parameters
    ----------
    state
        A dict from `fp8lab.states.number_line_state`.
    ax
        Where to draw; a new figure by default.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    lanes = [state["main"], *state["lanes"]]
    axes = ax if ax is not None else _new_axes(len(lanes))
    bottom = 0.0
    for index, lane in enumerate(lanes):
        height = SIDE if index else MAIN
        bottom -= height + (SPACE if index else 0.0)
        _draw_lane(axes, lane, bottom, height)
        _draw_landing(axes, lane, state["at"], bottom, height)
        outcomes = " or ".join(f"{o['value']} ({o['code']})" for o in lane["outcomes"])
        text = f"{lane['format']}: {outcomes}"
        axes.text(0, bottom + height + 0.05, text, fontsize=8, color=INK)
    axes.plot([state["at"]] * 2, [bottom, 0.2], color=X, linewidth=1.4)
    axes.text(
        state["at"], 0.24, f"x = {state['x']}", ha="center", color=X, weight="bold"
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom, 0.5)
    axes.set_yticks([])
    axes.set_xticks(
        [at for at, _ in state["axis"]], [text for _, text in state["axis"]]
    )
    axes.tick_params(labelsize=8)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.set_title(state["summary"], fontsize=9, loc="left")
    return axes


def _new_axes(lanes: int) -> Axes:
    height = 1.3 + 0.55 * lanes
    _, axes = pyplot().subplots(figsize=(9, height), layout="constrained")
    return axes


def _draw_lane(ax: Axes, lane: dict[str, Any], bottom: float, height: float) -> None:
    for name, colour in (("shaded", BIN), ("outside", OUTSIDE), ("bands", MUTED)):
        for start, end in lane.get(name, []):
            ax.fill_between([start, end], bottom, bottom + height, color=colour, lw=0)
    for start, end in lane["subnormal"]:
        top = bottom + 0.12 * height
        ax.fill_between([start, end], bottom, top, color=SUBNORMAL, lw=0)
    low, high = bottom + 0.2 * height, bottom + 0.8 * height
    ax.vlines(lane["ticks"], low, high, color=INK, linewidth=0.8)
    ax.vlines(lane["powers"], bottom, bottom + height, color=INK, linewidth=1.3)
    ties = lane.get("ties", [])
    ax.plot(ties, [bottom + height / 2] * len(ties), ".", color=MUTED, markersize=4)


def _draw_landing(
    ax: Axes, lane: dict[str, Any], x: float, bottom: float, height: float
) -> None:
    middle = bottom + height / 2
    for outcome in lane["outcomes"]:
        if outcome["at"] is None:
            continue
        ax.plot([x, outcome["at"]], [middle, middle], color=LANDED, linewidth=2)
        ax.plot(outcome["at"], middle, "o", color=LANDED, markersize=5)
