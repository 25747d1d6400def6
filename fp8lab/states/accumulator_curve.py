"""Error against K: for every number of products up to 16384, by three accumulators."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from fp8lab.states.accumulator_chain import chain_of
from fp8lab.states.accumulator_sums import DEPTHS, GROUP, LARGEST_K, sums_of
from fp8lab.states.axis import Axis
from fp8lab.states.numbers import percent, short

__all__ = [
    "FLOAT32_SUMS",
    "Curve",
    "Made",
    "curve_of",
    "curve_table",
    "error_chart",
    "table_row",
    "value_chart",
]

Floats = npt.NDArray[np.float64]
#: Data, seed and the two formats: what the sums are made of.
Made = tuple[str, int, str, str]

#: In place of a number of fraction bits: one float32 addition after the other.
FLOAT32_SUMS = 0
#: Of a line: more are finer than a pixel of a phone.
POINTS = 72
ERRORS = Axis("log", 2.0**-27, 1.0)
LENGTHS = Axis("log", float(GROUP), float(LARGEST_K))
ERROR_TICKS = (
    *((0, "100 %"), (-2, "1 %"), (-4, "0.01 %")),
    *((-6, "10⁻⁴ %"), (-8, "10⁻⁶ %")),
)


@dataclass(frozen=True)
class Curve:
    """What an accumulator does to 256 sums, after each step of 32.

    Attributes
    ----------
    rms
        RMS error, relative to the RMS of the exact sums.
    bias
        By how much the magnitudes grow on the whole: sum of (sum - exact) * sign(exact)
        over the sum of abs(exact).
    values, registers
        Of the first output: what is added up, and what the tensor core holds.
    """

    rms: Floats
    bias: Floats
    values: npt.NDArray[np.float32]
    registers: npt.NDArray[np.float32]


@lru_cache(maxsize=256)
def curve_of(made: Made, fraction_bits: int, promote: int | None) -> Curve:
    """Return the errors of an accumulator; `FLOAT32_SUMS` for fraction bits is one."""
    sums = sums_of(*made)
    if fraction_bits == FLOAT32_SUMS:
        values = registers = sums.float32
    else:
        chain = chain_of(sums, fraction_bits, promote)
        values, registers = chain.values, chain.registers
    exact, error = sums.exact, values - sums.exact
    with np.errstate(divide="ignore", invalid="ignore"):
        rms = np.sqrt((error**2).mean(axis=1) / (exact**2).mean(axis=1))
        bias = (error * np.sign(exact)).sum(axis=1) / np.abs(exact).sum(axis=1)
    return Curve(
        np.nan_to_num(rms, posinf=0.0),
        np.nan_to_num(bias, posinf=0.0, neginf=0.0),
        values[:, 0].copy(),
        registers[:, 0].copy(),
    )


def error_chart(lines: dict[str, Curve], k: int) -> dict[str, Any]:
    """Return the RMS errors against K, both on log axes, as fractions of the axes."""
    steps = _spread(np.geomspace(1, LARGEST_K // GROUP, POINTS))
    across = LENGTHS.position(steps * GROUP)
    return {
        "lines": [
            {"key": key, "points": _points(across, _log(curve.rms[steps - 1]))}
            for key, curve in lines.items()
        ],
        "x_ticks": [[_at(LENGTHS, depth), f"{depth:,}"] for depth in DEPTHS[::-1]],
        "y_ticks": [[_at(ERRORS, 10.0**e), text] for e, text in ERROR_TICKS],
        "at": _at(LENGTHS, k),
        "depths": [[_at(LENGTHS, depth), depth] for depth in DEPTHS],
    }


def value_chart(
    lines: dict[str, Curve], exact: Floats, k: int, step: int, error: bool
) -> dict[str, Any]:
    """Return the first output's running sum against K up to ``k``, or its error."""
    count = k // GROUP
    steps = _spread(np.linspace(1, count, min(count, POINTS)))
    drawn = {key: curve.values[steps - 1].astype(float) for key, curve in lines.items()}
    drawn["exact"] = exact[steps - 1]
    if error:
        drawn = {key: values - exact[steps - 1] for key, values in drawn.items()}
    ends = np.concatenate([[0.0], *drawn.values()])
    low, high = float(ends.min()), float(ends.max())
    room = 0.04 * (high - low) or 1.0
    axis = Axis("linear", low - room, high + room)
    across = np.concatenate([[0.0], steps / count])
    start = axis.position([0.0])
    return {
        "lines": [
            {
                "key": key,
                "points": _points(across, np.append(start, axis.position(values))),
            }
            for key, values in drawn.items()
        ],
        "x_ticks": [[part, f"{int(k * part):,}"] for part in (0.0, 1.0, 0.5)],
        "y_ticks": [[at, text] for at, text in axis.labels()],
        "at": round(step / count, 5),
        "steps": count,
    }


def table_row(name: str, curve: Curve, k: int) -> list[str]:
    """What an accumulator makes of sums over k products, in words."""
    at = k // GROUP - 1
    value, bias, rms = (float(x[at]) for x in (curve.values, curve.bias, curve.rms))
    return [name, short(value, 7), percent(bias), percent(rms)]


def curve_table(names: dict[str, str], lines: dict[str, Curve]) -> list[list[str]]:
    """Return the RMS errors at each doubling of K as rows, the heads first."""
    rows = [["K", *(f"{names[key]}: RMS error" for key in lines)]]
    for depth in DEPTHS:
        errors = [float(curve.rms[depth // GROUP - 1]) for curve in lines.values()]
        rows.append([f"{depth:,}", *map(percent, errors)])
    return rows


def _spread(at: Floats) -> npt.NDArray[np.int64]:
    return np.unique(np.round(at).astype(np.int64))


def _log(errors: Floats) -> Floats:
    """Where errors lie on the log axis; one of exactly zero lies nowhere."""
    inside = np.clip(errors, ERRORS.low, ERRORS.high)
    return np.where(errors > 0, ERRORS.position(inside), np.nan)


def _points(across: Floats, up: Floats) -> list[list[float]]:
    return [
        [round(float(x), 4), round(float(y), 4)]
        for x, y in zip(across, up, strict=True)
        if np.isfinite(y)
    ]


def _at(axis: Axis, value: float) -> float:
    return round(float(axis.position(value)), 5)
