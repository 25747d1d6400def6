"""The web page in a browser, as a test sees it."""

from __future__ import annotations

import base64
import re
import tempfile
from pathlib import Path
from typing import Self

from playwright.sync_api import Browser, ConsoleMessage, Locator, Request, expect

SCREENSHOTS = Path(__file__).parent / "screenshots"
WIDE, PHONE = 1200, 375
# Python starts in two seconds on an idle machine; a busy one with two cores is slower.
PYTHON_SECONDS = 90

# A File as if it were dragged in from the desktop.
MAKE_FILES = """([name, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name));
  return transfer;
}"""


class WebPage:
    """The page of a built site, in a context of its own.

    Parameters
    ----------
    browser : Browser
        The `browser` fixture.
    url : str
        Where the site is served, with a slash at the end.
    width, dark
        Of the window in CSS pixels, and whether the reader prefers dark colours.

    Attributes
    ----------
    page
        The Playwright page. `page.wait_for_function` does not work here: it needs
        eval, which the page's Content-Security-Policy forbids.
    console_errors, foreign
        What went wrong in the browser, and requests that leave the site; a test expects
        both to be empty.
    """

    def __init__(
        self, browser: Browser, url: str, *, width: int = WIDE, dark: bool = False
    ) -> None:
        self.url = url
        self.console_errors: list[str] = []
        self.foreign: list[str] = []
        self.context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            has_touch=width == PHONE,
            accept_downloads=True,
        )
        self.context.on("request", self._note_request)
        self.page = self.context.new_page()
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.console_errors.append(str(error)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.context.close()

    def open(self, fragment: str = "", *, wait: bool = True) -> Self:
        """Open the page at a fragment such as ``"#quantize?group=1x32"``."""
        self.page.goto(self.url + fragment)
        if wait:
            self.wait_until_computed()
        return self

    def wait_until_computed(self) -> None:
        """Wait until Python has drawn the tool that is shown."""
        for state in ("body[data-shown=computed]", "#python[data-is=ready]"):
            self.page.wait_for_selector(
                f"{state}, #python[data-is=failed]", timeout=PYTHON_SECONDS * 1000
            )
        assert self.page.locator("#python").get_attribute("data-is") == "ready", (
            self.python
        )
        self.settle()

    def settle(self) -> None:
        """Wait until nothing is being computed or taken in."""
        expect(self.page.locator("[aria-busy], [data-busy]")).to_have_count(0)

    @property
    def python(self) -> str:
        """What the page says of Python."""
        return self.page.locator("#python-text").inner_text()

    @property
    def notice(self) -> Locator:
        """The sentence above the tools."""
        return self.page.locator("#notice")

    def view(self, name: str) -> Locator:
        """Return a view's root element."""
        return self.page.locator(f".fp8-{name}")

    @property
    def about(self) -> str:
        """What the page says of the tensor, in the tool that is shown."""
        return self.page.locator(".source .about:visible").inner_text()

    def drop(self, name: str, content: bytes) -> None:
        """Drop a file on the page."""
        what = [name, base64.b64encode(content).decode()]
        files = self.page.evaluate_handle(MAKE_FILES, what)
        for event in ("dragenter", "dragover", "drop"):
            self.page.dispatch_event("main", event, {"dataTransfer": files})
        self.settle()

    def paste(self, text: str) -> None:
        """Paste numbers and use them."""
        panel = self.page.locator(".source .paste:visible")
        if panel.get_attribute("open") is None:
            panel.locator("summary").click()
        panel.locator("textarea").fill(text)
        panel.get_by_role("button").click()
        self.settle()

    def download(self) -> bytes:
        """Download the archive of what the quantizer shows."""
        with self.page.expect_download() as arriving:
            self.page.locator("#download").click()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "archive.zip"
            arriving.value.save_as(path)
            return path.read_bytes()

    def wait_for_address(self, pattern: str) -> str:
        """Wait until the address matches, and return its fragment."""
        self.page.wait_for_url(re.compile(pattern))
        return self.page.url.partition("#")[2]

    def overflow(self) -> list[str]:
        """Return what makes the page wider than its window."""
        found: list[str] = self.page.evaluate(
            """async () => {
              // A view that was resized lays itself out in the next frame.
              const frame = () => new Promise((done) => requestAnimationFrame(done));
              await frame();
              await frame();
              const edge = document.documentElement.clientWidth + 0.5;
              const scrolls = (e) => e && e !== document.body
                && (["auto", "hidden", "scroll"].includes(getComputedStyle(e).overflowX)
                  || scrolls(e.parentElement));
              return [...document.querySelectorAll("body *")]
                .filter((e) => e.checkVisibility() && !scrolls(e.parentElement))
                .filter((e) => e.getBoundingClientRect().right > edge)
                .map((e) => `${e.tagName} ${e.getAttribute("class") ?? ""}`);
            }"""
        )
        return found

    def screenshot(self, name: str) -> Path:
        """Save the whole page as ``screenshots/page-<name>.png``."""
        path = SCREENSHOTS / f"page-{name}.png"
        self.page.screenshot(path=path, full_page=True)
        return path

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((self.url, "blob:", "data:")):
            self.foreign.append(request.url)

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.console_errors.append(message.text)
