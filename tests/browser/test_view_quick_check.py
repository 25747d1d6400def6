"""The quick check in a browser: choose, lock in, read why; type a number; look."""

import re

import pytest
from playwright.sync_api import Browser, expect

from fp8lab.progress import Answer
from fp8lab.states import quick_check_state
from fp8lab.states.check import ChoiceCheck, NumberCheck, Option
from tests.browser.view_page import ViewPage, take_all_screenshots

CHOICE = ChoiceCheck(
    "02-block-scaling",
    "A weight of normal numbers is quantized to E4M3FN. One scale for the tensor "
    "becomes one scale for each `1x128` group. What happens to its error?",
    (
        Option(
            "It falls by about a half.",
            "That is the INT8 story: its fixed step shrinks with amax.",
        ),
        Option(
            "It hardly changes.",
            "A floating-point format has the same relative step in every binade, and "
            "nothing underflows here.",
            correct=True,
        ),
        Option(
            "It grows, because the scales are rounded.",
            "A float32 scale is rounded by `2^-24`, the elements by up to `2^-4`.",
        ),
    ),
)
NUMBER = NumberCheck(
    "02-cliff",
    "With `scale = amax / 448`, how many times larger than an element must the outlier "
    "be before E4M3FN makes that element zero?",
    458_752.0,
    "times",
    "448 / `2^-10`: numbers below half the smallest subnormal, `2^-9`, round to zero.",
)


def show(browser: Browser, check: ChoiceCheck | NumberCheck) -> ViewPage:
    return ViewPage(browser, "quick_check", quick_check_state, data={"check": check})


def test_the_reveal_comes_after_the_lock(browser: Browser):
    with show(browser, CHOICE) as shown:
        root = shown.root
        lock = root.get_by_role("button", name="Lock in my answer")
        lock.click()
        expect(root.get_by_role("alert").first).to_be_visible()
        root.get_by_label("It falls by about a half.").check()
        shown.wait_for(choice=0, locked=False)
        assert "INT8 story" not in root.inner_text()
        lock.click()
        shown.wait_for(locked=True)
        expect(lock).to_be_hidden()
        expect(root.locator(".option.yours .bad")).to_have_text("✗ not right")
        expect(root.locator(".option.right")).to_contain_text("It hardly changes.")
        expect(root.locator(".why:visible")).to_have_count(3)
        expect(root.locator(".why code").last).to_have_text("2^-4")
        expect(root.get_by_role("status")).to_be_focused()
        expect(root.get_by_role("radio", disabled=True)).to_have_count(3)
        assert shown.console_errors == []
        assert shown.requests == []


def test_keys_are_enough(browser: Browser):
    with show(browser, CHOICE) as shown:
        group = shown.root.get_by_role("group")
        expect(group).to_have_accessible_name(re.compile("^Predict first A weight"))
        shown.page.keyboard.press("Tab")
        shown.page.keyboard.press("Space")
        shown.wait_for(choice=0)
        shown.page.keyboard.press("ArrowDown")
        shown.wait_for(choice=1)
        shown.page.keyboard.press("Tab")
        shown.page.keyboard.press("Enter")
        shown.wait_for(locked=True, right=True)
        expect(shown.root.get_by_role("status")).to_have_text("Right.")
        assert shown.console_errors == []


def test_a_number_is_locked_and_shown_beside_the_truth(browser: Browser):
    with show(browser, NUMBER) as shown:
        field = shown.root.get_by_role("textbox", name="Your prediction")
        field.fill("12x")
        field.press("Enter")
        expect(shown.root.get_by_role("alert").first).to_contain_text("not a number")
        assert not shown.state["locked"]
        expect(field).to_have_value("12x")
        field.fill("28,672")
        field.press("Enter")
        shown.wait_for(locked=True)
        expect(shown.root.locator("dd")).to_have_text(
            ["28,672 times", "458,752 times", "0.0625"]
        )
        expect(shown.root.get_by_role("status")).to_contain_text(
            "low by a factor of 16"
        )
        assert shown.console_errors == []


@pytest.mark.parametrize(
    ("suffix", "data", "inputs"),
    [
        ("", {"check": CHOICE}, {"choice": 0}),
        (
            "-wrong",
            {
                "check": CHOICE,
                "kept": Answer(CHOICE.options[0].text, "2026-11-22T08:00:00", False),
            },
            {},
        ),
        (
            "-right",
            {
                "check": CHOICE,
                "kept": Answer(CHOICE.options[1].text, "2026-11-22T08:00:00", True),
                "problem": "answers are not kept: /home/you/.local/share/fp8lab/"
                "progress.json cannot be used (Read-only file system); set "
                "FP8LAB_PROGRESS to a file that can be written",
            },
            {},
        ),
        ("-number", {"check": NUMBER}, {}),
        (
            "-number-locked",
            {"check": NUMBER, "kept": Answer("28672", "2026-11-22T08:00:00", False)},
            {},
        ),
    ],
)
def test_pictures(browser: Browser, suffix: str, data: dict, inputs: dict):
    shown = {"data": data, "suffix": suffix, **inputs}
    take_all_screenshots(browser, "quick_check", quick_check_state, **shown)
