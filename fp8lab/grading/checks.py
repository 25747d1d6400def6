"""The visible check: a few fixed cases, in the student's own kernel.

It helps and earns nothing: grades come from fresh cases, judged elsewhere.
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from fp8lab.grading.calling import NOT_WRITTEN, failed
from fp8lab.grading.card import card, check_body, show
from fp8lab.grading.judge import (
    Answer,
    AspectVerdict,
    TaskVerdict,
    judge_task,
    paper,
    untried,
)
from fp8lab.grading.labs import task_of
from fp8lab.grading.points import refresh
from fp8lab.grading.student import update
from fp8lab.grading.tasks import Case, Task, outputs_of

__all__ = ["VISIBLE_SEED", "WrongAnswerError", "check_task", "verdict_on"]

VISIBLE_SEED = 8
#: What a solution may use of fp8lab: it shows, and computes nothing.
HARMLESS = ("fp8lab.grading", "fp8lab.widgets")


class WrongAnswerError(AssertionError):
    """A visible check failed; its text is for the student."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback: the card above says the rest."""
        head, _, _ = str(self).partition(". ")
        return [f"{type(self).__name__}: {head}"]


def check_task(lab: str, name: str, function: Callable[..., object]) -> None:
    """Check a function on the visible cases, show what came of it, and keep the points.

    Parameters
    ----------
    lab, name
        Of the task.
    function
        The student's.

    Raises
    ------
    WrongAnswerError
        Something is wrong; the text says what, as the shown card does.
    ValueError
        No such lab or task.
    TypeError
        It is no function.
    """
    task = task_of(lab, name)
    if not callable(function):
        raise TypeError(
            f"check takes the function itself: check({lab!r}, {name!r}, {name}); "
            f"this is {type(function).__name__}"
        )
    verdict = verdict_on(task, function)
    state = update(lab, name, points=verdict.points, checks=1)
    words = _words(task, verdict)
    show(_card(task, verdict, state.problem), words)
    refresh(lab)
    if verdict.points < verdict.of:
        raise WrongAnswerError(words)


def verdict_on(task: Task, function: Callable[..., object]) -> TaskVerdict:
    """Return what a function earns on the visible cases."""
    if found := next(_borrowed(function, task.forbidden), ""):
        words = (
            f"it uses {found}, which has the answer; the grader refuses that, so write "
            "it in NumPy"
        )
        return untried(task, "forbidden import", words)
    asked = paper(task, VISIBLE_SEED)
    return judge_task(asked, [_call(function, case) for case in asked.cases])


def _call(function: Callable[..., object], case: Case) -> Answer:
    """Call the student's function; an interruption from the keyboard goes through."""
    mine = [i.copy("K") if isinstance(i, np.ndarray) else i for i in case.inputs]
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Answer(outputs_of(function(*mine)))
    except Exception as error:  # whatever it is, the student reads it
        how, words = failed(error)
        return Answer(None, how, words + _where(error, function))


def _where(error: Exception, function: Callable[..., object]) -> str:
    """Say in which line of the student's code."""
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or isinstance(error, NotImplementedError):
        return ""
    here = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        # A kernel's line counts, too, where a given cell launches it.
        if frame.filename == code.co_filename or "ipykernel" in frame.filename
    ]
    if not here:
        return ""
    return f" (line {here[-1].lineno} of the cell: `{here[-1].line}`)"


def _borrowed(
    function: object, forbidden: tuple[str, ...], seen: frozenset[int] = frozenset()
) -> Iterator[str]:
    """Yield what a function, or one that it calls, takes from forbidden modules."""
    if not isinstance(function, FunctionType) or id(function) in seen:
        return
    if _within(function.__module__ or "", forbidden):
        yield f"{function.__name__} of {function.__module__}"
        return
    for name in _names(function.__code__):
        if name in forbidden and name not in function.__globals__:
            yield name
        value: Any = function.__globals__.get(name)
        home = value.__name__ if isinstance(value, ModuleType) else None
        if callable(value) and isinstance(getattr(value, "__module__", None), str):
            home = value.__module__
        if home and _within(home, forbidden) and not _within(home, HARMLESS):
            yield f"{name} of {home}" if home != name else name
        if home == function.__module__:
            yield from _borrowed(value, forbidden, seen | {id(function)})


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _within(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in modules)


def _first(verdict: TaskVerdict) -> AspectVerdict | None:
    return next((aspect for aspect in verdict.aspects if aspect.how), None)


def _unwritten(verdict: TaskVerdict) -> bool:
    return all(aspect.how == NOT_WRITTEN for aspect in verdict.aspects)


def _words(task: Task, verdict: TaskVerdict) -> str:
    """Return the verdict as text."""
    first = _first(verdict)
    if first is None:
        return (
            f"{task.lab}, {task.name}: all right, {verdict.of} of {verdict.of} points"
        )
    if _unwritten(verdict):
        return f"{task.lab}: {task.name} is yours to write"
    words = (
        f"{task.lab}, {task.name}: {verdict.points} of {verdict.of} points. "
        f"{first.name}: {first.words}"
    )
    if first.advice:
        words += f"\nThis looks like: {first.how}. {first.advice}"
    return words


def _card(task: Task, verdict: TaskVerdict, problem: str) -> str:
    first = _first(verdict)
    note = f'<p class="small">{problem}</p>' if problem else ""
    hints = len(task.hints)
    ask = (
        f'<p class="small">Stuck? <code>hint("{task.lab}", "{task.name}")</code> '
        f"shows one of {hints} hints. They cost nothing.</p>"
        if hints
        else ""
    )
    detail, worth = f"{task.lab} · {task.title}", f"{verdict.points} of {verdict.of}"
    if first is None:
        body = check_body(verdict, None)
        return card("right", "✓ All right", detail, f"{worth} points", body + note)
    if _unwritten(verdict):
        body = f"<p>{task.lab}: <code>{task.name}</code> is yours to write.</p>{ask}"
        return card("", "Not written yet", detail, f"{worth} points", body + note)
    head = "✗ Not yet" if not verdict.points else "✗ Partly right"
    body = check_body(verdict, first) + ask + note
    return card("wrong", head, detail, f"{worth} points", body)
