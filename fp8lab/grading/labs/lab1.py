"""Lab 1: encode and decode FP8 by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from fp8lab.codec import decode, encode
from fp8lab.formats import E4M3FN, E5M2
from fp8lab.grading.labs import Written
from fp8lab.grading.labs.lab1_cases import (
    SHOWN,
    bits_cases,
    decode_e4m3_cases,
    decode_e5m2_cases,
    encode_cases,
    library_cases,
    policy_cases,
    round_cases,
)
from fp8lab.grading.labs.lab1_libraries import LIBRARY, which_library
from fp8lab.grading.labs.lab1_mistakes import DECODE, DECODE_E5M2, ROUND
from fp8lab.grading.labs.lab1_mistakes_encode import BITS, ENCODE
from fp8lab.grading.labs.lab1_policies import POLICY, encode_by_policy
from fp8lab.grading.tasks import Aspect, Task

__all__ = ["MINUTES", "SHOWN", "TASKS", "TITLE", "WRITTEN"]

TITLE = "Encode and decode FP8 by hand"
MINUTES = 90


def round_to(x: np.ndarray, mantissa_bits: int, emin: int) -> np.ndarray:
    """Round to nearest even on the grid of a format without an upper end."""
    wide = x.astype(np.float64)
    exponent = np.maximum(np.frexp(np.abs(wide))[1] - 1, emin)
    step = np.ldexp(1.0, exponent - mantissa_bits)
    return np.copysign(np.rint(np.abs(wide) / step) * step, wide).astype(np.float32)


def _aspects(*rows: tuple[str, int, str]) -> tuple[Aspect, ...]:
    return tuple(Aspect(*row) for row in rows)


SHAPE = ("any shape", 1, "empty arrays, matrices, and arrays with strides")

_decode_e5m2: Callable[..., object] = partial(decode, fmt=E5M2)

TASKS = (
    Task(
        lab="lab1",
        name="decode",
        title="Decode E4M3FN",
        aspects=_aspects(
            ("normal numbers", 2, "codes whose exponent field is not 0"),
            ("subnormals and zeros", 2, "codes whose exponent field is 0, both zeros"),
            ("NaN", 1, "the two codes that are no numbers"),
            SHAPE,
        ),
        reference=partial(decode, fmt=E4M3FN),
        cases=decode_e4m3_cases,
        mistakes=DECODE,
        hints=(
            "Take the byte apart first: three integers, with `>>` and `&`.",
            "`np.ldexp(m, e)` is m * 2**e, exact, and for whole arrays at once. "
            "`np.where(field == 0, ..., ...)` chooses between the two formulas.",
            "For the sign, `np.copysign` or a multiplication by -1.0 keeps that of a "
            "zero. NaN last: `np.where(magnitude == 0x7F, np.nan, value)`.",
        ),
    ),
    Task(
        lab="lab1",
        name="decode_e5m2",
        title="Decode E5M2",
        aspects=_aspects(
            ("normal numbers", 1, "codes whose exponent field is not 0"),
            ("subnormals and zeros", 1, "codes whose exponent field is 0, both zeros"),
            ("specials", 1, "the eight codes with the largest exponent field"),
            SHAPE,
        ),
        reference=_decode_e5m2,
        cases=decode_e5m2_cases,
        mistakes=DECODE_E5M2,
        hints=(
            "Your `decode` with other widths and another bias does most of it.",
            "With exponent field 31, mantissa 0 is infinity, every other one NaN.",
        ),
    ),
    Task(
        lab="lab1",
        name="round_to",
        title="Round to nearest even on a grid",
        aspects=_aspects(
            ("between", 2, "numbers anywhere between two neighbours"),
            ("ties", 2, "numbers halfway, and their next float32 neighbours"),
            ("carries", 1, "numbers that round up to a power of two"),
            ("subnormals", 2, "numbers below 2**emin, and both zeros"),
        ),
        reference=round_to,
        cases=round_cases,
        mistakes=ROUND,
        hints=(
            "Measure the number in steps of its grid, make that a whole number, and "
            "multiply by the step again. Work in float64: there all of it is exact.",
            "`np.frexp(v)` gives f and e with v = f * 2**e and 0.5 <= f < 1, so the "
            "binade is e - 1. (`log2` is off by one just below powers of two.)",
            "`np.rint` rounds ties to even. Which exponent has the step of a number "
            "smaller than 2**emin?",
        ),
    ),
    Task(
        lab="lab1",
        name="encode",
        title="Encode E4M3FN",
        aspects=_aspects(
            ("normal numbers", 2, "numbers from 2**-6 to 448"),
            ("ties", 2, "numbers halfway, and their next float32 neighbours"),
            ("subnormals and zeros", 2, "numbers below 2**-6, underflow, both zeros"),
            ("overflow", 2, "numbers beyond 448, and infinity: they saturate"),
            ("NaN", 1, "NaN of either sign is 0x7F"),
            SHAPE,
        ),
        reference=encode,
        cases=encode_cases,
        mistakes=ENCODE,
        hints=(
            "The steps of `round_to` again. How is the code of a number related to its "
            "binade and its number of steps? Write down the codes of 1, 1.125, 2 and "
            "2.25.",
            "Codes count upward through the binades, 8 a binade, without a gap. With "
            "e = max(binade, -6): code = (e + 6) * 8 + steps. Subnormals need nothing "
            "special, and neither does the carry.",
            "Saturate on the code (`np.minimum(code, 0x7E)`); treat infinity and NaN "
            "with `np.where` before and after; the sign is `np.signbit(x) << 7`.",
        ),
    ),
    Task(
        lab="lab1",
        name="encode_by_policy",
        title="Past the end: two formats, two policies",
        aspects=_aspects(
            ("in range", 1, "ties and subnormals of both formats"),
            ("saturating", 2, "policy 'saturate': beyond the range, the maximum"),
            ("overflowing", 2, "policy 'overflow': beyond it, NaN or infinity"),
            ("the edge", 1, "exactly the tie beyond the maximum"),
            ("NaN keeps its sign", 1, "all ones, with the sign bit of the NaN"),
        ),
        reference=encode_by_policy,
        cases=policy_cases,
        mistakes=POLICY,
        hints=(
            "Write `encode` once more with the widths, the bias and the largest code "
            "as parameters.",
            "Round first, look at the code then: a number overflows if its rounded "
            "code would lie beyond the maximum's. The tie then takes care of itself.",
        ),
    ),
    Task(
        lab="lab1",
        name="encode_bits",
        title="Bug hunt: repair an integer encoder",
        aspects=_aspects(
            ("ties", 2, "numbers halfway whose even neighbour is below"),
            ("carries", 2, "numbers that round up to a power of two"),
            ("zeros", 1, "both zeros"),
            ("everything", 1, "subnormals, overflow, NaN, all ties"),
        ),
        reference=encode,
        cases=bits_cases,
        mistakes=BITS,
        hints=(
            "Three numbers show three bugs: 1.0625, 1.97 and -0.0. Follow each through "
            "the lines with a pencil, or print every intermediate value.",
            "The bits that are cut off are `significand & ((1 << shift) - 1)`. Compare "
            "them with half a step: more, less, or a tie?",
            "What does `|` do with a carry where `+` would have moved it on? And what "
            "is 0 - 1 in unsigned integers?",
        ),
    ),
    Task(
        lab="lab1",
        name="which_library",
        title="Bug hunt: whose bytes are these?",
        aspects=_aspects(
            ("nothing wrong", 1, "codes of a right library"),
            ("detours", 2, "codes by way of bfloat16 or float16"),
            ("rounding", 2, "codes of truncation, or of ties away"),
            ("none of them", 1, "codes that no library of the list gives"),
        ),
        reference=which_library,
        cases=library_cases,
        mistakes=LIBRARY,
        hints=(
            "Compute what each library would give for x, and compare all the codes.",
            "`x.astype(np.float16).astype(np.float32)` is one detour. For bfloat16 "
            "your `round_to` does it: how many mantissa bits, which emin?",
            "Let a copy of `encode` take the rounding as a parameter: `np.rint`, "
            "`np.trunc`, and `floor(steps + 0.5)`.",
        ),
    ),
)

WRITTEN = Written(
    title="A detour in a pull request",
    points=6,
    rubric=(
        (2, "a number whose byte changes, with both bytes and the tie it lands on"),
        (
            1,
            "says why more mantissa bits do not help: the first rounding can reach a "
            "tie, and the second cannot know from which side",
        ),
        (
            1,
            "says how often (a few percent of normal numbers for bfloat16), or how to "
            "measure it",
        ),
        (1, "proposes a remedy: convert directly, or round to odd first"),
        (
            1,
            "weighs it: the error is at most one step more, the harm is that bytes "
            "differ between stacks",
        ),
    ),
    answer=(
        "x = 1 + 2^-4 + 2^-10 lies above 1.0625, the tie between 0x38 and 0x39, "
        "so its byte is 0x39. bfloat16 has 7 mantissa bits and rounds it to 1.0625, "
        "exactly the tie, which goes to the even 0x38. About 3 % of normal numbers "
        "change. Remedy: one conversion, or round to odd in between, which keeps a bit "
        "that remembers the side."
    ),
)
