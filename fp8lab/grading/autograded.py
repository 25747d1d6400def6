"""The notebooks that nbgrader's formgrader shows: answers, and verdicts as outputs.

They are made of the instructor's source; of a submission they have the text of the
cells to fill in, and nothing else.
"""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

from fp8lab.grading.course import Lab
from fp8lab.grading.feedback import task_html
from fp8lab.grading.journal import write_whole
from fp8lab.grading.judge import TaskVerdict
from fp8lab.grading.record import Record
from fp8lab.grading.release import parse_notebook, released

__all__ = ["checked_release", "is_time", "nbgrader", "write_autograded"]


def nbgrader(module: str) -> Any:
    """Return one of nbgrader's modules.

    Raises
    ------
    ModuleNotFoundError
        It is absent; the text says what to install.
    """
    try:
        return import_module(f"nbgrader.{module}")
    except ModuleNotFoundError as absent:
        text = f'{absent.name} is absent: pip install "fp8lab[grade]"'
        raise ModuleNotFoundError(text, name=absent.name) from absent


def is_time(text: str) -> bool:
    """Say whether nbgrader can read a time of submission.

    Parameters
    ----------
    text
        From a submission's folder: anything.
    """
    try:
        return bool(text) and nbgrader("utils").parse_utc(text) is not None
    except (ValueError, OverflowError):
        return False


def checked_release(lab: Lab, answers: dict[str, str] | None = None) -> Any:
    """Return the notebook in nbformat's classes, with nbgrader's checksums.

    Parameters
    ----------
    lab
        The lab.
    answers
        To put in, by the names of the cells.
    """
    nbformat: Any = import_module("nbformat")
    compute_checksum = nbgrader("utils").compute_checksum
    plain = released(parse_notebook(lab.notebook), answers)
    notebook = nbformat.from_dict(plain)
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"]["checksum"] = compute_checksum(cell)
    return notebook


def write_autograded(lab: Lab, record: Record, folder: Path, notebook: Any) -> None:
    """Write a student's notebook.

    Parameters
    ----------
    lab, record
        What was graded.
    folder
        ``autograded/STUDENT/LAB``.
    notebook
        From `checked_release`, without answers.
    """
    verdicts = {task.task: task for task in record.tasks}
    written = {cell.name for cell in lab.plan.of("written")}
    answers = {
        name: _harmless(text) if name in written else text
        for name, text in record.answers.items()
    }
    filled = checked_release(lab, answers)
    # The checksums are of the release: so nbgrader sees what was changed.
    for cell, blank in zip(filled["cells"], notebook["cells"], strict=True):
        if "nbgrader" in cell["metadata"]:
            checksum = blank["metadata"]["nbgrader"]["checksum"]
            cell["metadata"]["nbgrader"]["checksum"] = checksum
    for planned, cell in zip(lab.plan.cells, filled["cells"], strict=True):
        if planned.kind == "check" and planned.tasks[0] in verdicts:
            cell["outputs"] = [_output(verdicts[planned.tasks[0]])]
    write_whole(folder / f"{lab.name}.ipynb", json.dumps(filled, indent=1))
    if is_time(record.timestamp):
        write_whole(folder / "timestamp.txt", record.timestamp)


def _harmless(text: str) -> str:
    """Return Markdown whose HTML is text: formgrader's page is the instructor's own."""
    text = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)
    return re.sub(r"(?i)\b(javascript|vbscript|data):", r"\1 :", text)


def _output(task: TaskVerdict) -> dict[str, Any]:
    words = f"{task.title}: {task.points} of {task.of} points"
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {"text/plain": words, "text/html": task_html(task)},
    }
