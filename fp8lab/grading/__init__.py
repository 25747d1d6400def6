"""The labs' checks and the instructor's tools: tasks, a judge, a sandbox, reports.

A student's notebook needs three functions of it, which load the rest when called.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["check", "hint", "progress"]


def check(lab: str, task: str, function: Callable[..., object]) -> None:
    """Check a function on the visible cases of its task.

    Shows which parts are right, the first wrong element, and what the mistake may be.

    Parameters
    ----------
    lab, task
        For example ``"lab1"`` and ``"decode"``.
    function
        What you wrote for it.

    Raises
    ------
    AssertionError
        Something is wrong; the text says what.
    """
    from fp8lab.grading.checks import check_task

    check_task(lab, task, function)


def hint(lab: str, task: str) -> None:
    """Show the next hint for a task. Hints cost nothing; they are counted."""
    from fp8lab.grading.hints import show_hint

    show_hint(lab, task)


def progress(lab: str) -> None:
    """Show the points of the visible checks so far; the panel follows later checks."""
    from fp8lab.grading.points import show_progress

    show_progress(lab)
