"""The web page, driven in Chromium as a visitor would."""

import io
import json
import zipfile
from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, expect
from safetensors.numpy import save

import fp8lab
from fp8lab.page.first import FIRST_INPUTS, FIRST_SOURCE, first_states
from tests.browser.site import Site
from tests.browser.web_page import PHONE, WIDE, WebPage

pytestmark = pytest.mark.browser

TOOLS = ("bits", "quantize", "outlier", "accumulator")


def number_of(shown: WebPage) -> Locator:
    """Return the field of the number line."""
    return shown.view("number_line").get_by_role("textbox", name="x")


def test_it_can_be_read_before_python_is_there(browser: Browser, site: Site) -> None:
    with WebPage(browser, site.url) as shown:
        # Python never arrives.
        shown.page.route("**/*.wasm", lambda route: None)
        shown.open(wait=False)
        expect(shown.view("bit_field")).to_contain_text("0.3125")
        expect(shown.view("stacks")).to_contain_text("PyTorch")
        expect(shown.page.locator("#python-text")).to_contain_text("Downloading Python")
        assert shown.page.locator("h1:visible").count() == 1
        shown.screenshot("before-python")


def test_what_is_typed_before_python_is_there_is_not_lost(
    browser: Browser, site: Site
) -> None:
    with WebPage(browser, site.url) as shown:
        held = []
        shown.page.route("**/*.wasm", lambda route: held.append(route))
        with shown.page.expect_request("**/*.wasm"):
            shown.open(wait=False)
        field = shown.view("bit_field").get_by_role("textbox", name="Value")
        field.fill("448")
        field.press("Enter")
        expect(shown.page.locator("[data-view=bit_field]")).to_have_attribute(
            "aria-busy", "true"
        )
        held[0].continue_()
        shown.wait_until_computed()
        expect(shown.view("bit_field")).to_contain_text("0x7e")
        expect(number_of(shown)).to_have_value("448")


def test_the_browser_computes_the_very_first_states(
    browser: Browser, site: Site
) -> None:
    """Every code, text and number, from another Python, NumPy and processor."""
    ask = """async ([base, source, wishes]) => {
      const { startPython } = await import(`${base}python.js`);
      const states = {};
      await new Promise((resolve, reject) => {
        const python = startPython({
          site: () => {}, progress: () => {}, ready: () => {}, failed: reject,
          state({ view, state, error }) {
            states[view] = state ?? error;
            if (Object.keys(states).length === Object.keys(wishes).length) resolve();
          },
        });
        python.ask("take", source);
        for (const [view, inputs] of Object.entries(wishes)) {
          python.send({ view, inputs, seq: 0 });
        }
      });
      return states;
    }"""
    with WebPage(browser, site.url) as shown:
        shown.open(wait=False)
        wish = [site.url, FIRST_SOURCE, FIRST_INPUTS]
        given = shown.page.evaluate(ask, wish)
    expected = json.loads(first_states())["views"]
    for view, drawn in expected.items():
        assert rounded(json.loads(given[view])) == rounded(drawn["state"]), view


def rounded(state: object) -> object:
    """Cut floats to 12 digits: processors add the same numbers in another order."""
    if isinstance(state, dict):
        return {key: rounded(value) for key, value in state.items()}
    if isinstance(state, list):
        return [rounded(value) for value in state]
    return float(f"{state:.12g}") if isinstance(state, float) else state


def test_a_toggled_bit_moves_the_other_pictures_and_the_address(
    browser: Browser, site: Site
) -> None:
    with WebPage(browser, site.url) as shown:
        shown.open()
        shown.view("bit_field").get_by_role("button", name="sign bit").click()
        expect(shown.view("bit_field")).to_contain_text("= -0.3125")
        expect(shown.view("stacks").get_by_label("Input")).to_have_value("-0.3125")
        expect(number_of(shown)).to_have_value("-0.3125")
        fragment = shown.wait_for_address("kind=bits")
        words = shown.view("bit_field").inner_text()
        with WebPage(browser, site.url) as second:
            second.open(f"#{fragment}")
            assert second.view("bit_field").inner_text() == words
            expect(second.view("stacks").get_by_label("Input")).to_have_value("-0.3125")
        assert shown.console_errors == []


def test_a_dragged_number_moves_the_bits(browser: Browser, site: Site) -> None:
    with WebPage(browser, site.url) as shown:
        shown.open()
        before = shown.view("bit_field").inner_text()
        handle = shown.view("number_line").get_by_role("slider").first
        handle.focus()
        typed = number_of(shown).input_value()
        for _ in range(5):
            handle.press("ArrowRight")
            # Each answer, or the number is read while others are on their way.
            expect(number_of(shown)).not_to_have_value(typed)
            typed = number_of(shown).input_value()
        expect(shown.view("bit_field")).not_to_have_text(before)
        expect(shown.view("stacks").get_by_label("Input")).to_have_value(typed)


def test_a_link_shows_the_same_picture(browser: Browser, site: Site) -> None:
    link = "#quantize?sample=gaussian&format=E5M2&group=1x32&look=tensor"
    with WebPage(browser, site.url) as shown:
        shown.open(link)
        assert "gaussian" in shown.about
        view = shown.view("quantizer")
        expect(view.get_by_label("format", exact=False).first).to_have_value("E5M2")
        shown.settle()
        assert set(shown.wait_for_address("sample=").split("?")[1].split("&")) == set(
            link.split("?")[1].split("&")
        )
        words = view.inner_text()
    with WebPage(browser, site.url) as again:
        again.open(link)
        assert again.view("quantizer").inner_text() == words


def test_a_forged_link_gives_a_sentence_and_a_working_page(
    browser: Browser, site: Site
) -> None:
    forged = "#quantize?format=%3Cimg%20src%3Dx%3E&group=9x9x9&sample=<b>nothing</b>"
    with WebPage(browser, site.url) as shown:
        shown.open(forged)
        expect(shown.notice).to_contain_text("unknown sample")
        expect(shown.view("quantizer").get_by_role("alert")).to_contain_text(
            "<img src=x>"
        )
        assert shown.page.locator("main img, main b").count() == 0
        shown.page.get_by_role("link", name="Bits").click()
        expect(shown.view("bit_field")).to_contain_text("0.3125")
        assert shown.console_errors == []


def test_the_address_of_a_tool_alone_leaves_it_as_it_was(
    browser: Browser, site: Site
) -> None:
    with WebPage(browser, site.url) as shown:
        shown.open("#bits?text=17")
        shown.page.get_by_role("link", name="Quantize").click()
        expect(shown.view("quantizer")).to_be_visible()
        shown.page.get_by_role("link", name="Bits").click()
        expect(shown.view("bit_field")).to_be_visible()
        expect(shown.view("bit_field")).to_contain_text("17 was rounded")
        shown.page.go_back()
        expect(shown.view("quantizer")).to_be_visible()


def archived(packed: bytes) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {
            name: np.load(io.BytesIO(archive.read(name)))
            for name in archive.namelist()
            if name.endswith(".npy")
        }


@pytest.mark.parametrize("fmt", ["E4M3FN", "E5M2"])
def test_the_browsers_bytes_are_ours(browser: Browser, site: Site, fmt: str) -> None:
    """All 65,536 bfloat16 patterns and random float32 patterns, through the page."""
    every = np.arange(2**16, dtype=np.uint16).view(ml_dtypes.bfloat16)
    bits = np.random.default_rng(3).integers(2**32, size=2**16, dtype=np.uint32)
    some = bits.view(np.float32)
    content = save({"every": every.reshape(256, 256), "some": some.reshape(256, 256)})
    with WebPage(browser, site.url) as shown:
        shown.open(f"#quantize?format={fmt}&look=none")
        shown.drop("patterns.safetensors", content)
        for name, x in {"every": every, "some": some}.items():
            shown.page.locator(".chooser select:visible").select_option(name)
            shown.settle()
            expect(shown.page.locator(".about strong:visible")).to_have_text(name)
            codes = archived(shown.download())["codes.npy"].reshape(-1)
            assert fp8lab.first_difference(codes, fp8lab.encode(x, fmt)) is None
            # An oracle that is not ours, where the stacks agree: below the overflow.
            other = getattr(ml_dtypes, f"float8_{fmt.lower()}")
            with np.errstate(all="ignore"):
                theirs = x.astype(np.float32).astype(other).view(np.uint8)
                inside = np.abs(x.astype(np.float32)) <= fp8lab.format_of(fmt).max
            assert inside.sum() > 1000
            assert np.array_equal(codes[inside], theirs[inside])


def test_scaled_bytes_are_ours(browser: Browser, site: Site) -> None:
    x = np.random.default_rng(4).standard_normal((64, 512)).astype(np.float32)
    stream = io.BytesIO()
    np.save(stream, x)
    with WebPage(browser, site.url) as shown:
        shown.open("#quantize?group=1x128&look=group")
        shown.drop("x.npy", stream.getvalue())
        given = archived(shown.download())
        expected = fp8lab.quantize(x, "E4M3FN", "1x128")
        assert fp8lab.first_difference(given["codes.npy"], expected.codes) is None
        assert np.array_equal(given["scales.npy"].ravel(), expected.scales.ravel())
        assert "64 × 512" in shown.about
        assert shown.foreign == []


def test_pasted_numbers_travel_in_the_link(browser: Browser, site: Site) -> None:
    with WebPage(browser, site.url) as shown:
        shown.open("#quantize")
        shown.paste("1 2 3\n4 5 600")
        assert "2 × 3" in shown.about
        fragment = shown.wait_for_address("numbers=")
    with WebPage(browser, site.url) as again:
        again.open(f"#{fragment}")
        assert "2 × 3" in again.about


def test_the_outlier_is_dragged(browser: Browser, site: Site) -> None:
    with WebPage(browser, site.url) as shown:
        shown.open("#outlier")
        summary = shown.view("scale_map").locator(".summary")
        before = summary.inner_text()
        slider = shown.view("scale_map").get_by_label("Size of the outlier")
        slider.fill("6")
        expect(summary).not_to_have_text(before)
        shown.wait_for_address("outlier=1000000")
        shown.screenshot("outlier-wide-light")


def test_with_the_keyboard_alone(browser: Browser, site: Site) -> None:
    with WebPage(browser, site.url) as shown:
        shown.open()

        def press(key: str) -> str:
            """Press a key, and return the name of what then has the focus."""
            shown.page.keyboard.press(key)
            name = "(e) => e.id || e.ariaLabel || e.textContent"
            return shown.page.evaluate(f"({name})(document.activeElement)")

        assert press("Tab") == "Skip to the picture"
        assert press("Enter") == "main"
        passed = tabbed(press, "Tab", "sign bit 0: 0")
        assert press("ArrowRight") == "exponent bit 3: 0", passed
        press("Space")
        expect(shown.view("bit_field")).to_contain_text("= 80")
        tabbed(press, "Shift+Tab", "Quantize")
        press("Enter")
        expect(shown.view("quantizer")).to_be_visible()


def tabbed(press: Callable[[str], str], key: str, wanted: str) -> list[str]:
    """Press a key until the wanted element has the focus; return what had it."""
    passed: list[str] = []
    while len(passed) < 12 and wanted not in passed:
        passed.append(press(key))
    assert wanted in passed
    return passed


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_looks_and_accessibility(
    browser: Browser, site: Site, tool: str, dark: bool
) -> None:
    theme = "dark" if dark else "light"
    with WebPage(browser, site.url, dark=dark) as shown:
        shown.open(f"#{tool}")
        shown.screenshot(f"{tool}-wide-{theme}")
        found = Axe().run(shown.page).response["violations"]
        serious = [
            (each["id"], each["help"], [n["html"] for n in each["nodes"]][:3])
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == []
        assert shown.console_errors == []
        assert shown.foreign == []
        shown.page.set_viewport_size({"width": PHONE, "height": 900})
        assert shown.overflow() == []
        shown.screenshot(f"{tool}-phone-{theme}")


def test_the_colours_can_be_chosen(browser: Browser, site: Site) -> None:
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    with WebPage(browser, site.url, width=WIDE) as shown:
        shown.open(wait=False)
        light = shown.page.evaluate(ground)
        button = shown.page.get_by_role("button", name="Colours")
        button.click()
        assert shown.page.evaluate(ground) == light
        button.click()
        dark = shown.page.evaluate(ground)
        assert dark != light
        shown.page.reload()
        assert shown.page.evaluate(ground) == dark


def test_a_link_is_copied(browser: Browser, site: Site) -> None:
    with WebPage(browser, site.url) as shown:
        shown.context.grant_permissions(["clipboard-read", "clipboard-write"])
        shown.open("#accumulator?data=gaussian&fraction_bits=10")
        shown.page.get_by_role("button", name="Copy a link").click()
        expect(shown.page.locator("#share-text")).to_have_text("Copied.")
        copied = shown.page.evaluate("navigator.clipboard.readText()")
        assert copied.endswith("#accumulator?data=gaussian&fraction_bits=10")
        assert copied == shown.page.url
