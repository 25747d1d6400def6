"""The code map in a browser: click, drag, press keys, recolour, look."""

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from fp8lab.states import code_map_state
from tests.browser.view_page import ViewPage, take_all_screenshots

WEIGHT = np.random.default_rng(0).standard_t(4, (64, 64)).astype(np.float32) / 20
DATA = {"x": WEIGHT, "name": "this weight"}


def test_a_click_takes_a_code_apart(browser: Browser):
    with ViewPage(browser, "code_map", code_map_state, data=DATA) as shown:
        cells = shown.root.get_by_role("gridcell")
        expect(cells).to_have_count(256)
        cells.nth(0x38).click()
        shown.wait_for(code=0x38)
        selected = shown.root.get_by_role("region", name="Selected code")
        expect(selected).to_contain_text("0x38=1")
        expect(selected.locator(".exponent b")).to_have_text("0111")
        expect(cells.nth(0x38)).to_have_attribute("aria-selected", "true")
        expect(shown.root.locator("[aria-selected]")).to_have_count(1)
        # A look at another cell leaves the selected one alone.
        cells.nth(0x7F).hover()
        expect(shown.root.locator(".readout")).to_contain_text("0x7f = NaN")
        assert shown.state["code"] == 0x38
        assert shown.console_errors == []
        assert shown.requests == []


def test_keys_walk_over_the_map(browser: Browser):
    with ViewPage(browser, "code_map", code_map_state, code=0x38) as shown:
        shown.root.locator("[aria-selected]").focus()
        for key, code in (
            ("ArrowRight", 0x39),
            ("ArrowDown", 0x49),
            ("ArrowLeft", 0x48),
            ("ArrowUp", 0x38),
            ("End", 0x3F),
            ("Home", 0x30),
            ("Control+End", 0xFF),
            ("ArrowDown", 0xFF),
            ("Control+Home", 0x00),
        ):
            shown.page.keyboard.press(key)
            shown.wait_for(code=code)
            label = shown.page.evaluate("document.activeElement.ariaLabel")
            assert label.startswith(f"0x{code:02x} = ")
        assert shown.console_errors == []


def test_dragging_over_cells_and_bars_selects(browser: Browser):
    with ViewPage(browser, "code_map", code_map_state, data=DATA) as shown:
        cells = shown.root.get_by_role("gridcell")
        start, end = cells.nth(0x20).bounding_box(), cells.nth(0x2C).bounding_box()
        assert start is not None
        assert end is not None
        shown.drag(cells.nth(0x20), dx=end["x"] - start["x"])
        shown.wait_for(code=0x2C)
        strip = shown.root.locator(".strip svg")
        shown.drag(strip, dx=-100)
        shown.page.wait_for_function("host.model.get('state').code > 128")
        assert shown.console_errors == []


def test_use_is_a_colour_and_a_scale_spreads_it(browser: Browser):
    with ViewPage(browser, "code_map", code_map_state, data=DATA) as shown:
        cell = shown.root.get_by_role("gridcell").nth(0x7E)
        expect(cell).to_have_class("normal")
        shown.root.get_by_role("button", name="elements using it").click()
        expect(cell).to_have_class("heat-0")
        shown.root.get_by_role("button", name="scale = amax / max").click()
        shown.wait_for(scale="amax")
        extremes = shown.root.locator(
            ".heat-0[data-code='126'], .heat-0[data-code='254']"
        )
        # amax is on one of the two largest codes.
        expect(extremes).to_have_count(1)
        numbers = shown.root.locator("dl")
        expect(numbers).to_contain_text(f"of {254}")
        expect(numbers).to_contain_text("effective bits")
        shown.root.get_by_label("format").select_option("E2M1FN")
        expect(shown.root.get_by_role("gridcell")).to_have_count(16)
        assert shown.console_errors == []


def test_the_table_has_every_code(browser: Browser):
    with ViewPage(browser, "code_map", code_map_state, data=DATA) as shown:
        shown.root.get_by_text("The codes as a table").click()
        expect(shown.root.locator("tbody tr")).to_have_count(256)
        shown.root.get_by_label("format").select_option("E3M2FN")
        expect(shown.root.locator("tbody tr")).to_have_count(64)
        assert shown.console_errors == []


def test_a_drag_shows_a_picture_for_most_frames(browser: Browser, capsys):
    with ViewPage(browser, "code_map", code_map_state, data=DATA) as shown:
        rate = shown.drag_rate(".strip svg", (0.1, 0.5), (0.9, 0.5))
        with capsys.disabled():
            print(f"code_map: {rate['updates']:.0f} pictures a second")
        # The bar is 30 on an idle machine; this one may be testing on all cores.
        assert rate["updates"] > 10


@pytest.mark.parametrize(
    ("suffix", "data", "inputs"),
    [
        ("", DATA, {}),
        ("-usage", DATA, {"colour": "usage", "scale": "amax", "code": 0x38}),
        ("-fp4", DATA, {"format": "E2M1FN", "scale": "amax"}),
        ("-bare", {}, {"format": "E5M2", "code": 0x7C}),
    ],
)
def test_pictures(browser: Browser, suffix: str, data: dict, inputs: dict):
    shown = {"data": data, "suffix": suffix, **inputs}
    take_all_screenshots(browser, "code_map", code_map_state, **shown)
