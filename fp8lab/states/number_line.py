"""Where does a real number go? A value on the line, its bin, and its two neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fp8lab.codec import decode
from fp8lab.formats import FloatFormat, format_of
from fp8lab.policies import POLICIES, policy_of, special_codes
from fp8lab.rounding import Rounding, rounding_of
from fp8lab.states.axis import Axis, cell, near, whole
from fp8lab.states.landing import Landing, land
from fp8lab.states.lanes import lane
from fp8lab.states.moves import moves, snapped
from fp8lab.states.numbers import parse_number, short, value_text

__all__ = ["CHOICES", "number_line_state"]

#: Formats of at most 16 bits: the line lists all their values.
CHOICES = (
    *("E4M3FN", "E5M2", "E2M1FN", "E2M3FN", "E3M2FN", "E4M3", "E3M4", "E4M3FNUZ"),
    *("E5M2FNUZ", "E4M3B11FNUZ", "E8M0FNU", "BF16", "FP16"),
)
BESIDE = ("E4M3FN", "E5M2", "E2M1FN", "E8M0FNU", "FP16", "BF16")
SCALES = ("linear", "log")
PRESETS = ("17", "1.0625", "2^-10", "0.3", "464", "465", "1000")

Window = str | Sequence[float]


def number_line_state(
    x: str | float = "17",
    format: str = "E4M3FN",  # noqa: A002 - the word that the learner reads
    *,
    beside: Sequence[str] = (),
    scale: str = "linear",
    window: Window = "near",
    rounding: str = "nearest-even",
    policy: str = "cuda",
    at: float | None = None,
) -> dict[str, Any]:
    """Return the picture of one real number among the values of a format.

    NaN and infinity have no place on the line and are refused. Overflow follows
    ``policy``.

    Parameters
    ----------
    x
        A number, or what the learner typed (`fp8lab.states.numbers.parse_number`).
    format
        One of `CHOICES`.
    beside
        More formats to show on the same axis.
    scale
        ``"linear"`` or ``"log"`` (distance from zero).
    window
        ``"near"`` x, the ``"whole"`` format, or the two ends as numbers.
    rounding, policy
        As in `fp8lab.encode`.
    at
        Where x was dragged to, 0 to 1 along the axis; replaces ``x``.

    Returns
    -------
    dict
        ``main`` and ``lanes`` (what stands still while x moves, see
        `fp8lab.states.lanes.lane`), where x lies and where it lands, ``moves`` for the
        arrow keys, ``summary``. Positions are fractions of the axis.

    Raises
    ------
    ValueError
        A number that cannot be read or has no place on the line, or an unknown name.
    """
    fmt, mode = _format(format), rounding_of(rounding)
    others = [_format(name) for name in beside]
    rule = policy_of(policy).name
    value = _number(x, fmt)
    axis = _axis(value, fmt, scale, window)
    if at is not None:
        value = snapped(axis.value(min(max(float(at), 0.0), 1.0)), fmt)
        value = _number(value, fmt)
    landed = land(value, fmt, mode, rule)
    main = lane(fmt, axis, mode, bins=True)
    return {
        "x": value_text(value),
        "at": _place(axis, value),
        "scale": scale,
        "view": window if isinstance(window, str) else "free",
        "window": [axis.low, axis.high],
        "zoom": _zoom(axis, value, fmt),
        "rounding": str(mode),
        "policy": rule,
        "format": fmt.short,
        "main": {**main, **_drawn(landed, axis)},
        "lanes": [
            {**lane(other, axis, mode), **_drawn(land(value, other, mode, rule), axis)}
            for other in others
        ],
        "axis": axis.labels(),
        "facts": landed.facts(),
        "overflow": [_overflow_text(fmt, mode, rule, side) for side in main["sides"]],
        "moves": moves(value, fmt),
        "summary": landed.sentence(),
        "presets": list(PRESETS),
        "choices": _choices(beside),
    }


def _choices(beside: Sequence[str]) -> dict[str, Any]:
    return {
        "format": list(CHOICES),
        "beside": [
            {"name": name, "chosen": name in beside}
            for name in dict.fromkeys((*BESIDE, *beside))
        ],
        "rounding": [str(mode) for mode in Rounding],
        "policy": list(POLICIES),
    }


def _format(name: str) -> FloatFormat:
    fmt = format_of(name)
    if fmt.short not in CHOICES:
        raise ValueError(
            f"{fmt} has too many values to list; choose from {', '.join(CHOICES)}"
        )
    return fmt


def _number(x: str | float, fmt: FloatFormat) -> float:
    value = parse_number(x)
    if not math.isfinite(value):
        raise ValueError(
            f"{short(value)} has no place on the line; type a finite number"
        )
    if not fmt.is_signed and value <= 0:
        raise ValueError(
            f"{fmt} has neither zero nor a sign; type a number greater than 0"
        )
    return value


def _axis(x: float, fmt: FloatFormat, scale: str, window: Window) -> Axis:
    if scale not in SCALES:
        raise ValueError(f"unknown scale {scale!r}; use one of {', '.join(SCALES)}")
    if window == "near":
        return near(x, cell(x, fmt)[1], scale, fmt)
    if window == "whole":
        return whole(x, scale, fmt)
    try:
        low, high = (float(end) for end in window)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (low < high and math.isfinite(high - low) and (scale != "log" or low > 0)):
        raise ValueError(
            f"the window is {window!r}; give 'near', 'whole', or two numbers "
            "low < high (greater than 0 on a log scale)"
        )
    return Axis(scale, low, high, -1.0 if x < 0 else 1.0).moved_to(x)


def _place(axis: Axis, value: float) -> float:
    return round(float(np.clip(axis.position(value), 0.0, 1.0)), 5)


def _drawn(landed: Landing, axis: Axis) -> dict[str, Any]:
    """Where x lands, as positions; None for a NaN or an infinity."""
    outcomes = [
        {
            "value": short(outcome.value),
            "code": outcome.code_text,
            "share": outcome.share_text,
            "at": _place(axis, outcome.value) if math.isfinite(outcome.value) else None,
        }
        for outcome in landed.outcomes
    ]
    return {
        "format": landed.fmt.short,
        "outcomes": outcomes,
        "tie": landed.is_tie,
        "error": landed.relative_text,
    }


def _zoom(axis: Axis, x: float, fmt: FloatFormat) -> dict[str, Any]:
    """The windows that the zoom buttons ask for, None at either limit."""
    everything = whole(x, axis.scale, fmt)
    length = axis.ends[1] - axis.ends[0]
    widest = everything.ends[1] - everything.ends[0]
    closest = 2.0 if axis.scale == "log" else 6 * cell(x, fmt)[1]
    closer, wider = axis.zoomed(x, 2.0), axis.zoomed(x, 0.5)
    return {
        "in": [closer.low, closer.high] if length > closest else None,
        "out": None
        if length >= widest
        else ([wider.low, wider.high] if 2 * length < widest else "whole"),
    }


def _overflow_text(fmt: FloatFormat, mode: Rounding, policy: str, side: int) -> str:
    """Say what the region past the largest value's bin becomes."""
    value = side * fmt.max
    if mode is not Rounding.TOWARD_ZERO:
        codes = special_codes(fmt, policy).overflow
        value = float(decode(codes[int(side < 0)], fmt))
    return f"→ {short(value)}"
