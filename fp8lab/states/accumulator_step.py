"""One step of the tensor core in whole numbers: 32 products and the accumulator.

Python's integers are as long as they need to be, so nothing here rounds by accident:
what is exact and what is kept stand side by side. `fp8lab.tensorcore` has the rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import frexp, ldexp

import numpy as np
import numpy.typing as npt

from fp8lab.codec import decode
from fp8lab.formats import FP32, FloatFormat

__all__ = ["Addend", "Fixed", "Operand", "Step", "bit_length", "step_of", "truncated"]


def truncated(number: int, places: int) -> int:
    """Return a whole number without its lowest ``places`` bits, toward zero."""
    if places <= 0:
        return number << -places
    return number >> places if number >= 0 else -(-number >> places)


def bit_length(number: int) -> int:
    """Return how many bits the magnitude has."""
    return abs(number).bit_length()


def _exponent(value: float, fmt: FloatFormat) -> int:
    """The exponent that a number counts with: zero and subnormals have the lowest."""
    return max(frexp(value)[1] - 1, fmt.emin) if value else fmt.emin


@dataclass(frozen=True)
class Fixed:
    """The exact number ``digits`` x 2^``unit``."""

    digits: int
    unit: int

    def in_units(self, unit: int) -> int:
        """Return the digits on another grid, cut toward zero where it is coarser."""
        return truncated(self.digits, unit - self.unit)

    @property
    def top(self) -> int | None:
        """The exponent of the highest bit; None for zero."""
        return self.unit + bit_length(self.digits) - 1 if self.digits else None

    @property
    def low(self) -> int | None:
        """The exponent of the lowest bit that is set; None for zero."""
        if not self.digits:
            return None
        return self.unit + (self.digits & -self.digits).bit_length() - 1

    @property
    def value(self) -> float:
        """The nearest float64."""
        return ldexp(self.digits, self.unit)

    def minus(self, other: Fixed) -> Fixed:
        """Return the exact difference."""
        unit = min(self.unit, other.unit)
        return Fixed(self.in_units(unit) - other.in_units(unit), unit)


@dataclass(frozen=True)
class Operand:
    """A finite FP8 number as the multiplier sees it."""

    number: Fixed
    exponent: int
    subnormal: bool

    @classmethod
    def of(cls, value: float, fmt: FloatFormat) -> Operand:
        """Take a finite number of the format apart."""
        exponent = _exponent(value, fmt)
        unit = exponent - fmt.mantissa_bits
        digits = int(ldexp(value, -unit))
        small = 0 < abs(value) < fmt.smallest_normal
        return cls(Fixed(digits, unit), exponent, small)


@dataclass(frozen=True)
class Addend:
    """What is aligned and added: the accumulator, or the product of two operands.

    ``exponent`` is not normalised, and None for a zero product, which does not count.
    """

    number: Fixed
    exponent: int | None
    factors: tuple[Operand, Operand] | None = None

    @classmethod
    def product(cls, a: Operand, b: Operand) -> Addend:
        """Multiply exactly; the exponents add up, whatever the significands do."""
        digits = a.number.digits * b.number.digits
        exponent = a.exponent + b.exponent if digits else None
        return cls(Fixed(digits, a.number.unit + b.number.unit), exponent, (a, b))

    @classmethod
    def accumulator(cls, value: float) -> Addend:
        """Take a finite float32 apart; zero has the smallest normal's exponent."""
        exponent = _exponent(value, FP32)
        unit = exponent - FP32.mantissa_bits
        return cls(Fixed(int(ldexp(value, -unit)), unit), exponent)


@dataclass(frozen=True)
class Step:
    """The accumulator and 32 products, aligned, cut, added, normalised and cut."""

    addends: tuple[Addend, ...]
    fraction_bits: int

    @property
    def emax(self) -> int:
        """The largest exponent, which the window hangs on."""
        return max(a.exponent for a in self.addends if a.exponent is not None)

    @property
    def grid(self) -> int:
        """The exponent of the lowest bit that is kept."""
        return self.emax - self.fraction_bits

    @cached_property
    def kept(self) -> tuple[Fixed, ...]:
        """The addends, cut to the grid."""
        grid = self.grid
        return tuple(Fixed(a.number.in_units(grid), grid) for a in self.addends)

    @cached_property
    def sums(self) -> tuple[Fixed, ...]:
        """The sum of what is kept, after each addend."""
        return _running(self.kept)

    @cached_property
    def exact(self) -> tuple[Fixed, ...]:
        """The sum of the addends as they came, after each."""
        return _running([a.number for a in self.addends])

    @property
    def result(self) -> Fixed:
        """The last sum, normalised and cut to its fraction bits."""
        total = self.sums[-1]
        extra = max(0, bit_length(total.digits) - self.fraction_bits - 1)
        return Fixed(truncated(total.digits, extra), total.unit + extra)

    def lost(self, index: int) -> Fixed:
        """What the cut took from one addend."""
        return self.addends[index].number.minus(self.kept[index])


def _running(numbers: Iterable[Fixed]) -> tuple[Fixed, ...]:
    given = list(numbers)
    unit = min(number.unit for number in given)
    return tuple(Fixed(n, unit) for n in accumulate(g.in_units(unit) for g in given))


def step_of(
    a: npt.NDArray[np.uint8],
    b: npt.NDArray[np.uint8],
    accumulator: float,
    a_format: FloatFormat,
    b_format: FloatFormat,
    fraction_bits: int,
) -> Step:
    """Return one step; codes of finite numbers and a finite float32 accumulator."""
    left, right = (
        [Operand.of(value, fmt) for value in decode(codes, fmt).tolist()]
        for codes, fmt in ((a, a_format), (b, b_format))
    )
    products = [Addend.product(x, y) for x, y in zip(left, right, strict=True)]
    return Step((Addend.accumulator(float(accumulator)), *products), fraction_bits)
