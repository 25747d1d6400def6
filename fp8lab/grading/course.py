"""Where a course keeps its things, and what a lab of it consists of.

The folders are nbgrader's: `source/LAB/LAB.ipynb`, `submitted/STUDENT/LAB/LAB.ipynb`,
and so on. A lab's tasks come with fp8lab, or, for a lab of the instructor's own, lie in
`tasks/LAB.py` beside `source`.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from fp8lab import __version__
from fp8lab.grading.labs import LABS
from fp8lab.grading.notebooks import Plan, read_plan
from fp8lab.grading.release import parse_notebook
from fp8lab.grading.tasks import Task

__all__ = ["Lab", "find_labs", "grader_hash", "load_lab", "our_course"]


@dataclass(frozen=True)
class Lab:
    """A lab as text: enough to grade it on another machine.

    Attributes
    ----------
    name
        ``"lab1"``.
    notebook
        The source notebook's text.
    code
        The text of the instructor's `tasks/LAB.py`; empty for a lab of fp8lab.
    """

    name: str
    notebook: str
    code: str = ""

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The lab's tasks."""
        tasks: tuple[Task, ...] = self.module.TASKS
        return tasks

    @property
    def module(self) -> ModuleType:
        """The module with TASKS, and perhaps WRITTEN."""
        return _module(self.name, self.code)

    @property
    def plan(self) -> Plan:
        """What is graded, run and put back."""
        return _plan(self.name, self.notebook)

    @property
    def hash(self) -> str:
        """SHA-256 of the lab and of all the code that grades it."""
        parts = (self.name, self.notebook, self.code, grader_hash(self.name))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@lru_cache(maxsize=16)
def _plan(name: str, notebook: str) -> Plan:
    return read_plan(name, parse_notebook(notebook))


@lru_cache(maxsize=16)
def _module(name: str, code: str) -> ModuleType:
    if not code:
        return LABS[name]
    # Registered, as dataclasses and pickles look their module up.
    module = ModuleType(f"fp8lab_course_{name}")
    sys.modules[module.__name__] = module
    exec(compile(code, f"tasks/{name}.py", "exec"), module.__dict__)
    return module


@lru_cache(maxsize=16)
def grader_hash(lab: str) -> str:
    """Return the SHA-256 of fp8lab's version and of the modules that grade a lab.

    Parameters
    ----------
    lab
        Its name: the modules of the other labs do not count.
    """
    digest = hashlib.sha256(__version__.encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        other = path.parent.name == "labs" and re.match(r"lab\d+", path.name)
        if not other or other[0] == lab:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def our_course() -> Path:
    """Return the folder of the course that lies beside this package in a checkout."""
    return Path(__file__).parent.parent.parent / "labs"


def find_labs(course: Path) -> Iterator[str]:
    """Yield the names of the labs that a course has a source of."""
    for path in sorted((course / "source").glob("*/*.ipynb")):
        if path.stem == path.parent.name:
            yield path.stem


def load_lab(course: Path, name: str) -> Lab:
    """Return a lab of a course.

    Raises
    ------
    ValueError
        It is not there, or its checks and its tasks do not belong together.
    """
    path = course / "source" / name / f"{name}.ipynb"
    if not path.is_file():
        known = ", ".join(find_labs(course)) or "none"
        raise ValueError(f"no {path}; the labs of this course: {known}")
    own = course / "tasks" / f"{name}.py"
    code = own.read_text(encoding="utf-8") if own.is_file() else ""
    if not code and name not in LABS:
        known = ", ".join(LABS)
        raise ValueError(f"no tasks for {name}: write {own}, or use one of {known}")
    lab = Lab(name, path.read_text(encoding="utf-8"), code)
    _check(lab)
    return lab


def _check(lab: Lab) -> None:
    """See that each task has one check with its points, and each check a task."""
    tasks = {task.name: task for task in lab.tasks}
    checked: list[str] = []
    for cell in lab.plan.of("check"):
        name = cell.tasks[0] if cell.tasks else ""
        if name not in tasks:
            raise ValueError(
                f"{lab.name}: the cell {cell.name} has points and calls no check of a "
                f'task; write check("{lab.name}", TASK, TASK), with one of '
                f"{', '.join(tasks)}"
            )
        if cell.points != tasks[name].points:
            raise ValueError(
                f"{lab.name}: the cell {cell.name} has {cell.points:g} points, and the "
                f"task {name} {tasks[name].points}; make them equal"
            )
        checked.append(name)
    if sorted(checked) != sorted(tasks):
        raise ValueError(
            f"{lab.name}: each task needs one check cell with points; there are tasks "
            f"{', '.join(sorted(tasks))} and checks {', '.join(sorted(checked))}"
        )
