"""Lab 1's unknown libraries: what each gives, who it was, and known-wrong answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from fp8lab.codec import encode, round_to
from fp8lab.formats import BF16, FP16
from fp8lab.grading.tasks import Mistake

__all__ = ["LIBRARIES", "LIBRARY", "library_codes", "which_library"]

#: By number, as `which_library` returns them.
LIBRARIES = (
    "right",
    "by way of bfloat16",
    "by way of float16",
    "truncates",
    "ties away",
)
UNKNOWN = -1


def library_codes(x: np.ndarray, library: int) -> np.ndarray:
    """What each of the unknown libraries makes of numbers in range."""
    if library in (1, 2):
        return encode(round_to(x, BF16 if library == 1 else FP16))
    rounding = {3: "toward-zero", 4: "ties-away"}.get(library, "nearest-even")
    return encode(x, rounding=rounding)


def which_library(
    x: np.ndarray,
    codes: np.ndarray,
    *,
    known: tuple[int, ...] = (0, 1, 2, 3, 4),
    first: int | None = None,
    unknown: int = UNKNOWN,
) -> int:
    """Number of the library whose codes these are; -1 for none."""
    part = slice(first)
    for library in known:
        if np.array_equal(library_codes(x, library)[part], codes[part]):
            return library
    return unknown


def _cut_to_bfloat16(x: np.ndarray, codes: np.ndarray) -> int:
    cut = (x.view(np.uint32) & 0xFFFF0000).view(np.float32)
    if np.array_equal(encode(cut), codes):
        return 1
    found = which_library(x, codes)
    return UNKNOWN if found == 1 else found


def _renamed(names: dict[int, int]) -> Callable[..., int]:
    def answer(x: np.ndarray, codes: np.ndarray) -> int:
        found = which_library(x, codes)
        return names.get(found, found)

    return answer


def _most_alike(x: np.ndarray, codes: np.ndarray) -> int:
    alike = [np.sum(library_codes(x, n) == codes) for n in range(len(LIBRARIES))]
    return int(np.argmax(alike))


LIBRARY = (
    Mistake(
        "always right",
        "Your function always answers 0: nothing wrong.",
        lambda x, codes: 0,  # noqa: ARG005 (called as the student's)
    ),
    Mistake(
        "only says that something is wrong",
        "Your function finds wrong codes, but always answers 1.",
        lambda x, codes: int(not np.array_equal(encode(x), codes)),
    ),
    Mistake(
        "detours swapped",
        "The two detours are told apart, and swapped.",
        _renamed({1: 2, 2: 1}),
    ),
    Mistake(
        "roundings swapped",
        "Truncation and ties away are told apart, and swapped.",
        _renamed({3: 4, 4: 3}),
    ),
    Mistake(
        "counted from one",
        "Every answer is too large by one.",
        _renamed({n: n + 1 for n in range(len(LIBRARIES))}),
    ),
    Mistake(
        "one number asked",
        "Your function looks at the first number alone. Most numbers are the same in "
        "all libraries: all of them have to agree.",
        partial(which_library, first=1),
    ),
    Mistake(
        "bfloat16 by truncation",
        "To cut the low 16 bits of a float32 is not a conversion to bfloat16: that "
        "rounds to nearest even as well.",
        _cut_to_bfloat16,
    ),
    Mistake(
        "float16 not found",
        "The detour by way of float16 is not recognised. It changes few codes, and "
        "needs all of them to be compared.",
        partial(which_library, known=(0, 1, 3, 4)),
    ),
    Mistake(
        "ties away not found",
        "Ties away are not recognised. Where do they differ from the right codes?",
        partial(which_library, known=(0, 1, 2, 3)),
    ),
    Mistake(
        "an unknown library passes as right",
        "Codes that no library of the list gives are an answer of their own.",
        partial(which_library, unknown=0),
    ),
    Mistake(
        "the most alike",
        "Most codes alike is not all codes alike: a library of the list has to give "
        "every one of them.",
        _most_alike,
    ),
)
