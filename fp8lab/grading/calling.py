"""Calls a student's function and says in words what came of it.

Runs where student's code may run: in a sandbox, or in the student's own kernel. What it
says is for the student to read; nothing that it says earns a point.
"""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Callable, Sequence

import numpy as np

from fp8lab.grading.frames import sendable
from fp8lab.grading.tasks import Input, outputs_of

__all__ = ["NOT_WRITTEN", "call", "failed", "remember"]

NOT_WRITTEN = "not written"
#: A cell's code is compiled under this name, so that its lines can be shown.
CELL = "<cell {}>"
MOST_WORDS = 2000


def call(
    function: Callable[..., object], inputs: Sequence[Input]
) -> tuple[tuple[np.ndarray, ...] | None, str, str]:
    """Call a function; give its arrays, or None with a short reason and a sentence.

    Parameters
    ----------
    function
        The student's.
    inputs
        By position. It may write to its arrays: give it copies.
    """
    try:
        arrays = tuple(sendable(array) for array in outputs_of(function(*inputs)))
    except BaseException as error:  # SystemExit and its like, too
        return None, *failed(error)
    return arrays, "", ""


def failed(error: BaseException) -> tuple[str, str]:
    """Return what an exception is called in the report, and what the student reads.

    Parameters
    ----------
    error
        Raised by the student's code.
    """
    if isinstance(error, NotImplementedError):
        return NOT_WRITTEN, "It is not written yet."
    name = type(error).__name__
    if isinstance(error, MemoryError):
        return "out of memory", "It asked for more memory than there is here."
    try:
        text = str(error)
    except BaseException:  # an exception class of the student's own
        text = ""
    said = f"{name}: {text}" if text else name
    return f"raised {name}", f"It raised {said[:MOST_WORDS]}{_where(error)}"


def _where(error: BaseException) -> str:
    """Say in which line of which cell, where the traceback reaches one."""
    if isinstance(error, SyntaxError) and (error.filename or "").startswith("<cell"):
        return f" (line {error.lineno} of the cell)"
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if frame.filename.startswith("<cell ")]
    if not mine:
        return ""
    line = linecache.getline(mine[-1].filename, mine[-1].lineno or 0).strip()
    cell = mine[-1].filename.removeprefix("<cell ").removesuffix(">")
    return f" (line {mine[-1].lineno} of the cell {cell}: {line[:200]})"


def remember(name: str, source: str) -> str:
    """Keep a cell's lines for tracebacks and `inspect`; return its file name.

    Parameters
    ----------
    name
        Of the cell.
    source
        Its code.
    """
    filename = CELL.format(name)
    lines = source.splitlines(keepends=True)
    linecache.cache[filename] = (len(source), None, lines, filename)
    return filename
