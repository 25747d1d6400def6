"""A student at a lab, in a real JupyterLab: a stub, a mistake, a hint, the answer."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from fp8lab.grading.release import parse_notebook, released
from tests.browser.jupyterlab import JupyterLab
from tests.browser.server import Server

THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
PLACE = """name => window.jupyterapp.shell.currentWidget.content.widgets.findIndex(
  ({model}) => model.type === 'code' && model.sharedModel.getSource().includes(name))"""
RAN = """index => {
  const panel = window.jupyterapp.shell.currentWidget;
  const cell = panel.content.widgets[index];
  return cell.model.executionCount !== null && cell.model.executionState !== 'running'
    && panel.sessionContext.session?.kernel?.status === 'idle';
}"""
#: Right but for the exponent of subnormals, and for NaN.
NEARLY = '''def decode(codes):
    """Return the values of E4M3FN codes."""
    field, mantissa = (codes >> 3) & 15, codes & 7
    significand = np.where(field > 0, 8 + mantissa, mantissa) / 8
    value = np.ldexp(significand, field.astype(int) - 7)
    value = np.where(codes & 0x7F == 0x7F, np.nan, value)
    return np.copysign(value, np.where(codes & 128, -1.0, 1.0)).astype(np.float32)
'''
RIGHT = NEARLY.replace("field.astype(int)", "np.maximum(field, 1).astype(int)")
TIES_AWAY = '''def encode(x):
    """Return the E4M3FN codes of x: nearest even, saturating."""
    size = np.where(np.isnan(x), 0, np.minimum(np.abs(x.astype(float)), 1e6))
    exponent = np.where(size > 0, np.maximum(np.frexp(size)[1] - 1, -6), -6)
    steps = np.floor(np.ldexp(size, 3 - exponent) + 0.5)
    code = np.minimum(8 * (exponent + 6) + steps, 0x7E).astype(np.uint8)
    code |= np.signbit(x).astype(np.uint8) << 7
    return np.where(np.isnan(x), 0x7F, code).astype(np.uint8)
'''


class Student:
    """What a student does in a notebook: writes in cells, runs them, looks."""

    def __init__(self, lab: JupyterLab) -> None:
        self.lab, self.page = lab, lab.page

    def cell(self, text: str) -> Locator:
        """The cell whose source holds a text."""
        place = self.page.evaluate(PLACE, text)
        assert place >= 0, f"no cell with {text!r}"
        return self.page.locator(".jp-Notebook .jp-Cell").nth(place)

    def write(self, text: str, source: str) -> None:
        """Replace what stands in a cell."""
        editor = self.cell(text).locator(".cm-content")
        editor.scroll_into_view_if_needed()
        editor.click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(source)

    def run(self, text: str) -> Locator:
        """Run a cell and return it."""
        cell = self.cell(text)
        cell.scroll_into_view_if_needed()
        cell.locator(".jp-InputPrompt").first.click()
        self.page.keyboard.press("Control+Enter")
        place = self.page.evaluate(PLACE, text)
        self.page.wait_for_function(RAN, arg=place)
        return cell

    def ask(self, source: str, below: str) -> Locator:
        """Write and run a new cell below another."""
        self.cell(below).locator(".jp-InputPrompt").first.click()
        self.page.keyboard.press("b")
        self.page.keyboard.press("Enter")
        # The cell is there before its editor takes the keys.
        expect(self.page.locator(".jp-mod-selected .cm-content")).to_be_focused()
        self.page.keyboard.insert_text(source)
        self.page.keyboard.press("Escape")
        return self.run(source)


@pytest.fixture
def student(lab: JupyterLab, server: Server, repository: Path) -> Student:
    """A student with a fresh release of lab 1."""
    source = repository / "labs" / "source" / "lab1" / "lab1.ipynb"
    folder = server.root / "lab1"
    folder.mkdir(exist_ok=True)
    (folder / "lab1-progress.json").unlink(missing_ok=True)
    release = json.dumps(released(parse_notebook(source.read_text())))
    (folder / "lab1.ipynb").write_text(release)
    lab.open_notebook("lab1/lab1.ipynb")
    return Student(lab)


def test_a_student_solves_a_task(student: Student) -> None:
    panel = student.run('progress("lab1")').locator(".fp8-card")
    expect(panel).to_contain_text("0 of 46 points")

    check = student.run('check("lab1", "decode", decode)')
    student.run("def decode(codes)")
    check = student.run('check("lab1", "decode", decode)')
    expect(check.locator(".fp8-card")).to_contain_text("decode is yours to write")

    student.write("def decode(codes)", NEARLY)
    student.run("def decode(codes)")
    check = student.run('check("lab1", "decode", decode)')
    expect(check.locator(".fp8-card.wrong")).to_contain_text("Partly right")
    expect(check).to_contain_text("subnormals one power too low")
    expect(check.get_by_role("img", name="Expected against got")).to_be_visible()
    student.lab.screenshot("lab1-check-wrong", check)
    expect(panel).to_contain_text("3 of 46 points")

    hint = student.ask('hint("lab1", "decode")', 'check("lab1", "decode", decode)')
    expect(hint.locator(".fp8-card")).to_contain_text("Hint 1 of 3")
    expect(panel.get_by_role("row").nth(1)).to_contain_text(re.compile("2\\s*1$"))

    student.write("def decode(codes)", RIGHT)
    student.run("def decode(codes)")
    check = student.run('check("lab1", "decode", decode)')
    expect(check.locator(".fp8-card.right")).to_contain_text("All right")
    student.lab.screenshot("lab1-check-right", check)
    expect(panel).to_contain_text("6 of 46 points")
    student.lab.screenshot("lab1-panel", panel)
    assert student.lab.console_errors == []
    assert student.lab.external_requests == []


def test_a_mistake_is_drawn_in_both_themes(student: Student) -> None:
    student.run("from fp8lab.grading import check")
    student.write("def encode(x)", TIES_AWAY)
    student.run("def encode(x)")
    card = student.run('check("lab1", "encode", encode)').locator(".fp8-card")
    expect(card).to_contain_text("This looks like: ties away")
    expect(card).to_contain_text("tie: halfway between")
    ground = "card => getComputedStyle(card).backgroundColor"
    light = card.evaluate(ground)
    student.lab.screenshot("lab1-ties-light", card)
    student.page.evaluate(THEME, "JupyterLab Dark")
    body = student.page.locator("body[data-jp-theme-light='false']")
    expect(body).to_have_count(1)
    expect(card).not_to_have_css("background-color", light)
    student.lab.screenshot("lab1-ties-dark", card)
    # The server remembers it; the next test expects the light one.
    student.page.evaluate(THEME, "JupyterLab Light")
    expect(body).to_have_count(0)
    expect(card).to_have_css("background-color", light)
    error = student.cell('check("lab1", "encode", encode)').locator(".jp-RenderedText")
    expect(error).to_have_text("WrongAnswerError: lab1, encode: 6 of 10 points")
