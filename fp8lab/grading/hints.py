"""Hints, one after the other; they cost nothing and are counted."""

from __future__ import annotations

from fp8lab.grading.card import card, show, stated
from fp8lab.grading.labs import task_of
from fp8lab.grading.points import refresh
from fp8lab.grading.student import load, update

__all__ = ["show_hint"]


def show_hint(lab: str, name: str) -> None:
    """Show the next hint for a task, with those before it.

    Raises
    ------
    ValueError
        No such lab or task.
    """
    task = task_of(lab, name)
    seen = min(load(lab).task(name).hints, len(task.hints))
    if seen < len(task.hints):
        seen += 1
        problem = update(lab, name, hints=1).problem
        refresh(lab)
    else:
        problem = "That was the last one." if task.hints else "There is no hint."
    shown = task.hints[:seen]
    head = f"Hint {seen} of {len(task.hints)}"
    body = "".join(
        f"<p{'' if i == seen else ' class=small'}>{stated(hint)}</p>"
        for i, hint in enumerate(shown, start=1)
    )
    note = f'<p class="small">{stated(problem)}</p>' if problem else ""
    words = [f"{head}: {shown[-1]}"] if shown else []
    show(
        card("", head, f"{lab} · {task.title}", "", body + note),
        "\n".join([*words, *([problem] if problem else [])]),
    )
