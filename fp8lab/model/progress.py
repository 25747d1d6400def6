"""What a long download says: a moving bar on a terminal, a few lines elsewhere."""

from __future__ import annotations

import sys
from typing import TextIO

__all__ = ["Progress"]

_BAR = 24


class Progress:
    """Prints stages, and the bytes of the stage that is running.

    Parameters
    ----------
    stream
        Where to write; None means standard output as it is at that moment.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._is_terminal = self._stream.isatty()
        self._quarters = -1

    def stage(self, text: str) -> None:
        """Print a line of its own; it ends a bar that was moving."""
        if self._is_terminal and self._quarters >= 0:
            self._stream.write("\n")
        self._quarters = -1
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def bytes(self, done: int, total: int) -> None:
        """Redraw the bar; where there is no terminal, a line at each quarter."""
        part = min(done / total, 1.0)
        quarters = int(part * 4)
        figures = f"{part * total / 1e6:5.1f} of {total / 1e6:.1f} MB"
        if self._is_terminal:
            filled = "#" * int(part * _BAR)
            self._stream.write(f"\r  download  [{filled:<{_BAR}}] {figures}")
        elif quarters > self._quarters:
            self._stream.write(f"  download  {figures}\n")
        self._quarters = quarters
        self._stream.flush()
