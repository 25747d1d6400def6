"""The web page with a visitor who is quicker than the browser's news."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.site import Site
from tests.browser.web_page import WebPage

pytestmark = pytest.mark.browser


def test_who_goes_on_quickly_is_not_put_back(browser: Browser, site: Site) -> None:
    """Browsers tell of a new address a frame later, and frames can be late."""
    with WebPage(browser, site.url) as shown:
        shown.open()
        focused = shown.page.evaluate(
            """async () => {
              document.querySelector(".skip").click();
              const skipped = document.activeElement.id;
              document.querySelector("[data-view=bit_field] button").focus();
              for (const _ of [1, 2, 3]) await new Promise(requestAnimationFrame);
              return [skipped, document.activeElement.ariaLabel];
            }"""
        )
        assert focused == ["main", "sign bit 0: 0"]


def test_a_click_outlives_the_address_before_it(browser: Browser, site: Site) -> None:
    """A timer that keeps the address may end between a click and the news of it."""
    with WebPage(browser, site.url) as shown:
        shown.page.add_init_script(
            """window.timers = {};
            window.setTimeout = ((set) => (call, wait) => {
              window.timers[wait] = call;
              return set(call, wait);
            })(window.setTimeout);"""
        )
        shown.open()
        shown.page.evaluate(
            """() => {
              document.querySelector("[data-to=quantize]").click();
              window.timers[250]();
            }"""
        )
        expect(shown.view("quantizer")).to_be_visible()
        shown.wait_for_address("#quantize")
        shown.page.go_back()
        expect(shown.view("bit_field")).to_be_visible()
        assert shown.console_errors == []
