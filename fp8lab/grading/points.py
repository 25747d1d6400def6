"""The panel of points: what the visible checks have said so far."""

from __future__ import annotations

import uuid
from html import escape

from fp8lab.grading.card import card, in_notebook, publish, show
from fp8lab.grading.labs import LABS, tasks_of
from fp8lab.grading.student import LabState, load
from fp8lab.grading.tasks import Task

__all__ = ["refresh", "show_progress"]

#: Panels on the page, by lab: what follows updates them where they stand.
_PANELS: dict[str, str] = {}


def show_progress(lab: str) -> None:
    """Show the panel; later checks and hints of this kernel update it in its place.

    Raises
    ------
    ValueError
        No such lab.
    """
    html, words = _panel(lab)
    if not in_notebook():
        show(html, words)
        return
    _PANELS.setdefault(lab, f"fp8lab-{lab}-{uuid.uuid4().hex}")
    publish(html, words, display_id=_PANELS[lab])


def refresh(lab: str) -> None:
    """Draw the panel anew where it is shown."""
    if lab in _PANELS and in_notebook():
        publish(*_panel(lab), display_id=_PANELS[lab], update=True)


def _panel(lab: str) -> tuple[str, str]:
    tasks, state = tasks_of(lab), load(lab)
    module = LABS[lab]
    earned = sum(min(state.task(task.name).points, task.points) for task in tasks)
    of = sum(task.points for task in tasks)
    rows = "".join(_row(task, state) for task in tasks)
    hints = sum(state.task(task.name).hints for task in tasks)
    by_hand = module.WRITTEN.points
    body = (
        '<div class="wide"><table class="tasks"><thead><tr><th></th>'
        '<th scope="col">task</th><th scope="col" class="number">'
        'points</th><th></th><th scope="col" class="number">checks</th><th scope="col" '
        f'class="number">hints</th></tr></thead><tbody>{rows}</tbody><tfoot><tr>'
        f'<td></td><td>so far</td><td class="number">{earned} / {of}</td>'
        f'<td>{_bar(earned, of)}</td><td></td><td class="number">{hints or ""}</td>'
        "</tr></tfoot></table></div>"
        '<p class="small">Points of the checks in this notebook. Grading uses fresh '
        f"numbers; {by_hand} more points are for the written question.</p>"
    )
    if state.problem:
        body += f'<p class="small">{escape(state.problem)}</p>'
    tone = "right" if earned == of else ""
    html = card(tone, f"{lab}: {module.TITLE}", "", f"{earned} of {of} points", body)
    lines = [
        f"  {task.name}: {min(state.task(task.name).points, task.points)} of "
        f"{task.points}"
        for task in tasks
    ]
    problem = [state.problem] if state.problem else []
    words = [f"{lab}: {earned} of {of} points so far", *lines, *problem]
    return html, "\n".join(words)


def _row(task: Task, state: LabState) -> str:
    mine = state.task(task.name)
    points = min(mine.points, task.points)
    mark = '<b class="done" aria-label="done">✓</b>' if points == task.points else ""
    return (
        f"<tr><td>{mark}</td><td><code>{escape(task.name)}</code> "
        f'<span class="name">{escape(task.title)}</span></td>'
        f'<td class="number">{points} / {task.points}</td>'
        f"<td>{_bar(points, task.points)}</td>"
        f'<td class="number">{mine.checks or ""}</td>'
        f'<td class="number">{mine.hints or ""}</td></tr>'
    )


def _bar(points: int, of: int) -> str:
    share = 100 * points / of
    return f'<div class="bar"><div style="width:{share:.0f}%"></div></div>'
