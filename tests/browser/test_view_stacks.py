"""The stacks in a browser: type, press, choose formats, look."""

import pytest
from playwright.sync_api import Browser, expect

from fp8lab.states import stacks_state
from tests.browser.view_page import ViewPage, take_all_screenshots


def test_a_typed_number_changes_every_byte(browser: Browser):
    with ViewPage(browser, "stacks", stacks_state) as shown:
        expect(shown.root.locator("tbody tr")).to_have_count(6)
        first = shown.root.locator("tbody tr").first
        expect(first.locator(".hex").first).to_have_text("0x7e")
        shown.root.get_by_label("Input").fill("-nan")
        shown.root.get_by_label("Input").press("Enter")
        expect(first.locator(".hex").first).to_have_text("0x7f")
        expect(shown.root.get_by_text("3 bytes")).to_be_visible()
        # A refused text says why, and the last good picture stays.
        shown.root.get_by_label("Input").fill("12x")
        shown.root.get_by_label("Input").press("Enter")
        expect(shown.root.get_by_role("alert")).to_contain_text("is not a number")
        expect(first.locator(".hex").first).to_have_text("0x7f")
        assert shown.console_errors == []
        assert shown.requests == []


def test_presets_and_formats_work_from_the_keyboard(browser: Browser):
    with ViewPage(browser, "stacks", stacks_state) as shown:
        preset = shown.root.get_by_role("button", name="61440", exact=True)
        preset.focus()
        preset.press("Enter")
        shown.wait_for(text="61440")
        expect(preset).to_have_attribute("aria-pressed", "true")
        expect(preset).to_be_focused()
        shown.root.get_by_text("Choose the formats").click()
        shown.root.get_by_role("button", name="E8M0FNU").press(" ")
        expect(shown.root.get_by_role("columnheader")).to_have_count(4)
        shown.root.get_by_role("button", name="E4M3FN", exact=True).click()
        expect(shown.root.get_by_role("columnheader")).to_have_count(3)
        assert shown.inputs["formats"] == ["E5M2", "E8M0FNU"]
        assert shown.console_errors == []


@pytest.mark.parametrize(
    ("suffix", "inputs"),
    [
        ("", {}),
        (
            "-nan",
            {
                "text": "-nan",
                "formats": ["E4M3FN", "E5M2", "E8M0FNU", "E2M1FN"],
                "live": {
                    "torch": {"library": "torch 2.13.0", "codes": {"E4M3FN": 0xFF}},
                    "ml_dtypes": {"library": "ml_dtypes 0", "codes": {"E5M2": 0x7F}},
                },
            },
        ),
    ],
)
def test_pictures(browser: Browser, suffix: str, inputs: dict):
    take_all_screenshots(browser, "stacks", stacks_state, suffix=suffix, **inputs)
