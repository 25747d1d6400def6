"""Each lesson as a learner runs it: opened in JupyterLab, Run All, no complaint."""

from pathlib import Path

import pytest

from tests.browser.jupyterlab import JupyterLab

LESSONS = sorted((Path(__file__).parents[2] / "lessons").glob("*.ipynb"))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_runs_in_the_browser(lab: JupyterLab, path: Path) -> None:
    lab.open_notebook(path.name)
    lab.run_all()
    lab.screenshot_notebook(f"lesson-{path.stem}")
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.external_requests == []
