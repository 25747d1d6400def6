"""Grades one submission: asks its sandbox, case by case, and judges the answers.

A process that dies or hangs costs its own case: a new one takes over with the next
aspect, so that what is right elsewhere still counts. Within one task that is allowed
twice, and a cell that ends the process is left out of the next start.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fp8lab.grading.frames import Kind, Value
from fp8lab.grading.judge import Answer, Paper, TaskVerdict, judge_task, paper, untried
from fp8lab.grading.kit import kit_for
from fp8lab.grading.limits import Limits
from fp8lab.grading.notebooks import Plan
from fp8lab.grading.sitting import Sitting
from fp8lab.grading.strides import layout
from fp8lab.grading.talk import GoneError
from fp8lab.grading.tasks import Case, Task

__all__ = ["Examination", "examine"]

#: So many times may the cases of one task end the process.
MOST_DEATHS = 2
#: How much longer an answer may be than it should: float64 where a byte is due.
SLACK, MARGIN = 8, 1 << 16
#: A kernel in Triton's interpreter takes its time: so much more than NumPy is given.
INTERPRETED = 3
#: What a solution may import of fp8lab: it shows, and computes nothing.
HARMLESS = ("fp8lab.grading", "fp8lab.widgets")


@dataclass(frozen=True)
class Examination:
    """What came of one submission.

    Attributes
    ----------
    tasks
        A verdict each.
    notes
        Sentences about the notebook.
    answers
        What the student wrote, by the names of the cells.
    printed
        The start of what the code printed.
    peak
        Most memory used, in bytes; 0 where it could not be told.
    weaker
        What the sandbox could not close.
    """

    tasks: tuple[TaskVerdict, ...]
    notes: tuple[str, ...]
    answers: dict[str, str]
    printed: str
    peak: int
    weaker: str


def examine(
    raw: bytes, plan: Plan, tasks: Sequence[Task], seed: int, limits: Limits
) -> Examination:
    """Return the verdicts on a submission.

    Parameters
    ----------
    raw
        The submitted notebook.
    plan, tasks
        Of the lab.
    seed
        Of the cases.
    limits
        What the submission may use.

    Raises
    ------
    SandboxError
        No sandbox could be started.
    """
    if plan.needs_triton:
        limits = limits.stretched(INTERPRETED)
    with Sitting(plan, kit_for(plan.needs_triton), limits) as sitting:
        trouble = sitting.read(raw)
        if trouble:
            verdicts = [untried(task, "no notebook", trouble) for task in tasks]
            notes = [trouble]
        else:
            asking = _Asking(sitting, plan, limits)
            verdicts = [asking.task(task, paper(task, seed)) for task in tasks]
            notes = plan.notes(sitting.cells)
    return Examination(
        tuple(verdicts),
        tuple(notes),
        plan.answers(sitting.cells),
        sitting.printed.decode("utf-8", "replace"),
        sitting.peak * 1024,
        sitting.weaker,
    )


class _Asking:
    """Puts the questions to a sitting."""

    def __init__(self, sitting: Sitting, plan: Plan, limits: Limits) -> None:
        self._sitting, self._plan, self._limits = sitting, plan, limits

    def task(self, task: Task, asked: Paper) -> TaskVerdict:
        """Ask all cases of a task; return the verdict."""
        if taken := self._forbidden(task):
            words = (
                f"It imports {taken}. A solution may not: that has the answer, or does "
                "the work."
            )
            return untried(task, "forbidden import", words)
        return judge_task(asked, list(self._answers(asked)))

    def _forbidden(self, task: Task) -> str:
        """Return what the task's cell imports that it may not.

        For a lab on NumPy this only says it in words: such modules are absent. A lab on
        Triton has them in its sandbox, and there every cell counts.
        """
        everywhere, planned = self._plan.needs_triton, self._plan.cell_of(task.name)
        cell = planned.name if planned else ""
        for each in self._sitting.cells:
            if each.name == cell or everywhere:
                for name in each.imports:
                    if _within(name, task.forbidden) and not _within(name, HARMLESS):
                        return name
        return ""

    def _answers(self, asked: Paper) -> list[Answer]:
        """Ask case after case, until time is up or the process died too often."""
        answers: list[Answer] = []
        given_up: dict[str, Answer] = {}
        deaths, until = 0, time.monotonic() + self._limits.task
        for case, expected in zip(asked.cases, asked.expected, strict=True):
            if case.aspect in given_up:
                answers.append(given_up[case.aspect])
                continue
            left = until - time.monotonic()
            if deaths >= MOST_DEATHS or left <= 0:
                last = next(reversed(given_up.values()), _OUT_OF_TIME)
                answers.append(last if deaths >= MOST_DEATHS else _OUT_OF_TIME)
                continue
            answer, died = self._case(asked.task, case, expected, left)
            if died:
                deaths += 1
                given_up[case.aspect] = answer
            answers.append(answer)
        return answers

    def _case(
        self, task: Task, case: Case, expected: Sequence[np.ndarray], left: float
    ) -> tuple[Answer, bool]:
        """Ask one case; return the answer, and whether it cost the process."""
        try:
            talk = self._sitting.ready()
            token = secrets.token_hex(16)
            most = SLACK * sum(array.nbytes for array in expected) + MARGIN
            values = [token, task.name, most, layout(case.inputs), *case.inputs]
            talk.send(Kind.CASE, values)
            kind, got = talk.receive(min(self._limits.case, left), most + MARGIN)
        except GoneError as gone:
            return Answer(None, gone.how, gone.words), True
        if kind not in (Kind.ANSWER, Kind.FAILED) or not _starts_with(got, token):
            talk.end()
            words = "It wrote to the grader's pipe what is no answer, and was stopped."
            return Answer(None, "broke the protocol", words), True
        if kind is Kind.ANSWER:
            return _arrays(got[1:]), False
        how, words = ([str(each) for each in got[1:3]] + ["", ""])[:2]
        return self._failed(task, Answer(None, how[:80], words[:4000])), False

    def _failed(self, task: Task, answer: Answer) -> Answer:
        """Say more about a failure than the sandbox could know."""
        undefined = _UNDEFINED.search(answer.words)
        if answer.failure == "no function":
            name = task.name
        elif undefined:
            name = undefined[1]
        else:
            return answer
        cell = self._plan.cell_of(name)
        if cell is not None and cell.name in self._sitting.failures:
            return self._sitting.failures[cell.name]
        if cell is not None and all(c.name != cell.name for c in self._sitting.cells):
            words = f"The cell {cell.name}, which defines {name}, is missing."
            return Answer(None, "cell missing", words)
        if name in self._sitting.helpers:
            words = (
                f"{answer.words} {name} is defined in a cell of your own, and only the "
                "cells to fill in are graded: put it there."
            )
            return replace(answer, words=words)
        return answer


_UNDEFINED = re.compile(r"name '(\w+)' is not defined")
_OUT_OF_TIME = Answer(None, "timed out", "The time for this task was used up.")


def _starts_with(values: Sequence[Value], token: str) -> bool:
    return bool(values) and isinstance(values[0], str) and values[0] == token


def _arrays(values: Sequence[Value]) -> Answer:
    arrays = tuple(value for value in values if isinstance(value, np.ndarray))
    if len(arrays) != len(values):
        return Answer(None, "no arrays", "It handed in something else than arrays.")
    return Answer(arrays)


def _within(name: str, modules: Sequence[str]) -> bool:
    return any(name == each or name.startswith(each + ".") for each in modules)
