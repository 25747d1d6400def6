"""The chart under the scale map: error against the size of the outlier, two log axes.

Places on the chart are fractions of its width and height, from the lower left corner.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fp8lab.scales import ElementFormat, ScaleDtype
from fp8lab.states.cliff import DECADES, cliff, error_curve
from fp8lab.states.numbers import percent
from fp8lab.states.outlier import Matrix, Scheme

__all__ = ["LARGEST", "outlier_chart", "times_text"]

LEFT, RIGHT = float(DECADES[0]), float(DECADES[-1])
LARGEST = 10**RIGHT
# log10 of the relative error.
BOTTOM, TOP = -3.0, 0.15
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def outlier_chart(
    matrix: Matrix,
    schemes: list[Scheme],
    row: int,
    column: int,
    *,
    here: tuple[float, float],
    chosen: ElementFormat,
) -> dict[str, Any]:
    """Return the curves of the ordinary elements' error, a scheme each, and the cliffs.

    Parameters
    ----------
    matrix, row, column
        The matrix, and where its outlier is.
    schemes
        What to compare.
    here
        Size of the outlier now, and the ordinary elements' error now.
    chosen
        The format whose line stands out.
    """
    curves = [error_curve(matrix, row, column, scheme) for scheme in schemes]
    others = matrix.values.size - 1
    return {
        "title": f"Error of the other {others:,} elements, by the size of the outlier",
        "x_ticks": [
            _tick(_x(10.0**d), _power(d)) for d in range(int(LEFT), int(RIGHT) + 1)
        ],
        "y_ticks": [
            _tick(_y(10.0**d), percent(10.0**d)) for d in range(int(BOTTOM), 1)
        ],
        "lines": [
            {
                "format": scheme.fmt.short,
                "chosen": scheme.fmt is chosen,
                "points": np.stack([_x(10**DECADES), _y(curve)], axis=1).tolist(),
                "cliff": _cliff(scheme),
            }
            for scheme, curve in zip(schemes, curves, strict=True)
        ],
        "here": [float(_x(here[0])), float(_y(here[1]))],
        "here_text": percent(here[1]),
        "decades": {"min": LEFT, "max": RIGHT, "value": float(np.log10(here[0]))},
        "table": _table(schemes, curves),
    }


def _cliff(scheme: Scheme) -> dict[str, Any]:
    precision, zero = cliff(scheme.fmt)
    moved = ""
    if scheme.scale_dtype == ScaleDtype.E8M0:
        moved = " (a power-of-two scale moves this by less than 2×)"
    return {
        "precision": float(_x(precision)),
        "zero": float(_x(zero)),
        "title": f"Cliff of {scheme.fmt} for a typical element{moved}:",
        "words": [
            f"loses precision from {times_text(precision)}",
            f"is zero from {times_text(zero)}",
        ],
    }


def _table(schemes: list[Scheme], curves: list[np.ndarray]) -> list[list[str]]:
    """The curves at whole decades, as text."""
    rows = [["outlier", *(f"error in {scheme.fmt}" for scheme in schemes)]]
    for i, decade in enumerate(DECADES.tolist()):
        if decade == int(decade):
            errors = (percent(float(curve[i])) for curve in curves)
            rows.append([times_text(10.0**decade), *errors])
    return rows


def _tick(at: np.ndarray, text: str) -> dict[str, Any]:
    return {"at": float(at), "text": text}


def _x(size: float | np.ndarray) -> np.ndarray:
    return np.round((np.log10(size) - LEFT) / (RIGHT - LEFT), 4)


def _y(error: float | np.ndarray) -> np.ndarray:
    """An error below the axis stands on it."""
    log = np.log10(np.maximum(error, 10**BOTTOM))
    return np.round((log - BOTTOM) / (TOP - BOTTOM), 4)


def _power(decade: int) -> str:
    if decade <= 3:
        return f"{10**decade:,}"
    return f"10{str(decade).translate(SUPERSCRIPTS)}"


def times_text(size: float) -> str:
    """Return a multiple: ``"28,672×"``, ``"3.2·10⁷×"``."""
    if size < 100:
        return f"{size:.3g}×"
    if size < 1e7:
        return f"{round(size):,}×"
    factor, exponent = f"{size:.1e}".split("e")
    power = f"10{str(int(exponent)).translate(SUPERSCRIPTS)}×"
    return power if factor == "1.0" else f"{factor}·{power}"
