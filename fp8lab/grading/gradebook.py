"""Writes grades into nbgrader's gradebook.

A grade for each check cell, with the points of its task; what a person grades is left
to the person, and what a person graded stays. A submission is entered anew only if its
record is new.
"""

from __future__ import annotations

import json
import os
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from fp8lab.grading.autograded import (
    checked_release,
    is_time,
    nbgrader,
    write_autograded,
)
from fp8lab.grading.course import Lab
from fp8lab.grading.journal import Journal
from fp8lab.grading.record import Record

__all__ = ["enter"]

NO_ANSWER = "No response."


def enter(
    lab: Lab, records: Iterable[Record], journal: Journal, results: Path, url: str = ""
) -> int:
    """Enter the records that the gradebook has not; return how many.

    Parameters
    ----------
    lab
        The lab.
    records
        Of its students; those that the grader failed to grade are left out.
    journal
        Knows what is entered.
    results
        The course's folder.
    url
        Of the gradebook; by default ``gradebook.db`` in that folder.

    Raises
    ------
    ModuleNotFoundError
        nbgrader is absent.
    """
    count = 0
    with _opened(url, results) as book:
        notebook = _prepare(book, lab)
        for record in records:
            folder = results / "autograded" / record.student / lab.name
            known = journal.entered(record) and folder.is_dir()
            if record.failure or (known and _has(book, record)):
                continue
            if not record.student.isprintable():
                continue  # no text that a database can hold; the CSV has the points
            _enter(book, lab, record, notebook)
            write_autograded(lab, record, folder, notebook)
            journal.enter(record)
            count += 1
    return count


@contextmanager
def _opened(url: str, results: Path) -> Iterator[Any]:
    """Open the gradebook; one that is new appears whole, or not at all."""
    path = results.absolute() / "gradebook.db"
    with warnings.catch_warnings(), _scripts_on_path():
        # SQLAlchemy warns of what nbgrader has always done.
        warnings.filterwarnings("ignore", module="nbgrader")
        warnings.filterwarnings("ignore", message="Object of type <Submitted")
        book = nbgrader("api").Gradebook
        if not url and not path.exists():
            new = path.with_name(".new-gradebook.db")
            new.unlink(missing_ok=True)
            book(f"sqlite:///{new}").close()
            new.replace(path)
        try:
            with book(url or f"sqlite:///{path}") as opened:
                yield opened
        except import_module("sqlalchemy.exc").SQLAlchemyError as error:
            why = str(error).splitlines()[0]
            raise OSError(
                f"the gradebook cannot be written: {why}. If another program uses it, "
                "wait for that; what was graded is kept, so run the command again"
            ) from error


@contextmanager
def _scripts_on_path() -> Iterator[None]:
    """Let nbgrader find the `alembic` of this environment, activated or not."""
    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = os.pathsep.join((sysconfig.get_path("scripts"), before))
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _prepare(book: Any, lab: Lab) -> dict[str, Any]:
    """See that the assignment is there as the source has it; return its notebook."""
    notebook = checked_release(lab)
    cells = [cell for cell in notebook["cells"] if "nbgrader" in cell["metadata"]]
    graded = {_name(cell) for cell in cells if cell["metadata"]["nbgrader"]["grade"]}
    try:
        there = {c.name for c in book.find_notebook(lab.name, lab.name).grade_cells}
        entries = book.find_notebook(lab.name, lab.name).submissions
    except nbgrader("api").MissingEntry:
        there, entries = set(), []
    if there and there != graded and entries:
        raise ValueError(
            f"the gradebook has {lab.name} with the graded cells "
            f"{', '.join(sorted(there))}; the source has {', '.join(sorted(graded))}. "
            f"Give the new version another name, or remove the old: "
            f"nbgrader db assignment remove {lab.name}"
        )
    book.update_or_create_assignment(lab.name)
    kernel = json.dumps(notebook["metadata"].get("kernelspec", {}))
    book.update_or_create_notebook(lab.name, lab.name, kernelspec=kernel)
    place = (lab.name, lab.name)
    for cell in cells:
        name, marks = _name(cell), cell["metadata"]["nbgrader"]
        kind = cell["cell_type"]
        if marks["grade"]:
            most = float(marks["points"])
            book.update_or_create_grade_cell(
                name, *place, max_score=most, cell_type=kind
            )
        if marks["solution"]:
            book.update_or_create_solution_cell(name, *place)
        book.update_or_create_source_cell(
            name, *place, cell_type=kind, locked=marks["locked"],
            source=cell["source"], checksum=marks["checksum"],
        )  # fmt: skip
    return notebook


def _name(cell: Any) -> str:
    return str(cell["metadata"]["nbgrader"]["grade_id"])


def _has(book: Any, record: Record) -> bool:
    try:
        book.find_submission(record.lab, record.student)
    except nbgrader("api").MissingEntry:
        return False
    return True


def _enter(book: Any, lab: Lab, record: Record, notebook: Any) -> None:
    """Enter one submission; the scores of a person are kept, and marked for review."""
    book.update_or_create_student(record.student)
    when = {"timestamp": record.timestamp} if is_time(record.timestamp) else {}
    entry = book.update_or_create_submission(lab.name, record.student, **when)
    sheet = next(each for each in entry.notebooks if each.name == lab.name)
    earned = _earned(lab, record)
    silent = _unanswered(notebook, record)
    for grade in sheet.grades:
        if grade.name in earned:
            grade.auto_score = earned[grade.name]
        else:
            grade.auto_score = 0.0 if grade.name in silent else None
        by_hand = grade.manual_score is not None
        grade.needs_manual_grade = by_hand or grade.auto_score is None
    for comment in sheet.comments:
        comment.auto_comment = NO_ANSWER if comment.name in silent else None
    book.db.commit()


def _earned(lab: Lab, record: Record) -> dict[str, float]:
    points = {task.task: float(task.points) for task in record.tasks}
    return {
        cell.name: points[cell.tasks[0]]
        for cell in lab.plan.of("check")
        if cell.tasks[0] in points
    }


def _unanswered(notebook: Any, record: Record) -> set[str]:
    """Return the cells to fill in that were left as they were handed out."""
    return {
        _name(cell)
        for cell in notebook["cells"]
        if cell["metadata"].get("nbgrader", {}).get("solution")
        and record.answers.get(_name(cell), cell["source"]).strip()
        == cell["source"].strip()
    }
