"""Which stack gives which byte: one input through every overflow and NaN policy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fp8lab.codec import decode, encode
from fp8lab.formats import FloatFormat, Specials, format_of
from fp8lab.policies import POLICIES
from fp8lab.states.axis import border_overflows, overflow_border
from fp8lab.states.numbers import (
    code_parts,
    code_text,
    parse_number,
    power_text,
    short,
    value_text,
)

__all__ = ["CHOICES", "stacks_state"]

#: The formats that have more than one policy: those of at most 8 bits.
CHOICES = (
    *("E4M3FN", "E5M2", "E4M3FNUZ", "E5M2FNUZ", "E8M0FNU", "E2M1FN"),
    *("E2M3FN", "E3M2FN", "E4M3", "E3M4", "E4M3B11FNUZ"),
)

PRESETS = (
    ("E4M3FN's border", ("447", "464", "465", "1000")),
    ("E5M2's border", ("57344", "61439", "61440")),
    ("Specials", ("inf", "-inf", "nan", "-nan", "-0")),
    ("Underflow", ("2^-10", "-2^-18")),
)

RULES = {
    "cuda": "Saturates, infinity too; NaN loses its sign",
    "torch": "Saturates in E4M3FN only; NaN keeps its sign",
    "torch-2.11": "Does not saturate; the NaN of E5M2 is 0x7f",
    "ml_dtypes": "Does not saturate; the NaN of E5M2 is 0x7e",
    "onnx": "Saturates, infinity too; NaN keeps its sign",
    "onnx-nosat": "Does not saturate; the NaN of E5M2 is 0x7f",
}


def stacks_state(
    text: str | float = "465",
    formats: Sequence[str] = ("E4M3FN", "E5M2"),
    live: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the picture of one input in every policy.

    Every special is a valid input; NaN keeps its sign. The input is rounded to float32
    first, since that is what the stacks are given in practice.

    Parameters
    ----------
    text
        What the learner typed; `fp8lab.states.numbers.parse_number` reads it.
    formats
        The columns: names out of `CHOICES`.
    live
        Codes that the installed libraries gave for this very input, found by the host:
        ``{policy: {"library": "torch 2.13.0", "codes": {"E4M3FN": 126}}}``.

    Returns
    -------
    dict
        ``columns``, ``rows`` of cells, ``presets``, ``choices``, ``summary``. Cells of
        a column with the same ``group`` hold the same byte.

    Raises
    ------
    ValueError
        The text is not a number, no format is chosen, or a format is not in `CHOICES`.
    """
    x = to_float32(text)
    chosen = [_choice(name) for name in formats]
    if not chosen:
        raise ValueError(f"no format is chosen; choose from {', '.join(CHOICES)}")
    columns = [_column(x, fmt, live or {}) for fmt in chosen]
    return {
        "text": str(text),
        "value": value_text(float(x)),
        "note": _note(text, x),
        "presets": [{"label": label, "texts": list(texts)} for label, texts in PRESETS],
        "choices": [{"name": name, "chosen": name in formats} for name in CHOICES],
        "columns": [column for column, _ in columns],
        "rows": [
            {
                "policy": policy.name,
                "stands_for": policy.stands_for,
                "rule": RULES[policy.name],
                "cells": [cells[i] for _, cells in columns],
            }
            for i, policy in enumerate(POLICIES.values())
        ],
        "libraries": sorted({str(entry["library"]) for entry in (live or {}).values()}),
        "summary": _summary(str(text).strip(), columns),
    }


def to_float32(text: str | float) -> np.float32:
    """Return the float32 that every stack is given for this text."""
    value = parse_number(text)
    with np.errstate(over="ignore", under="ignore"):
        # The sign of a NaN is not kept by a conversion on every machine.
        return np.copysign(np.float32(value), np.float32(math.copysign(1.0, value)))


def _choice(name: str) -> FloatFormat:
    fmt = format_of(name)
    if fmt.short not in CHOICES:
        raise ValueError(f"{fmt} has one policy only; choose from {', '.join(CHOICES)}")
    return fmt


def _note(text: str | float, x: np.float32) -> str:
    value = parse_number(text)
    if math.isnan(value) or float(x) == value:
        return ""
    return f"Stacks are given float32: {short(float(x), 9)}"


def _column(
    x: np.float32, fmt: FloatFormat, live: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    codes = {name: int(encode(x, fmt, policy=name)) for name in POLICIES}
    groups = list(dict.fromkeys(codes.values()))
    cells = [
        {
            "hex": code_text(code, fmt),
            "parts": code_parts(code, fmt),
            "value": short(float(decode(code, fmt)), 9),
            "group": groups.index(code),
            "live": _live(live.get(name), fmt, code),
        }
        for name, code in codes.items()
    ]
    count = len(groups)
    column = {
        "format": fmt.short,
        "limit": f"max {power_text(fmt.max) or short(fmt.max)}",
        "agree": count == 1,
        "verdict": "all agree" if count == 1 else f"{count} bytes",
        "cause": _cause(float(x), fmt),
        "by_group": [
            {
                "hex": code_text(code, fmt),
                "value": short(float(decode(code, fmt)), 9),
                "policies": [name for name, given in codes.items() if given == code],
            }
            for code in groups
        ],
    }
    return column, cells


def _live(
    entry: Mapping[str, Any] | None, fmt: FloatFormat, code: int
) -> dict[str, Any] | None:
    given = None if entry is None else entry["codes"].get(fmt.short)
    if entry is None or given is None:
        return None
    return {
        "library": str(entry["library"]),
        "hex": code_text(int(given), fmt),
        "same": int(given) == code,
    }


def _cause(x: float, fmt: FloatFormat) -> str:
    """Say what decides the byte: rounding alone, or the policy."""
    lacks = "" if fmt.nan_codes else f", and {fmt} has no NaN"
    if math.isnan(x):
        return f"NaN{lacks}: the policy decides."
    if math.isinf(x):
        return f"Infinity{lacks}: the policy decides."
    if math.copysign(1.0, x) < 0 and not fmt.is_signed:
        return f"{fmt} has no sign: the policy decides."
    if x == 0:
        return _zero(fmt)
    border, at_border = overflow_border(fmt), border_overflows(fmt)
    begins = f"overflow begins {'at' if at_border else 'above'} {short(border, 9)}"
    if abs(x) > border or (abs(x) == border and at_border):
        if not fmt.nan_codes:
            return f"Overflow, and {fmt} has no NaN: max in every stack."
        return f"Overflow: the policy decides ({begins})."
    if abs(x) > fmt.max:
        return f"Past max, yet it rounds to max ({begins})."
    return f"In range: rounding alone decides ({begins})."


def _zero(fmt: FloatFormat) -> str:
    if not fmt.has_zero:
        return f"{fmt} has no zero: the policy decides."
    if fmt.specials is Specials.NEGATIVE_ZERO:
        return f"{fmt} has one zero, without a sign."
    return "Zero keeps its sign in every stack."


def _summary(
    text: str, columns: list[tuple[dict[str, Any], list[dict[str, Any]]]]
) -> str:
    parts = []
    for column, _ in columns:
        groups = column["by_group"]
        if column["agree"]:
            said = f"every stack gives {groups[0]['hex']} ({groups[0]['value']})"
        else:
            said = "; ".join(
                f"{_names(g['policies'])} give{'s' * (len(g['policies']) == 1)} "
                f"{g['hex']} ({g['value']})"
                for g in groups
            )
        parts.append(f"{column['format']}: {said}.")
    return f"{text} in " + " ".join(parts)


def _names(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
