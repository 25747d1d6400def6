"""The graders graded: `python -m fp8lab.grading.selftest`.

For every task of every lab the right answer gets all points (in the sandbox, from the
instructor's notebook), what students are handed gets none, and every known-wrong answer
loses points and is told what is wrong with it, and not something else.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fp8lab.grading.calling import call
from fp8lab.grading.course import Lab, find_labs, load_lab, our_course
from fp8lab.grading.examine import examine
from fp8lab.grading.judge import Answer, Paper, TaskVerdict, judge_task, paper
from fp8lab.grading.limits import Limits
from fp8lab.grading.release import parse_notebook, released
from fp8lab.grading.tasks import Input, Mistake, Task
from fp8lab.table import Table

__all__ = ["TaskReport", "main", "report_of"]

#: A bank with fewer known-wrong answers tests little.
ENOUGH = 8
HEADS = ("task", "points", "right answer", "stub", "mistakes", "caught", "told")


@dataclass(frozen=True)
class TaskReport:
    """How the grader of one task did.

    Attributes
    ----------
    right, stub
        Points of the right answer and of the stub.
    caught, told
        How many mistakes lose points, and how many are told just what they are.
    complaints
        What is wrong with the grader, in sentences.
    """

    task: Task
    right: int
    stub: int
    caught: int
    told: int
    complaints: tuple[str, ...]

    def row(self) -> tuple[object, ...]:
        """Return a line of the table."""
        task = self.task
        points = (task.points, self.right, self.stub)
        return (task.name, *points, len(task.mistakes), self.caught, self.told)


def report_of(lab: Lab, seeds: Sequence[int], enough: int = ENOUGH) -> list[TaskReport]:
    """Try the grader of every task of a lab.

    Parameters
    ----------
    lab
        The lab.
    seeds
        Of the cases; a mistake has to be caught with each.
    enough
        How many known-wrong answers a task needs.
    """
    blank = json.dumps(released(parse_notebook(lab.notebook))).encode()
    right = _verdicts(lab, lab.notebook.encode(), seeds[0])
    stub = _verdicts(lab, blank, seeds[0])
    return [
        _report(task, right[task.name], stub[task.name], seeds, enough)
        for task in lab.tasks
    ]


def _verdicts(lab: Lab, notebook: bytes, seed: int) -> dict[str, TaskVerdict]:
    found = examine(notebook, lab.plan, lab.tasks, seed, Limits())
    return {verdict.task: verdict for verdict in found.tasks}


def _report(
    task: Task, right: TaskVerdict, stub: TaskVerdict, seeds: Sequence[int], enough: int
) -> TaskReport:
    complaints = []
    if right.points != task.points:
        aspect = next(each for each in right.aspects if each.how)
        complaints.append(f"the right answer loses {aspect.name}: {aspect.words}")
    if stub.points:
        complaints.append(f"the stub earns {stub.points} points")
    if len(task.mistakes) < enough:
        complaints.append(f"{len(task.mistakes)} known mistakes; {enough} are needed")
    caught = told = 0
    for mistake in task.mistakes:
        trouble = [_trouble(paper(task, seed), mistake) for seed in seeds]
        caught += all(kind != "earns" for kind, _ in trouble)
        told += all(kind == "" for kind, _ in trouble)
        complaints += dict.fromkeys(words for _, words in trouble if words)
    return TaskReport(task, right.points, stub.points, caught, told, tuple(complaints))


def _trouble(asked: Paper, mistake: Mistake) -> tuple[str, str]:
    """Judge a known-wrong answer; say what is amiss with the judgement."""
    with np.errstate(all="ignore"):
        answers = [
            Answer(*call(mistake.answer, [_copy(each) for each in case.inputs]))
            for case in asked.cases
        ]
    verdict = judge_task(asked, answers)
    if verdict.points == verdict.of:
        return "earns", f"the mistake {mistake.name!r} earns all points"
    told = {aspect.how for aspect in verdict.aspects if aspect.how}
    if mistake.name not in told:
        words = f"the mistake {mistake.name!r} is taken for {', '.join(sorted(told))}"
        return "misread", words
    return "", ""


def _copy(value: Input) -> Input:
    return value.copy("K") if isinstance(value, np.ndarray) else value


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 1 if a grader fails its test.

    Parameters
    ----------
    argv
        Names of labs; by default all that the course has.
    """
    parser = argparse.ArgumentParser(prog="python -m fp8lab.grading.selftest")
    parser.add_argument("labs", nargs="*", help="default: all")
    parser.add_argument("--course", type=Path, default=our_course())
    parser.add_argument("--seeds", type=int, default=3, help="how many; default: 3")
    parser.add_argument("--enough", type=int, default=ENOUGH, help="mistakes a task")
    given = parser.parse_args(argv)
    names = given.labs or list(find_labs(given.course))
    if not names:
        print(f"no labs in {given.course}", file=sys.stderr)
        return 1
    complaints: list[str] = []
    for name in names:
        lab = load_lab(given.course, name)
        reports = report_of(lab, range(given.seeds), given.enough)
        print(repr(Table(HEADS, [report.row() for report in reports], name)) + "\n")
        complaints += _complaints(name, reports)
    for line in complaints:
        print(f"WRONG {line}")
    print("The graders fail." if complaints else "The graders pass.")
    return 1 if complaints else 0


def _complaints(lab: str, reports: Sequence[TaskReport]) -> Iterator[str]:
    for report in reports:
        for complaint in report.complaints:
            yield f"{lab}, {report.task.name}: {complaint}"


if __name__ == "__main__":
    sys.exit(main())
