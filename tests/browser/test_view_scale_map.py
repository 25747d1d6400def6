"""The scale map in a browser: move the outlier, make it grow, share scales, look."""

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from fp8lab.states import scale_map_state
from tests.browser.view_page import PHONE, ViewPage, take_all_screenshots

WEIGHT = np.random.default_rng(0).standard_t(6, (64, 64)).astype(np.float32) / 20
DATA = {"x": WEIGHT, "name": "this weight"}
PLACE = {"row": 20, "column": 40}
# Drawn once more: reading the canvas itself makes the browser warn.
PIXEL = """([x, y]) => {
  const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  copy.drawImage(document.querySelector("canvas"), -x, -y);
  return [...copy.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""


def show(browser: Browser, **inputs: object) -> ViewPage:
    settings: dict = {"data": DATA, **PLACE, **inputs}
    return ViewPage(browser, "scale_map", scale_map_state, **settings)


def test_dragging_the_ring_moves_the_outlier_and_its_group(browser: Browser):
    with show(browser, group="8x8", outlier=1e7) as shown:
        stage = shown.root.locator(".stage").bounding_box()
        assert stage is not None
        step = stage["width"] / 64
        ring = shown.root.get_by_role("button", name="Outlier at row 20, column 40")
        # In the group, not on the outlier: became zero. After the drag: not any more.
        lost = shown.page.evaluate(PIXEL, [41, 17])
        shown.drag(ring, dx=-16 * step, dy=8 * step)
        shown.wait_for(row=28, column=24)
        assert shown.state["map"]["box"] == [24, 24, 32, 32]
        assert shown.page.evaluate(PIXEL, [41, 17]) != lost
        assert shown.page.evaluate(PIXEL, [25, 25]) == lost
        expect(shown.root.locator(".ring")).to_have_attribute(
            "aria-label", "Outlier at row 28, column 24: arrow keys move it"
        )
        assert shown.console_errors == []
        assert shown.requests == []


def test_a_press_on_the_map_and_keys_move_it_too(browser: Browser):
    with show(browser) as shown:
        stage = shown.root.locator(".stage")
        stage.click(position={"x": 3, "y": 3})
        shown.wait_for(row=0, column=0)
        ring = shown.root.locator(".ring")
        for key, (row, column) in (
            ("ArrowUp", (0, 0)),
            ("ArrowRight", (0, 1)),
            ("Shift+ArrowDown", (8, 1)),
            ("ArrowLeft", (8, 0)),
        ):
            ring.press(key)
            shown.wait_for(row=row, column=column)
        assert shown.console_errors == []


def test_a_finger_taps_the_map_and_scrolls_over_it(browser: Browser):
    settings: dict = {"data": DATA, "width": PHONE, **PLACE}
    with ViewPage(browser, "scale_map", scale_map_state, **settings) as shown:
        shown.root.locator(".stage").tap(position={"x": 2, "y": 2})
        shown.wait_for(row=0, column=0)
        styles = "(e) => getComputedStyle(e).touchAction"
        assert shown.root.locator(".stage").evaluate(styles) == "auto"
        assert shown.root.locator(".ring").evaluate(styles) == "none"
        assert shown.console_errors == []


def test_the_slider_and_the_chart_make_it_grow(browser: Browser):
    with show(browser, outlier=1.0) as shown:
        pays = shown.root.locator(".parts .pays dd").first
        before = pays.inner_text()
        slider = shown.root.get_by_role("slider", name="Size of the outlier")
        slider.fill("5")
        shown.page.wait_for_function("host.model.get('state').outlier === 1e5")
        expect(pays).not_to_have_text(before)
        expect(shown.root.locator("output")).to_have_text(
            "100,000× the typical element"
        )
        expect(slider).to_have_attribute(
            "aria-valuetext", "100,000× the typical element"
        )
        plot = shown.root.locator(".plot").bounding_box()
        assert plot is not None
        shown.drag(shown.root.locator(".plot"), dx=plot["width"] / 5)
        shown.page.wait_for_function("host.model.get('state').outlier > 9e6")
        expect(slider).to_have_value("7")
        expect(pays).to_have_text("100 %")
        slider.press("ArrowLeft")
        shown.page.wait_for_function("host.model.get('state').outlier < 9.9e6")
        assert shown.console_errors == []


def test_the_controls_choose_how_scales_are_shared(browser: Browser):
    with show(browser, outlier=1e6) as shown:
        expect(shown.root.get_by_label("rule")).to_be_hidden()
        shown.root.get_by_label("scales shared").select_option("per-token")
        expect(
            shown.root.get_by_text("scales 256 bytes (64 × float32)")
        ).to_be_visible()
        shown.root.get_by_label("scale stored as").select_option("e8m0")
        shown.root.get_by_label("rule").select_option("ceil")
        shown.wait_for(scale_rule="ceil", scale_dtype="e8m0", group="per-token")
        shown.root.get_by_role("button", name="INT8").click()
        shown.wait_for(format="INT8")
        shown.root.get_by_role("combobox", name="format").select_option("INT4")
        expect(shown.root.locator(".side-by-side tbody tr")).to_have_count(4)
        expect(shown.root.locator("tr.chosen")).to_contain_text("INT4")
        shown.root.get_by_role("combobox", name="format").select_option("E5M2")
        expect(shown.root.locator(".side-by-side tbody tr")).to_have_count(3)
        shown.root.get_by_text("The chart as a table").click()
        expect(shown.root.locator(".fp8-data tbody tr")).to_have_count(11)
        assert shown.console_errors == []


def test_the_cliff_is_marked_where_the_record_puts_it(browser: Browser):
    with show(browser) as shown:
        words = shown.root.locator(".cliff-words")
        expect(words).to_contain_text("loses precision from 28,672×")
        expect(words).to_contain_text("is zero from 458,752×")
        plot = shown.root.locator(".plot").bounding_box()
        band = shown.root.locator(".cliff.chosen").bounding_box()
        assert plot is not None
        assert band is not None
        start = (band["x"] - plot["x"]) / plot["width"]
        end = start + band["width"] / plot["width"]
        assert start == pytest.approx(np.log10(28_672) / 10, abs=0.01)
        assert end == pytest.approx(np.log10(458_752) / 10, abs=0.01)


@pytest.mark.parametrize("inputs", [{}, {"group": "1x8", "scale_dtype": "e8m0"}])
def test_a_drag_shows_a_picture_for_most_frames(browser: Browser, capsys, inputs: dict):
    with show(browser, outlier=1e5, **inputs) as shown:
        rate = shown.drag_rate(".plot", (0.1, 0.5), (0.9, 0.5))
        with capsys.disabled():
            print(f"scale_map {inputs}: {rate['updates']:.0f} pictures a second")
        # The bar is 30 on an idle machine; this one may be testing on all cores.
        assert rate["updates"] > 10


@pytest.mark.parametrize(
    ("suffix", "inputs"),
    [
        ("", {"outlier": 1e5}),
        ("-8x8", {"outlier": 1e6, "group": "8x8"}),
        ("-token-int8", {"outlier": 100.0, "group": "per-token", "format": "INT8"}),
        (
            "-1x8-fp4",
            {
                "outlier": 3e5,
                "group": "1x8",
                "format": "E2M1FN",
                "scale_dtype": "e8m0",
            },
        ),
    ],
)
def test_pictures(browser: Browser, suffix: str, inputs: dict):
    shown = {"data": DATA, "suffix": suffix, **PLACE, **inputs}
    take_all_screenshots(browser, "scale_map", scale_map_state, **shown)
