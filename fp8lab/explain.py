"""The anatomy of one code: its fields, its value, its neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fp8lab.formats import E4M3FN, FloatFormat, format_of
from fp8lab.rounding import decode_reference

__all__ = ["Anatomy", "explain"]


@dataclass(frozen=True, repr=False)
class Anatomy:
    """Everything a code says. Made by `explain`.

    Attributes
    ----------
    code, fmt
        What was asked about.
    bits
        The fields, separated by spaces: ``"0 1111 110"``.
    sign, exponent_field, mantissa_field
        The fields as integers; sign is 0 where the format has none.
    kind
        ``"zero"``, ``"subnormal"``, ``"normal"``, ``"infinity"`` or ``"nan"``.
    exponent, significand
        value = (-1)**sign * significand * 2**exponent; None for infinity and NaN.
    value
        The number itself.
    previous_code, next_code
        Codes of the next smaller and next larger value (-0 and +0 count once); None at
        the ends and for NaN. An infinity is a neighbour of the largest number.
    ulp
        Distance to the next larger magnitude, None for infinity and NaN.
    formula
        The value written out.
    """

    code: int
    fmt: FloatFormat
    bits: str
    sign: int
    exponent_field: int
    mantissa_field: int
    kind: str
    exponent: int | None
    significand: float | None
    value: float
    previous_code: int | None
    next_code: int | None
    ulp: float | None
    formula: str

    def __repr__(self) -> str:
        digits = -(-self.fmt.bits // 4)
        lines = [f"{self.fmt} 0x{self.code:0{digits}x} = {self.bits} ({self.kind})"]
        lines.append(f"  value      {self.formula}")
        if self.ulp is not None:
            lines.append(f"  ulp        {self.ulp:.9g}")
        near = [
            "none"
            if code is None
            else f"{_value(code, self.fmt):.9g} (0x{code:0{digits}x})"
            for code in (self.previous_code, self.next_code)
        ]
        lines.append(f"  neighbours {near[0]} and {near[1]}")
        return "\n".join(lines)


def explain(code: int, fmt: FloatFormat | str = E4M3FN) -> Anatomy:
    """Take a code apart.

    Parameters
    ----------
    code
        An integer from 0 to ``fmt.code_count - 1``.
    fmt
        A format or its name.

    Raises
    ------
    ValueError
        ``code`` is no integer or out of range.
    """
    fmt = format_of(fmt)
    if isinstance(code, bool) or not isinstance(code, (int, np.integer)):
        raise ValueError(f"code is {code!r}; give an integer (encode makes one)")
    code = int(code)
    if not 0 <= code < fmt.code_count:
        raise ValueError(f"{fmt} has codes 0 to {fmt.code_count - 1}; got {code}")
    sign = int(bool(code & fmt.sign_mask))
    field = (code & fmt.magnitude_mask) >> fmt.mantissa_bits
    mantissa = code & fmt.mantissa_mask
    kind = _kind(code, fmt)
    finite = kind not in ("infinity", "nan")
    hidden = 0 if field == 0 and fmt.has_zero else 1
    exponent = max(field - fmt.bias, fmt.emin)
    value = _value(code, fmt)
    previous_code, next_code = _neighbours(code, fmt) if kind != "nan" else (None, None)
    return Anatomy(
        code=code,
        fmt=fmt,
        bits=_split_bits(code, fmt),
        sign=sign,
        exponent_field=field,
        mantissa_field=mantissa,
        kind=kind,
        exponent=exponent if finite else None,
        significand=hidden + mantissa * fmt.eps if finite else None,
        value=value,
        previous_code=previous_code,
        next_code=next_code,
        ulp=2.0 ** (exponent - fmt.mantissa_bits) if finite else None,
        formula=_formula(sign, hidden, mantissa, exponent, value, fmt)
        if finite
        else f"{value} by the format's rule: {_rule(fmt)}",
    )


def _value(code: int, fmt: FloatFormat) -> float:
    return float(decode_reference(np.array(code), fmt))


def _kind(code: int, fmt: FloatFormat) -> str:
    if fmt.is_nan_code(code):
        return "nan"
    magnitude = code & fmt.magnitude_mask
    if magnitude == fmt.infinity_code:
        return "infinity"
    if not fmt.has_zero or magnitude >> fmt.mantissa_bits:
        return "normal"
    return "subnormal" if magnitude else "zero"


def _split_bits(code: int, fmt: FloatFormat) -> str:
    text = f"{code:0{fmt.bits}b}"
    head = int(fmt.is_signed)
    parts = (text[:head], text[head : head + fmt.exponent_bits])
    return " ".join(p for p in (*parts, text[head + fmt.exponent_bits :]) if p)


def _formula(
    sign: int, hidden: int, mantissa: int, exponent: int, value: float, fmt: FloatFormat
) -> str:
    digits = f"{mantissa:0{fmt.mantissa_bits}b}" if fmt.mantissa_bits else "0"
    significand = hidden + mantissa * fmt.eps
    minus = "-" if sign else ""
    return (
        f"{minus}{hidden}.{digits}b x 2^{exponent} = "
        f"{minus}{significand:.9g} x 2^{exponent} = {value:.9g}"
    )


def _rule(fmt: FloatFormat) -> str:
    if fmt.infinity_code is not None:
        return "the all-ones exponent holds infinity and NaN"
    if fmt.is_signed and fmt.is_nan_code(fmt.sign_mask):
        return "the code of -0 is the NaN"
    return "the all-ones code is the NaN"


def _neighbours(code: int, fmt: FloatFormat) -> tuple[int | None, int | None]:
    """Codes one step down and one step up in value."""
    top = fmt.max_code if fmt.infinity_code is None else fmt.infinity_code
    magnitude = code & fmt.magnitude_mask
    outward = magnitude + 1 if magnitude < top else None
    if magnitude == 0 and fmt.has_zero:
        return (None if outward is None else fmt.sign_mask | 1), outward
    inward = magnitude - 1 if magnitude else None
    if not code & fmt.sign_mask:
        return inward, outward
    # The step from the smallest negative number is to zero, and zero is written +0.
    up = fmt.sign_mask | inward if inward else 0
    return (None if outward is None else fmt.sign_mask | outward), up
