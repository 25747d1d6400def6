"""The quantizer's schemes side by side: rows, bars and tables as text and shares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from fp8lab.formats import FloatFormat
from fp8lab.scales import ElementFormat
from fp8lab.states.numbers import percent, short
from fp8lab.states.quantizer_original import Original
from fp8lab.states.quantizer_pass import CAUSES, Damage, Outcome

__all__ = [
    "EXACT_DB",
    "SAME_DB",
    "Comparison",
    "bar_axes",
    "cause_list",
    "comparison_table",
    "decibels",
    "equally_good",
    "error_text",
    "gap",
    "scheme_rows",
]

# Half a decibel is a twelfth of a bit: nobody would pay for a scale to have it.
SAME_DB = 0.5
# An error of 0.001 %.
EXACT_DB = 100.0


@dataclass(frozen=True)
class Comparison:
    """One tensor by three schemes: ``"none"``, ``"tensor"`` and ``"group"``.

    Attributes
    ----------
    name, first
        What the sentences call the tensor, and what is in it.
    group
        The learner's word for the granularity: two words may mean one rectangle.
    outcomes
        By scheme.
    """

    name: str
    first: Original
    group: str
    outcomes: dict[str, Outcome]

    def scheme_name(self, key: str) -> str:
        """Return the name of a scheme."""
        return {"none": "no scale", "tensor": "one scale"}.get(key, self.group)

    def payers(self, found: Outcome) -> dict[str, Damage]:
        """Return the errors to judge by: a norm over outliers hides all the others."""
        if not self.first.outliers:
            return {"all": found.whole}
        return {"ordinary": found.ordinary, "outliers": found.outliers}

    def share(self, count: int) -> str:
        """Return a part of the finite elements as a percentage."""
        return percent(count / max(1, self.first.finite))


def scheme_rows(compared: Comparison, look: str) -> list[dict[str, Any]]:
    """The three schemes side by side; a bar's parts add up to its error."""
    top, good = _longest(compared), equally_good(compared)
    return [
        {
            "key": key,
            "name": compared.scheme_name(key),
            "detail": _scales(key, found),
            "looked": key == look,
            "rank": _rank(key, good),
            "bars": [
                {"kind": kind, **_bar(damage, top[kind])}
                for kind, damage in compared.payers(found).items()
            ],
            "error": error_text(found.whole.relative),
            "sqnr": _sqnr(found.whole),
            "zero": compared.share(found.elements["underflow"]),
            "clipped": compared.share(found.elements["clipping"]),
            "bits": f"{found.bits:.4g}",
        }
        for key, found in compared.outcomes.items()
    ]


def bar_axes(compared: Comparison) -> list[dict[str, str]]:
    """The columns of bars: whose error, and what a full bar is."""
    heads = {
        "all": "relative error",
        "ordinary": "error of the ordinary elements",
        "outliers": "error of the outliers",
    }
    return [
        {"kind": kind, "text": heads[kind], "full": f"full bar: {error_text(longest)}"}
        for kind, longest in _longest(compared).items()
    ]


def _longest(compared: Comparison) -> dict[str, float]:
    """The largest finite relative error of each column of bars."""
    payers = [compared.payers(found) for found in compared.outcomes.values()]
    return {
        kind: max(
            filter(math.isfinite, (own[kind].relative for own in payers)), default=0.0
        )
        for kind in payers[0]
    }


def equally_good(compared: Comparison) -> list[str]:
    """Return the schemes that no other one beats, be it on outliers or on the rest."""
    found = compared.outcomes
    payers = {key: compared.payers(outcome) for key, outcome in found.items()}
    return [
        key
        for key, own in payers.items()
        if all(
            gap(other[kind], own[kind]) < SAME_DB
            for other in payers.values()
            for kind in own
        )
    ]


def cause_list(compared: Comparison, look: str) -> list[dict[str, Any]]:
    """One scheme's squared error by cause: elements, and shares by who pays."""
    found = compared.outcomes[look]
    return [
        {
            "name": cause,
            "text": text,
            "shares": [
                _of_error(damage, cause) for damage in compared.payers(found).values()
            ],
            "count": f"{found.elements[cause]:,}",
        }
        for cause, text in _cause_names(found.scheme.fmt).items()
    ]


def comparison_table(compared: Comparison) -> list[list[str]]:
    """Every number of the comparison, as text."""
    heads = ["scheme", "elements", "relative error", "SQNR"]
    names = _cause_names(compared.outcomes["none"].scheme.fmt)
    rows = [[*heads, *(f"error: {text}" for text in names.values())]]
    for key, found in compared.outcomes.items():
        parts = {"all": found.whole, **compared.payers(found)}
        for kind, damage in parts.items():
            row = [compared.scheme_name(key), kind]
            row += [error_text(damage.relative), _sqnr(damage)]
            rows.append([*row, *(_of_error(damage, cause) for cause in names)])
    return rows


def error_text(relative: float) -> str:
    """Return a relative error as text, a dash where there is none to speak of."""
    if math.isnan(relative):
        return "–"
    if not math.isfinite(relative):
        return "infinite"
    return "< 0.001 %" if 0 < relative < 1e-5 else percent(relative)


def gap(a: Damage, b: Damage) -> float:
    """Return how many decibels ``a`` is better than ``b``.

    Beyond `EXACT_DB` there is nothing to gain: that is a scale's rounding to float32.
    """
    return min(a.sqnr_db, EXACT_DB) - min(b.sqnr_db, EXACT_DB)


def decibels(difference: float) -> str:
    """Return decibels as text."""
    return f"{round(difference, 1) + 0.0:.1f} dB"


def _of_error(damage: Damage, cause: str) -> str:
    """A cause's share of the squared error."""
    return error_text(damage.noise[cause] / damage.total if damage.total else 0.0)


def _rank(key: str, good: list[str]) -> str:
    if key not in good:
        return ""
    return "best" if len(good) == 1 else "equally good"


def _sqnr(damage: Damage) -> str:
    if math.isnan(damage.total):
        return "–"
    if damage.total == 0:
        return "exact"
    return decibels(damage.sqnr_db) if math.isfinite(damage.sqnr_db) else "none"


def _bar(damage: Damage, top: float) -> dict[str, Any]:
    """An error and the lengths of its parts, as fractions of the longest bar."""
    lengths, relative = dict.fromkeys(CAUSES, 0.0), damage.relative
    if math.isinf(relative):
        lengths["normals"] = 1.0
    elif relative > 0 and top:
        reach = relative / top / damage.total
        lengths = {cause: damage.noise[cause] * reach for cause in CAUSES}
    parts = [{"name": cause, "length": round(lengths[cause], 4)} for cause in CAUSES]
    return {"text": error_text(relative), "parts": parts}


def _scales(key: str, found: Outcome) -> str:
    if key == "none":
        return "cast as it is"
    low, high = short(found.smallest, 4), short(found.largest, 4)
    if found.scales == 1:
        return f"scale {low}"
    return f"{found.scales:,} scales, " + (low if low == high else f"{low} to {high}")


def _cause_names(fmt: ElementFormat) -> dict[str, str]:
    if isinstance(fmt, FloatFormat):
        return {
            "normals": "rounding of normals",
            "subnormals": "rounding of subnormals",
            "underflow": "became zero",
            "clipping": "clipped",
        }
    return {"normals": "rounding", "underflow": "became zero", "clipping": "clipped"}
