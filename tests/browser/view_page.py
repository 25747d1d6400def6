"""A plain page as the third host of a picture: no notebook, no server, no widgets.

view_host.js holds the six-method model that anywidget promises to a view, and loads the
view from a Blob URL, as the notebook does. The state comes from the Python function
itself, so a test drives the whole picture in a second.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from playwright.sync_api import Browser, ConsoleMessage, Locator, Route

from fp8lab import views
from fp8lab.states.answer import answer

HERE = Path(__file__).parent
SCREENSHOTS = HERE / "screenshots"
STEP_SECONDS = 15
WIDE, PHONE = 1000, 375

# Nothing answers at this address: the test itself hands out the one page.
ADDRESS = "http://fp8lab.test/"
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>A view of fp8lab</title>
<style>
  :root { color-scheme: light dark; background: light-dark(#fff, #0d0f12); }
</style>
<main></main>
</html>"""


class ViewPage:
    """One view on an otherwise empty page, fed by its state function.

    Parameters
    ----------
    browser : Browser
        The `browser` fixture.
    name : str
        A view of `fp8lab.views.VIEWS`.
    compute : callable
        Its state function, called as ``compute(**data, **inputs)``.
    data : dict, optional
        Arguments that stay in Python, such as a matrix.
    width : int
        Of the page in CSS pixels; `WIDE` or `PHONE`.
    dark : bool
        Whether the reader prefers dark colours.
    **inputs
        The first inputs, plain JSON.

    Attributes
    ----------
    page, root
        The Playwright page, and the view's root element.
    console_errors, requests
        What went wrong in the browser, and every address the view asked for; a test
        expects both to be empty.
    """

    def __init__(
        self,
        browser: Browser,
        name: str,
        compute: Callable[..., dict[str, Any]],
        *,
        data: dict[str, Any] | None = None,
        width: int = WIDE,
        dark: bool = False,
        **inputs: object,
    ) -> None:
        self.name = name
        self.console_errors: list[str] = []
        self.requests: list[str] = []
        self._compute = compute
        self._data = dict(data or {})
        self._state = {**compute(**self._data, **inputs), "seq": 0}
        self._context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            has_touch=width == PHONE,
        )
        self.page = self._context.new_page()
        self.page.set_default_timeout(STEP_SECONDS * 1000)
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        self.page.route("**/*", self._answer)
        self.page.expose_function("computeState", self._compute_state)
        self.page.goto(ADDRESS)
        first = {"inputs": {**inputs, "seq": 0}, "state": self._state}
        text = {"module": views.module(name), "style": views.style(name)}
        # allow_nan=False: what is not JSON must fail here, not in a reader's browser.
        whole = json.loads(json.dumps({**text, **first}, allow_nan=False))
        self.page.add_script_tag(path=HERE / "view_host.js")
        self.page.evaluate("(what) => host.show(what)", whole)
        self.root = self.page.locator(f".fp8-{name}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._context.close()

    @property
    def state(self) -> dict[str, Any]:
        """The state that the view shows, as it arrived in the browser."""
        state: dict[str, Any] = self.page.evaluate("host.model.get('state')")
        return state

    @property
    def inputs(self) -> dict[str, Any]:
        """What the learner has chosen so far."""
        inputs: dict[str, Any] = self.page.evaluate("host.model.get('inputs')")
        return inputs

    def wait_for(self, **expected: object) -> None:
        """Wait until these keys of the state have these values."""
        self.page.wait_for_function(
            """(expected) => Object.entries(expected).every(([key, value]) =>
              JSON.stringify(host.model.get("state")[key])
                === JSON.stringify(value))""",
            arg=expected,
        )

    def drag(self, handle: Locator, dx: float, dy: float = 0, steps: int = 20) -> None:
        """Drag an element by its middle with the mouse, by (dx, dy) pixels."""
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        assert box is not None, f"{handle} is not on the screen"
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + dx, y + dy, steps=steps)
        self.page.mouse.up()

    def drag_rate(
        self,
        selector: str,
        start: tuple[float, float],
        end: tuple[float, float],
        seconds: float = 2,
    ) -> dict[str, float]:
        """Drag across an element, points in fractions of its box, and count.

        Returns the pictures drawn a second (``updates``) and the mouse moves a second
        that the browser took in (``moves``): the first cannot exceed the second.
        """
        box = self.root.locator(selector).first.bounding_box()
        assert box is not None, f"{selector} is not on the screen"

        def at(part: float) -> tuple[float, float]:
            x, y = (a + part * (b - a) for a, b in zip(start, end, strict=True))
            return box["x"] + x * box["width"], box["y"] + y * box["height"]

        self.page.mouse.move(*at(0))
        self.page.mouse.down()
        before = self.page.evaluate("host.updates")
        begin, moves, passed = time.perf_counter(), 0, 0.0
        while passed < seconds:
            self.page.mouse.move(*at(passed / seconds))
            moves += 1
            passed = time.perf_counter() - begin
        updates = self.page.evaluate("host.updates") - before
        self.page.mouse.up()
        return {"updates": updates / passed, "moves": moves / passed}

    def overflow(self) -> list[str]:
        """Return what sticks out of the view on the right and cannot be scrolled to."""
        stuck: list[str] = self.root.evaluate(
            """(root) => {
              const edge = root.getBoundingClientRect().right + 0.5;
              const scrolls = (e) => e && e !== root
                && (["auto", "hidden"].includes(getComputedStyle(e).overflowX)
                  || scrolls(e.parentElement));
              return [...root.querySelectorAll("*")]
                .filter((e) => e.checkVisibility() && !scrolls(e.parentElement))
                .filter((e) => e.getBoundingClientRect().right > edge)
                .map((e) => `${e.tagName} ${e.getAttribute("class") ?? ""}`);
            }"""
        )
        return stuck

    def screenshot(self, suffix: str = "") -> Path:
        """Save the page as ``screenshots/view-<name><suffix>.png``, and its path."""
        path = SCREENSHOTS / f"view-{self.name}{suffix}.png"
        self.page.screenshot(path=path, full_page=True)
        return path

    def _compute_state(self, text: str) -> str:
        """Answer new inputs as `ViewWidget` does: a refusal keeps the last picture."""
        inputs = json.loads(text)
        seq = inputs.pop("seq", 0)
        state = answer(self._compute, {**self._data, **inputs}, self._state)
        self._state = state
        return json.dumps({**state, "seq": seq}, allow_nan=False)

    def _answer(self, route: Route) -> None:
        if route.request.url == ADDRESS:
            route.fulfill(body=PAGE, content_type="text/html")
            return
        self.requests.append(route.request.url)
        route.abort()

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.console_errors.append(message.text)


def take_all_screenshots(
    browser: Browser,
    name: str,
    compute: Callable[..., dict[str, Any]],
    *,
    data: dict[str, Any] | None = None,
    suffix: str = "",
    **inputs: object,
) -> None:
    """Save a view light and dark, wide and on a phone; nothing may stick out."""
    for width in (WIDE, PHONE):
        for dark in (False, True):
            size = "wide" if width == WIDE else "phone"
            theme = "dark" if dark else "light"
            settings: dict[str, Any] = {"data": data, "width": width, "dark": dark}
            with ViewPage(browser, name, compute, **settings, **inputs) as shown:
                shown.screenshot(f"{suffix}-{size}-{theme}")
                assert shown.overflow() == []
                assert shown.console_errors == []
                assert shown.requests == []
