"""Steps along the number line that the arrow keys take, and where dragging snaps."""

from __future__ import annotations

import math

from fp8lab.formats import FloatFormat
from fp8lab.states.axis import cell
from fp8lab.states.numbers import value_text

__all__ = ["moves", "snapped"]

#: Steps in each gap between two values, so that values and ties can be hit exactly.
STEPS = 16


def snapped(x: float, fmt: FloatFormat) -> float:
    """Return the nearest point that divides x's gap into `STEPS` parts."""
    start, gap = cell(x, fmt)
    return start + gap * round((x - start) / gap * STEPS) / STEPS


def moves(x: float, fmt: FloatFormat) -> dict[str, str]:
    """Return where each key takes x, as text for the input field.

    ``left`` and ``right`` go a sixteenth of a gap, ``previous`` and ``next`` to a value
    of the format, ``tie_before`` and ``tie_after`` to a midpoint.
    """
    below, gap_below = cell(x, fmt, below=True)
    above, gap_above = cell(x, fmt)
    parts_below = math.ceil((x - below) / gap_below * STEPS) - 1
    parts_above = math.floor((x - above) / gap_above * STEPS) + 1
    targets = {
        "left": below + gap_below * parts_below / STEPS,
        "right": above + gap_above * parts_above / STEPS,
        "previous": below,
        "next": above + gap_above,
        "tie_before": _tie(x, below, fmt, -1),
        "tie_after": _tie(x, above, fmt, 1),
    }
    return {name: value_text(target) for name, target in targets.items()}


def _tie(x: float, start: float, fmt: FloatFormat, direction: int) -> float:
    gap = cell(start, fmt)[1]
    middle = start + gap / 2
    if (middle - x) * direction > 0:
        return middle
    if direction > 0:
        start, gap = cell(start + gap, fmt)
    else:
        start, gap = cell(start, fmt, below=True)
    return start + gap / 2
