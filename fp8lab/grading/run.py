"""Grades a class: collects, grades what is new, and writes down what came of it."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from fp8lab.grading.collect import Submission, collect
from fp8lab.grading.course import Lab
from fp8lab.grading.examine import examine
from fp8lab.grading.journal import Journal
from fp8lab.grading.limits import Limits
from fp8lab.grading.pool import grade_here
from fp8lab.grading.record import Job, Record

__all__ = ["ClassResult", "Progress", "Settings", "grade_class", "printable", "prove"]

Spread = Callable[[Iterable[Job]], Iterator[Record]]


@dataclass(frozen=True)
class Settings:
    """How a class is graded.

    Attributes
    ----------
    submissions
        nbgrader's folder of submitted work.
    results
        Where the journal, the gradebook, feedback and reports go.
    workers
        How many submissions at once.
    dask
        Address of a Dask scheduler, or nothing.
    seed
        Of the cases; None draws one.
    again
        Grade also what was graded before.
    limits
        What a submission may use.
    """

    submissions: Path
    results: Path
    workers: int = 1
    dask: str = ""
    seed: int | None = None
    again: bool = False
    limits: Limits = field(default_factory=Limits)

    def journal(self, lab: str) -> Journal:
        """Return the journal of a lab."""
        return Journal(self.results / "journal" / lab)


@dataclass(frozen=True)
class ClassResult:
    """What came of a class.

    Attributes
    ----------
    lab
        Which.
    records
        One a student, by name.
    new
        How many were graded in this run.
    seconds
        That this took.
    """

    lab: Lab
    records: tuple[Record, ...]
    new: int = 0
    seconds: float = 0.0

    @property
    def failures(self) -> list[Record]:
        """What the grader failed to grade."""
        return [record for record in self.records if record.failure]


def grade_class(lab: Lab, settings: Settings, progress: Progress) -> ClassResult:
    """Grade every submission of a lab that is not yet graded as it is.

    Whatever interrupts this, what was graded is kept, and the next call goes on.

    Parameters
    ----------
    lab
        From `fp8lab.grading.course.load_lab`.
    settings
        Where and how.
    progress
        Told of each record.
    """
    journal, start = settings.journal(lab.name), time.monotonic()
    with journal.alone():
        seed = journal.seed(settings.seed)
        found: dict[str, Record] = {}
        jobs: list[str] = []
        for job in _jobs(lab, settings, seed):
            kept = None if settings.again else journal.load(job.student)
            if kept is not None and kept.key == job.key:
                found[job.student] = kept
            else:
                jobs.append(job.student)
        if jobs:
            prove(lab, settings.limits)
        progress.start(lab.name, len(jobs), len(found))
        wanted = set(jobs)
        todo = (job for job in _jobs(lab, settings, seed) if job.student in wanted)
        for record in _spread(settings)(todo):
            if not record.failure:
                journal.save(record)
            found[record.student] = record
            progress.step(record)
        progress.end()
        if not any(record.failure for record in found.values()):
            journal.finish()
    records = tuple(found[student] for student in sorted(found))
    return ClassResult(lab, records, len(jobs), time.monotonic() - start)


def prove(lab: Lab, limits: Limits) -> None:
    """See that the instructor's own solutions get all points here, before anybody's.

    Raises
    ------
    ValueError
        They do not: a package is absent, a cell fails, or a task is wrong.
    SandboxError
        No sandbox can be started.
    """
    seed = secrets.randbits(63)
    found = examine(lab.notebook.encode(), lab.plan, lab.tasks, seed, limits)
    for task in found.tasks:
        for aspect in task.aspects:
            if aspect.how:
                raise ValueError(
                    f"the solution in the course's own notebook loses {task.task}, "
                    f"{aspect.name}, on this machine: {aspect.words} Nothing was graded"
                )


def _jobs(lab: Lab, settings: Settings, seed: int) -> Iterator[Job]:
    limits = settings.limits
    for each in collect(settings.submissions, lab.name, limits.notebook):
        yield _job(lab, each, seed, limits)


def _job(lab: Lab, each: Submission, seed: int, limits: Limits) -> Job:
    return Job(
        each.student, lab, each.content, seed, limits, each.trouble, each.timestamp
    )


def _spread(settings: Settings) -> Spread:
    if settings.dask:
        from fp8lab.grading.spread import grade_on_dask

        return lambda jobs: grade_on_dask(jobs, settings.dask)
    return lambda jobs: grade_here(jobs, settings.workers)


def printable(text: str) -> str:
    """Return a name as one line of ordinary characters, whatever is in it.

    Parameters
    ----------
    text
        Somebody else's: it may hold what moves a terminal's cursor.
    """
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


class Progress:
    """One line a submission; on a terminal, one line that changes.

    Parameters
    ----------
    stream
        Where to; by default stderr.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._lab, self._all, self._done, self._since = "", 0, 0, 0.0

    def start(self, lab: str, new: int, kept: int) -> None:
        """Say how much there is to do."""
        self._lab, self._all, self._done = lab, new, 0
        self._since = time.monotonic()
        already = f", {kept} were graded before" if kept else ""
        self._say(f"{lab}: {new} to grade{already}\n")

    def step(self, record: Record) -> None:
        """Say what one submission earned."""
        self._done += 1
        got = record.failure or f"{record.points} of {record.of}"
        each = (time.monotonic() - self._since) / self._done
        left = each * (self._all - self._done)
        line = (
            f"{self._lab} {self._done}/{self._all}  {printable(record.student)}: "
            f"{printable(got)}"
        )
        if self._stream.isatty():
            self._say(f"\r\033[K{line}  ({left:.0f} s left)")
        else:
            self._say(f"{line}\n")

    def end(self) -> None:
        """Leave the line as it is."""
        if self._all and self._stream.isatty():
            self._say("\n")

    def _say(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
