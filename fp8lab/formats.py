"""What a small floating-point format *is*: a frozen record whose limits are derived.

A format is nine facts (how many bits for what, the bias, which codes are special).
Everything else (largest value, smallest subnormal, spacing at 1, where infinity
lives) follows from them by arithmetic, so no limit is typed in twice.

Sources: OCP OFP8 v1.0 (E4M3, E5M2), OCP MX v1.0 (E8M0, FP6, FP4), IEEE 754-2019
(binary16, binary32), and the format list of ml_dtypes for the FNUZ, B11 and IEEE-style
variants.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

__all__ = [
    "ALL_FORMATS",
    "BF16",
    "E2M1FN",
    "E2M3FN",
    "E3M2FN",
    "E3M4",
    "E4M3",
    "E4M3B11FNUZ",
    "E4M3FN",
    "E4M3FNUZ",
    "E5M2",
    "E5M2FNUZ",
    "E8M0FNU",
    "FP16",
    "FP32",
    "TF32",
    "FloatFormat",
    "Specials",
    "format_of",
    "format_table",
]


class Specials(StrEnum):
    """Which codes of a format are not ordinary numbers."""

    IEEE = "ieee"
    """All-ones exponent: infinity at mantissa 0, NaN elsewhere (FP16, E5M2)."""
    TOP = "top"
    """One NaN magnitude, the all-ones code; no infinity (E4M3FN, E8M0FNU)."""
    NEGATIVE_ZERO = "negative-zero"
    """The code of -0 is the only NaN; no infinity, no -0 (the FNUZ formats)."""
    NONE = "none"
    """Every code is a finite number (FP6, FP4)."""


@dataclass(frozen=True, repr=False)
class FloatFormat:
    """A binary floating-point format with at most 32 bits.

    A *code* is the integer whose bits are, from the top, sign, exponent, mantissa.
    Exponent field 0 holds zero and the subnormals, unless ``has_zero`` is false.

    Parameters
    ----------
    name
        The field's dtype name, for example ``"float8_e4m3fn"``.
    short
        The name people say, for example ``"E4M3FN"``.
    exponent_bits, mantissa_bits
        Widths of the two fields.
    bias
        Subtracted from the exponent field of a normal number.
    specials
        Which codes are infinity or NaN; see `Specials`.
    is_signed
        False only for E8M0, which is nothing but an exponent.
    has_zero
        False only for E8M0: its code 0 is 2**-127.
    note
        One sentence on where the format is used.
    """

    name: str
    short: str
    exponent_bits: int
    mantissa_bits: int
    bias: int
    specials: Specials
    is_signed: bool = True
    has_zero: bool = True
    note: str = ""

    @cached_property
    def bits(self) -> int:
        """Width of a code."""
        return self.is_signed + self.exponent_bits + self.mantissa_bits

    @cached_property
    def code_dtype(self) -> np.dtype:
        """The smallest unsigned NumPy dtype that holds a code."""
        width = 8 if self.bits <= 8 else 16 if self.bits <= 16 else 32
        return np.dtype(f"uint{width}")

    @cached_property
    def code_count(self) -> int:
        """Number of codes, 2**bits."""
        return 1 << self.bits

    @cached_property
    def sign_mask(self) -> int:
        """The sign bit as a code, 0 for an unsigned format."""
        return 1 << (self.bits - 1) if self.is_signed else 0

    @cached_property
    def magnitude_mask(self) -> int:
        """Every bit but the sign."""
        return (1 << (self.exponent_bits + self.mantissa_bits)) - 1

    @cached_property
    def mantissa_mask(self) -> int:
        """The mantissa field as a mask."""
        return (1 << self.mantissa_bits) - 1

    @cached_property
    def max_code(self) -> int:
        """Code of the largest finite number."""
        if self.specials is Specials.IEEE:
            return (self.magnitude_mask ^ self.mantissa_mask) - 1
        return self.magnitude_mask - (self.specials is Specials.TOP)

    @cached_property
    def infinity_code(self) -> int | None:
        """Code of +infinity, None where the format has no infinity."""
        return self.max_code + 1 if self.specials is Specials.IEEE else None

    @cached_property
    def nan_codes(self) -> tuple[int, ...]:
        """Every code that is a NaN, in ascending order (eager: at most 2**24 - 2)."""
        if self.specials is Specials.NONE:
            return ()
        if self.specials is Specials.NEGATIVE_ZERO:
            return (self.sign_mask,)
        first = self.max_code + (2 if self.specials is Specials.IEEE else 1)
        positive = range(first, self.magnitude_mask + 1)
        signs = (0, self.sign_mask) if self.is_signed else (0,)
        return tuple(sign | code for sign in signs for code in positive)

    @cached_property
    def emin(self) -> int:
        """Exponent of the smallest normal number (OCP: Emin)."""
        return (1 if self.has_zero else 0) - self.bias

    @cached_property
    def emax(self) -> int:
        """Exponent of the largest finite number (OCP: Emax)."""
        return (self.max_code >> self.mantissa_bits) - self.bias

    @cached_property
    def max(self) -> float:
        """Largest finite number."""
        return self.magnitude(self.max_code)

    @cached_property
    def overflow_threshold(self) -> float:
        """Magnitudes below here still round to `max`: max + half its ulp.

        The tie itself goes to the even code: to `max` in E4M3FN, beyond it in E5M2.
        """
        return self.max + 2.0 ** (self.emax - self.mantissa_bits - 1)

    @cached_property
    def smallest_normal(self) -> float:
        """Smallest number with a full mantissa."""
        return 2.0**self.emin

    @cached_property
    def smallest_subnormal(self) -> float:
        """Smallest positive number. Equals `smallest_normal` where there are none."""
        return 2.0 ** (self.emin - self.mantissa_bits)

    @cached_property
    def eps(self) -> float:
        """Distance from 1 to the next larger number."""
        return 2.0**-self.mantissa_bits

    def magnitude(self, code: int) -> float:
        """Value of a finite code with its sign bit ignored.

        This line *is* the format: exponent field 0 has no implicit leading one and
        uses the smallest exponent; any other field adds the leading one.
        """
        field = (code & self.magnitude_mask) >> self.mantissa_bits
        mantissa = code & self.mantissa_mask
        if field == 0 and self.has_zero:
            return mantissa * self.smallest_subnormal
        return (1 + mantissa * self.eps) * 2.0 ** (field - self.bias)

    def is_nan_code(self, code: int) -> bool:
        """Whether ``code`` is a NaN, without listing them all."""
        if self.specials is Specials.NONE:
            return False
        if self.specials is Specials.NEGATIVE_ZERO:
            return code == self.sign_mask
        top = self.max_code if self.infinity_code is None else self.infinity_code
        return (code & self.magnitude_mask) > top

    @property
    def layout(self) -> str:
        """The fields in words: ``"1 sign, 4 exponent, 3 mantissa bits"``."""
        sign = "1 sign" if self.is_signed else "no sign"
        return (
            f"{sign}, {self.exponent_bits} exponent, {self.mantissa_bits} mantissa bits"
        )

    def __str__(self) -> str:
        return self.short

    def __repr__(self) -> str:
        infinity = "no infinity" if self.infinity_code is None else "infinity"
        nans = _NAN_WORDS[self.specials]
        return (
            f"<{self.short} ({self.name}): {self.layout}, bias {self.bias}; "
            f"max {self.max:.6g}, smallest normal 2^{self.emin}, "
            f"smallest subnormal 2^{self.emin - self.mantissa_bits}, "
            f"eps 2^-{self.mantissa_bits}; {infinity}, {nans}>"
        )


_NAN_WORDS = {
    Specials.IEEE: "NaN at the all-ones exponent",
    Specials.TOP: "NaN only at the all-ones code",
    Specials.NEGATIVE_ZERO: "NaN at the code of -0",
    Specials.NONE: "no NaN",
}

_IEEE, _TOP = Specials.IEEE, Specials.TOP
_NZ, _NONE = Specials.NEGATIVE_ZERO, Specials.NONE

FP32 = FloatFormat(
    "float32", "FP32", 8, 23, 127, _IEEE, note="IEEE binary32: accumulators and scales"
)
TF32 = FloatFormat(
    "tfloat32", "TF32", 8, 10, 127, _IEEE, note="Tensor-core input: FP32 cut to 19 bits"
)
BF16 = FloatFormat(
    "bfloat16", "BF16", 8, 7, 127, _IEEE, note="The top half of FP32: most checkpoints"
)
FP16 = FloatFormat(
    "float16",
    "FP16",
    5,
    10,
    15,
    _IEEE,
    note="IEEE binary16: precise, overflows at 65504",
)
E5M2 = FloatFormat(
    "float8_e5m2", "E5M2", 5, 2, 15, _IEEE, note="OCP FP8: FP16's range, for gradients"
)
E4M3FN = FloatFormat(
    "float8_e4m3fn", "E4M3FN", 4, 3, 7, _TOP, note="OCP FP8: weights and activations"
)
E4M3 = FloatFormat(
    "float8_e4m3", "E4M3", 4, 3, 7, _IEEE, note="IEEE-style E4M3: infinity costs 448"
)
E3M4 = FloatFormat(
    "float8_e3m4", "E3M4", 3, 4, 3, _IEEE, note="IEEE-style: one more mantissa bit"
)
E4M3FNUZ = FloatFormat(
    "float8_e4m3fnuz", "E4M3FNUZ", 4, 3, 8, _NZ, note="AMD MI300's E4M3: max 240"
)
E5M2FNUZ = FloatFormat(
    "float8_e5m2fnuz", "E5M2FNUZ", 5, 2, 16, _NZ, note="AMD MI300's E5M2"
)
E4M3B11FNUZ = FloatFormat(
    "float8_e4m3b11fnuz",
    "E4M3B11FNUZ",
    4,
    3,
    11,
    _NZ,
    note="Bias 11: max 30, finer zero",
)
E3M2FN = FloatFormat(
    "float6_e3m2fn", "E3M2FN", 3, 2, 3, _NONE, note="OCP MX FP6 with more range"
)
E2M3FN = FloatFormat(
    "float6_e2m3fn", "E2M3FN", 2, 3, 1, _NONE, note="OCP MX FP6 with more precision"
)
E2M1FN = FloatFormat(
    "float4_e2m1fn", "E2M1FN", 2, 1, 1, _NONE, note="FP4: MXFP4 and NVFP4 elements"
)
E8M0FNU = FloatFormat(
    "float8_e8m0fnu",
    "E8M0FNU",
    8,
    0,
    127,
    _TOP,
    is_signed=False,
    has_zero=False,
    note="OCP MX shared scale: a bare power of two",
)

ALL_FORMATS: tuple[FloatFormat, ...] = (
    FP32,
    TF32,
    BF16,
    FP16,
    E5M2,
    E4M3FN,
    E4M3,
    E3M4,
    E4M3FNUZ,
    E5M2FNUZ,
    E4M3B11FNUZ,
    E3M2FN,
    E2M3FN,
    E2M1FN,
    E8M0FNU,
)

_BY_NAME = {
    key: fmt for fmt in ALL_FORMATS for key in (fmt.name.lower(), fmt.short.lower())
}


def format_of(spec: FloatFormat | str) -> FloatFormat:
    """Return the format that ``spec`` names.

    Parameters
    ----------
    spec
        A `FloatFormat`, a dtype name (``"float8_e4m3fn"``) or a short name
        (``"E4M3FN"``); upper and lower case are the same.

    Raises
    ------
    ValueError
        The name is unknown. ``"fp8"`` is refused: it names two formats.
    """
    if isinstance(spec, FloatFormat):
        return spec
    found = _BY_NAME.get(spec.lower()) if isinstance(spec, str) else None
    if found is None:
        known = ", ".join(fmt.short for fmt in ALL_FORMATS)
        raise ValueError(f"unknown format {spec!r}; use one of {known}")
    return found


def format_table(formats: tuple[FloatFormat, ...] = ALL_FORMATS) -> str:
    """Return a plain-text table of formats and their derived limits, a line each."""
    head = ("format", "bits", "s/e/m", "bias", "max", "min normal", "min subnormal")
    rows = [(*head, "eps", "Inf", "NaN codes")]
    for fmt in formats:
        fields = f"{int(fmt.is_signed)}/{fmt.exponent_bits}/{fmt.mantissa_bits}"
        low = fmt.emin - fmt.mantissa_bits
        nans = 2 * fmt.mantissa_mask if fmt.specials is _IEEE else len(fmt.nan_codes)
        rows.append(
            (
                *(fmt.short, str(fmt.bits), fields, str(fmt.bias), f"{fmt.max:.6g}"),
                *(f"2^{fmt.emin}", f"2^{low}", f"2^-{fmt.mantissa_bits}"),
                *("yes" if fmt.infinity_code is not None else "no", str(nans)),
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = (
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
