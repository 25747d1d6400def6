"""The harness itself: a control, an anywidget, an error, and the door of `make lab`."""

import shutil
import sys
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, expect

from tests.browser.jupyterlab import JupyterLab
from tests.browser.server import Server, serve
from tests.jupyter_home import isolated

SLIDER = """
import ipywidgets

slider = ipywidgets.IntSlider(value=3, max=10, description="exponent")
answer = ipywidgets.Label("8")
slider.observe(lambda change: setattr(answer, "value", str(2**change["new"])), "value")
ipywidgets.VBox([slider, answer])
"""
COUNTER = """
import anywidget
import traitlets


class Counter(anywidget.AnyWidget):
    _esm = '''
    function render({ model, el }) {
      const button = document.createElement("button");
      button.className = "counter";
      const draw = () => { button.textContent = `clicked ${model.get("n")}`; };
      button.onclick = () => {
        model.set("n", model.get("n") + 1);
        model.save_changes();
      };
      model.on("change:n", draw);
      draw();
      el.append(button);
    }
    export default { render };
    '''
    n = traitlets.Int(0).tag(sync=True)


Counter()
"""


def write_notebook(server: Server, name: str, *cells: str) -> None:
    # Without a kernel in its metadata a notebook opens with a question.
    kernel = {"name": "python3", "display_name": "Python 3"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    notebook.cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in cells]
    nbformat.write(notebook, server.root / name)


def test_a_slider_and_an_anywidget_answer(lab: JupyterLab, server: Server) -> None:
    write_notebook(server, "harness.ipynb", "1 + 1", SLIDER, COUNTER)
    lab.open_notebook("harness.ipynb")
    lab.run_all()
    assert lab.cell_errors() == []

    readout = lab.widget(".widget-readout")
    answer = lab.widget(".widget-label").last
    expect(readout).to_have_text("3")
    lab.widget(".noUi-handle").press("ArrowRight")
    expect(readout).to_have_text("4")
    # The label is written by the kernel: the whole way down and up again.
    expect(answer).to_have_text("16")
    lab.drag(lab.widget(".noUi-handle"), dx=500)
    expect(answer).to_have_text("1024")

    counter = lab.widget("button.counter")
    expect(counter).to_have_text("clicked 0")
    counter.click()
    expect(counter).to_have_text("clicked 1")
    assert lab.screenshot("harness").stat().st_size > 10_000

    # A second run starts from nothing.
    lab.run_all()
    expect(counter).to_have_text("clicked 0")
    assert lab.console_errors == []
    assert lab.external_requests == []


def test_an_error_is_reported_with_its_cell(lab: JupyterLab, server: Server) -> None:
    write_notebook(server, "broken.ipynb", "1", "1 / 0", "2")
    lab.open_notebook("broken.ipynb")
    lab.run_all()
    assert lab.cell_errors() == ["cell 1: ZeroDivisionError: division by zero"]


def test_make_lab_opens_the_first_lesson(
    browser: Browser, repository: Path, tmp_path: Path
) -> None:
    lesson = "00-start-here.ipynb"
    root = tmp_path / "checkout"
    shutil.copytree(repository / "lessons", root / "lessons")
    shutil.copy(repository / "Makefile", root)
    # The set-up is taken as done (-o), with this very Python as its outcome.
    setup = ["-o", ".venv/.lab", f"PY={sys.executable}"]
    flags = "LAB_FLAGS=--no-browser --port=0 --LabApp.expose_app_in_browser=True"
    environment = isolated(tmp_path, repository)
    log = tmp_path / "make.log"
    with serve(["make", *setup, "lab", flags], root, environment, log) as server:
        assert f"/lab/tree/lessons/{lesson}" in server.landing
        with browser.new_context() as context:
            lab = JupyterLab(context.new_page(), server)
            lab.open_address(server.landing, lesson)
            expect(lab.page.locator(".lm-mod-current", has_text=lesson)).to_be_visible()
            lab.screenshot("make-lab")
