"""What a student has done in a lab so far: a small JSON file beside the notebook.

It is a memory, for the panel of points; nobody is graded by it. A file that cannot be
read is set aside, not written over, and where nothing can be written the checks go on
without it.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fp8lab.files import write_whole

__all__ = ["LabState", "TaskState", "load", "state_file", "update"]

VERSION = 1


@dataclass
class TaskState:
    """One task.

    Attributes
    ----------
    points
        Of the last visible check.
    checks
        How often it was checked.
    hints
        How many hints have been shown.
    """

    points: int = 0
    checks: int = 0
    hints: int = 0


@dataclass
class LabState:
    """One lab: its tasks by name, and what is wrong with the file, in words."""

    tasks: dict[str, TaskState] = field(default_factory=dict)
    problem: str = ""

    def task(self, name: str) -> TaskState:
        """Return a task's state, a new one if there is none yet."""
        return self.tasks.setdefault(name, TaskState())


def state_file(lab: str) -> Path:
    """Where a lab's state is kept: in the notebook's folder, the kernel's own."""
    return Path.cwd() / f"{lab}-progress.json"


def load(lab: str) -> LabState:
    """Return the state; an empty one where there is none. Nothing is raised."""
    path = state_file(lab)
    try:
        content = json.loads(path.read_bytes())
        return LabState({k: _task(v) for k, v in content["tasks"].items()})
    except FileNotFoundError:
        return LabState()
    except OSError as error:
        return LabState(problem=_not_kept(path, error))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return LabState(problem=_set_aside(path))


def update(lab: str, task: str, **changes: int) -> LabState:
    """Change numbers of a task and keep them; ``checks`` and ``hints`` are added to.

    Parameters
    ----------
    lab, task
        Names.
    **changes
        ``points``: the new ones. ``checks``, ``hints``: how many more.
    """
    state = load(lab)
    mine = state.task(task)
    mine.points = changes.get("points", mine.points)
    mine.checks += changes.get("checks", 0)
    mine.hints += changes.get("hints", 0)
    try:
        _write(state_file(lab), state)
    except OSError as error:
        state.problem = _not_kept(state_file(lab), error)
    return state


def _task(kept: dict[str, Any]) -> TaskState:
    numbers = {name: kept[name] for name in ("points", "checks", "hints")}
    if not all(type(number) is int and number >= 0 for number in numbers.values()):
        raise ValueError("a count that is no count")
    return TaskState(**numbers)


def _write(path: Path, state: LabState) -> None:
    tasks = {name: asdict(task) for name, task in sorted(state.tasks.items())}
    text = json.dumps({"version": VERSION, "tasks": tasks}, indent=1) + "\n"
    write_whole(path, text)


def _set_aside(path: Path) -> str:
    aside = path.with_name(f"{path.stem}-unreadable{path.suffix}")
    with contextlib.suppress(OSError):
        path.replace(aside)
    return (
        f"{path.name} could not be read: it is now {aside.name}, and the count begins "
        "again. Your answers are in the notebook and are not touched."
    )


def _not_kept(path: Path, error: OSError) -> str:
    reason = error.strerror or type(error).__name__
    return f"points and hints are not kept: {path.name} cannot be used ({reason})"
