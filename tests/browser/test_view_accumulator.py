"""The accumulator in a browser: step through a sum, cut more bits, promote, look."""

from itertools import pairwise

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from fp8lab.states import accumulator_state
from fp8lab.states.accumulator_sums import DATA
from tests.browser.view_page import PHONE, WIDE, ViewPage, take_all_screenshots

CELLS = """(root, kind) => (root.querySelector(`.addition g:not(.later) > path.${kind}`)
  .getAttribute("d").match(/M/g) ?? []).length"""

SPANS = """(texts) => texts.map((text) => text.getBoundingClientRect())
  .map(({ left, right }) => [left, right])"""


def show(browser: Browser, data: str = "gaussian", **inputs: object) -> ViewPage:
    settings: dict = {"data": {"data": data}, **inputs}
    return ViewPage(browser, "accumulator", accumulator_state, **settings)


def test_the_keys_go_through_the_addends_and_on_to_the_next_step(browser: Browser):
    with show(browser, step=4, term=0) as shown:
        picture = shown.root.get_by_role("application")
        for key, step, term in (
            ("ArrowDown", 4, 1),
            ("ArrowRight", 4, 2),
            ("ArrowUp", 4, 1),
            ("End", 4, 33),
            ("ArrowDown", 5, 0),
            ("ArrowUp", 4, 33),
            ("PageDown", 5, 33),
            ("PageUp", 4, 33),
            ("Home", 4, 0),
            ("ArrowLeft", 3, 33),
        ):
            picture.press(key)
            shown.wait_for(step=step, term=term)
        sentence = shown.state["sentences"][0]
        expect(shown.root.locator(".summary .here")).to_have_text(sentence)
        expect(shown.root.locator(".line.total .name")).to_have_text("result")
        assert shown.console_errors == []
        assert shown.requests == []


def test_sliders_buttons_and_presses_move_the_cursor(browser: Browser):
    with show(browser, "positive", step=128, term=33) as shown:
        shown.root.get_by_role("slider", name="addend").press("ArrowLeft")
        shown.wait_for(term=32)
        shown.root.get_by_role("button", name="Back one addend").click()
        shown.wait_for(term=31)
        shown.root.get_by_role("button", name="To the accumulator").click()
        shown.wait_for(term=0)
        shown.root.get_by_role("button", name="On one addend").click()
        shown.wait_for(term=1)
        shown.root.get_by_role("button", name="To the result").click()
        shown.wait_for(term=33)
        picture = shown.root.locator(".addition")
        # The rows are 13 pixels high and begin at 40.
        picture.click(position={"x": 300, "y": 40 + 13 * 9 + 6})
        shown.wait_for(term=9)
        assert shown.page.evaluate("host.updates") == 6
        shown.root.get_by_role("slider", name="step").press("ArrowLeft")
        shown.wait_for(step=127)
        assert shown.console_errors == []


def test_it_plays_to_the_result_and_stops(browser: Browser):
    with show(browser, term=30) as shown:
        shown.root.get_by_role("button", name="Play").click()
        expect(shown.root.locator(".summary")).to_have_attribute("aria-live", "off")
        shown.wait_for(term=33)
        expect(shown.root.get_by_role("button", name="Play")).to_be_visible()
        expect(shown.root.locator(".summary")).to_have_attribute("aria-live", "polite")
        shown.root.get_by_role("button", name="Play").click()
        shown.wait_for(term=2)
        shown.root.get_by_role("button", name="Pause").click()
        stopped = shown.state["term"]
        shown.page.wait_for_timeout(1000)
        assert shown.state["term"] == stopped


def test_the_cells_are_the_bits(browser: Browser):
    with show(browser, "outlier", step=1, term=33) as shown:
        rows = shown.state["addition"]["rows"]
        for kind, part, bit in (
            ("one", "kept", "1"),
            ("nil", "kept", "0"),
            ("lost", "lost", "1"),
            ("lost-nil", "lost", "0"),
        ):
            count = sum(row[part].count(bit) for row in rows[1:])
            assert shown.root.evaluate(CELLS, kind) == count > 0
        # Half-way only the addends that were added are drawn in full.
        shown.root.get_by_role("slider", name="addend").press("Home")
        shown.wait_for(term=0)
        assert shown.root.evaluate(CELLS, "lost") == 0


def test_promotion_mends_the_sum_of_positive_numbers(browser: Browser):
    with show(browser, "positive") as shown:
        chosen = shown.root.locator(".ends .chosen")
        expect(chosen).to_contain_text("never promoted")
        expect(chosen).to_contain_text("-6.6")
        # From never to every 8192, 4096, ... 128.
        promote = shown.root.get_by_role("slider", name="promoted to float32")
        for _ in range(7):
            promote.press("ArrowLeft")
        shown.wait_for(promote=128)
        expect(chosen).to_contain_text("promoted every 128")
        expect(chosen).to_contain_text("-0.05 %")
        expect(promote).to_have_attribute("aria-valuetext", "every 128")
        expect(shown.root.locator(".promotion")).to_contain_text("begins again at 0")
        bits = shown.root.get_by_role("slider", name="fraction bits kept")
        bits.press("ArrowLeft")
        shown.wait_for(fraction_bits=12)
        shown.root.get_by_role("button", name="10 float16's").click()
        shown.wait_for(fraction_bits=10)
        expect(shown.root.locator(".ends thead")).to_contain_text("10 bits")
        assert shown.console_errors == []


def test_a_press_on_a_chart_chooses_k_or_the_step(browser: Browser):
    with show(browser, step=128) as shown:
        plots = shown.root.locator(".plot")
        box = plots.nth(1).bounding_box()
        assert box is not None
        middle = {"x": box["width"] * 4 / 9, "y": 60}
        plots.nth(1).click(position=middle)
        shown.wait_for(k=512, step=16)
        plots.nth(0).click(position={"x": box["width"] / 2 - 8, "y": 60})
        shown.wait_for(step=8)
        shown.root.get_by_role("combobox", name="K", exact=True).select_option("32")
        shown.wait_for(k=32, step=1)
        expect(shown.root.get_by_role("slider", name="step")).to_be_disabled()
        shown.root.get_by_role("button", name="its error").click()
        shown.wait_for(running="error")
        assert shown.console_errors == []


def test_other_data_other_formats_another_draw(browser: Browser):
    with show(browser) as shown:
        data = shown.root.get_by_role("combobox", name="data")
        for name in DATA:
            data.select_option(name)
            shown.wait_for(data=name)
        shown.root.get_by_role("combobox", name="b", exact=True).select_option("E5M2")
        shown.wait_for(b_format="E5M2")
        before = shown.state["addition"]["rows"]
        shown.root.get_by_role("button", name="Another draw").click()
        shown.wait_for(seed=1)
        assert shown.state["addition"]["rows"] != before
        shown.root.get_by_text("The step as a table").click()
        table = shown.root.locator(".fp8-data").first
        expect(table.locator("tbody tr")).to_have_count(33)
        shown.root.get_by_text("The error against K as a table").click()
        expect(shown.root.locator(".fp8-data").nth(1)).to_contain_text("16,384")
        assert shown.console_errors == []


@pytest.mark.parametrize("width", [360, 700, 1400])
@pytest.mark.parametrize("bits", [4, 13, 23])
def test_nothing_sticks_out_or_overlaps(browser: Browser, width: int, bits: int):
    for data in DATA:
        inputs = {"width": width, "fraction_bits": bits, "b_format": "E5M2", "step": 3}
        with show(browser, data, **inputs) as shown:
            assert shown.overflow() == []
            for row in (".addition .labels text", ".chart:first-child .x-ticks text"):
                spans = sorted(shown.root.locator(row).evaluate_all(SPANS))
                assert len(spans) > 1
                assert all(a[1] <= b[0] for a, b in pairwise(spans))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [PHONE, WIDE])
def test_axe_finds_nothing_serious(browser: Browser, width: int, dark: bool):
    with show(browser, "outlier", width=width, dark=dark, promote=128) as shown:
        shown.root.get_by_text("The step as a table").click()
        found = Axe().run(shown.page).response["violations"]
        serious = [
            (each["id"], each["help"], [n["html"] for n in each["nodes"]][:3])
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == []


@pytest.mark.parametrize(
    ("suffix", "data", "inputs"),
    [
        ("", "gaussian", {}),
        ("-positive", "positive", {"term": 9}),
        ("-outlier", "outlier", {"step": 1, "promote": 128}),
        ("-cancellation", "cancellation", {"step": 4, "running": "error"}),
        ("-subnormals", "subnormals", {"step": 2, "term": 12, "a_format": "E5M2"}),
    ],
)
def test_pictures(browser: Browser, suffix: str, data: str, inputs: dict):
    settings: dict = {"data": {"data": data}, "suffix": suffix, **inputs}
    take_all_screenshots(browser, "accumulator", accumulator_state, **settings)
