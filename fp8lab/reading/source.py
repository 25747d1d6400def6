"""An open file whose reads are checked against its size before memory is set aside."""

from __future__ import annotations

import io
from typing import BinaryIO

import numpy as np

from fp8lab.reading.entries import SHORT, quote

__all__ = ["Source"]

PIECE = 1 << 20


class Source:
    """A seekable binary file, its name for messages, and its size in bytes.

    ``size`` may be an upper bound (a compressed member of a zip file): what is missing
    is then found while reading.
    """

    def __init__(self, file: BinaryIO, name: str, size: int | None = None) -> None:
        self.file, self.name = file, name
        self.size = file.seek(0, io.SEEK_END) if size is None else size

    def take(self, start: int, count: int) -> bytes:
        """Return ``count`` bytes from ``start`` on.

        Raises
        ------
        ValueError
            The file ends before them.
        """
        self.check(start + count)
        self.file.seek(start)
        found = self.file.read(count)
        if len(found) < count:
            raise self._short(count - len(found))
        return found

    def head(self, count: int) -> bytes:
        """Return the first ``count`` bytes, or all where there are fewer."""
        return self.take(0, min(count, self.size))

    def fill(self, start: int, out: np.ndarray) -> None:
        """Read the bytes of a contiguous array from ``start`` on; errors as `take`."""
        self.check(start + out.nbytes)
        self.file.seek(start)
        rest = out.reshape(-1).view(np.uint8).data
        while rest:
            # A BinaryIO of the standard library has readinto; its type does not say so.
            count = self.file.readinto(rest[:PIECE])  # type: ignore[attr-defined]
            if not count:
                raise self._short(len(rest))
            rest = rest[count:]

    def check(self, end: int) -> None:
        """Raise ValueError where the file has fewer than ``end`` bytes."""
        if end > self.size:
            raise self._short(end - self.size)

    def _short(self, missing: int) -> ValueError:
        return ValueError(
            f"{quote(self.name, SHORT)} is cut short: {missing:,} bytes are missing; "
            "get the whole file again"
        )
