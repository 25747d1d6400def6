"""A stretch of the number line, and where the values of a format lie on it.

Positions are fractions of the axis, 0 at its left end and 1 at its right; a host turns
them into pixels. On a log axis the distance from zero counts, so it shows one sign.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from fp8lab.codec import decode
from fp8lab.formats import FloatFormat
from fp8lab.states.numbers import short, superscript

__all__ = [
    "MIN_GAP",
    "Axis",
    "border_overflows",
    "cell",
    "finite_values",
    "near",
    "overflow_border",
    "whole",
]

Floats = npt.NDArray[np.float64]

#: Values nearer than this run together into a band: 3 pixels of a wide page.
MIN_GAP = 0.0035


@lru_cache(maxsize=16)
def finite_values(fmt: FloatFormat) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return every finite value of a format in ascending order, and its code.

    Zero counts once, with the code of +0. Formats of at most 16 bits only.
    """
    codes = np.arange(fmt.code_count)
    values = decode(codes, fmt, dtype="float64")
    keep = np.isfinite(values)
    if fmt.has_zero and fmt.is_signed:
        keep &= codes != fmt.sign_mask
    order = np.argsort(values[keep])
    return values[keep][order], codes[keep][order]


def overflow_border(fmt: FloatFormat) -> float:
    """Return the midpoint of the largest value and the one the format lacks."""
    return fmt.max + _top_ulp(fmt) / 2


def border_overflows(fmt: FloatFormat) -> bool:
    """Whether the border itself, a tie, already overflows under nearest-even.

    It does where the largest value's code is odd, and where there is no mantissa to be
    even: there the implied one is odd, so each tie goes up.
    """
    return fmt.max_code % 2 == 1 or fmt.mantissa_bits == 0


def _top_ulp(fmt: FloatFormat) -> float:
    return 2.0 ** (fmt.emax - fmt.mantissa_bits)


def cell(x: float, fmt: FloatFormat, *, below: bool = False) -> tuple[float, float]:
    """Return the start and the length of the gap that x lies in.

    A value of the format lies in the gap above it, or, with ``below``, in the one
    beneath. Past the largest value the gaps go on as if the format did.
    """
    values, _ = finite_values(fmt)
    index = int(np.searchsorted(values, x, side="left" if below else "right")) - 1
    if 0 <= index < values.size - 1:
        return float(values[index]), float(values[index + 1] - values[index])
    anchor = float(values[0] if index < 0 else values[-1])
    gap = _top_ulp(fmt) if fmt.is_signed or index >= 0 else fmt.smallest_subnormal
    count = (x - anchor) / gap
    return anchor + gap * (math.ceil(count) - 1 if below else math.floor(count)), gap


@dataclass(frozen=True)
class Axis:
    """A window on the number line.

    Parameters
    ----------
    scale
        ``"linear"`` or ``"log"``.
    low, high
        The ends: values, or magnitudes greater than 0 on a log axis.
    sign
        -1.0 where a log axis shows the negative numbers, else 1.0.
    """

    scale: str
    low: float
    high: float
    sign: float = 1.0

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The ends in the coordinate that is even along the axis."""
        return self._even(self.low), self._even(self.high)

    def _even(self, magnitude: float) -> float:
        return math.log2(magnitude) if self.scale == "log" else magnitude

    def position(self, values: npt.ArrayLike) -> Floats:
        """Return where values lie; not clipped. Zero on a log axis lies at -inf."""
        even = np.asarray(values, dtype=np.float64)
        if self.scale == "log":
            with np.errstate(divide="ignore"):
                even = np.log2(np.maximum(even * self.sign, 0.0))
        left, right = self.ends
        return (even - left) / (right - left)

    def value(self, fraction: float) -> float:
        """Return the value at a position."""
        left, right = self.ends
        even = left + (right - left) * fraction
        return self.sign * 2.0**even if self.scale == "log" else even

    def zoomed(self, x: float, factor: float) -> Axis:
        """Return the axis with its length divided by ``factor``; x stays in place."""
        at = float(np.clip(self.position(x), 0.0, 1.0))
        left, right = self.ends
        length = (right - left) / factor
        start = left + at * (right - left) - at * length
        return self._between(start, start + length)

    def moved_to(self, x: float) -> Axis:
        """Return the axis itself where x is on it, else one with x in the middle."""
        at = float(self.position(x))
        if 0.0 <= at <= 1.0 or not math.isfinite(at):
            return self
        left, right = self.ends
        shift = (at - 0.5) * (right - left)
        return self._between(left + shift, right + shift)

    def _between(self, left: float, right: float) -> Axis:
        low, high = (2.0**left, 2.0**right) if self.scale == "log" else (left, right)
        return Axis(self.scale, low, high, self.sign)

    def labels(self) -> list[list[object]]:
        """Return round numbers along the axis as [position, text]."""
        left, right = self.ends
        if self.scale == "log":
            step = max(1, math.ceil((right - left) / 24))
            exponents = np.arange(math.ceil(left / step) * step, right + 1e-9, step)
            minus = "-" if self.sign < 0 else ""
            texts = [f"{minus}2{superscript(int(each))}" for each in exponents]
            evens = exponents.astype(np.float64)
        else:
            step_length = _round_step((right - left) / 8)
            evens = np.arange(math.ceil(left / step_length), right / step_length + 1e-9)
            evens = evens * step_length
            texts = [short(float(value), 9) for value in evens]
        positions = (evens - left) / (right - left)
        return [
            [round(float(at), 5), text]
            for at, text in zip(positions, texts, strict=True)
        ]


def _round_step(length: float) -> float:
    """Return the power of two, or 1, 2 or 5 times a power of ten, next above."""
    power = 10.0 ** math.floor(math.log10(length))
    return next(power * step for step in (1, 2, 5, 10) if power * step >= length)


def near(x: float, gap: float, scale: str, fmt: FloatFormat) -> Axis:
    """Return an axis that shows about six values on either side of x."""
    sign = -1.0 if x < 0 else 1.0
    if scale == "log":
        middle = max(abs(x), fmt.smallest_subnormal)
        return Axis("log", middle / 4, middle * 4, sign)
    edge = min(abs(x), fmt.max) * sign
    low, high = sorted((edge, x))
    return Axis("linear", low - 6 * gap, high + 6 * gap)


def whole(x: float, scale: str, fmt: FloatFormat) -> Axis:
    """Return an axis that shows the format, and a little of what it cannot hold."""
    sign = -1.0 if x < 0 else 1.0
    if scale == "log":
        return Axis("log", fmt.smallest_subnormal / 4, fmt.max * 4, sign)
    high = 1.15 * fmt.max
    if abs(x) > high:  # show x too, as long as the format does not shrink to a point
        high = min(1.1 * abs(x), 4 * fmt.max)
    return Axis("linear", -high if fmt.is_signed else 0.0, high)
