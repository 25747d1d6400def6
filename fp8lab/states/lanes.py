"""One format along an axis: its values, its rounding bins, and where they end."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fp8lab.formats import FloatFormat
from fp8lab.rounding import Rounding
from fp8lab.states.axis import MIN_GAP, Axis, finite_values, overflow_border
from fp8lab.states.numbers import power_text, short

__all__ = ["lane"]

Floats = npt.NDArray[np.float64]
Spans = list[list[float]]

#: No more labels than this are worth sending; the view drops those that would touch.
MAX_LABELS = 64


def lane(
    fmt: FloatFormat, axis: Axis, rounding: Rounding, *, bins: bool = False
) -> dict[str, Any]:
    """Return what does not change while x moves along the axis.

    Values nearer to each other than `MIN_GAP` are not listed one by one: they run
    together into a band, as they would on any screen.

    Returns
    -------
    dict
        ``ticks`` and ``powers``: positions of single values and, among them, of powers
        of two; ``bands``: spans of values too dense to tell apart; ``subnormal`` and
        ``outside``: spans, the latter with ``sides``, -1 or 1. With ``bins`` also
        ``shaded``: the rounding bins of even codes; ``ties``: positions where two bins
        meet at a midpoint; ``labels``: [position, text], the most important first. A
        span is [start, end]; all positions are fractions of the axis.
    """
    values, codes = _in_window(fmt, axis)
    at = axis.position(values)
    if at.size > 1 and at[0] > at[-1]:
        values, codes, at = values[::-1], codes[::-1], at[::-1]
    gaps = np.diff(at)
    dense = gaps < MIN_GAP
    # A value is drawn by itself where one of its neighbours keeps its distance.
    near_left = np.concatenate(([False], dense))
    near_right = np.concatenate((dense, [False]))
    single = ~(near_left & near_right) & (at >= 0) & (at <= 1)
    drawn = {
        "ticks": _rounded(at[single]),
        "powers": _powers(values, codes, at, fmt),
        "bands": _runs(at, dense),
        "subnormal": _subnormal(fmt, axis),
        **_outside(fmt, axis, rounding),
    }
    if bins:
        drawn |= _bins(values, codes, at, axis, rounding, fmt)
        drawn["labels"] = _labels(values, codes, at, axis.scale, fmt)
    return drawn


def _powers(
    values: Floats, codes: npt.NDArray[np.int64], at: Floats, fmt: FloatFormat
) -> list[float]:
    """Zero, and the powers of two that keep their distance from each other."""
    power = ((codes & fmt.mantissa_mask) == 0) & (values != 0)
    places = at[power]
    gaps = np.diff(places, prepend=-np.inf, append=np.inf)
    apart = places[(gaps[:-1] >= MIN_GAP) & (gaps[1:] >= MIN_GAP)]
    shown = np.concatenate((apart, at[values == 0]))
    return _rounded(shown[(shown >= 0) & (shown <= 1)])


def _in_window(fmt: FloatFormat, axis: Axis) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Values on the axis, and one more beyond each end: a bin may reach in."""
    values, codes = finite_values(fmt)
    if axis.scale == "log":
        keep = values * axis.sign >= 0
        values, codes = values[keep], codes[keep]
        low, high = sorted((axis.sign * axis.low, axis.sign * axis.high))
    else:
        low, high = axis.low, axis.high
    first = max(int(np.searchsorted(values, low)) - 1, 0)
    last = int(np.searchsorted(values, high, side="right")) + 1
    return values[first:last], codes[first:last]


def _bins(
    values: Floats,
    codes: npt.NDArray[np.int64],
    at: Floats,
    axis: Axis,
    rounding: Rounding,
    fmt: FloatFormat,
) -> dict[str, Any]:
    """Where bins begin and end. Under nearest rounding two bins meet at a midpoint."""
    if rounding is Rounding.STOCHASTIC or values.size == 0:
        return {"shaded": [], "ties": []}
    left, right = values[:-1], values[1:]
    if rounding is Rounding.TOWARD_ZERO:
        inner = np.where(np.abs(left) > np.abs(right), left, right)
        edges, end = inner, np.inf
    else:
        edges, end = (left + right) / 2, overflow_border(fmt)
    first = _outer_edge(values[0], end, fmt)
    last = _outer_edge(values[-1], end, fmt)
    bounds = np.clip(axis.position(np.concatenate(([first], edges, [last]))), -1, 2)
    wide = np.diff(bounds) >= MIN_GAP
    shown = wide & (codes % 2 == 0) & (bounds[:-1] < 1) & (bounds[1:] > 0)
    spans = np.clip(np.stack([bounds[:-1], bounds[1:]], axis=1)[shown], 0, 1)
    ties: list[float] = []
    if rounding is not Rounding.TOWARD_ZERO:
        middle = bounds[1:-1]
        apart = (np.diff(at) >= 3 * MIN_GAP) & (middle >= 0) & (middle <= 1)
        ties = _rounded(middle[apart])
        border = float(axis.position(end))
        ties += [round(border, 5)] if 0 <= border <= 1 else []
    return {"shaded": [_rounded(span) for span in spans], "ties": ties}


def _outer_edge(value: float, end: float, fmt: FloatFormat) -> float:
    """The far edge of an end bin: half a step past max, else off the axis."""
    if abs(value) == fmt.max:
        return float(np.copysign(end, value))
    return float(value)


def _labels(
    values: Floats,
    codes: npt.NDArray[np.int64],
    at: Floats,
    scale: str,
    fmt: FloatFormat,
) -> list[list[Any]]:
    """Label powers of two first, then ever odder mantissas: any cut looks regular."""
    if at.size == 0:
        return []
    gaps = np.diff(at)
    room = np.minimum(np.concatenate(([1.0], gaps)), np.concatenate((gaps, [1.0])))
    mantissa = codes & fmt.mantissa_mask
    low_bit = np.where(mantissa == 0, 1 << fmt.mantissa_bits, mantissa & -mantissa)
    ends = (values == 0) | (np.abs(values) == fmt.max)
    rank = np.where(ends, 2 << fmt.mantissa_bits, low_bit)
    shown = (at >= 0) & (at <= 1) & ((room > 2 * MIN_GAP) | (mantissa == 0) | ends)
    order = np.nonzero(shown)[0]
    order = order[np.argsort(-rank[order], kind="stable")][:MAX_LABELS]
    return [[round(float(at[i]), 5), _label(float(values[i]), scale)] for i in order]


def _label(value: float, scale: str) -> str:
    """Write a small power of two as one where the axis counts powers of two."""
    text, power = short(value), power_text(value)
    longest = len("0.0625") if scale == "linear" else len("16384")
    if power and (len(text) > longest or (scale == "log" and abs(value) < 1)):
        return power
    return text


def _subnormal(fmt: FloatFormat, axis: Axis) -> Spans:
    """Around zero, where the spacing no longer shrinks with the value."""
    if not (fmt.has_zero and fmt.mantissa_bits):
        return []
    return _spans(axis, [(-fmt.smallest_normal, fmt.smallest_normal)])


def _outside(fmt: FloatFormat, axis: Axis, rounding: Rounding) -> dict[str, Any]:
    """Where the format has nothing to offer: beyond the bin of its largest value."""
    end = fmt.max if rounding is Rounding.TOWARD_ZERO else overflow_border(fmt)
    low = -end if fmt.is_signed else 0.0
    sides = {-1: _spans(axis, [(-np.inf, low)]), 1: _spans(axis, [(end, np.inf)])}
    return {
        "outside": [span for spans in sides.values() for span in spans],
        "sides": [side for side, spans in sides.items() for _ in spans],
    }


def _spans(axis: Axis, pairs: list[tuple[float, float]]) -> Spans:
    spans = []
    for pair in pairs:
        start, end = sorted(np.clip(axis.position(pair), 0, 1).tolist())
        if end > start:
            spans.append([round(start, 5), round(end, 5)])
    return spans


def _runs(at: Floats, dense: npt.NDArray[np.bool_]) -> Spans:
    """Join neighbours that are too near each other into spans."""
    edge = np.diff(np.concatenate(([0], dense.astype(np.int8), [0])))
    starts, ends = np.nonzero(edge == 1)[0], np.nonzero(edge == -1)[0]
    spans = np.clip(np.stack([at[starts], at[ends]], axis=1), 0, 1)
    return [_rounded(span) for span in spans[spans[:, 1] > spans[:, 0]]]


def _rounded(positions: Floats) -> list[float]:
    return np.round(positions, 5).tolist()
