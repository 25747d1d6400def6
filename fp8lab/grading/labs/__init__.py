"""The labs by name; each module is loaded when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from fp8lab.grading.tasks import Task

__all__ = ["LABS", "Written", "task_of", "tasks_of"]


@dataclass(frozen=True)
class Written:
    """A question that a person grades.

    Attributes
    ----------
    title
        One line.
    points
        At most.
    rubric
        What earns how many of them: pairs of points and words.
    answer
        What a full answer says, for the instructor.
    """

    title: str
    points: int
    rubric: tuple[tuple[int, str], ...]
    answer: str = ""


class _Labs(Mapping[str, ModuleType]):
    """Names to modules, which have TASKS, WRITTEN and SHOWN."""

    names = ("lab1", "lab2", "lab3", "lab4", "lab5")

    def __getitem__(self, name: str) -> ModuleType:
        if name not in self.names:
            raise KeyError(name)
        return import_module(f"{__name__}.{name}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


LABS: Mapping[str, ModuleType] = _Labs()


def tasks_of(lab: str) -> tuple[Task, ...]:
    """Return a lab's tasks; ValueError names the labs there are."""
    if lab not in LABS:
        raise ValueError(f"no lab {lab!r}; there are {', '.join(LABS)}")
    tasks: tuple[Task, ...] = LABS[lab].TASKS
    return tasks


def task_of(lab: str, name: str) -> Task:
    """Return one task; ValueError names what there is."""
    tasks = tasks_of(lab)
    for task in tasks:
        if task.name == name:
            return task
    raise ValueError(
        f"{lab} has no task {name!r}; it has {', '.join(task.name for task in tasks)}"
    )
