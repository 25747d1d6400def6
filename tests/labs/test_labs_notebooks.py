"""The notebooks of labs 1 to 3: the instructor's, and what students get."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from fp8lab.grading.labs import LABS, tasks_of
from fp8lab.grading.students import copy_labs
from tests.jupyter_home import isolated

COURSE = Path(__file__).parent.parent.parent / "labs"
NAMES = ("lab1", "lab2", "lab3")
CELL_SECONDS = 120

every_lab = pytest.mark.parametrize("lab", NAMES)


def source(lab: str) -> Path:
    return COURSE / "source" / lab / f"{lab}.ipynb"


def read(path: Path) -> NotebookNode:
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    return notebook


def named(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """Return the cells that nbgrader knows, by name."""
    found = [c for c in notebook.cells if "nbgrader" in c.metadata]
    names = [cell.metadata.nbgrader.grade_id for cell in found]
    assert len(set(names)) == len(names)
    return dict(zip(names, found, strict=True))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the releases that nbgrader's own command makes of a copy of the course."""
    pytest.importorskip("nbgrader")
    course = tmp_path_factory.mktemp("course")
    shutil.copy(COURSE / "nbgrader_config.py", course)
    for lab in NAMES:
        shutil.copytree(COURSE / "source" / lab, course / "source" / lab)
        command = [sys.executable, "-m", "nbgrader", "generate_assignment", lab]
        # Without the folder of this Python: the course's configuration finds it.
        environment = {**os.environ, "PATH": os.defpath, "HOME": str(course)}
        done = subprocess.run(
            command, cwd=course, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
    return course / "release"


@every_lab
def test_outputs_are_stripped(lab: str) -> None:
    for cell in read(source(lab)).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@every_lab
def test_it_opens_with_a_title_and_its_kernel(lab: str) -> None:
    notebook = read(source(lab))
    titles = [c for c in notebook.cells if c.source.startswith("# ")]
    assert titles == notebook.cells[:1]
    assert LABS[lab].TITLE in titles[0].source
    assert notebook.metadata.kernelspec.name == "python3"
    assert all(cell.source.strip() for cell in notebook.cells)


@every_lab
def test_every_task_has_its_cells_and_points(lab: str) -> None:
    cells = named(read(source(lab)))
    table = read(source(lab)).cells[0].source
    for task in tasks_of(lab):
        solution = cells[task.name]
        assert solution.metadata.nbgrader.solution
        assert f"def {task.name}(" in solution.source
        check = cells[f"{task.name}-check"]
        assert check.source == f'check("{lab}", "{task.name}", {task.name})'
        assert (check.metadata.nbgrader.grade, check.metadata.nbgrader.locked) == (
            True,
            True,
        )
        assert check.metadata.nbgrader.points == task.points
        assert f"`{task.name}`" in table
        assert f" {task.points} |" in table.partition(f"`{task.name}`")[2][:24]
    question = cells["question"].metadata.nbgrader
    assert question.points == LABS[lab].WRITTEN.points
    assert (question.grade, question.solution, question.locked) == (True, True, False)


@every_lab
def test_metadata_are_valid_to_nbgrader(lab: str) -> None:
    form = pytest.importorskip("nbgrader.nbgraderformat")
    with source(lab).open() as file:
        form.read(file, as_version=4)


@every_lab
def test_the_instructors_notebook_runs(
    lab: str, repository: Path, tmp_path: Path
) -> None:
    folder = tmp_path / lab
    shutil.copytree(source(lab).parent, folder)
    notebook = read(folder / f"{lab}.ipynb")
    where = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, timeout=CELL_SECONDS, resources=where)
    client.execute(env=isolated(tmp_path, repository))
    cells = named(notebook)
    for task in tasks_of(lab):
        (card,) = cells[f"{task.name}-check"].outputs
        assert "All right" in card.data["text/html"]
        assert f"{task.points} of {task.points} points" in card.data["text/plain"]
    # The panel at the top has followed.
    points = sum(task.points for task in tasks_of(lab))
    (panel,) = cells["setup"].outputs
    assert f"{lab}: {points} of {points} points so far" in panel.data["text/plain"]
    figures = [c for c in notebook.cells if "plt.show()" in c.source]
    assert all(any("image/png" in o.data for o in c.outputs) for c in figures)
    complaints = [
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.get("name") == "stderr"
    ]
    assert complaints == []


@every_lab
def test_a_release_has_no_solution(lab: str, release: Path) -> None:
    mine = named(read(source(lab)))
    handed_out = release / lab / f"{lab}.ipynb"
    text = "\n".join(cell.source for cell in read(handed_out).cells)
    assert "SOLUTION" not in text
    for task in tasks_of(lab):
        body = mine[task.name].source
        solution = body.partition("### BEGIN SOLUTION\n")[2].partition("### END")[0]
        lines = [line for line in solution.splitlines() if len(line.strip()) > 40]
        assert lines
        # The bug hunts show broken code that is right but for its bugs.
        given = "\n".join(c.source for n, c in mine.items() if n == "broken")
        assert [line for line in lines if line in text and line not in given] == []


@every_lab
def test_a_student_without_nbgrader_gets_the_same(
    lab: str, release: Path, tmp_path: Path
) -> None:
    """`fp8lab labs` copies what nbgrader's command hands out, cell by cell."""
    copy_labs(COURSE, tmp_path)
    ours = read(tmp_path / lab / f"{lab}.ipynb").cells
    theirs = read(release / lab / f"{lab}.ipynb").cells
    assert [cell.source for cell in ours] == [cell.source for cell in theirs]


@every_lab
def test_each_stub_names_itself(lab: str, release: Path) -> None:
    cells = named(read(release / lab / f"{lab}.ipynb"))
    for task in tasks_of(lab):
        namespace: dict[str, object] = {"np": np}
        exec(cells[task.name].source, namespace)
        case = next(iter(task.cases(np.random.default_rng(0))))
        with pytest.raises(NotImplementedError) as caught:
            namespace[task.name](*case.inputs)
        assert str(caught.value) == f"{lab}: {task.name} is yours to write"
        assert cells[task.name].metadata.deletable is False
        assert cells[f"{task.name}-check"].metadata.editable is False
