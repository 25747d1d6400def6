"""Known-wrong answers of lab 1: encoding, and the bug hunts."""

from __future__ import annotations

from functools import partial

from fp8lab.grading.labs.lab1_bits import bits_wrong
from fp8lab.grading.labs.lab1_mistakes import BIAS
from fp8lab.grading.labs.lab1_wrong import encode_wrong
from fp8lab.grading.tasks import Mistake

__all__ = ["BITS", "ENCODE"]

ENCODE = (
    Mistake("exponent too low", BIAS, partial(encode_wrong, bias=-1)),
    Mistake("exponent too high", BIAS, partial(encode_wrong, bias=1)),
    Mistake(
        "ties away",
        "Halfway cases go away from zero. They should go to the even code.",
        partial(encode_wrong, rounding="away"),
    ),
    Mistake(
        "ties toward zero",
        "Halfway cases go toward zero. They should go to the even code.",
        partial(encode_wrong, rounding="toward zero"),
    ),
    Mistake(
        "truncation",
        "Bits that have no room are cut off. Rounding goes to the nearest code.",
        partial(encode_wrong, rounding="cut"),
    ),
    Mistake(
        "no saturation",
        "Numbers beyond the maximum become NaN. This encoder saturates: they become "
        "the largest number, with their sign.",
        partial(encode_wrong, overflow=0x7F, infinity=0x7F),
    ),
    Mistake(
        "infinity becomes NaN",
        "Finite numbers saturate as they should, but an infinity does not.",
        partial(encode_wrong, infinity=0x7F),
    ),
    Mistake(
        "maximum of another format",
        "Your largest number is 240, that of an E4M3 with infinity. What does FN "
        "stand for?",
        partial(encode_wrong, overflow=0x77, infinity=0x77),
    ),
    Mistake(
        "NaN becomes the maximum",
        "A NaN came out as a number. Comparisons with NaN are false, and "
        "`np.minimum` and `np.clip` have rules of their own for it: treat it apart.",
        partial(encode_wrong, nan=0x7E),
    ),
    Mistake(
        "NaN becomes zero",
        "A NaN came out as zero; it has to stay a NaN.",
        partial(encode_wrong, nan=0x00),
    ),
    Mistake(
        "NaN keeps its sign",
        "In this task a NaN has one code, whatever its sign bit: that is what the "
        "conversion instruction of a GPU gives.",
        partial(encode_wrong, nan_signed=True),
    ),
    Mistake(
        "subnormals flushed",
        "Numbers below the smallest normal number become zero. Seven codes of each "
        "sign are waiting for them.",
        partial(encode_wrong, subnormal="flushed"),
    ),
    Mistake(
        "subnormals one power too low",
        "Small numbers are measured with half of the right step. Subnormals share the "
        "step of the lowest normal numbers.",
        partial(encode_wrong, subnormal="one too low"),
    ),
    Mistake(
        "sign of zero lost",
        "A zero lost its sign: that of -0, or of a negative number too small to keep.",
        partial(encode_wrong, signed_zero=False),
    ),
    Mistake(
        "zero has an exponent",
        "Zero came out as some number. `np.frexp(0.0)` says that its exponent is 0, "
        "which is not the lowest.",
        partial(encode_wrong, zero_exponent=True),
    ),
    Mistake(
        "by way of bfloat16",
        "Your bytes are those of a conversion by way of bfloat16: two roundings are "
        "not one. The first can land exactly on a tie.",
        partial(encode_wrong, detour="BF16"),
    ),
    Mistake(
        "by way of float16",
        "Your bytes are those of a conversion by way of float16: two roundings are "
        "not one. The first can land exactly on a tie.",
        partial(encode_wrong, detour="FP16"),
    ),
    Mistake(
        "a lost carry",
        "Where rounding makes the mantissa too large, the exponent has to go up by "
        "one. Yours stays.",
        partial(encode_wrong, carry=False),
    ),
)

BITS = (
    Mistake(
        "nothing repaired",
        "These are the bytes of the code as you found it.",
        bits_wrong,
    ),
    Mistake(
        "ties still go away",
        "The carry and the zeros are repaired, the ties are not: the first bit that is "
        "cut off does not decide alone.",
        partial(bits_wrong, carry=True, zero=True),
    ),
    Mistake(
        "the carry is still lost",
        "Ties and zeros are repaired. What happens to the exponent when the mantissa "
        "was rounded up to 8? Try 1.97.",
        partial(bits_wrong, ties="even", zero=True),
    ),
    Mistake(
        "-0 is still NaN",
        "Ties and carries are repaired. Follow the number -0.0 through the code, line "
        "by line.",
        partial(bits_wrong, ties="even", carry=True),
    ),
    Mistake(
        "one of three: the ties",
        "The ties are repaired. Two bugs are left: try 1.97 and -0.0.",
        partial(bits_wrong, ties="even"),
    ),
    Mistake(
        "one of three: the carry",
        "The carry is repaired. Two bugs are left: try 1.0625 and -0.0.",
        partial(bits_wrong, carry=True),
    ),
    Mistake(
        "one of three: the zeros",
        "The zeros are repaired. Two bugs are left: try 1.0625 and 1.97.",
        partial(bits_wrong, zero=True),
    ),
    Mistake(
        "ties down",
        "Ties now always go toward zero: half of them should go up.",
        partial(bits_wrong, ties="down", carry=True, zero=True),
    ),
    Mistake(
        "rounding removed",
        "The wrong rounding is gone, and with it the right one: now everything is cut.",
        partial(bits_wrong, ties="cut", carry=True, zero=True),
    ),
    Mistake(
        "only exact ties round",
        "A number above the tie has to go up whatever the last kept bit is.",
        partial(bits_wrong, ties="lsb", carry=True, zero=True),
    ),
    Mistake(
        "-0 became +0",
        "-0.0 is no NaN any more, but it lost its sign.",
        partial(bits_wrong, ties="even", carry=True, zero=True, signed_zero=False),
    ),
    Mistake(
        "NaN lost",
        "With the repair of -0, the NaNs became numbers.",
        partial(bits_wrong, ties="even", carry=True, zero=True, nan=False),
    ),
)
