"""Every lesson: a clean file in git, and a run from top to bottom without an error."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.jupyter_home import isolated

LESSONS = sorted((Path(__file__).parent.parent / "lessons").glob("*.ipynb"))
CELL_SECONDS = 300

every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def read(path: Path) -> NotebookNode:
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    return notebook


def has_picture(output: NotebookNode) -> bool:
    return "image/png" in output.get("data", {})


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_lessons_are_found() -> None:
    assert [path.name for path in LESSONS[:1]] == ["00-start-here.ipynb"]


@every_lesson
def test_notebook_is_stripped(path: Path) -> None:
    for number, cell in enumerate(code_cells(read(path))):
        assert cell.outputs == [], f"code cell {number} has outputs: make format"
        assert cell.execution_count is None, f"code cell {number} has a count"


@every_lesson
def test_notebook_opens_with_a_title_and_its_kernel(path: Path) -> None:
    notebook = read(path)
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    # Without it JupyterLab greets the learner with the question which kernel to use.
    assert notebook.metadata.kernelspec.name == "python3"


@every_lesson
def test_notebook_has_no_empty_cell_and_one_title(path: Path) -> None:
    cells = read(path).cells
    assert [n for n, cell in enumerate(cells) if not cell.source.strip()] == []
    titles = [c for c in cells if c.cell_type == "markdown" and c.source[:2] == "# "]
    assert len(titles) == 1


@every_lesson
def test_lesson_runs(path: Path, repository: Path, tmp_path: Path) -> None:
    # In a copy: a lesson may keep the learner's progress beside itself.
    folder = tmp_path / "lessons"
    shutil.copytree(path.parent, folder)
    notebook = read(folder / path.name)
    client = NotebookClient(
        notebook, timeout=CELL_SECONDS, resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env=isolated(tmp_path, repository))
    figures = [cell for cell in code_cells(notebook) if "plt.show()" in cell.source]
    assert all(any(has_picture(o) for o in cell.outputs) for cell in figures)
    complaints = [
        output.text
        for cell in code_cells(notebook)
        for output in cell.outputs
        if output.get("name") == "stderr"
    ]
    assert complaints == []
