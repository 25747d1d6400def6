"""The sandboxes of one submission: its notebook is read, its cells are run.

A cell that ends or hangs the process is left out of the next start, so that what the
other cells define can still be graded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fp8lab.grading.cells import SubmittedCell
from fp8lab.grading.frames import Kind, Value
from fp8lab.grading.judge import Answer
from fp8lab.grading.kit import Kit
from fp8lab.grading.limits import Limits
from fp8lab.grading.notebooks import MOST_CHARACTERS, Plan
from fp8lab.grading.sandbox import launch, walls
from fp8lab.grading.talk import GoneError, Talk

__all__ = ["SandboxError", "Sitting"]

#: For frames that hold words.
SMALL = 1 << 20
#: So many times may cells end the process.
MOST_DEATHS = 2


class SandboxError(RuntimeError):
    """The sandbox did not start: a failure of the grader, and of no student."""


class Sitting:
    """The sandboxes of one submission, one after the other.

    Parameters
    ----------
    plan
        The instructor's notebook.
    kit
        What a sandbox has to run.
    limits
        What it may use.

    Attributes
    ----------
    cells
        Of the submission, by name.
    helpers
        What cells define that are not graded.
    failures
        Why a cell did not run to its end.
    printed, peak, weaker
        As in `fp8lab.grading.examine.Examination`; the peak in kilobytes.
    """

    def __init__(self, plan: Plan, kit: Kit, limits: Limits) -> None:
        self._plan, self._kit, self._limits = plan, kit, limits
        self._talk: Talk | None = None
        self._ran = False
        self.cells: list[SubmittedCell] = []
        self.helpers: frozenset[str] = frozenset()
        self.failures: dict[str, Answer] = {}
        self._program: list[tuple[str, str]] = []
        self._left_out: set[str] = set()
        self._deaths = 0
        self.printed, self.peak, self.weaker = bytearray(), 0, ""

    def __enter__(self) -> Sitting:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _open(self, raw: bytes) -> list[Value]:
        """Start a sandbox; return what it found in the notebook."""
        self._end()
        started = launch(self._kit, self._limits, walls())
        self._talk = talk = Talk(started, self._limits)
        limits = self._limits
        own = (limits.memory, limits.disk, limits.cpu, limits.files)
        notebook = np.frombuffer(raw, np.uint8)
        talk.send(Kind.OPEN, [notebook, *own, *started.folders])
        try:
            self.weaker = str(talk.receive(limits.start, SMALL)[1][0])
        except GoneError as gone:
            why = talk.complaint() or gone.words
            raise SandboxError(f"the sandbox did not start: {why}") from gone
        return talk.receive(limits.start, 2 * len(raw) + SMALL)[1]

    def _end(self) -> None:
        if self._talk is not None:
            self._talk.end()
            self.peak = max(self.peak, self._talk.peak)
            room = self._limits.kept - len(self.printed)
            self.printed += self._talk.printed[:room]
        self._talk, self._ran = None, False

    def read(self, raw: bytes) -> str:
        """Take the notebook; return why it cannot be graded, or nothing."""
        if not raw:
            return "The notebook is empty."
        try:
            *values, helpers, trouble = self._open(raw)
        except GoneError as gone:
            return f"The notebook could not be read. {gone.words}"
        if trouble:
            return str(trouble)
        texts = [str(value) for value in values]
        self.cells = [
            SubmittedCell(
                name, kind, source, tuple(took.split()), tuple(odd.split("\n"))
            )
            for name, kind, source, took, odd in zip(*[iter(texts)] * 5, strict=True)
        ]
        self.helpers = frozenset(str(helpers).split())
        names = {cell.name for cell in self._plan.of("solution", "written")}
        if names and not names & {cell.name for cell in self.cells}:
            return (
                f"This is not the notebook of {self._plan.lab}: none of its cells to "
                "fill in is there. Get the notebook with `fp8lab labs`, and copy your "
                "solutions into it."
            )
        self._program = self._plan.program(self.cells)
        for name, source in self._program:
            if len(source) > MOST_CHARACTERS:
                words = f"The cell {name} is too long to be run."
                self._leave_out(name, "too long", words)
        return ""

    def _leave_out(self, cell: str, how: str, words: str) -> None:
        self._left_out.add(cell)
        self.failures[cell] = Answer(None, how, words)

    def ready(self) -> Talk:
        """Return a sandbox that has run the cells; start one if need be.

        Raises
        ------
        GoneError
            Cells ended it too often.
        """
        while self._talk is None or not self._talk.alive or not self._ran:
            if self._talk is None or not self._talk.alive:
                self._open(b"")
            if self._deaths > MOST_DEATHS:
                raise GoneError(
                    "ended the program", "Cells ended the program too often."
                )
            self._run()
        return self._talk

    def _run(self) -> None:
        assert self._talk is not None
        lines = [line for line in self._program if line[0] not in self._left_out]
        talk, running = self._talk, ""
        try:
            talk.send(Kind.RUN, [text for line in lines for text in line])
            for number in range(len(lines) + 1):
                kind, values = talk.receive(self._limits.cell, SMALL)
                if kind is Kind.RAN and number == len(lines):
                    self._note(values)
                    self._ran = True
                    return
                if kind is not Kind.STARTED or not _is_number(values, number):
                    break
                running = lines[number][0]
            talk.end()
            raise GoneError("broke the protocol", "It wrote to the grader's pipe.")
        except GoneError as gone:
            self._deaths += 1
            where = f"The cell {running}: " if running else ""
            self._leave_out(running, gone.how, where + gone.words)

    def _note(self, values: Sequence[Value]) -> None:
        """Keep which cells failed, as the sandbox tells it: words for the student."""
        texts = [str(value) for value in values]
        for name, how, words in zip(texts[::3], texts[1::3], texts[2::3], strict=False):
            if name not in self._left_out:
                self.failures[name] = Answer(None, how[:80], words[:4000])


def _is_number(values: Sequence[Value], number: int) -> bool:
    """Compare without asking an array, which could be anything, for its truth."""
    return len(values) == 1 and isinstance(values[0], int) and values[0] == number
