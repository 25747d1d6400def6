"""The page that a student gets: what each task earned, why, and a picture of it.

It has one element of one case for each aspect that is wrong, as the visible checks show
it, and no test's source. Every word of a student's is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from fp8lab.grading.judge import AspectVerdict, TaskVerdict
from fp8lab.grading.record import Record
from fp8lab.grading.run import printable

__all__ = ["STYLE", "feedback_html", "task_html"]

STYLE = """
:root { color-scheme: light dark; --right: #2e7d32; --wrong: #c62828; }
@media (prefers-color-scheme: dark) { :root { --right: #81c784; --wrong: #ef9a9a; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto;
  padding: 0 1rem; }
h2 { margin: 2rem 0 0.5rem; } ul { padding-left: 1.2rem; }
.right { color: var(--right); } .wrong { color: var(--wrong); }
.advice { border-left: 0.25rem solid var(--wrong); padding-left: 0.75rem; }
table { border-collapse: collapse; } td, th { padding: 0.2rem 0.8rem; }
td.number, th.number { text-align: right; } pre { overflow-x: auto; }
th { text-align: left; }
td, th { border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
svg { max-width: 100%; height: auto; }
"""


def feedback_html(record: Record, title: str, by_hand: int = 0) -> str:
    """Return the page.

    Parameters
    ----------
    record
        What the submission earned.
    title
        Of the lab.
    by_hand
        Points that a person will give.
    """
    return "\n".join(_page(record, title, by_hand))


def _page(record: Record, title: str, by_hand: int) -> Iterator[str]:
    student = escape(printable(record.student))
    yield (
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}, {student}</title><style>{STYLE}</style>"
    )
    yield f"<h1>{escape(title)}</h1>"
    later = (
        f" Up to {by_hand} more for the written question, which a person reads."
        if by_hand
        else ""
    )
    yield (
        f"<p><strong>{record.points} of {record.of} points</strong> for {student}."
        f"{later}</p>"
    )
    if record.notes:
        items = "".join(f"<li>{escape(note)}</li>" for note in record.notes)
        yield f"<h2>About your notebook</h2><ul>{items}</ul>"
    for task in record.tasks:
        yield f"<section>{task_html(task)}</section>"
    if record.printed:
        yield "<h2>What your notebook printed</h2>"
        yield f"<pre>{escape(record.printed)}</pre>"


def task_html(task: TaskVerdict) -> str:
    """Return what a task earned, as HTML for a page or for a cell's output.

    Parameters
    ----------
    task
        The verdict.
    """
    head = (
        f"<h2>{escape(task.title)} (<code>{escape(task.task)}</code>): "
        f"{task.points} of {task.of}</h2>"
    )
    told: set[tuple[str, str]] = set()
    return head + "".join(_aspect(aspect, told) for aspect in task.aspects)


def _aspect(aspect: AspectVerdict, told: set[tuple[str, str]]) -> str:
    """Return one aspect; what was said of another is not said again."""
    right = not aspect.how
    mark, kind = ("✓", "right") if right else ("✗", "wrong")
    head = (
        f'<p><span class="{kind}">{mark}</span> <strong>{escape(aspect.name)}'
        f"</strong>, {aspect.points} of {aspect.of}: {escape(aspect.says)}.</p>"
    )
    if right or (aspect.words, aspect.advice) in told:
        return head
    told.add((aspect.words, aspect.advice))
    advice = f'<p class="advice">{escape(aspect.advice)}</p>' if aspect.advice else ""
    return f"{head}<p>{escape(aspect.words)}</p>{advice}{aspect.picture}"
