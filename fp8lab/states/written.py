"""One code written out: its fields with their readings, its formula, its neighbours."""

from __future__ import annotations

import math
from typing import Any

from fp8lab.explain import Anatomy, explain
from fp8lab.states.axis import overflow_border
from fp8lab.states.numbers import (
    code_parts,
    code_text,
    distinct,
    short,
    superscript,
    value_text,
)

__all__ = ["fields", "formula", "kind_text", "neighbours", "strip"]

#: Beyond this many bits the weight of each bit no longer fits under it.
MAX_WEIGHTS = {"exponent": 8, "mantissa": 4}


def fields(code: Anatomy) -> list[dict[str, Any]]:
    """Return each field: its bits, the weight of each bit, and how it is read."""
    readings = {
        "sign": "minus" if code.sign else "plus",
        "exponent": _exponent_reading(code),
        "mantissa": _mantissa_reading(code),
    }
    return [
        {
            "name": name,
            "bits": digits,
            "weights": _weights(name, len(digits)),
            "reading": readings[name],
        }
        for name, digits in code_parts(code.code, code.fmt)
    ]


def _weights(name: str, width: int) -> list[str]:
    if width > MAX_WEIGHTS.get(name, 0):
        return []
    if name == "exponent":
        return [str(1 << place) for place in reversed(range(width))]
    return [f"1/{2 << place}" for place in range(width)]


def _exponent_reading(code: Anatomy) -> str:
    fmt = code.fmt
    if code.exponent is None:
        return f"{code.exponent_field}: special"
    if code.kind in ("zero", "subnormal"):
        return f"0 is read as 1 - {fmt.bias} = {code.exponent}"
    return f"{code.exponent_field} - {fmt.bias} = {code.exponent}"


def _mantissa_reading(code: Anatomy) -> str:
    if code.significand is None:
        return "no number" if code.mantissa_field else "infinity"
    hidden = 0 if code.kind in ("zero", "subnormal") else 1
    share = f"{code.mantissa_field}/{1 << code.fmt.mantissa_bits}"
    return f"{hidden} + {share} = {short(code.significand, 9)}"


def formula(code: Anatomy) -> list[dict[str, str]]:
    """Return the formula with the learner's numbers, in pieces to be coloured.

    Each piece has ``text`` and may have ``field``, ``sup`` (raised) and ``sub``.
    """
    fmt = code.fmt
    if code.exponent is None or code.significand is None:
        _, _, rule = code.formula.partition(": ")
        return [{"text": f"{short(code.value)}: {rule}"}]
    is_small = code.kind in ("zero", "subnormal")
    pieces: list[dict[str, str]] = []
    if fmt.is_signed:
        pieces += [{"text": "(-1)", "sup": str(code.sign), "field": "sign"}, _times()]
    field = 1 if is_small else code.exponent_field
    pieces.append({"text": "2", "sup": f"{field} - {fmt.bias}", "field": "exponent"})
    if fmt.mantissa_bits:
        digits = f"{code.mantissa_field:0{fmt.mantissa_bits}b}"
        text = f"{0 if is_small else 1}.{digits}"
        pieces += [_times(), {"text": text, "sub": "2", "field": "mantissa"}]
    power = f"2{superscript(code.exponent)}"
    sign = "-" if code.sign else ""
    product = f"{sign}{power} × {short(code.significand, 9)}"
    middle = f" = {product}" if fmt.mantissa_bits else ""
    return [*pieces, {"text": f"{middle} = {value_text(code.value)}"}]


def _times() -> dict[str, str]:
    return {"text": " × "}


def kind_text(code: Anatomy) -> str:
    """Say what sort of code this is, and whether it is an end of the format."""
    fmt, magnitude = code.fmt, code.code & code.fmt.magnitude_mask
    if code.kind == "nan":
        return "NaN"
    ends = {
        fmt.max_code: "largest value",
        1: "smallest value",
        1 << fmt.mantissa_bits: "smallest normal value",
    }
    if not fmt.has_zero:
        ends[0] = "smallest value"
        del ends[1]
    end = ends.get(magnitude)
    return f"{code.kind}, {end}" if end else code.kind


def neighbours(code: Anatomy) -> dict[str, dict[str, Any] | None]:
    """Return the codes that the step buttons go to: ``previous`` and ``next``."""
    fmt = code.fmt
    found = [c for c in (code.previous_code, code.next_code) if c is not None]
    values = [explain(near, fmt).value for near in found]
    texts = dict(zip(found, distinct([*values, code.value], 6), strict=False))

    def button(near: int | None) -> dict[str, Any] | None:
        if near is None:
            return None
        bits, text = f"{near:0{fmt.bits}b}", texts[near]
        return {"bits": bits, "hex": code_text(near, fmt), "value": text}

    return {"previous": button(code.previous_code), "next": button(code.next_code)}


def strip(code: Anatomy, asked: float | None) -> dict[str, Any] | None:
    """Return the code among its neighbours on a linear strip, None for specials.

    Positions are fractions of the strip: two values on either side where they exist,
    the rounding bin of the code, and the number that was asked for.
    """
    if not math.isfinite(code.value):
        return None
    around = _around(code)
    low, high = around[0].value, around[-1].value
    length = (high - low) or 1.0
    pad = 0.09

    def place(value: float) -> float:
        return round(pad + (1 - 2 * pad) * (value - low) / length, 5)

    me = around.index(code)
    border = overflow_border(code.fmt)
    # At either end of the format the bin goes on to where overflow begins.
    below = around[me - 1].value if me else -2 * border - code.value
    above = around[me + 1].value if me + 1 < len(around) else 2 * border - code.value
    edges = [(code.value + other) / 2 for other in (below, above)]
    texts = distinct([each.value for each in around])
    return {
        "ticks": [
            {
                "at": place(each.value),
                "value": text,
                "hex": code_text(each.code, code.fmt),
                "here": each is code,
            }
            for each, text in zip(around, texts, strict=True)
        ],
        "bin": [_inside(place(edge)) for edge in edges],
        "asked": _inside(place(asked)) if asked is not None else None,
    }


def _inside(at: float) -> float:
    return min(max(at, 0.0), 1.0)


def _around(code: Anatomy) -> list[Anatomy]:
    """Two finite neighbours on either side, in ascending order."""
    found = [code]
    for _ in range(2):
        for end, place in ((found[0].previous_code, 0), (found[-1].next_code, None)):
            if end is not None:
                near = explain(end, code.fmt)
                if math.isfinite(near.value):
                    found.insert(len(found) if place is None else place, near)
    return found
