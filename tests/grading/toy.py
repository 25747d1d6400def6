"""The toy lab's course, and submissions of it."""

import json
from pathlib import Path

from fp8lab.grading.course import Lab, load_lab

RIGHT = {
    "double-solution": "def double(x):\n    return x + x",
    "parts-solution": (
        "def parts(x, s):\n"
        "    low = np.floor(x)\n"
        "    return low, (x - low) * np.float32(s)"
    ),
}
NOT_YET = "\n    # YOUR CODE HERE\n    raise NotImplementedError()"
STUBS = {name: code.partition("\n")[0] + NOT_YET for name, code in RIGHT.items()}
ESSAY = "Because 2 is even."


def _solution(name: str) -> str:
    head, _, body = RIGHT[name].partition("\n")
    return f"{head}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"


def _cell(kind: str, source: str, name: str = "", **nbgrader: object) -> dict:
    cell = {"cell_type": kind, "id": name or "c" + str(abs(hash(source)))[:12]}
    cell |= {"metadata": {}, "source": source.splitlines(keepends=True)}
    if kind == "code":
        cell |= {"outputs": [], "execution_count": None}
    if name:
        flags = dict.fromkeys(("grade", "solution", "task"), False)
        cell["metadata"]["nbgrader"] = {
            **flags, "grade_id": name, "locked": True, "schema_version": 3, **nbgrader,
        }  # fmt: skip
    return cell


def _check(task: str, points: int) -> dict:
    source = f'check("toy", "{task}", {task})'
    return _cell("code", source, f"{task}-check", grade=True, points=points)


def notebook(cells: list[dict]) -> dict:
    spec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": spec},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def source() -> dict:
    """The instructor's notebook."""
    open_ = {"solution": True, "locked": False}
    return notebook(
        [
            _cell("markdown", "# A toy lab", "head"),
            _cell(
                "code",
                "import numpy as np\nfrom fp8lab.grading import check\n"
                "import matplotlib.pyplot as plt",
                "set-up",
            ),
            _cell("code", _solution("double-solution"), "double-solution", **open_),
            _check("double", 5),
            _cell("code", _solution("parts-solution"), "parts-solution", **open_),
            _check("parts", 4),
            _cell("markdown", ESSAY, "essay", grade=True, points=3, **open_),
        ]
    )


def submission(changes: dict[str, str] | None = None, **options: object) -> dict:
    """A student's notebook: all right but for the cells that are changed.

    `without` names cells to leave out, `extra` is code of further cells.
    """
    changed = {**RIGHT, "essay": "My answer.", **(changes or {})}
    cells = []
    for cell in source()["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
        if name in options.get("without", ()):  # type: ignore[operator]
            continue
        if name in changed:
            cell["source"] = changed[name].splitlines(keepends=True)
        cells.append(cell)
    for code in options.get("extra", ()):  # type: ignore[union-attr]
        cells.insert(2, _cell("code", code))
    return notebook(cells)


def raw(changes: dict[str, str] | None = None, **options: object) -> bytes:
    return json.dumps(submission(changes, **options)).encode()


def make_course(folder: Path) -> Path:
    """Write the course's source and tasks."""
    place = folder / "source" / "toy"
    place.mkdir(parents=True)
    (place / "toy.ipynb").write_text(json.dumps(source()))
    (folder / "tasks").mkdir()
    tasks = Path(__file__).with_name("toy_tasks.py").read_text()
    (folder / "tasks" / "toy.py").write_text(tasks)
    return folder


def hand_in(course: Path, student: str, content: bytes | None = None) -> Path:
    """Put a notebook where nbgrader collects it; all right if no content is given."""
    path = course / "submitted" / student / "toy" / "toy.ipynb"
    path.parent.mkdir(parents=True)
    path.write_bytes(raw() if content is None else content)
    return path


def lab(course: Path) -> Lab:
    return load_lab(course, "toy")
