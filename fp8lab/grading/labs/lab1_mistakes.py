"""Known-wrong answers of lab 1: decoding and rounding."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from fp8lab.formats import E4M3FN, E5M2, FloatFormat
from fp8lab.grading.labs.lab1_wrong import decode_wrong, round_wrong
from fp8lab.grading.tasks import Mistake

__all__ = ["BIAS", "DECODE", "DECODE_E5M2", "ROUND"]

BIAS = (
    "Every number is off by a power of two. Count the exponent again: take one "
    "number, 1.0, and follow it by hand."
)


def _decoders(fmt: FloatFormat, other_bits: int) -> tuple[Mistake, ...]:
    def wrong(**how: Any) -> Callable[..., object]:
        return partial(decode_wrong, fmt=fmt, **how)

    return (
        Mistake("exponent too low", BIAS, wrong(bias=1)),
        Mistake("exponent too high", BIAS, wrong(bias=-1)),
        Mistake(
            "mantissa of the wrong width",
            "The mantissa is read as if it had another number of bits. How many of "
            "its bits are there, and what is the value of the lowest?",
            wrong(mantissa_bits=other_bits),
        ),
        Mistake(
            "subnormals have a leading one",
            "Codes whose exponent field is 0 are treated like all others. What is "
            "different about their leading digit?",
            wrong(subnormal="implicit one"),
        ),
        Mistake(
            "subnormals one power too low",
            "Subnormals have the right leading digit and half the right value. Which "
            "exponent belongs to field 0? The numbers have to run on evenly.",
            wrong(subnormal="one too low"),
        ),
        Mistake(
            "subnormals flushed",
            "All codes with exponent field 0 become zero; only one of them (and its "
            "negative) is.",
            wrong(subnormal="flushed"),
        ),
        Mistake(
            "sign ignored",
            "The highest bit of the code has no effect.",
            wrong(sign="lost"),
        ),
        Mistake(
            "sign of zero lost",
            "Code 0x80 is a zero too, but not the same zero: its sign bit is set, and "
            "float32 has such a number. (A multiplication by -1 keeps it; a test "
            "`value > 0`, or adding 0, does not.)",
            wrong(sign="of zero lost"),
        ),
        Mistake(
            "two's complement",
            "Negative codes are read as two's complement integers. In a floating-point "
            "code the sign is a field of its own: the other bits mean the same.",
            wrong(sign="complement"),
        ),
    )


DECODE = (
    *_decoders(E4M3FN, 2),
    Mistake(
        "NaN is a number",
        "One magnitude of this format is no number: 448 is the largest. Which code "
        "comes after it?",
        partial(decode_wrong, fmt=E4M3FN, specials="numbers"),
    ),
    Mistake(
        "an IEEE format",
        "The largest exponent field is treated as if it held nothing but NaN. That is "
        "how IEEE formats do it. What does FN stand for?",
        partial(decode_wrong, fmt=E4M3FN, specials="ieee"),
    ),
    Mistake(
        "NaN becomes infinity",
        "This format has no infinity.",
        partial(decode_wrong, fmt=E4M3FN, specials="infinity"),
    ),
    Mistake(
        "NaN dropped",
        "A NaN has to stay one: as a zero it would hide an error from everybody after "
        "you.",
        partial(decode_wrong, fmt=E4M3FN, specials="zero"),
    ),
)

DECODE_E5M2 = (
    *_decoders(E5M2, 3),
    Mistake(
        "infinity and NaN are numbers",
        "The largest exponent field holds no numbers in this format.",
        partial(decode_wrong, fmt=E5M2, specials="numbers"),
    ),
    Mistake(
        "NaN becomes infinity",
        "Of the codes with the largest exponent field only one magnitude is infinity.",
        partial(decode_wrong, fmt=E5M2, specials="infinity"),
    ),
    Mistake(
        "infinity becomes NaN",
        "Unlike E4M3FN, this format has an infinity. Which mantissa does it have?",
        partial(decode_wrong, fmt=E5M2, specials="all NaN"),
    ),
    Mistake(
        "one NaN",
        "More than one mantissa is NaN in this format: it is not built like E4M3FN.",
        partial(decode_wrong, fmt=E5M2, specials="one NaN"),
    ),
    Mistake(
        "sign of infinity lost",
        "There are two infinities.",
        partial(decode_wrong, fmt=E5M2, sign="of infinity lost"),
    ),
    Mistake(
        "infinity becomes the maximum",
        "Decoding has no reason to saturate: float32 can hold an infinity.",
        partial(decode_wrong, fmt=E5M2, specials="finite"),
    ),
)


ROUND = (
    Mistake(
        "ties away",
        "Halfway cases go away from zero. They should go to the even neighbour. "
        "(`floor(x + 0.5)` is not `rint(x)`.)",
        partial(round_wrong, rounding="away"),
    ),
    Mistake(
        "ties toward zero",
        "Halfway cases go toward zero. They should go to the even neighbour.",
        partial(round_wrong, rounding="toward zero"),
    ),
    Mistake(
        "ties to odd",
        "Halfway cases go to the odd neighbour.",
        partial(round_wrong, rounding="odd"),
    ),
    Mistake(
        "truncation",
        "What does not fit is cut off, so every number moves toward zero. Rounding "
        "goes to the nearest.",
        partial(round_wrong, rounding="cut"),
    ),
    Mistake(
        "rounding up",
        "Every number moves away from zero; rounding goes to the nearest.",
        partial(round_wrong, rounding="up"),
    ),
    Mistake(
        "one bit too few",
        "Your grid is too coarse by a factor of two. Does `mantissa_bits` count the "
        "leading one?",
        partial(round_wrong, bits=-1),
    ),
    Mistake(
        "one bit too many",
        "Your grid is too fine by a factor of two. Does `mantissa_bits` count the "
        "leading one?",
        partial(round_wrong, bits=1),
    ),
    Mistake(
        "no subnormals",
        "The grid goes on getting finer below 2**emin. A format runs out of exponents "
        "there: from there on the step stays.",
        partial(round_wrong, lowest=None),
    ),
    Mistake(
        "subnormal grid too coarse",
        "Below 2**emin your step is twice what it should be.",
        partial(round_wrong, lowest=1),
    ),
    Mistake(
        "subnormal grid too fine",
        "Just below 2**emin your step is half of what it should be: subnormals share "
        "the step of the lowest normal numbers.",
        partial(round_wrong, lowest=-1),
    ),
    Mistake(
        "subnormals flushed",
        "Everything below 2**emin becomes zero; there are numbers left there.",
        partial(round_wrong, flush=True),
    ),
    Mistake(
        "sign of zero lost",
        "Where a zero comes out it has to keep the sign of the number: compare with "
        "`np.signbit`, not with `==`.",
        partial(round_wrong, signed=False),
    ),
    Mistake(
        "a lost carry",
        "Numbers just below a power of two should round up *to* that power: the result "
        "lies in the next binade. Yours stop before it.",
        partial(round_wrong, carry=False),
    ),
)
