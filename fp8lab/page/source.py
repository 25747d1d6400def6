"""Where the page's tensor comes from: a sample, a visitor's file, or pasted numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fp8lab.model import load_sample
from fp8lab.reading import Entry, contents, parse_numbers, read

__all__ = ["Source", "from_file", "from_sample", "from_text"]


@dataclass(frozen=True, eq=False)
class Source:
    """One tensor, what to call it and where it is from."""

    name: str
    array: np.ndarray
    description: str
    note: str = ""
    entries: tuple[Entry, ...] = field(default=())
    is_sample: bool = False

    def about(self) -> dict[str, Any]:
        """Return what the page says of it, JSON-safe."""
        return {
            "name": self.name,
            "shape": _shape(self.array.shape),
            # The core holds bfloat16 as its bit patterns.
            "dtype": str(self.array.dtype).replace("uint16", "bfloat16"),
            "description": self.description,
            "note": self.note,
            "entries": [
                {
                    "name": entry.name,
                    "text": f"{_shape(entry.shape)} {entry.dtype}",
                    "usable": entry.usable,
                    "reason": entry.reason,
                }
                for entry in self.entries
            ],
        }


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{n:,}" for n in shape) or "one number"


def from_sample(name: str) -> Source:
    """Take a sample that comes with the package; unknown names raise ValueError."""
    sample = load_sample(name, excerpt=True)
    words = f"{sample.description}. {sample.source}"
    return Source(name, sample.array, words, is_sample=True)


def from_text(text: str) -> Source:
    """Take pasted numbers."""
    loaded = parse_numbers(text)
    return Source(loaded.name, loaded.array, "pasted", loaded.note)


def from_file(path: str, entry: str | None) -> Source:
    """Take a tensor of a file; without an entry the first that can be shown."""
    entries = contents(path)
    loaded = read(path, entry)
    several = tuple(entries) if len(entries) > 1 else ()
    return Source(loaded.name, loaded.array, "your file", loaded.note, several)
