"""What an instructor gets of a class: a CSV of points, and a page of how it went."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape

from fp8lab.grading.feedback import STYLE
from fp8lab.grading.judge import TaskVerdict
from fp8lab.grading.record import Record
from fp8lab.grading.run import ClassResult, printable

__all__ = ["class_csv", "class_html"]

BAR, HEIGHT = 22, 80
#: A cell that starts with one of these is a formula to a spreadsheet.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def class_csv(result: ClassResult) -> str:
    """Return a line a student: points for each task, all points, and what to look at.

    Parameters
    ----------
    result
        Of `fp8lab.grading.run.grade_class`.
    """
    tasks = [task.name for task in result.lab.tasks]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["student", *tasks, "points", "of", "look at"])
    for record in result.records:
        points = {task.task: task.points for task in record.tasks}
        if record.failure:
            row: list[object] = [""] * (len(tasks) + 2)
        else:
            row = [*(points.get(name, 0) for name in tasks), record.points, record.of]
        notes = [record.failure] if record.failure else record.notes
        look = "; ".join(_plain(note) for note in notes)
        writer.writerow([_plain(record.student), *row, look])
    return stream.getvalue()


def _plain(text: str) -> str:
    """Return text that no spreadsheet computes."""
    shown = printable(text)
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def class_html(result: ClassResult, title: str) -> str:
    """Return the page: for each task a histogram, and which mistake how often.

    Parameters
    ----------
    result
        Of `fp8lab.grading.run.grade_class`.
    title
        Of the lab.
    """
    return "\n".join(_page(result, title))


def _page(result: ClassResult, title: str) -> Iterator[str]:
    graded = [record for record in result.records if not record.failure]
    yield (
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}: the class</title><style>{STYLE}</style>"
        f"<h1>{escape(title)}: the class</h1>"
    )
    yield f"<p>{_summary(graded)}</p>"
    for record in result.failures:
        yield (
            f'<p class="wrong">Not graded: {escape(printable(record.student))}. '
            f"{escape(record.failure)}</p>"
        )
    for task in result.lab.tasks:
        verdicts = [v for r in graded for v in r.tasks if v.task == task.name]
        yield from _task(task.title, verdicts, task.points)
    yield from _looked_at(graded)


def _summary(graded: Sequence[Record]) -> str:
    if not graded:
        return "Nothing was graded."
    points = sorted(record.points for record in graded)
    median = points[len(points) // 2]
    return (
        f"{len(graded)} graded. Median {median} of {graded[0].of} points, "
        f"from {points[0]} to {points[-1]}."
    )


def _task(title: str, verdicts: Sequence[TaskVerdict], of: int) -> Iterator[str]:
    points = Counter(verdict.points for verdict in verdicts)
    counts = [points[i] for i in range(of + 1)]
    yield f"<h2>{escape(title)}</h2>{_histogram(counts)}"
    ways = Counter(
        (aspect.name, aspect.how)
        for verdict in verdicts
        for aspect in verdict.aspects
        if aspect.how
    )
    if ways:
        rows = "".join(
            f'<tr><td>{escape(name)}</td><td>{escape(how)}</td><td class="number">'
            f"{count}</td></tr>"
            for (name, how), count in ways.most_common()
        )
        yield (
            f"<table><tr><th>aspect</th><th>how it fails</th>"
            f'<th class="number">students</th></tr>{rows}</table>'
        )


def _histogram(counts: Sequence[int]) -> str:
    most = max([*counts, 1])
    bars = []
    for points, count in enumerate(counts):
        x, height = points * BAR, round(HEIGHT * count / most)
        label = 'font-size="11" text-anchor="middle" fill="currentColor"'
        bars.append(
            f'<rect x="{x + 2}" y="{HEIGHT - height + 14}" width="{BAR - 4}" '
            f'height="{height}" fill="var(--right)"/>'
            f'<text x="{x + BAR / 2}" y="{HEIGHT - height + 11}" {label}>'
            f"{count or ''}</text>"
            f'<text x="{x + BAR / 2}" y="{HEIGHT + 28}" {label}>{points}</text>'
        )
    words = ", ".join(f"{n} with {i}" for i, n in enumerate(counts) if n) or "nobody"
    width, height = len(counts) * BAR, HEIGHT + 34
    return (
        f'<svg role="img" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><title>Students by points: {words}</title>'
        f"{''.join(bars)}</svg>"
    )


def _looked_at(graded: Sequence[Record]) -> Iterator[str]:
    """List the notebooks that something was strange about."""
    noted = [record for record in graded if record.notes]
    if noted:
        yield "<h2>To look at</h2><ul>"
        for record in noted:
            notes = escape(" ".join(record.notes))
            yield f"<li><strong>{escape(printable(record.student))}</strong>: {notes}"
        yield "</ul>"
