"""Runs the notebooks of labs 4 and 5 as the grader does, and kernels with a fault."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from fp8lab.grading.calling import remember
from fp8lab.grading.labs import LABS
from fp8lab.grading.notebooks import cleared
from fp8lab.grading.tasks import Case, Task, outputs_of

SOURCE = Path(__file__).parents[2] / "labs" / "source"


class Notebook:
    """The code of a lab's source notebook, and the functions that it defines."""

    def __init__(self, lab: str) -> None:
        path = SOURCE / lab / f"{lab}.ipynb"
        self.cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        self.tasks: dict[str, Task] = {task.name: task for task in LABS[lab].TASKS}
        self.written = LABS[lab].WRITTEN
        self.solutions = {
            cell["metadata"]["nbgrader"]["grade_id"]: "".join(cell["source"])
            for cell in self.cells
            if cell["cell_type"] == "code"
            and cell["metadata"].get("nbgrader", {}).get("solution")
        }

    def run(self, **changed: str) -> SimpleNamespace:
        """Execute given cells and solutions, some of them changed; no checks."""
        namespace: dict = {"__name__": "__main__"}
        for number, cell in enumerate(self.cells):
            nbgrader = cell["metadata"].get("nbgrader", {})
            if cell["cell_type"] != "code" or nbgrader.get("grade"):
                continue
            source = "".join(cell["source"])
            if nbgrader.get("solution"):
                source = changed.get(nbgrader["grade_id"], source)
            elif "import check" in source:
                source = "\n".join(
                    line
                    for line in source.splitlines()
                    if "import check" not in line and "progress(" not in line
                )
            name = f"{id(namespace)}-{number}"
            exec(compile(source, remember(name, source), "exec"), namespace)
        return SimpleNamespace(**namespace)

    def stub(self, name: str) -> str:
        """Return a solution cell as students get it."""
        return cleared(self.solutions[name])

    def mutated(self, name: str, *changes: tuple[str, str]) -> str:
        """Return a solution cell with pieces of text replaced; each must be there."""
        source = self.solutions[name]
        for old, new in changes:
            assert old in source, f"{name} has no {old!r}"
            source = source.replace(old, new)
        return source


def cases_of(task: Task, seed: int = 0) -> list[Case]:
    return list(task.cases(np.random.default_rng(seed)))


def answer(function, case: Case) -> tuple[np.ndarray, ...]:
    """Call a function as the grader does: with copies."""
    mine = (i.copy() if isinstance(i, np.ndarray) else i for i in case.inputs)
    with np.errstate(all="ignore"):
        return outputs_of(function(*mine))


def bits(arrays: tuple[np.ndarray, ...]) -> list[tuple[str, tuple[int, ...], bytes]]:
    """Return what two answers are compared by; all NaNs are one."""
    one_nan = [np.where(a == a, a, np.nan).astype(a.dtype) for a in arrays]
    return [(str(a.dtype), a.shape, a.tobytes()) for a in one_nan]


def failed_aspects(task: Task, function, seed: int) -> set[str]:
    """Return the aspects of a task that a function gets wrong."""
    return {
        case.aspect
        for case in cases_of(task, seed)
        if bits(answer(function, case)) != bits(task.expected(case))
    }


def faulty_kernels(book: Notebook, faults: dict) -> Iterator[tuple[Task, str, list]]:
    """Yield each fault with the cases in which its kernel is not the known mistake."""
    for name, changes in faults.items():
        task = book.tasks[name]
        known = {mistake.name: mistake for mistake in task.mistakes}
        for fault, pieces in changes.items():
            kernels = book.run(**{name: book.mutated(name, *pieces)})
            other = [
                case.aspect
                for case in cases_of(task, 1)
                if bits(answer(getattr(kernels, name), case))
                != bits(answer(known[fault].answer, case))
            ]
            yield task, fault, other


def check_mistakes(task: Task) -> None:
    """Each known mistake costs points whatever the seed, and is one of a kind."""
    assert len(task.mistakes) >= 8
    seen: dict[bytes, str] = {}
    for mistake in task.mistakes:
        assert mistake.says.endswith((".", "?", ")")), mistake.name
        for seed in range(4):
            assert failed_aspects(task, mistake.answer, seed), (mistake.name, seed)
        told = repr([bits(answer(mistake.answer, c)) for c in cases_of(task)]).encode()
        assert told not in seen, f"{mistake.name} gives the bytes of {seen.get(told)}"
        seen[told] = mistake.name


def check_cells(book: Notebook) -> None:
    """Each task has a solution, a given cell or none, and a check with its points."""
    graded = {
        cell["metadata"]["nbgrader"]["grade_id"]: cell
        for cell in book.cells
        if "nbgrader" in cell["metadata"]
    }
    for name, task in book.tasks.items():
        assert graded[name]["metadata"]["nbgrader"]["solution"]
        check = graded[f"{name}-check"]
        assert check["source"] == [f'check("{task.lab}", "{name}", {name})']
        assert check["metadata"]["nbgrader"]["points"] == task.points
    question = graded["question"]["metadata"]["nbgrader"]
    assert question["points"] == book.written.points
    assert sum(points for points, _ in book.written.rubric) == book.written.points
    total = sum(task.points for task in book.tasks.values()) + book.written.points
    assert total == 50
    assert all(not cell.get("outputs") for cell in book.cells)
