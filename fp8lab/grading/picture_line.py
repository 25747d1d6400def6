"""A number between its neighbours on the number line, and where it went."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from fp8lab.codec import decode
from fp8lab.formats import FloatFormat
from fp8lab.grading.picture_bits import RIGHT, WRONG, Part, text
from fp8lab.grading.words import FORMATS

__all__ = ["line_part"]

LEFT, LENGTH, LINE = 40, 520, 58
NEIGHBOURS = 2


def line_part(number: float, expected: int, got: int, kind: str) -> Part | None:
    """Draw a number, its neighbours in the format, and the two codes it was given.

    None where there is nothing to draw: no number, no format, NaN or infinity.

    Parameters
    ----------
    number
        What was encoded.
    expected, got
        Codes.
    kind
        The format's short name.
    """
    if kind not in FORMATS or not np.isfinite(number):
        return None
    fmt = FORMATS[kind]
    magnitudes = _window(abs(number), fmt)
    steps = np.array([_value(code, fmt) for code in magnitudes])
    if abs(number) > steps[-1]:
        return None
    sign = -1.0 if np.signbit(number) else 1.0
    x = LEFT + LENGTH * (steps - steps[0]) / (steps[-1] - steps[0])
    if sign < 0:
        x = LEFT + LEFT + LENGTH - x
    drawing = (
        f'<line x1="{LEFT - 18}" x2="{LEFT + LENGTH + 18}" y1="{LINE}" y2="{LINE}" '
        'stroke="currentColor" stroke-opacity="0.5"/>'
    )
    for place, code, step in zip(x, magnitudes, steps, strict=True):
        drawing += _tick(place, code, step * sign, fmt, sign < 0)
    for near, far in pairwise(x):
        middle = (near + far) / 2
        drawing += (
            f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{LINE - 4}" '
            f'y2="{LINE + 4}" stroke="currentColor" stroke-opacity="0.5" '
            'stroke-dasharray="2 2"/>'
        )
    at = float(np.interp(abs(number), steps, x))
    drawing += _input(at, number)
    for code, colour, name, high in (
        (expected, RIGHT, "expected", 26),
        (got, WRONG, "yours", 10),
    ):
        drawing += _landing(at, code, x, magnitudes, fmt, colour, name, high, sign)
    words = (
        f"On the number line {np.float32(number)!s} lies between "
        f"{_around(number, steps, sign)}."
    )
    return Part(drawing, LEFT + LENGTH + 60, LINE + 62, words)


def _window(size: float, fmt: FloatFormat) -> list[int]:
    """Magnitude codes around a number; one past the maximum stands for no code."""
    values = decode(np.arange(fmt.max_code + 1, dtype=np.uint8), fmt)
    above = int(np.searchsorted(values.astype(np.float64), size))
    first = max(0, min(above - NEIGHBOURS, fmt.max_code + 2 - 2 * NEIGHBOURS))
    return list(range(first, min(first + 2 * NEIGHBOURS, fmt.max_code + 2)))


def _value(code: int, fmt: FloatFormat) -> float:
    if code <= fmt.max_code:
        return float(fmt.magnitude(code))
    # Where the next number would be, if there were one.
    return float(2 * fmt.magnitude(fmt.max_code) - fmt.magnitude(fmt.max_code - 1))


def _tick(x: float, code: int, value: float, fmt: FloatFormat, negative: bool) -> str:
    exists = code <= fmt.max_code
    dash = "" if exists else 'stroke-dasharray="3 3"'
    name = f"0x{code | (fmt.sign_mask if negative else 0):02x}" if exists else "no code"
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{LINE - 9}" y2="{LINE + 9}" '
        f'stroke="currentColor" stroke-width="1.5" {dash}/>'
        + text(x, LINE + 24, f"{value:.9g}", anchor="middle")
        + text(x, LINE + 39, name, anchor="middle", how='class="mono" opacity="0.75"')
    )


def _input(x: float, number: float) -> str:
    mark = f"M{x:.1f} {LINE - 1} l-5 -8 h10 z"
    at = min(max(x, 80), LEFT + LENGTH - 40)
    return f'<path d="{mark}" fill="currentColor"/>' + text(
        at, LINE + 56, f"input {np.float32(number)!s}", anchor="middle"
    )


def _landing(
    at: float,
    code: int,
    x: np.ndarray,
    magnitudes: list[int],
    fmt: FloatFormat,
    colour: str,
    name: str,
    high: float,
    sign: float,
) -> str:
    """An arc from the number to the code it was given; to the edge if it is far."""
    same_side = bool(code & fmt.sign_mask) == (sign < 0)
    magnitude = code & fmt.magnitude_mask
    if fmt.is_nan_code(code) or not same_side:
        told = f"{name}: {decode(code, fmt)!s}"
        return text(LEFT - 18, high + 4, told, how=_halo(colour))
    outside = magnitude not in magnitudes
    if outside:
        beyond = (magnitude > magnitudes[-1]) == (sign > 0)
        to = LEFT + LENGTH + 18.0 if beyond else LEFT - 18.0
    else:
        to = float(x[magnitudes.index(magnitude)])
    path = f"M{at:.1f} {LINE - 10} V{high} H{to:.1f} V{LINE - 12}"
    if outside:
        path = f"M{at:.1f} {LINE - 10} V{high} H{to:.1f}"
    left, right = min(at, to), max(at, to)
    anchor, place = "start", right + 8
    if right - left > 90:
        anchor, place = "middle", (left + right) / 2
    elif right > LEFT + LENGTH - 60:
        anchor, place = "end", left - 8
    head = f'<circle cx="{to:.1f}" cy="{LINE if not outside else high}" r="4"/>'
    return (
        f'<g style="fill:{colour};stroke:{colour}">'
        f'<path d="{path}" fill="none" stroke-width="1.8"/>{head}</g>'
        + text(place, high + 4, name, anchor=anchor, how=_halo(colour))
    )


def _halo(colour: str) -> str:
    """Text that is readable on the line behind it."""
    ground = "var(--paper, Canvas)"
    return (
        f'style="fill:{colour};paint-order:stroke;stroke:{ground};stroke-width:5px" '
        'font-weight="600"'
    )


def _around(number: float, steps: np.ndarray, sign: float) -> str:
    above = min(max(int(np.searchsorted(steps, abs(number))), 1), len(steps) - 1)
    pair = sorted((sign * steps[above - 1], sign * steps[above]))
    return f"{pair[0]:.6g} and {pair[1]:.6g}"
