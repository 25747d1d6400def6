"""Numbers as text: what a learner types, and what a picture says.

JSON has no NaN and no infinity, and JavaScript must not redo our arithmetic, so every
number of a state that may be special, and every decimal shown, is text made here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from fp8lab.formats import FloatFormat

__all__ = [
    "code_parts",
    "code_text",
    "distinct",
    "parse_number",
    "percent",
    "power_text",
    "ratio_text",
    "short",
    "signed_short",
    "superscript",
    "value_text",
]

_DECIMAL = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_POWER = re.compile(rf"(?:({_DECIMAL})\s*[*x×]\s*|([+-]?))2\s*(?:\^|\*\*)\s*([+-]?\d+)")
_FRACTION = re.compile(rf"({_DECIMAL})\s*/\s*({_DECIMAL})")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SPECIAL = re.compile(r"([+-]?)(inf|infinity|∞|nan)")


def parse_number(text: str | float) -> float:
    """Return the number that a learner typed, as float64.

    ``"nan"``, ``"-nan"``, ``"inf"`` and ``"-inf"`` are numbers here; a NaN keeps its
    sign.

    Parameters
    ----------
    text
        A decimal (``"-1.5e3"``), a power of two (``"2^-9"``, ``"1.5*2^4"``), a fraction
        (``"1/3"``), a special, or a Python number.

    Raises
    ------
    ValueError
        The text is none of these; the message says what is allowed.
    """
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        return float(text)
    clean = str(text).strip().lower().replace("−", "-")
    if special := _SPECIAL.fullmatch(clean):
        name = math.nan if special[2] == "nan" else math.inf
        return math.copysign(name, -1.0 if special[1] == "-" else 1.0)
    value = _finite(clean)
    if value is not None and math.isfinite(value):
        return value
    if value is not None:
        raise ValueError(f"{clean} is too large for a float64; write inf for infinity")
    raise ValueError(
        f"{_quoted(text)} is not a number; type a decimal like 0.3, a power like 2^-9, "
        "a fraction like 1/3, inf or nan"
    )


def _finite(clean: str) -> float | None:
    """Read the forms that are not specials; infinity says too large."""
    try:
        if power := _POWER.fullmatch(clean):
            return math.ldexp(float(power[1] or f"{power[2]}1"), int(power[3]))
        if fraction := _FRACTION.fullmatch(clean):
            return float(fraction[1]) / float(fraction[2])
        return float(clean) if re.fullmatch(_DECIMAL, clean) else None
    except OverflowError:
        return math.inf
    except ZeroDivisionError:
        return None


def value_text(value: float) -> str:
    """Return the shortest text that `parse_number` reads back as the same float64."""
    if math.isnan(value):
        return "-nan" if math.copysign(1.0, value) < 0 else "nan"
    return repr(float(value)).removesuffix(".0").replace("e-0", "e-")


def short(value: float, digits: int = 6) -> str:
    """Return a number for reading: ``digits`` significant digits, specials by name."""
    if math.isnan(value):
        return "-NaN" if math.copysign(1.0, value) < 0 else "NaN"
    if math.isinf(value):
        return "-Inf" if value < 0 else "Inf"
    return f"{value:.{digits}g}".replace("e-0", "e-").replace("e+0", "e+")


def distinct(values: Sequence[float], digits: int = 5) -> list[str]:
    """Return numbers for reading, with digits enough to tell them apart."""
    for count in range(digits, 18):
        texts = [short(value, count) for value in values]
        if len(set(texts)) == len(set(values)):
            return texts
    return [value_text(value) for value in values]


def signed_short(value: float, digits: int = 3) -> str:
    """Return a number with its sign, for differences: ``"+0.5"``, ``"0"``."""
    if value == 0:
        return "0"
    return ("+" if value > 0 else "") + short(value, digits)


def percent(part: float, digits: int = 3) -> str:
    """Return a fraction as a percentage: ``0.0625`` gives ``"6.25 %"``."""
    return f"{short(100 * part, digits)} %"


def ratio_text(error: float, reference: float) -> str:
    """Return a relative error as a signed percentage, a dash where it has none."""
    if not (math.isfinite(error) and math.isfinite(reference)) or reference == 0:
        return "–"
    ratio = error / abs(reference)
    return "0 %" if ratio == 0 else f"{signed_short(100 * ratio)} %"


def power_text(value: float) -> str | None:
    """Return ``"2⁻⁹"`` for a power of two, either sign; None for any other number."""
    significand, exponent = math.frexp(abs(value))
    if significand != 0.5:
        return None
    return f"{'-' if value < 0 else ''}2{superscript(exponent - 1)}"


def superscript(exponent: int) -> str:
    """Return an integer in raised digits."""
    return str(exponent).translate(_RAISED)


def code_text(code: int, fmt: FloatFormat) -> str:
    """Return a code in hexadecimal, all its digits: ``"0x7e"``."""
    return f"0x{code:0{-(-fmt.bits // 4)}x}"


def code_parts(code: int, fmt: FloatFormat) -> list[list[str]]:
    """Return the fields to colour: ``[["sign", "0"], ["exponent", "1111"], ...]``."""
    digits, at = f"{code:0{fmt.bits}b}", 0
    parts = []
    for name, width in (
        ("sign", int(fmt.is_signed)),
        ("exponent", fmt.exponent_bits),
        ("mantissa", fmt.mantissa_bits),
    ):
        if width:
            parts.append([name, digits[at : at + width]])
        at += width
    return parts


def _quoted(text: object) -> str:
    shown = str(text).strip()
    return f'"{shown[:40]}"' if shown else "An empty field"
