"""The judge's end of the pipes: asks a sandbox, and waits no longer than it said.

Nothing here blocks: what the sandbox does not read, it does not get; what it does not
say in time is not waited for; what it prints is drained, the start kept and the rest
counted. Whatever it does, the worst that happens is `GoneError`.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from fp8lab.grading.frames import FrameError, Kind, Reader, Value, pack
from fp8lab.grading.limits import Limits
from fp8lab.grading.sandbox import Launch

__all__ = ["GoneError", "Talk"]

CHUNK = 1 << 20
#: bwrap answers so for a program that a signal ended.
SIGNALLED = 128
#: Seconds for a process to end that closed its pipe.
PATIENCE = 2.0


class GoneError(Exception):
    """The sandbox is no more: `how` in a few words, and a sentence for the student."""

    def __init__(self, how: str, words: str) -> None:
        super().__init__(words)
        self.how, self.words = how, words


class Talk:
    """One sandbox, from its start to its end.

    Parameters
    ----------
    started
        From `fp8lab.grading.sandbox.launch`.
    limits
        What it may use.
    """

    def __init__(self, started: Launch, limits: Limits) -> None:
        self._launch, self._limits = started, limits
        self._process = started.process
        self.printed, self.peak = bytearray(), 0
        self._printed, self._reader, self._closed = 0, Reader(0), False
        self._unsent = memoryview(b"")
        self._selector = selectors.DefaultSelector()
        pipes = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._in, self._out, self._err = (pipe.fileno() for pipe in pipes if pipe)
        for number in (self._in, self._out, self._err):
            os.set_blocking(number, False)
        for number in (self._out, self._err):
            self._selector.register(number, selectors.EVENT_READ)

    def __enter__(self) -> Talk:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return not self._closed

    def send(self, kind: Kind, values: Sequence[Value]) -> None:
        """Queue a frame; it is written while an answer is waited for.

        Raises
        ------
        GoneError
            Something lies in the pipe that nobody asked for.
        """
        if self._reader.pending:
            raise self._broken("it wrote to the grader's pipe before it was asked")
        self._unsent = memoryview(bytes(self._unsent) + pack(kind, values))
        self._watch_in()

    def receive(self, seconds: float, most: int) -> tuple[Kind, list[Value]]:
        """Return the next frame.

        Parameters
        ----------
        seconds
            How long to wait.
        most
            The longest frame that can be right.

        Raises
        ------
        GoneError
            It is late, ended, printed too much, or sent what is no frame.
        """
        deadline = time.monotonic() + seconds
        self._reader.most = most
        while True:
            try:
                found = self._reader.next()
            except FrameError as error:
                raise self._broken(str(error)) from error
            if found is not None:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                self.end()
                text = f"It was not done after {seconds:.0f} seconds, and was stopped."
                raise GoneError("timed out", text)
            self._pump(left)

    def _pump(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            if key.fd == self._in:
                self._write()
            elif key.fd == self._out:
                data = self._read(self._out)
                if data == b"":
                    raise self._ended()
                self._reader.feed(data or b"")
            else:
                self._drain()

    def _write(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._in, self._unsent[:CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # the end is seen at the other pipe
            self._unsent = memoryview(b"")
        self._watch_in()

    def _watch_in(self) -> None:
        watched = self._in in self._selector.get_map()
        if self._unsent and not watched:
            self._selector.register(self._in, selectors.EVENT_WRITE)
        elif watched and not self._unsent:
            self._selector.unregister(self._in)

    @staticmethod
    def _read(number: int) -> bytes | None:
        try:
            return os.read(number, CHUNK)
        except BlockingIOError:
            return None

    def _drain(self) -> None:
        data = self._read(self._err)
        if data == b"":
            self._selector.unregister(self._err)
        elif data:
            self._printed += len(data)
            self.printed += data[: self._limits.kept - len(self.printed)]
            if self._printed > self._limits.printed:
                self.end()
                most = self._limits.printed >> 20
                text = f"It printed more than {most} MB of text, and was stopped."
                raise GoneError("printed too much", text)

    def complaint(self) -> str:
        """Return the last line that it printed: why it did not start."""
        lines = self.printed.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self._process.returncode}"

    def _keep_rest(self) -> None:
        """Take what it printed last; the process is gone, so this ends."""
        while len(self.printed) < self._limits.kept and (data := self._read(self._err)):
            self.printed += data[: self._limits.kept - len(self.printed)]

    def _broken(self, why: str) -> GoneError:
        self.end()
        return GoneError("broke the protocol", f"It was stopped: {why}.")

    def _ended(self) -> GoneError:
        """Say how a process ended that nobody stopped."""
        try:
            code: int | None = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            code = None
        self.end()
        if code is None:
            return GoneError("hung up", "It closed the grader's pipe, and was stopped.")
        number = code - SIGNALLED if code > SIGNALLED else -code
        if number <= 0:
            text = f"It ended the whole program itself (exit code {code})."
            return GoneError("ended the program", text)
        with contextlib.suppress(ValueError):
            name = signal.Signals(number).name
            return GoneError(
                "crashed", f"The whole program was ended by signal {name}."
            )
        return GoneError("crashed", f"The whole program ended with exit code {code}.")

    def end(self) -> None:
        """Hang up, and kill what is left of it."""
        if self._closed:
            return
        self._closed = True
        self.peak = max(self.peak, _peak(self._process.pid))
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._until_closed()
        self._keep_rest()
        self._selector.close()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._launch.clean()

    def _until_closed(self) -> None:
        """Wait until nobody holds the pipe: then all of its processes are gone."""
        os.set_blocking(self._out, True)
        deadline = time.monotonic() + 5
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._out, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0:
                if waiting.select(left) and not os.read(self._out, CHUNK):
                    return


def _peak(process: int) -> int:
    """Return the most memory, in kilobytes, of a process and those below it (Linux)."""
    place = Path(f"/proc/{process}")
    try:
        status = (place / "status").read_text(encoding="ascii", errors="replace")
        below = (place / "task" / str(process) / "children").read_text().split()
    except OSError:
        return 0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    own = int(lines[0].split()[1]) if lines else 0
    return max([own, *(_peak(int(child)) for child in below)])
