"""Each lesson with nothing installed: JupyterLite on the built site, in Chromium."""

import json
import time
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.jupyterlite import JupyterLite
from tests.browser.test_lesson_widgets import SWEEP, WATCH

LESSONS = sorted((Path(__file__).parents[2] / "lessons").glob("*.ipynb"))


def assert_nothing_is_wrong(lite: JupyterLite) -> None:
    assert lite.cell_errors() == []
    assert lite.console_errors == []
    assert lite.external_requests == []


def answer(check: Locator, option: int) -> None:
    check.scroll_into_view_if_needed()
    check.get_by_role("radio").nth(option).check()
    check.get_by_role("button", name="Lock").click()
    expect(check.get_by_text("your answer")).to_be_visible()


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_runs_with_nothing_installed(lite: JupyterLite, path: Path) -> None:
    began = time.perf_counter()
    lite.open_notebook(f"lessons/{path.name}")
    shown = time.perf_counter()
    lite.start_all()
    lite.wait_for_first_cell()
    ran = time.perf_counter()
    lite.wait_for_the_end()
    times = {"shown": shown, "first cell": ran, "all cells": time.perf_counter()}
    # Figures for the reader: a bound would measure the machine's other work.
    print(json.dumps({name: round(at - began, 1) for name, at in times.items()}))

    lite.screenshot_notebook(f"lite-{path.stem}")
    assert_nothing_is_wrong(lite)
    for number, cell in enumerate(lite.code_cells()):
        assert cell["count"] == number + 1
        assert "stderr" not in [output.get("name") for output in cell["outputs"]]
        pictures = [o for o in cell["outputs"] if "image/png" in o.get("data", {})]
        assert bool(pictures) == ("plt.show()" in cell["source"])


def test_the_pictures_answer(lite: JupyterLite) -> None:
    lite.open_notebook("lessons/02-scaling.ipynb")
    lite.make_dark()
    lite.run_all()
    shown = lite.widget(".fp8-scale_map").first
    shown.scroll_into_view_if_needed()
    ring, title = shown.locator(".ring"), shown.locator(".fp8-title")
    label = ring.get_attribute("aria-label")
    lite.drag(ring, dx=-90, dy=60)
    expect(ring).not_to_have_attribute("aria-label", label or "")

    error = shown.locator(".parts .pays dd").first
    before = error.inner_text()
    slider = shown.get_by_role("slider", name="Size of the outlier")
    lite.drag(slider, dx=slider.bounding_box()["width"] / 3)
    expect(error).not_to_have_text(before)
    lite.screenshot("lite-outlier-grown-dark")

    shown.evaluate(WATCH)
    slider.evaluate(SWEEP, 4)
    times = lite.page.evaluate("window.fp8Shown")
    rate = (len(times) - 1) / (times[-1] - times[0]) * 1000
    print(json.dumps({"updates": len(times), "updates a second": round(rate, 1)}))
    assert len(times) > 5

    expect(title).to_contain_text("minilm-weight?")
    lite.widget(".widget-dropdown select").select_option("smollm2-attn-input")
    expect(title).to_contain_text("smollm2-attn-input")
    assert_nothing_is_wrong(lite)


def test_answers_outlive_the_page(lite: JupyterLite) -> None:
    lite.open_notebook("lessons/00-start-here.ipynb")
    lite.run_all()
    checks = lite.widget(".fp8-quick_check")
    answer(checks.nth(0), 0)
    answer(checks.nth(1), 2)

    field = lite.widget(".fp8-bit_field").first
    field.scroll_into_view_if_needed()
    value = field.get_by_label("Value", exact=True)
    # A null on its way to Python, then a None on its way back.
    value.fill("17.3")
    value.press("Enter")
    expect(value).to_have_value("18")
    expect(field.locator(".strip .asked")).to_be_visible()
    field.get_by_role("button", name="sign bit 0").click()
    expect(value).to_have_value("-18")
    expect(field.locator(".strip .asked")).to_be_hidden()

    lite.open_notebook("lessons/00-start-here.ipynb")
    lite.run_all()
    for check, option in ((checks.nth(0), 0), (checks.nth(1), 2)):
        expect(check).to_contain_text("Locked in on")
        expect(check.get_by_role("radio").nth(option)).to_be_checked()
    # The learner can see and download them.
    expect(lite.page.locator(".jp-DirListing")).to_contain_text("00-start-here")
    lite.page.locator(".jp-BreadCrumbs-home").click()
    listing = lite.page.locator(".jp-DirListing-item")
    expect(listing.filter(has_text="fp8lab-progress.json")).to_have_count(1)
    assert_nothing_is_wrong(lite)
