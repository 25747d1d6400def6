"""Says what an answer is worth, and in words where it is wrong and why.

Runs in the instructor's process, on arrays that came out of a sandbox as plain bytes
(or, for the visible check, in the student's own kernel). No student's code is called.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from fp8lab.grading.compare import compare, diagnose, same_bytes
from fp8lab.grading.picture import picture
from fp8lab.grading.tasks import Aspect, Case, Input, Mistake, Task

__all__ = [
    "Answer",
    "AspectVerdict",
    "Paper",
    "TaskVerdict",
    "judge_task",
    "paper",
    "untried",
]

#: More arrays than any answer has.
NO_ANSWER = (np.zeros(0),) * 99


@dataclass(frozen=True)
class Answer:
    """What came back for one case: arrays, or why there are none.

    Attributes
    ----------
    arrays
        The outputs, or None.
    failure
        One or two words for the class report: ``"raised ValueError"``.
    words
        A sentence for the student.
    """

    arrays: tuple[np.ndarray, ...] | None
    failure: str = ""
    words: str = ""


@dataclass(frozen=True)
class Paper:
    """The questions of one task, as drawn with one seed, and their right answers."""

    task: Task
    cases: tuple[Case, ...]
    expected: tuple[tuple[np.ndarray, ...], ...]


@dataclass(frozen=True)
class AspectVerdict:
    """What one aspect earned. `how` is empty where it is right."""

    name: str
    says: str
    points: int
    of: int
    how: str = ""
    words: str = ""
    advice: str = ""
    picture: str = ""


@dataclass(frozen=True)
class TaskVerdict:
    """What one task earned."""

    task: str
    title: str
    aspects: tuple[AspectVerdict, ...] = field(default_factory=tuple)

    @property
    def points(self) -> int:
        """The points earned."""
        return sum(aspect.points for aspect in self.aspects)

    @property
    def of(self) -> int:
        """The points that there are."""
        return sum(aspect.of for aspect in self.aspects)

    @property
    def how(self) -> str:
        """How it fails, in a few words; empty where all of it is right."""
        return next((aspect.how for aspect in self.aspects if aspect.how), "")


@lru_cache(maxsize=64)
def paper(task: Task, seed: int) -> Paper:
    """Draw a task's cases and compute their right answers, once for a whole class.

    Parameters
    ----------
    task
        The task.
    seed
        Of the class; each task draws its own numbers from it.
    """
    name = hashlib.sha256(f"{task.lab}/{task.name}".encode()).digest()
    drawn = np.random.default_rng([seed, int.from_bytes(name[:8])])
    cases = tuple(task.cases(drawn))
    known = {aspect.name for aspect in task.aspects}
    if strangers := {case.aspect for case in cases} ^ known:
        raise ValueError(
            f"{task.lab}, {task.name}: each case needs an aspect that the task lists, "
            f"and each aspect a case; look at {', '.join(sorted(strangers))}"
        )
    mistakes = tuple(
        replace(each, answer=_remembered(_or_nothing(each.answer)))
        for each in task.mistakes
    )
    known_task = replace(task, reference=_remembered(task.reference), mistakes=mistakes)
    return Paper(known_task, cases, tuple(map(known_task.expected, cases)))


def _remembered(function: Callable[..., object]) -> Callable[..., object]:
    """Return a trusted function that is called once for the inputs of each case."""
    results: dict[tuple[int, ...], object] = {}

    def answer(*inputs: Input) -> object:
        # The paper keeps its cases, so that no two inputs have one identity.
        place = tuple(map(id, inputs))
        if place not in results:
            results[place] = _quietly(function, inputs)
        return results[place]

    return answer


def _quietly(function: Callable[..., object], inputs: Sequence[Input]) -> object:
    mine = [i.copy("K") if isinstance(i, np.ndarray) else i for i in inputs]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*mine)


def _or_nothing(function: Callable[..., object]) -> Callable[..., object]:
    """Return a known-wrong answer that gives what nobody gives where it raises."""

    def answer(*inputs: Input) -> object:
        try:
            return function(*inputs)
        except Exception:  # it may be wrong in any way
            return NO_ANSWER

    return answer


def judge_task(asked: Paper, answers: Sequence[Answer]) -> TaskVerdict:
    """Return what the answers to a paper earn, one answer a case."""
    task = asked.task
    aspects = tuple(_judge_aspect(asked, answers, aspect) for aspect in task.aspects)
    return TaskVerdict(task.name, task.title, aspects)


def untried(task: Task, how: str, words: str) -> TaskVerdict:
    """Return the verdict on a task that could not be asked at all."""
    aspects = tuple(
        AspectVerdict(a.name, a.says, 0, a.points, how, words) for a in task.aspects
    )
    return TaskVerdict(task.name, task.title, aspects)


def _judge_aspect(
    asked: Paper, answers: Sequence[Answer], aspect: Aspect
) -> AspectVerdict:
    places = [i for i, case in enumerate(asked.cases) if case.aspect == aspect.name]
    wrong = [i for i in places if not _right(asked, answers, i)]
    if not wrong:
        return AspectVerdict(aspect.name, aspect.says, aspect.points, aspect.points)
    # Arrays that are wrong say more than none at all.
    first = next((i for i in wrong if answers[i].arrays is not None), wrong[0])
    case, answer = asked.cases[first], answers[first]
    nothing = AspectVerdict(aspect.name, aspect.says, 0, aspect.points)
    where = f"{case.name}: " if case.name else ""
    if answer.arrays is None:
        return replace(nothing, how=answer.failure, words=where + answer.words)
    mistake = _diagnosis(asked, answers, places)
    differs = compare(asked.task, case, answer.arrays)
    return replace(
        nothing,
        how=mistake.name if mistake else _how(asked.expected[first], answer.arrays),
        words=where + (differs.words if differs else ""),
        advice=mistake.says if mistake else "",
        picture=picture(differs) if differs else "",
    )


def _right(asked: Paper, answers: Sequence[Answer], place: int) -> bool:
    got = answers[place].arrays
    return got is not None and same_bytes(asked.expected[place], got)


def _how(expected: Sequence[np.ndarray], got: Sequence[np.ndarray]) -> str:
    """Return what is wrong in two words, for the class report."""
    if len(expected) != len(got):
        return "wrong number of outputs"
    for right, yours in zip(expected, got, strict=True):
        if right.shape != yours.shape:
            return "wrong shape"
        if right.dtype != yours.dtype:
            return "wrong dtype"
    return "wrong values"


def _diagnosis(
    asked: Paper, answers: Sequence[Answer], places: Sequence[int]
) -> Mistake | None:
    """Return the mistake that explains all of an aspect, or the whole task at least.

    Two mistakes may look the same in one aspect: what explains the whole task comes
    first.
    """
    whole = diagnose(asked.task, asked.cases, [each.arrays for each in answers])
    cases = [asked.cases[i] for i in places]
    results = [answers[i].arrays for i in places]
    if whole is not None and diagnose(
        replace(asked.task, mistakes=(whole,)), cases, results
    ):
        return whole
    return diagnose(asked.task, cases, results)
