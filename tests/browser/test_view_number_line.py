"""The number line in a browser: drag x, press keys, change rounding, look."""

from itertools import pairwise

import pytest
from playwright.sync_api import Browser, expect

from fp8lab.states import number_line_state
from tests.browser.view_page import ViewPage, take_all_screenshots


def test_dragging_moves_x_into_other_bins(browser: Browser):
    with ViewPage(browser, "number_line", number_line_state) as shown:
        slider = shown.root.get_by_role("slider")
        window = shown.state["window"]
        shown.drag(slider, dx=200)
        shown.page.wait_for_function("host.model.get('state').x !== '17'")
        assert 20 < float(shown.state["x"]) < 24
        assert shown.state["window"] == window
        summary = shown.state["summary"]
        expect(shown.root.locator(".summary").first).to_have_text(summary)
        expect(slider).to_have_attribute("aria-valuetext", summary)
        expect(shown.root.get_by_label("x", exact=True).first).to_have_value(
            shown.state["x"]
        )
        assert shown.console_errors == []
        assert shown.requests == []


def test_a_drag_shows_a_picture_for_most_frames(browser: Browser, capsys):
    beside = ["E5M2", "E2M1FN", "BF16"]
    busy = {"beside": beside, "scale": "log", "window": "whole"}
    for inputs in ({}, busy):
        with ViewPage(browser, "number_line", number_line_state, **inputs) as shown:
            rate = shown.drag_rate(".slider", (0.1, 0.5), (0.9, 0.5))
            with capsys.disabled():
                print(f"number_line: {rate['updates']:.0f} pictures a second")
            # The bar is 30 on an idle machine; this one may be testing on all cores.
            assert rate["updates"] > 10


def test_keys_go_to_steps_values_and_ties(browser: Browser):
    with ViewPage(browser, "number_line", number_line_state) as shown:
        slider = shown.root.get_by_role("slider")
        for key, x in (
            ("ArrowRight", "17.125"),
            ("ArrowLeft", "17"),
            ("Shift+ArrowRight", "18"),
            ("PageUp", "19"),
            ("PageDown", "17"),
            ("Shift+ArrowLeft", "16"),
        ):
            slider.press(key)
            shown.wait_for(x=x)
        assert shown.console_errors == []


def test_controls_change_the_picture(browser: Browser):
    with ViewPage(browser, "number_line", number_line_state) as shown:
        shown.root.get_by_label("Rounding").select_option("stochastic")
        expect(shown.root.locator(".landed.text:visible")).to_have_count(2)
        shown.root.get_by_label("Rounding").select_option("toward-zero")
        expect(shown.root.locator(".landed.text:visible")).to_have_count(1)
        shown.root.get_by_role("button", name="log", exact=True).click()
        shown.wait_for(scale="log")
        shown.root.get_by_role("button", name="whole format").click()
        shown.wait_for(view="whole")
        expect(shown.root.get_by_role("button", name="Zoom out")).to_be_disabled()
        shown.root.get_by_role("button", name="Zoom in").click()
        shown.wait_for(view="free")
        shown.root.get_by_role("button", name="BF16").click()
        expect(shown.root.locator(".lane")).to_have_count(1)
        shown.root.get_by_role("button", name="1000", exact=True).click()
        shown.wait_for(x="1000")
        shown.root.get_by_label("Overflow as in").select_option("ml_dtypes")
        expect(shown.root.locator(".lane .words")).to_contain_text("BF16")
        expect(shown.root.locator(".facts")).to_contain_text("448")
        shown.root.get_by_label("Format").select_option("E5M2")
        expect(shown.root.locator(".facts")).to_contain_text("1024")
        shown.root.get_by_label("x", exact=True).first.fill("nan")
        shown.root.get_by_label("x", exact=True).first.press("Enter")
        expect(shown.root.get_by_role("alert")).to_contain_text("no place on the line")
        assert shown.console_errors == []


@pytest.mark.parametrize("width", [375, 1000])
def test_labels_do_not_touch(browser: Browser, width: int):
    cases: tuple[dict, ...] = (
        {"x": 17},
        {"x": 0.3, "window": "whole"},
        {"x": -0.3, "scale": "log", "window": "whole", "beside": ["E5M2"]},
        {"x": "2^-9"},
        {"x": 0.3, "format": "BF16"},
    )
    for inputs in cases:
        with ViewPage(
            browser, "number_line", number_line_state, width=width, **inputs
        ) as shown:
            for row in (".labels text", ".axis text"):
                boxes = shown.root.locator(row).evaluate_all(
                    """(texts) => texts.filter((t) => t.checkVisibility())
                      .map((t) => t.getBoundingClientRect())
                      .map((box) => [box.left, box.right])
                      .sort((a, b) => a[0] - b[0])"""
                )
                assert all(a[1] < b[0] for a, b in pairwise(boxes))


@pytest.mark.parametrize(
    ("suffix", "inputs"),
    [
        ("", {}),
        ("-overflow", {"x": "465", "policy": "ml_dtypes", "window": "whole"}),
        (
            "-lanes",
            {
                "x": "0.3",
                "scale": "log",
                "window": "whole",
                "beside": ["E5M2", "E2M1FN", "BF16"],
            },
        ),
        ("-stochastic", {"x": "17.5", "rounding": "stochastic"}),
    ],
)
def test_pictures(browser: Browser, suffix: str, inputs: dict):
    take_all_screenshots(
        browser, "number_line", number_line_state, suffix=suffix, **inputs
    )
