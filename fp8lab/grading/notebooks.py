"""The instructor's notebook of a lab: which cells are graded, run, or put back.

Read from the course's source, which is trusted. What a student wrote is put into it by
the names of the cells; nothing else of a submission is kept.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fp8lab.grading.cells import SubmittedCell, python
from fp8lab.grading.release import cleared

__all__ = ["Cell", "Plan", "read_plan"]

#: Longer cells are not run: nobody types so much.
MOST_CHARACTERS = 200_000


@dataclass(frozen=True)
class Cell:
    """One cell of the source.

    Attributes
    ----------
    name
        nbgrader's ``grade_id``, or nothing.
    kind
        ``"solution"`` (graded by a check), ``"written"`` (graded by hand), ``"check"``
        (earns a task's points), ``"given"`` (runs as it is) or ``"text"``.
    source
        As a student gets it: solutions are cleared.
    points
        Of a check or a written answer.
    tasks
        The task that a check calls; the functions that a solution cell defines.
    """

    name: str
    kind: str
    source: str
    points: float = 0
    tasks: tuple[str, ...] = ()

    @property
    def only_defines(self) -> bool:
        """Whether the cell is functions and nothing else."""
        body = _tree(self.source).body
        return bool(body) and all(isinstance(n, ast.FunctionDef) for n in body)


@dataclass(frozen=True)
class Plan:
    """A lab's notebook, as far as grading needs it."""

    lab: str
    cells: tuple[Cell, ...]

    @property
    def needs_triton(self) -> bool:
        """Whether the lab is about Triton: then its own cells import it."""
        return any("triton" in cell.source for cell in self.of("given"))

    def of(self, *kinds: str) -> list[Cell]:
        """Return the cells of some kinds, in order."""
        return [cell for cell in self.cells if cell.kind in kinds]

    def cell_of(self, task: str) -> Cell | None:
        """Return the solution cell of a task.

        It defines the task's function, or stands before the given cell that does: a
        kernel, of which the given cell makes a function of arrays.
        """
        last = None
        for cell in self.cells:
            if cell.kind == "solution":
                last = cell
            if task in cell.tasks:
                return cell if cell.kind == "solution" else last
        return None

    def program(self, submitted: Sequence[SubmittedCell]) -> list[tuple[str, str]]:
        """Return what is run, as names and code.

        A solution cell runs as the student left it (several of one name one after the
        other, as the notebook would), and not at all where it is missing. Functions
        that are given are defined once more at the end: nothing stands in for them.
        """
        lines: list[tuple[str, str]] = []
        for number, cell in enumerate(self.cells):
            if cell.kind == "given":
                lines.append((cell.name or f"given-{number}", cell.source))
            elif cell.kind == "solution":
                lines += [
                    (cell.name, each.source)
                    for each in submitted
                    if (each.name, each.kind) == (cell.name, "code")
                ]
        return lines + [(c.name, c.source) for c in self.of("given") if c.only_defines]

    def notes(self, submitted: Sequence[SubmittedCell]) -> list[str]:
        """Say which cells were changed that were not the student's to change."""
        found = []
        for cell in self.cells:
            if not cell.name:
                continue
            mine = [each.source for each in submitted if each.name == cell.name]
            if not mine:
                found.append(_missing(cell))
            elif cell.kind in ("check", "given", "text"):
                if any(_plain(text) != _plain(cell.source) for text in mine):
                    found.append(
                        f"The cell {cell.name} was changed. It was put back as it was."
                    )
            elif len(mine) > 1:
                found.append(
                    f"There are {len(mine)} cells with the name {cell.name}; they were "
                    "taken one after the other."
                )
        return [note for note in found if note] + list(self._unusual(submitted))

    def _unusual(self, submitted: Sequence[SubmittedCell]) -> Iterator[str]:
        names = {cell.name for cell in self.of("solution")}
        for each in submitted:
            if each.name in names and any(each.unusual):
                used = ", ".join(each.unusual)
                yield f"The cell {each.name} uses {used}: no solution needs that."

    def answers(self, submitted: Sequence[SubmittedCell]) -> dict[str, str]:
        """Return what the student wrote, by the names of the cells."""
        names = {cell.name for cell in self.of("solution", "written")}
        joined: dict[str, list[str]] = {}
        for each in submitted:
            if each.name in names:
                joined.setdefault(each.name, []).append(each.source)
        return {
            name: "\n\n".join(texts)[:MOST_CHARACTERS] for name, texts in joined.items()
        }


def _missing(cell: Cell) -> str:
    if cell.kind in ("solution", "written"):
        return f"The cell {cell.name} is missing: it was deleted, or lost its name."
    return f"The cell {cell.name} was deleted. It was put back."


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def read_plan(lab: str, notebook: Mapping[str, Any]) -> Plan:
    """Return the plan of a source notebook.

    Parameters
    ----------
    lab
        Its name.
    notebook
        The notebook, as JSON.
    """
    return Plan(lab, tuple(_cell(cell) for cell in notebook["cells"]))


def _cell(cell: Mapping[str, Any]) -> Cell:
    nbgrader = cell["metadata"].get("nbgrader", {})
    source = "".join(cell["source"])
    name, code = nbgrader.get("grade_id", ""), cell["cell_type"] == "code"
    points = float(nbgrader.get("points", 0))
    if nbgrader.get("solution") or nbgrader.get("task"):
        stub = cleared(source, cell["cell_type"])
        if nbgrader.get("grade") or nbgrader.get("task"):
            return Cell(name, "written", stub, points)
        return Cell(name, "solution" if code else "written", stub, 0, _defines(source))
    if nbgrader.get("grade"):
        return Cell(name, "check", source, points, _checks(source))
    return Cell(name, "given" if code else "text", source)


def _defines(source: str) -> tuple[str, ...]:
    """Return the functions that a solution defines at its top."""
    return tuple(
        node.name for node in _tree(source).body if isinstance(node, ast.FunctionDef)
    )


def _checks(source: str) -> tuple[str, ...]:
    """Return the task in ``check("lab1", "decode", decode)``."""
    for node in ast.walk(_tree(source)):
        if isinstance(node, ast.Call) and len(node.args) >= 2:
            called = ast.unparse(node.func).split(".")[-1]
            task = node.args[1]
            if called == "check" and isinstance(task, ast.Constant):
                return (str(task.value),)
    return ()


def _tree(source: str) -> ast.Module:
    try:
        return ast.parse(python(source))
    except SyntaxError:
        return ast.Module([], [])
