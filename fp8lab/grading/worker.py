"""The program in the sandbox: reads a notebook, runs its cells, answers cases.

Until it runs the first cell it is ours; from then on the process is the student's, and
the judge believes nothing that it says: an answer is bytes, and they are right or not.
Standard library and NumPy alone, and only the few modules of this package that lie
beside it in the sandbox.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import types
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fp8lab.grading.calling import call, failed, remember
from fp8lab.grading.cells import python, read_cells
from fp8lab.grading.frames import Kind, Reader, Value, pack
from fp8lab.grading.limits import confine
from fp8lab.grading.quiet import be_quiet
from fp8lab.grading.strides import laid_out

__all__ = ["main"]

#: What the judge sends is ours; a bound is there for the sake of order.
MOST = 1 << 30
CHUNK = 1 << 20


class Pipe:
    """The two ends in this process."""

    def __init__(self) -> None:
        # What the student's code prints must not come between the frames.
        self._in, self._out = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        self._reader = Reader(MOST)

    def receive(self) -> tuple[Kind, list[Value]] | None:
        """Return the next frame; None at the end."""
        while (found := self._reader.next()) is None:
            data = os.read(self._in, CHUNK)
            if not data:
                return None
            self._reader.feed(data)
        return found

    def send(self, kind: Kind, values: Sequence[Value]) -> None:
        """Write one frame."""
        rest = memoryview(pack(kind, values))
        while rest:
            rest = rest[os.write(self._out, rest) :]


def main(preload: Sequence[str]) -> None:
    """Serve one judge until it hangs up.

    Parameters
    ----------
    preload
        Modules to import before anything is confined.
    """
    pipe = Pipe()
    # A line that was printed is seen, even if the process ends in the next.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    be_quiet()
    for name in preload:
        importlib.import_module(name)
    opened = pipe.receive()
    if opened is None:
        return
    notebook, *rest = opened[1]
    memory, disk, cpu, files = (int(str(each)) for each in rest[:4])
    weaker = confine(memory, disk, cpu, files, [str(folder) for folder in rest[4:]])
    pipe.send(Kind.READY, [weaker])
    pipe.send(Kind.CELLS, list(_contents(np.asarray(notebook).tobytes())))
    _serve(pipe)


def _contents(raw: bytes) -> Iterator[Value]:
    """Yield a notebook's cells as values: five a cell, then helpers and trouble."""
    contents = read_cells(raw)
    for cell in contents.cells:
        yield from (cell.name, cell.kind, cell.source)
        yield from (" ".join(cell.imports), "\n".join(cell.unusual))
    yield " ".join(contents.helpers)
    yield contents.trouble


def _serve(pipe: Pipe) -> None:
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    # Notebooks show things without importing the function.
    module.__dict__["display"] = lambda *_, **__: None
    while (asked := pipe.receive()) is not None:
        kind, values = asked
        if kind is Kind.RUN:
            _run(pipe, module.__dict__, values)
        elif kind is Kind.CASE:
            pipe.send(*_answer(module.__dict__, values))
    # Whatever was left to run at exit has nobody to run for.
    os._exit(0)


def _run(pipe: Pipe, namespace: dict[str, Any], values: list[Value]) -> None:
    """Run cells, given as name and code; one that fails does not stop the next."""
    failures: list[Value] = []
    for number in range(len(values) // 2):
        name, source = str(values[2 * number]), str(values[2 * number + 1])
        pipe.send(Kind.STARTED, [number])
        try:
            code = python(source)
            exec(compile(code, remember(name, code), "exec"), namespace)
        except BaseException as error:  # SystemExit and its like, too
            failures += [name, *failed(error)]
    _flush()
    pipe.send(Kind.RAN, failures)


def _flush() -> None:
    """Let go of what was printed: the process may be ended at any moment."""
    with contextlib.suppress(BaseException):  # the stream may be the student's own
        sys.stdout.flush()


def _answer(namespace: dict[str, Any], values: list[Value]) -> tuple[Kind, list[Value]]:
    token, name, most, strides, *inputs = values
    function = namespace.get(str(name))
    if not callable(function):
        words = f"There is no function {name}."
        return Kind.FAILED, [token, "no function", words]
    arrays, how, words = call(function, list(laid_out(inputs, str(strides))))
    _flush()
    if arrays is None:
        return Kind.FAILED, [token, how, words]
    if sum(array.nbytes for array in arrays) > int(str(most)):
        sizes = " and ".join(f"{each.dtype} of {each.shape}" for each in arrays)
        words = f"It gives far more than is asked for: {sizes}."
        return Kind.FAILED, [token, "too large", words[:500]]
    return Kind.ANSWER, [token, *arrays]
