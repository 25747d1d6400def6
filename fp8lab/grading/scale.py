"""A class that does not exist, graded and measured: `python -m fp8lab.grading.scale`.

Of each hundred students, about half have everything right; the others hand in stubs,
half of the tasks, wrong values, dtypes or shapes, functions that end the process, and
two hang. The time to write the gradebook and all pages is in the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from fp8lab.grading.command import write_results
from fp8lab.grading.course import Lab, load_lab, our_course
from fp8lab.grading.limits import Limits
from fp8lab.grading.pool import default_jobs
from fp8lab.grading.record import Record
from fp8lab.grading.release import cleared, parse_notebook
from fp8lab.grading.run import Progress, Settings, grade_class

__all__ = ["KINDS", "Figures", "main", "make_class", "measure"]

#: Kinds of students, and how many of a hundred.
KINDS = {"right": 50, "half": 20, "wrong": 16, "stub": 10, "ends": 2, "hangs": 2}
SPOILED = """

def _spoiled(function):
    def answer(*inputs):
        result = function(*inputs)
        arrays = [np.array(a) for a in (result if type(result) is tuple else (result,))]
        last = arrays[-1]
        other = np.float32 if last.dtype == np.float64 else np.float64
        if last.size and {how} == 0:
            last.reshape(-1).view(np.uint8)[-1] ^= 1
        arrays[-1] = [last, last.astype(other), last[None]][{how}]
        return tuple(arrays) if type(result) is tuple else arrays[0]
    return answer

{name} = _spoiled({name})
"""
ENDS = "\n\ndef {name}(*inputs):\n    __import__('os')._exit(1)\n"
HANGS = "\n\ndef {name}(*inputs):\n    while True:\n        pass\n"


@dataclass(frozen=True)
class Figures:
    """What a class took.

    Attributes
    ----------
    students, jobs
        How many, and how many at once.
    seconds, writing
        In all, and of these for the gradebook and the pages.
    slowest
        Of one submission.
    peak, grader
        Most memory of one submission and of one process of the grader, in bytes.
    wrong
        Grades that are not what they have to be: none, or the grader is broken.
    """

    students: int
    jobs: int
    seconds: float
    writing: float
    slowest: float
    peak: int
    grader: int
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        each = self.seconds / self.students
        return (
            f"{self.students} submissions on {self.jobs} cores in {self.seconds:.0f} "
            f"s: {each:.2f} s each (slowest {self.slowest:.1f} s; gradebook and pages "
            f"{self.writing:.1f} s in all)\nmemory: {self.peak / 2**20:.0f} MB for a "
            f"submission at most, {self.grader / 2**20:.0f} MB for the grader"
        )


def make_class(lab: Lab, folder: Path, students: int, seed: int) -> dict[str, str]:
    """Write submissions; return each student's kind.

    Parameters
    ----------
    lab
        The lab.
    folder
        Gets a folder for each student.
    students
        How many.
    seed
        Of who does what.
    """
    drawn = np.random.default_rng(seed)
    share = np.array(list(KINDS.values())) / sum(KINDS.values())
    kinds = drawn.choice(list(KINDS), students, p=share)
    for number, kind in enumerate(kinds):
        place = folder / f"student{number:04}" / lab.name / f"{lab.name}.ipynb"
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps(_submission(lab, str(kind), drawn)))
    return {f"student{i:04}": str(kind) for i, kind in enumerate(kinds)}


def _submission(lab: Lab, kind: str, drawn: np.random.Generator) -> dict[str, Any]:
    notebook = parse_notebook(lab.notebook)
    cells = list(_solutions(notebook))
    spoilt = drawn.integers(len(cells))
    for number, cell in enumerate(cells):
        source = "".join(cell["source"])
        if kind == "stub" or (kind == "half" and drawn.random() < 0.5):
            cell["source"] = cleared(source)
        elif number == spoilt and kind in ("wrong", "ends", "hangs"):
            name = _defined(lab, cell)
            how = drawn.integers(3)
            tail = {"wrong": SPOILED, "ends": ENDS, "hangs": HANGS}[kind]
            cell["source"] = source + tail.format(name=name, how=how)
    return notebook


def _solutions(notebook: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for cell in notebook["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "code" and marks.get("solution"):
            yield cell


def _defined(lab: Lab, cell: Mapping[str, Any]) -> str:
    """Return the function of a cell that a task is about, or its last."""
    name = cell["metadata"]["nbgrader"]["grade_id"]
    functions = next(c.tasks for c in lab.plan.of("solution") if c.name == name)
    tasks = [task.name for task in lab.tasks if task.name in functions]
    return (tasks or list(functions))[-1]


def measure(
    lab: Lab, folder: Path, students: int, jobs: int, stream: TextIO | None = None
) -> Figures:
    """Make a class, grade it and write everything.

    Parameters
    ----------
    lab
        The lab.
    folder
        An empty one.
    students
        How many.
    jobs
        How many submissions at once.
    stream
        For the progress; by default stderr.
    """
    submissions = folder / "submitted"
    kinds = make_class(lab, submissions, students, seed=1)
    settings = Settings(submissions, folder, jobs, seed=1)
    start = time.monotonic()
    result = grade_class(lab, settings, Progress(stream))
    graded = time.monotonic()
    write_results(result, settings)
    end = time.monotonic()
    return Figures(
        students,
        jobs,
        end - start,
        end - graded,
        max(record.seconds for record in result.records),
        max(record.peak for record in result.records),
        _most_memory(),
        tuple(_wrong(result.records, kinds)),
    )


def _most_memory() -> int:
    """Return the most memory of this process or one that it started, in bytes."""
    import resource

    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return 1024 * max(resource.getrusage(each).ru_maxrss for each in who)


def _wrong(records: Sequence[Record], kinds: Mapping[str, str]) -> Iterator[str]:
    """Yield what cannot be: less than all for who is right, something for a stub."""
    for record in records:
        kind = kinds[record.student]
        lost = record.points < record.of
        expected = {"right": not lost, "stub": record.points == 0}.get(kind, True)
        if kind in ("wrong", "ends", "hangs"):
            expected = lost and record.points > 0
        if record.failure or not expected:
            yield (
                f"{record.student} ({kind}): {record.points} of {record.of} "
                f"{record.failure}"
            )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where a grade is wrong.

    Parameters
    ----------
    argv
        Options.
    """
    parser = argparse.ArgumentParser(prog="python -m fp8lab.grading.scale")
    parser.add_argument("--students", type=int, default=200)
    parser.add_argument("--lab", default="lab1")
    parser.add_argument("--course", type=Path, default=our_course())
    parser.add_argument("--jobs", type=int, default=default_jobs(Limits()))
    given = parser.parse_args(argv)
    lab = load_lab(given.course, given.lab)
    with tempfile.TemporaryDirectory(prefix="fp8lab-scale-") as folder:
        figures = measure(lab, Path(folder), given.students, given.jobs)
    print(f"{lab.name}: {figures}")
    for line in figures.wrong:
        print(f"WRONG {line}")
    return 1 if figures.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
