"""The bit field in a browser: click and drag bits, type any form, look."""

import pytest
from playwright.sync_api import Browser, expect

from fp8lab.states import bit_field_state
from tests.browser.view_page import ViewPage, take_all_screenshots


def test_a_clicked_bit_changes_every_representation(browser: Browser):
    with ViewPage(browser, "bit_field", bit_field_state, code=0x7E) as shown:
        shown.root.get_by_role("button", name="sign bit 0").click()
        shown.wait_for(code=0xFE)
        expect(shown.root.get_by_label("Value", exact=True)).to_have_value("-448")
        expect(shown.root.get_by_label("Hex")).to_have_value("0xfe")
        expect(shown.root.get_by_label("Bits", exact=True).last).to_have_value(
            "1 1111 110"
        )
        expect(shown.root.locator(".readout .value")).to_have_text("= -448")
        expect(shown.root.get_by_role("button", name="sign bit 0")).to_have_attribute(
            "aria-pressed", "true"
        )
        shown.root.get_by_role("button", name="mantissa bit 0").click()
        shown.wait_for(kind="nan")
        expect(shown.root.locator(".strip")).to_be_hidden()
        assert shown.console_errors == []
        assert shown.requests == []


def test_a_drag_paints_bits(browser: Browser):
    with ViewPage(browser, "bit_field", bit_field_state, code=0) as shown:
        first = shown.root.get_by_role("button", name="exponent bit 3")
        last = shown.root.get_by_role("button", name="mantissa bit 1")
        start, end = first.bounding_box(), last.bounding_box()
        assert start is not None
        assert end is not None
        shown.drag(first, dx=end["x"] - start["x"])
        shown.wait_for(code=0x7E)
        # The same way back clears them.
        shown.drag(first, dx=end["x"] - start["x"])
        shown.wait_for(code=0)


@pytest.mark.parametrize(
    ("label", "text", "code"),
    [
        ("Value", "-0.3", 0xAA),
        ("Value", "2^-9", 0x01),
        ("Value", "0x3f", 0x3F),
        ("Bits", "0 0000 111", 0x07),
        ("Hex", "7d", 0x7D),
        ("Code", "200", 200),
    ],
)
def test_each_form_can_be_typed(browser: Browser, label: str, text: str, code: int):
    with ViewPage(browser, "bit_field", bit_field_state) as shown:
        field = shown.root.locator(".forms").get_by_label(label)
        field.fill(text)
        field.press("Enter")
        shown.wait_for(code=code)
        expect(shown.root.get_by_role("alert")).to_be_hidden()
        expect(shown.root.locator(".forms").get_by_label("Code")).to_have_value(
            str(code)
        )


def test_what_cannot_be_read_is_said_and_the_picture_stays(browser: Browser):
    with ViewPage(browser, "bit_field", bit_field_state) as shown:
        field = shown.root.locator(".forms").get_by_label("Bits")
        field.fill("101")
        field.press("Enter")
        expect(shown.root.get_by_role("alert")).to_contain_text("type 8 digits 0 or 1")
        assert shown.state["code"] == 0x2A
        shown.root.get_by_role("button", name="sign bit 0").click()
        expect(shown.root.get_by_role("alert")).to_be_hidden()
        assert shown.console_errors == []


def test_keys_walk_over_bits_and_values(browser: Browser):
    with ViewPage(browser, "bit_field", bit_field_state, code=0x7D) as shown:
        sign = shown.root.get_by_role("button", name="sign bit 0")
        sign.focus()
        sign.press("ArrowUp")
        shown.wait_for(code=0x7E)
        sign.press("ArrowRight")
        exponent = shown.root.get_by_role("button", name="exponent bit 3")
        expect(exponent).to_be_focused()
        exponent.press(" ")
        shown.wait_for(code=0x3E)
        expect(exponent).to_be_focused()
        shown.root.get_by_role("button", name="previous value").click()
        shown.wait_for(code=0x3D)
        shown.root.get_by_role("button", name="next value").click()
        shown.wait_for(code=0x3E)


def test_another_format_is_asked_for_the_typed_value(browser: Browser):
    with ViewPage(browser, "bit_field", bit_field_state) as shown:
        shown.root.get_by_role("cell", name="0x3e9a").click()
        shown.wait_for(format="BF16", hex="0x3e9a")
        expect(shown.root.locator(".cell button")).to_have_count(16)
        shown.root.locator("select").select_option("E2M1FN")
        shown.wait_for(value="0.5")
        # 0.3 was typed, and 0.3 is what came along.
        assert shown.state["reference"] == "0.3"
        shown.root.get_by_role("button", name="E5M2", exact=True).press("Enter")
        shown.wait_for(format="E5M2", value="0.3125")
        assert shown.console_errors == []


@pytest.mark.parametrize(
    ("suffix", "inputs"),
    [
        ("", {}),
        ("-max", {"code": 0x7E}),
        ("-nan", {"code": 0x7F}),
        ("-subnormal", {"text": "-2^-9"}),
        ("-fp32", {"format": "FP32", "text": "0.1"}),
    ],
)
def test_pictures(browser: Browser, suffix: str, inputs: dict):
    take_all_screenshots(browser, "bit_field", bit_field_state, suffix=suffix, **inputs)
