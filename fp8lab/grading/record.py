"""One submission as a job, and what came of it as a record that JSON can hold.

A job carries all that its grading needs, so that any process on any machine can do it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fp8lab.grading.course import Lab, grader_hash
from fp8lab.grading.examine import examine
from fp8lab.grading.judge import AspectVerdict, TaskVerdict, untried
from fp8lab.grading.limits import Limits
from fp8lab.grading.sandbox import walls

__all__ = ["Job", "Record", "grade", "lost", "same_grader"]


@dataclass(frozen=True)
class Job:
    """A submission to grade.

    Attributes
    ----------
    student, lab
        Whose, and of what.
    notebook
        The file.
    seed
        Of the cases.
    limits
        What the submission may use.
    trouble
        Why there is no file, as a sentence; empty if there is one.
    timestamp
        When it was handed in, as nbgrader wrote it, or nothing.
    """

    student: str
    lab: Lab
    notebook: bytes
    seed: int
    limits: Limits = field(default_factory=Limits)
    trouble: str = ""
    timestamp: str = ""

    @property
    def key(self) -> str:
        """SHA-256 of all that decides the grade but the random numbers."""
        content = hashlib.sha256(self.notebook).hexdigest()
        parts = (self.student, self.lab.hash, content, self.trouble, repr(self.limits))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Record:
    """What a submission earned.

    Attributes
    ----------
    key
        Of the job.
    failure
        Why the grader could not grade it, which is nobody's zero; empty if it could.
    tasks
        The verdicts.
    notes
        Sentences about the notebook, for student and instructor.
    answers
        What the student wrote, by the names of the cells.
    printed
        The start of what the code printed.
    isolation
        ``"bubblewrap"``, or what was weaker.
    seconds, peak
        What the grading took, and the most memory in bytes.
    """

    student: str
    lab: str
    key: str
    seed: int
    failure: str = ""
    tasks: tuple[TaskVerdict, ...] = ()
    notes: tuple[str, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)
    printed: str = ""
    isolation: str = ""
    timestamp: str = ""
    seconds: float = 0.0
    peak: int = 0

    @property
    def points(self) -> int:
        """The points earned."""
        return sum(task.points for task in self.tasks)

    @property
    def of(self) -> int:
        """The points that there are for the tasks."""
        return sum(task.of for task in self.tasks)

    def verdict(self) -> dict[str, Any]:
        """Return what has to be the same however and wherever it was graded."""
        parts = asdict(replace(self, seconds=0.0, peak=0, isolation=""))
        return {name: parts[name] for name in parts if name != "printed"}

    def dump(self) -> str:
        """Return the record as JSON."""
        return json.dumps(asdict(self))

    @staticmethod
    def load(text: str) -> Record:
        """Read a record from JSON.

        Raises
        ------
        ValueError
            It is none.
        """
        try:
            parts = json.loads(text)
            parts["tasks"] = tuple(map(_task, parts["tasks"]))
            parts["notes"] = tuple(parts["notes"])
            return Record(**parts)
        except (KeyError, TypeError) as error:
            raise ValueError(f"no record of a grade: {error!r}") from error


def _task(parts: dict[str, Any]) -> TaskVerdict:
    aspects = tuple(AspectVerdict(**aspect) for aspect in parts["aspects"])
    return TaskVerdict(parts["task"], parts["title"], aspects)


def grade(job: Job) -> Record:
    """Grade one submission, whatever it is; never raises for what lies in it.

    Parameters
    ----------
    job
        The submission.
    """
    start = time.monotonic()
    blank = Record(
        job.student, job.lab.name, job.key, job.seed, timestamp=job.timestamp
    )
    if job.trouble:
        tasks = tuple(untried(t, "no notebook", job.trouble) for t in job.lab.tasks)
        return replace(blank, tasks=tasks, notes=(job.trouble,))
    try:
        found = examine(job.notebook, job.lab.plan, job.lab.tasks, job.seed, job.limits)
    except Exception as error:  # the grader's own fault: the class goes on
        return lost(job, f"{type(error).__name__}: {error}")
    weaker = "; ".join([*walls().weaker, found.weaker]).strip("; ")
    return replace(
        blank,
        tasks=found.tasks,
        notes=found.notes,
        answers=found.answers,
        printed=found.printed,
        isolation=weaker or "bubblewrap",
        seconds=time.monotonic() - start,
        peak=found.peak,
    )


def lost(job: Job, why: str) -> Record:
    """Return the record of a submission that the grader failed to grade.

    Parameters
    ----------
    job
        The submission.
    why
        For the instructor.
    """
    return Record(job.student, job.lab.name, job.key, job.seed, failure=why)


def same_grader(lab: str, expected: str) -> None:
    """Raise RuntimeError unless this process has the very same grader.

    Parameters
    ----------
    lab
        The lab that is graded.
    expected
        `grader_hash` of the process that asks.
    """
    if grader_hash(lab) != expected:
        raise RuntimeError(
            "this machine has another version of fp8lab than the one that collects "
            "the grades; install the same on both"
        )
