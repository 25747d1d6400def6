"""The bits of one step on a common ruler, like numbers written under each other."""

from __future__ import annotations

from typing import Any

from fp8lab.states.accumulator_step import Addend, Fixed, Step
from fp8lab.states.numbers import short, superscript

__all__ = ["addition", "fate"]

#: More columns than this would be narrower than a digit on a phone.
MOST_COLUMNS = 40
#: Columns right of the window, also where nothing is cut.
FEWEST_LOST = 3
#: Between two labels of the ruler.
RULER_STEP = 4

Row = dict[str, Any]


class _Ruler:
    """Columns by exponent: 0 at the left is ``high``."""

    def __init__(self, step: Step) -> None:
        numbers = [a.number for a in step.addends]
        tops = [n.top for n in (*step.sums, *step.exact) if n.top is not None]
        lows = [n.low for n in (*numbers, step.exact[-1]) if n.low is not None]
        self.high = max([*tops, step.emax + 1])
        lowest = min([*lows, step.grid - FEWEST_LOST])
        self.low = max(lowest, self.high - MOST_COLUMNS + 1)
        self.grid = step.grid

    @property
    def count(self) -> int:
        return self.high - self.low + 1

    def row(self, number: Fixed, top: int, bottom: int, cut: int) -> Row:
        """Place the digits from ``top`` to ``bottom``; those below ``cut`` apart."""
        digits = f"{abs(number.in_units(bottom)):0{max(top - bottom + 1, 1)}b}"
        whole = len(digits[: max(0, top - cut + 1)])
        shown = max(0, top - self.low + 1)
        return {
            "at": self.high - top,
            "kept": digits[:whole][:shown],
            "lost": digits[whole:shown],
            "more": "1" in digits[shown:],
            "sign": "-" if number.digits < 0 else "+",
            "value": short(number.value, 7),
        }

    def addend(self, addend: Addend, fraction_bits: int) -> Row:
        number = addend.number
        if addend.exponent is None or number.top is None or number.low is None:
            return self.nothing()
        top = max(addend.exponent, number.top)
        bottom = number.unit
        if addend.factors is None:  # float32 has more digits than it uses here
            bottom = min(number.low, addend.exponent - fraction_bits)
        return self.row(number, top, bottom, self.grid)

    def total(self, number: Fixed, cut: int) -> Row:
        if number.top is None or number.low is None:
            return self.nothing()
        return self.row(number, number.top, min(number.unit, cut), cut)

    def exact(self, number: Fixed) -> Row:
        if number.top is None or number.low is None:
            return self.nothing()
        return self.row(number, number.top, min(number.low, self.grid), self.grid)

    def nothing(self) -> Row:
        row: Row = {"at": 0, "kept": "", "lost": "", "more": False, "sign": ""}
        return {**row, "value": "0"}


def addition(step: Step, first_k: int, term: int) -> dict[str, Any]:
    """Return the addends, and the sums after ``term`` of them, as rows of bits."""
    ruler = _Ruler(step)
    rows = []
    for index, addend in enumerate(step.addends):
        row = ruler.addend(addend, step.fraction_bits)
        name, text = _name(addend, first_k + index - 1)
        rows.append({**row, "name": name, "text": text, "fate": fate(step, index)})
    return {
        "columns": ruler.count,
        "window": [ruler.high - step.emax, ruler.high - step.grid + 1],
        "labels": _labels(ruler, step.emax),
        "words": f"kept: 2{superscript(step.emax)} and {step.fraction_bits} bits below",
        "rows": rows,
        "sums": _sums(step, ruler, rows, term),
    }


def fate(step: Step, index: int) -> str:
    """What the cut does to an addend: zero, whole, cut (some bits) or gone (all)."""
    if not step.addends[index].number.digits:
        return "zero"
    if not step.lost(index).digits:
        return "whole"
    return "cut" if step.kept[index].digits else "gone"


def _name(addend: Addend, k: int) -> tuple[str, str]:
    if addend.factors is None:
        return "accumulator", ""
    a, b = (short(operand.number.value, 4) for operand in addend.factors)
    return f"k = {k}", f"{a} × {b}"


def _labels(ruler: _Ruler, emax: int) -> list[list[Any]]:
    """Exponents along the ruler as [middle of the column, text], the window's first."""
    first = ruler.high - ruler.high % RULER_STEP
    every = range(first, ruler.low - 1, -RULER_STEP)
    return [
        [round((ruler.high - e + 0.5) / ruler.count, 5), f"2{superscript(e)}"]
        for e in dict.fromkeys((emax, ruler.grid, *every))
    ]


def _sums(step: Step, ruler: _Ruler, rows: list[Row], term: int) -> list[Row]:
    """The addition that the cursor stands on, as it is written by hand."""
    last = len(step.addends) - 1
    done = min(term, last)
    exact = {"name": "exact sum", "kind": "exact", **ruler.exact(step.exact[done])}
    total = ruler.total(step.sums[done], ruler.grid)
    if term > last:
        cut = ruler.total(step.sums[last], step.result.unit)
        result = ruler.total(step.result, step.result.unit)
        return [
            {"name": "sum kept", "kind": "before", **total},
            {"name": "normalised", "kind": "addend", **cut},
            {"name": "result", "kind": "total", **result},
            exact,
        ]
    start = ruler.nothing()
    if term > 0:
        start = ruler.total(step.sums[term - 1], ruler.grid)
    return [
        {"name": "sum before", "kind": "before", **start},
        {**rows[term], "kind": "addend", "name": f"+ {rows[term]['name']}"},
        {"name": "sum kept", "kind": "total", **total},
        exact,
    ]
