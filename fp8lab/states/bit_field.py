"""What number is this code, and what surrounds it: one code taken apart."""

from __future__ import annotations

import math
import re
from typing import Any

from fp8lab.codec import decode, encode
from fp8lab.explain import Anatomy, explain
from fp8lab.formats import ALL_FORMATS, FloatFormat, format_of
from fp8lab.states.axis import overflow_border
from fp8lab.states.numbers import (
    code_parts,
    code_text,
    parse_number,
    ratio_text,
    short,
    signed_short,
    value_text,
)
from fp8lab.states.written import fields, formula, kind_text, neighbours, strip

__all__ = ["KINDS", "bit_field_state"]

#: What a text can be.
KINDS = ("value", "bits", "hex", "code")

#: The formats in which the same value is shown.
BESIDE = (
    *("FP32", "BF16", "FP16", "E5M2", "E4M3FN", "E4M3FNUZ"),
    *("E3M2FN", "E2M3FN", "E2M1FN", "E8M0FNU"),
)


def bit_field_state(
    format: str = "E4M3FN",  # noqa: A002 - the word that the learner reads
    *,
    code: int | None = None,
    text: str | float | None = None,
    kind: str = "value",
    policy: str = "cuda",
) -> dict[str, Any]:
    """Return one code taken apart, and the same value in the other formats.

    A value that the format does not hold is rounded to nearest even; overflow, infinity
    and NaN follow ``policy``. Without ``code`` and ``text`` the value is 0.3.

    Parameters
    ----------
    format
        Any format's name.
    code
        The code as an integer; or else:
    text, kind
        What the learner typed, and what it is: a ``"value"`` (also ``0x...`` and
        ``0b...``), ``"bits"``, ``"hex"`` or ``"code"`` (a decimal integer).
    policy
        A name of `fp8lab.policies.POLICIES`.

    Returns
    -------
    dict
        ``code``, ``hex``, ``bits``, ``value``, ``fields``, ``formula``, ``previous``
        and ``next``, ``strip``, ``asked`` (where the typed value was rounded),
        ``others``, ``reference`` (the value as text, to ask another format for).

    Raises
    ------
    ValueError
        Both ``code`` and ``text``, an unknown name, or a text that cannot be read.
    """
    fmt = format_of(format)
    if code is not None and text is not None:
        raise ValueError("both code and text are given; give one of them")
    asked: float | None = None
    if code is None:
        code, asked = _read(0.3 if text is None else text, kind, fmt, policy)
    anatomy = explain(code, fmt)
    reference = anatomy.value if asked is None else asked
    rounding = _rounding(anatomy, asked)
    return {
        "format": fmt.short,
        "choices": [each.short for each in ALL_FORMATS],
        "layout": f"{fmt.layout}; bias {fmt.bias}. {fmt.note}.",
        "code": anatomy.code,
        "hex": code_text(anatomy.code, fmt),
        "bits": anatomy.bits,
        "value": value_text(anatomy.value),
        "value_short": short(anatomy.value, 9),
        "kind": anatomy.kind,
        "kind_text": kind_text(anatomy),
        "fields": fields(anatomy),
        "formula": formula(anatomy),
        **neighbours(anatomy),
        "ulp": "" if anatomy.ulp is None else short(anatomy.ulp),
        "strip": strip(anatomy, asked if rounding else None),
        "asked": rounding,
        "reference": value_text(reference),
        "others": _others(reference, fmt, anatomy.code, policy),
        "summary": _summary(anatomy, asked, policy),
    }


def _read(
    text: str | float, kind: str, fmt: FloatFormat, policy: str
) -> tuple[int, float | None]:
    """Return the code that a text means, and the real number it asked for, if any."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; use one of {', '.join(KINDS)}")
    clean = re.sub(r"[\s_]", "", str(text).lower())
    if kind == "bits" or clean.startswith("0b"):
        return _read_bits(clean.removeprefix("0b"), fmt), None
    if kind == "hex" or clean.startswith("0x"):
        return _read_integer(clean.removeprefix("0x"), 16, fmt), None
    if kind == "code":
        return _read_integer(clean, 10, fmt), None
    try:
        asked = parse_number(text)
    except ValueError as refused:
        raise ValueError(
            f"{refused}; or a code: hex like {code_text(fmt.max_code, fmt)}, "
            f"bits like 0b{fmt.max_code:0{fmt.bits}b}"
        ) from None
    return int(encode(asked, fmt, policy=policy)), asked


def _read_bits(digits: str, fmt: FloatFormat) -> int:
    if not re.fullmatch("[01]+", digits) or len(digits) != fmt.bits:
        raise ValueError(
            f'"{digits[:40]}" is not a code of {fmt}; type {fmt.bits} digits 0 or 1, '
            f"like {explain(fmt.max_code, fmt).bits}"
        )
    return int(digits, 2)


def _read_integer(digits: str, base: int, fmt: FloatFormat) -> int:
    try:
        code = int(digits, base)
    except ValueError:
        code = -1
    if not 0 <= code < fmt.code_count:
        top = fmt.code_count - 1
        last = code_text(top, fmt) if base == 16 else str(top)
        first = code_text(0, fmt) if base == 16 else "0"
        raise ValueError(
            f'"{digits[:40]}" is not a code of {fmt}; type one from {first} to {last}'
        )
    return code


def _rounding(code: Anatomy, asked: float | None) -> dict[str, str] | None:
    """Say what became of a typed value that the format does not hold."""
    if asked is None or asked == code.value or math.isnan(asked):
        return None
    error = code.value - asked
    known = math.isfinite(error)
    ulps = error / code.ulp if known and code.ulp else math.nan
    return {
        "value": short(asked, 9),
        "error": signed_short(error) if known else "–",
        "relative": ratio_text(error, asked),
        "ulp": signed_short(ulps) if known else "–",
    }


def _others(
    reference: float, here: FloatFormat, code: int, policy: str
) -> list[dict[str, Any]]:
    names = [*BESIDE] if here.short in BESIDE else [here.short, *BESIDE]
    return [_beside(reference, format_of(name), here, code, policy) for name in names]


def _beside(
    reference: float, fmt: FloatFormat, here: FloatFormat, code: int, policy: str
) -> dict[str, Any]:
    is_here = fmt is here
    there = code if is_here else int(encode(reference, fmt, policy=policy))
    value = float(decode(there, fmt, dtype="float64"))
    same = value == reference or (math.isnan(value) and math.isnan(reference))
    return {
        "format": fmt.short,
        "hex": code_text(there, fmt),
        "parts": code_parts(there, fmt),
        "value": short(value, 7),
        "error": "exact" if same else ratio_text(value - reference, reference),
        "here": is_here,
    }


def _summary(code: Anatomy, asked: float | None, policy: str) -> str:
    fmt, value = code.fmt, short(code.value, 9)
    name = f"{code_text(code.code, fmt)} in {fmt}"
    if code.kind in ("nan", "infinity"):
        what = f"{name} is {value}."
    else:
        what = f"{name} is {value} ({kind_text(code)})."
    rounding = _rounding(code, asked)
    if asked is None or rounding is None:
        return what
    wish = rounding["value"]
    if abs(asked) > overflow_border(fmt):
        return (
            f"{what} {wish} is past the largest value: policy {policy} makes it this."
        )
    return (
        f"{what} {wish} was rounded to it: error {rounding['error']}, "
        f"{rounding['ulp']} ulp ({rounding['relative']})."
    )
