"""The quantizer in a browser: look at a scheme, change the scales, read cells, look."""

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from fp8lab.model import load_sample
from fp8lab.states import quantizer_state
from tests.browser.view_page import PHONE, ViewPage, take_all_screenshots

ACTIVATION = load_sample("smollm2-ffn-down-input", excerpt=True).array
DATA = {"x": ACTIVATION, "name": "this activation"}
GAUSSIAN = np.random.default_rng(0).normal(size=(96, 512)).astype(np.float32) * 4e-3
PLAIN = {"x": GAUSSIAN, "name": "this weight", "note": "The first 96 rows were read."}
# Drawn once more: reading the canvas itself makes the browser warn.
PIXEL = """([x, y]) => {
  const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  copy.drawImage(document.querySelector("canvas"), -x, -y);
  return [...copy.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""
WIDTHS = """(track) => [...track.children].map((part) =>
  part.getBoundingClientRect().width / track.getBoundingClientRect().width)"""


def show(browser: Browser, data: dict = DATA, **inputs: object) -> ViewPage:
    settings: dict = {"data": data, **inputs}
    return ViewPage(browser, "quantizer", quantizer_state, **settings)


def test_a_press_on_a_row_looks_at_a_scheme(browser: Browser):
    with show(browser) as shown:
        rows = shown.root.locator(".schemes tbody tr")
        expect(rows).to_have_count(3)
        expect(rows.nth(2)).to_have_class("looked")
        before = shown.page.evaluate(PIXEL, [20, 20])
        # Anywhere in the row, and once only.
        rows.nth(1).locator(".track").first.click()
        shown.wait_for(look="tensor")
        assert shown.page.evaluate("host.updates") == 1
        expect(rows.nth(1)).to_have_class("looked")
        expect(shown.root.locator(".codes h4")).to_have_text(
            "Codes that “one scale” uses"
        )
        expect(shown.root.locator(".where h4")).to_contain_text("one scale")
        expect(shown.root.locator(".causes thead")).to_contain_text(
            "“one scale” by cause"
        )
        pixels = {tuple(shown.page.evaluate(PIXEL, [x, 20])) for x in range(64)}
        assert pixels != {tuple(before)}
        button = rows.nth(0).get_by_role("button", name="no scale")
        button.focus()
        shown.page.keyboard.press("Enter")
        shown.wait_for(look="none")
        expect(button).to_have_attribute("aria-pressed", "true")
        assert shown.console_errors == []
        assert shown.requests == []


def test_the_bars_are_the_errors(browser: Browser):
    with show(browser) as shown:
        for i, scheme in enumerate(shown.state["schemes"]):
            row = shown.root.locator(".schemes tbody tr").nth(i)
            for j, bar in enumerate(scheme["bars"]):
                expect(row.locator(".value").nth(j)).to_have_text(bar["text"])
                widths = row.locator(".track").nth(j).evaluate(WIDTHS)
                lengths = [part["length"] for part in bar["parts"]]
                assert widths == pytest.approx(lengths, abs=0.02)


def test_the_controls_change_the_schemes(browser: Browser):
    with show(browser, look="tensor") as shown:
        expect(shown.root.get_by_label("rule")).to_be_hidden()
        # Choosing a granularity looks at it.
        shown.root.get_by_label("scales shared").select_option("16x16")
        shown.wait_for(group="16x16", look="group")
        expect(shown.root.locator(".looked")).to_contain_text("64 scales")
        shown.root.get_by_label("scale stored as").select_option("e8m0")
        shown.root.get_by_label("rule").select_option("ceil")
        shown.wait_for(scale_rule="ceil", scale_dtype="e8m0")
        shown.root.get_by_label("format").select_option("INT4")
        shown.wait_for(format="INT4")
        expect(shown.root.get_by_role("gridcell")).to_have_count(16)
        expect(shown.root.locator(".causes tbody tr")).to_have_count(3)
        shown.root.get_by_label("format").select_option("E3M2FN")
        expect(shown.root.get_by_role("gridcell")).to_have_count(64)
        expect(shown.root.locator(".causes tbody tr")).to_have_count(4)
        assert shown.console_errors == []


def test_without_outliers_there_is_one_column_of_bars(browser: Browser):
    with show(browser, PLAIN) as shown:
        expect(shown.root.locator(".schemes tbody .errors:visible")).to_have_count(3)
        expect(shown.root.get_by_role("columnheader", name="SQNR")).to_be_visible()
        expect(shown.root.locator(".summary p").first).to_contain_text(
            "Finer scales do not help here"
        )
        expect(shown.root.get_by_text("The first 96 rows were read.")).to_be_visible()
        expect(shown.root.locator(".borders")).to_have_attribute(
            "d", "M16 0V48M32 0V48M48 0V48"
        )


def test_keys_walk_over_the_codes(browser: Browser):
    with show(browser) as shown:
        cells = shown.root.get_by_role("gridcell")
        readout = shown.root.locator(".codes .readout")
        cells.first.focus()
        for key, code in (
            ("ArrowRight", 0x01),
            ("ArrowDown", 0x11),
            ("End", 0x1F),
            ("Home", 0x10),
            ("Control+End", 0xFF),
            ("ArrowRight", 0xFF),
            ("ArrowUp", 0xEF),
        ):
            shown.page.keyboard.press(key)
            expect(readout).to_contain_text(f"0x{code:02x} = ")
            count = shown.state["codes"]["counts"][code]
            expect(readout).to_contain_text(f": {count} elements")
        cells.nth(0x38).hover()
        expect(readout).to_contain_text("0x38 = 1: ")
        assert shown.console_errors == []


def test_the_histogram_is_read_by_pointing(browser: Browser):
    with show(browser) as shown:
        strip = shown.root.locator(".strip svg")
        box = strip.bounding_box()
        assert box is not None
        strip.hover(position={"x": box["width"] - 1, "y": 20})
        expect(shown.root.locator(".codes .readout")).to_contain_text("0x7e = 448")


def test_keys_and_pointer_read_the_map(browser: Browser):
    with show(browser) as shown:
        stage = shown.root.locator(".stage")
        readout = shown.root.locator(".where .readout")
        shown.root.locator(".map-grid [tabindex='0']").focus()
        shown.page.keyboard.press("Tab")
        expect(stage).to_be_focused()
        for key, text in (
            ("ArrowUp", "rows 0–1, columns 0–1"),
            ("ArrowRight", "rows 0–1, columns 2–3"),
            ("Shift+ArrowDown", "rows 16–17, columns 2–3"),
        ):
            shown.page.keyboard.press(key)
            expect(readout).to_contain_text(text)
        box = stage.bounding_box()
        assert box is not None
        stage.hover(position={"x": box["width"] * 62.5 / 64, "y": 2})
        # The worst cell, which the summary names.
        expect(readout).to_have_text("rows 0–1, columns 124–125: ≤ 30 %")
        summary = shown.root.locator(".where .fp8-note")
        expect(summary).to_contain_text(
            "the worst, rows 0–1, columns 124–125, has 21.1 %"
        )
        assert shown.console_errors == []


def test_a_table_under_each_picture(browser: Browser):
    with show(browser) as shown:
        shown.root.get_by_text("The three schemes as a table").click()
        tables = shown.root.locator(".fp8-data")
        # Each scheme: all elements, the ordinary ones, the outliers.
        expect(tables.nth(0).locator("tbody tr")).to_have_count(9)
        shown.root.get_by_text("The codes as a table").click()
        expect(tables.nth(1).locator("tbody tr")).to_have_count(256)
        shown.root.get_by_text("The worst cells as a table").click()
        expect(tables.nth(2).locator("tbody tr")).to_have_count(20)
        shown.root.locator(".schemes tbody tr").first.click()
        shown.wait_for(look="none")
        expect(tables.nth(2).locator("tbody")).to_contain_text("mostly clipped")
        assert shown.console_errors == []


def test_a_new_theme_repaints_the_map(browser: Browser):
    with show(browser) as shown:
        before = shown.page.evaluate(PIXEL, [30, 30])
        shown.page.emulate_media(color_scheme="dark")
        shown.page.wait_for_function(
            f"(before) => String(({PIXEL})([30, 30])) !== String(before)", arg=before
        )
        assert shown.console_errors == []


@pytest.mark.parametrize("width", [360, 660, 780, 1400])
def test_nothing_sticks_out(browser: Browser, width: int):
    for data in (DATA, PLAIN):
        with show(browser, data, width=width) as shown:
            assert shown.overflow() == []


def test_a_finger_chooses_a_card(browser: Browser):
    with show(browser, width=PHONE) as shown:
        shown.root.locator(".schemes tbody tr").nth(1).tap(position={"x": 150, "y": 60})
        shown.wait_for(look="tensor")
        assert shown.console_errors == []


@pytest.mark.parametrize(
    ("suffix", "data", "inputs"),
    [
        ("", DATA, {}),
        ("-tensor", DATA, {"look": "tensor", "group": "16x16"}),
        ("-plain", PLAIN, {"look": "none"}),
        ("-int4", PLAIN, {"format": "INT4", "group": "1x32", "scale_dtype": "e8m0"}),
        ("-nothing", {"x": np.full((3, 4), np.nan), "name": "this"}, {}),
        ("-vector", {"x": GAUSSIAN[0], "name": "this row"}, {"format": "E2M1FN"}),
    ],
)
def test_pictures(browser: Browser, suffix: str, data: dict, inputs: dict):
    shown = {"data": data, "suffix": suffix, **inputs}
    take_all_screenshots(browser, "quantizer", quantizer_state, **shown)
