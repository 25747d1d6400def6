"""What `fp8lab.reading` gives back, and the words its formats share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

__all__ = ["LARGEST", "SHORT", "Entry", "Loaded", "choose", "join_notes", "quote"]

LARGEST = 1 << 24
"""Elements that are read of one tensor; of a larger one, its first rows."""

QUOTED = 80
SHORT = 40


@dataclass(frozen=True)
class Entry:
    """One array of a file: made by `contents`.

    Attributes
    ----------
    name
        As the file spells it, whatever characters that may be; for a file that holds
        one array without a name, the file's name.
    shape
        Of the whole array.
    dtype
        ``"float32"``, ``"bfloat16"``, ``"float8_e4m3fn"``, ``"int64"``, ...; what the
        file calls it, where it is none that can be read.
    size
        Number of elements.
    reason
        Why it cannot be read, in words; empty where it can.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    size: int
    reason: str = ""

    @property
    def usable(self) -> bool:
        """Whether `read` can give this array."""
        return not self.reason


@dataclass(frozen=True, eq=False)
class Loaded:
    """One array, as the core takes it: made by `read` and `parse_numbers`.

    Attributes
    ----------
    name
        That of its `Entry`.
    array
        float64, float32 or float16 in native byte order, or bfloat16 as raw uint16 bit
        patterns, the core's only form of it (see `fp8lab.arrays`). Integers became
        float64, FP8 codes float32.
    note
        What was done on the way, in words, or empty.
    """

    name: str
    array: np.ndarray
    note: str = ""


def quote(name: str, longest: int = QUOTED) -> str:
    """``name`` as a message shows it: control characters escaped, and cut.

    A message that may name two things gives each `SHORT`, to stay one sentence.
    """
    shown = repr(name[:longest])
    if len(name) <= longest and len(shown) <= longest:
        return shown
    return shown[: longest - 4] + "..." + shown[0]


def join_notes(notes: Iterable[str]) -> str:
    """One text out of those that are not empty."""
    return "; ".join(note for note in notes if note)


def choose(entries: list[Entry], name: str | None, file: str) -> Entry:
    """Return the entry called ``name``; for None the first that can be read.

    Integers are taken for None only where there is nothing else.

    Raises
    ------
    ValueError
        There is none of that name, or it cannot be read.
    """
    named = [entry for entry in entries if name in (None, entry.name)]
    if not named and name is None:
        raise ValueError(f"{quote(file)} holds no array; choose another file")
    if not named:
        raise ValueError(
            f"{quote(file, SHORT)} holds no array {quote(str(name), SHORT)}; "
            "choose one that it lists"
        )
    usable = [entry for entry in named if entry.usable]
    if usable:  # a checkpoint may begin with indices, which nobody quantizes
        return min(usable, key=lambda entry: "int" in entry.dtype)
    raise ValueError(f"{quote(named[0].name, SHORT)} cannot be read: {named[0].reason}")
