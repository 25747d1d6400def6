"""Work that may crash or hang, item by item in a process of its own.

A kernel can bring down its process, or never return. The worker says what it began and
what came of it; where it dies or falls silent, its item has failed, and a new worker
takes up what is left. What was measured before is kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

__all__ = ["Answer", "WorkerError", "supervise"]

#: Importing PyTorch and waking a GPU take their time.
START_SECONDS = 300.0
#: From the last word of a process to its end.
ENDING_SECONDS = 10.0


class WorkerError(Exception):
    """A worker that did not get as far as its first item; the text says why."""


@dataclass(frozen=True)
class Answer:
    """What came of one item: a result, or why there is none.

    Attributes
    ----------
    item
        The item; ``""`` for the greeting of the first worker.
    result
        What the worker sent; empty where it failed.
    failure
        One sentence; empty where there is a result.
    """

    item: str
    result: dict[str, Any]
    failure: str = ""


def supervise(
    command: Sequence[str],
    items: Sequence[str],
    patience: float,
    environment: Mapping[str, str] | None = None,
    start: float = START_SECONDS,
) -> Iterator[Answer]:
    """Yield the greeting, then one answer an item, in order, whatever happens.

    Parameters
    ----------
    command
        A program that calls `fp8lab.bench.serving.serve`.
    patience
        Seconds that an item may take.
    environment
        Variables of the workers, on top of ours.
    start
        Seconds until the greeting.

    Raises
    ------
    WorkerError
        The first worker did not greet.
    """
    left, first = list(items), True
    while left or first:
        with _Worker(command, left, environment) as worker:
            try:
                greeting = worker.greeting(start)
            except WorkerError as error:
                if first:
                    raise
                yield from (Answer(item, {}, str(error)) for item in left)
                return
            if first:
                yield Answer("", greeting)
            first = False
            while left:
                answer = worker.answer(left[0], patience)
                left.pop(0)
                yield answer
                if worker.gone:
                    break


class _Worker:
    """One process, and the lines that it sends."""

    def __init__(
        self,
        command: Sequence[str],
        items: Sequence[str],
        environment: Mapping[str, str] | None,
    ) -> None:
        # A file, not a pipe: a pipe that nobody reads would stop the worker.
        self.errors: IO[str] = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, **(environment or {})},
            start_new_session=True,  # so that compilers that it started end with it
        )
        self.lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.gone = False
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        with contextlib.suppress(BrokenPipeError):  # it died at once: `_next` says so
            assert self.process.stdin is not None
            self.process.stdin.write(json.dumps(list(items)))
            self.process.stdin.close()

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()
        self.listener.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.errors.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(ValueError):  # half a line: it died while it spoke
            for line in self.process.stdout:
                self.lines.put(json.loads(line))
        self.lines.put(None)

    def _stop(self) -> None:
        if self.process.poll() is None:
            if hasattr(os, "killpg"):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait()
        self.gone = True

    def _next(self, patience: float) -> dict[str, Any]:
        """Return the next line; WorkerError where none comes."""
        try:
            line = self.lines.get(timeout=patience)
        except queue.Empty:
            self._stop()
            raise WorkerError(f"no answer within {patience:g} s: stopped") from None
        if line is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(ENDING_SECONDS)
            self._stop()
            raise WorkerError(self._end())
        return line

    def _end(self) -> str:
        code = self.process.returncode
        self.errors.seek(0)
        said = [line.strip() for line in self.errors if line.strip()]
        how = f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"{how}: {said[-1]}" if said else how

    def greeting(self, patience: float) -> dict[str, Any]:
        line = self._next(patience)
        if "absent" in line:
            raise WorkerError(line["absent"])
        greeting: dict[str, Any] = line["greeting"]
        return greeting

    def answer(self, item: str, patience: float) -> Answer:
        try:
            line = self._next(patience)
            if "began" in line:
                line = self._next(patience)
        except WorkerError as error:
            return Answer(item, {}, str(error))
        self.gone = line.get("last", False)
        return Answer(item, line.get("result", {}), line.get("failure", ""))
