"""A page object: what a learner does in JupyterLab, as methods.

The state of cells and kernel is read from the application (`window.jupyterapp`), never
guessed from the clock; everything a person would click is clicked.
"""

import uuid
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Locator, Page, Request, expect

from tests.browser.server import TOKEN, Server

SCREENSHOTS = Path(__file__).parent / "screenshots"
# Generous: two slow cores may start a kernel and JupyterLab's 5 MB of JS at once.
STEP_SECONDS = 60
RUN_SECONDS = 300
# JupyterLab's own complaint when a kernel is restarted soon after its start.
HARMLESS = "Could not restore the debugger state"

NOTEBOOK_IS_READY = """name => {
  const panel = window.jupyterapp?.shell.currentWidget;
  return panel?.context?.isReady && panel.context.path.endsWith(name)
    && panel.sessionContext?.session?.kernel?.status === 'idle';
}"""
# Done: the kernel is idle, and each code cell has run or one before it has failed.
RUN_IS_OVER = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const cells = panel.content.widgets.filter(cell =>
    cell.model.type === 'code' && cell.model.sharedModel.getSource().trim());
  const failed = cell => cell.model.outputs.toJSON()
    .some(output => output.output_type === 'error');
  return panel.sessionContext.session?.kernel?.status === 'idle'
    && (cells.every(cell => cell.model.executionCount !== null) || cells.some(failed));
}"""
CELL_ERRORS = """() => window.jupyterapp.shell.currentWidget.content.widgets.flatMap(
  (cell, index) => cell.model.type !== 'code' ? [] : cell.model.outputs.toJSON()
    .filter(output => output.output_type === 'error')
    .map(error => `cell ${index}: ${error.ename}: ${error.evalue}`))"""

# Chromium draws no picture taller than 16384 pixels.
NOTEBOOK_HEIGHT = """() => {
  const panel = window.jupyterapp.shell.currentWidget.node;
  const cells = panel.querySelector('.jp-WindowedPanel-outer');
  return Math.min(cells.scrollHeight + 200, 16000);
}"""
SCROLL_TO_TOP = """() => {
  const panel = window.jupyterapp.shell.currentWidget.node;
  panel.querySelector('.jp-WindowedPanel-outer').scrollTop = 0;
}"""


class JupyterLab:
    """One browser page on a JupyterLab server.

    Parameters
    ----------
    page : Page
        A fresh Playwright page.
    server : Server
        The server it visits. Requests to any other host are listed in
        `external_requests`; the browser has been told to resolve no other name.
    """

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self.server = server
        self.console_errors: list[str] = []
        self.external_requests: list[str] = []
        page.set_default_timeout(STEP_SECONDS * 1000)
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        page.on("request", self._note_request)

    def open_notebook(self, name: str) -> None:
        """Open one notebook of the server's folder and wait for its kernel."""
        # A workspace of its own: JupyterLab reopens what the last visit left open.
        workspace = f"/lab/workspaces/{uuid.uuid4().hex}/tree/{name}"
        self.open_address(f"{self.server.url}{workspace}?token={TOKEN}", name)

    def open_address(self, url: str, name: str) -> None:
        """Go to an address that is expected to land on the notebook `name`."""
        self.page.goto(url)
        self._wait_until(NOTEBOOK_IS_READY, STEP_SECONDS, name)

    def run_all(self) -> None:
        """Restart the kernel, run every cell, and wait for the last one's widgets."""
        # Counts of an earlier run would look like this run's end.
        self.page.evaluate(
            "window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"
        )
        self.menu("Kernel", "Restart Kernel and Run All Cells…")
        self.page.locator(".jp-Dialog").get_by_role(
            "button", name="Confirm Kernel Restart"
        ).click()
        self.wait_for_the_end()

    def wait_for_the_end(self) -> None:
        """Wait until every cell has run, or one failed, and the widgets are there."""
        self._wait_until(RUN_IS_OVER, RUN_SECONDS)
        expect(self.page.get_by_text("Loading widget")).to_have_count(0)

    def cell_errors(self) -> list[str]:
        """Return each exception and each widget that could not be shown."""
        broken = self.page.get_by_text("Error displaying widget").all_inner_texts()
        errors: list[str] = self.page.evaluate(CELL_ERRORS)
        return errors + broken

    def menu(self, *names: str) -> None:
        """Click through the main menu, as in `menu("Run", "Run All Cells")`."""
        for name in names:
            self.page.get_by_role("menuitem", name=name, exact=True).click()

    def widget(self, selector: str) -> Locator:
        """Return the elements that match a CSS selector inside the cells' outputs."""
        return self.page.locator(".jp-OutputArea-output").locator(selector)

    def drag(self, handle: Locator, dx: float, dy: float = 0, steps: int = 20) -> None:
        """Drag an element by its middle, by (dx, dy) pixels in `steps` moves."""
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        assert box is not None, f"{handle} is not on the screen"
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + dx, y + dy, steps=steps)
        self.page.mouse.up()

    def screenshot(self, name: str, element: Locator | None = None) -> Path:
        """Save the page, or one element, as `tests/browser/screenshots/<name>.png`."""
        path = SCREENSHOTS / f"{name}.png"
        (element or self.page).screenshot(path=path)
        return path

    def screenshot_notebook(self, name: str) -> Path:
        """Save the whole notebook, from its first cell to its last, as one picture."""
        # JupyterLab scrolls inside a panel: only a tall window shows all of it.
        page, size = self.page, self.page.viewport_size
        assert size is not None
        height: int = page.evaluate(NOTEBOOK_HEIGHT)
        page.set_viewport_size({"width": size["width"], "height": height})
        page.evaluate(SCROLL_TO_TOP)
        path = self.screenshot(name)
        page.set_viewport_size(size)
        return path

    def _wait_until(
        self, condition: str, seconds: int, argument: object = None
    ) -> None:
        self.page.wait_for_function(condition, arg=argument, timeout=seconds * 1000)

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and HARMLESS not in message.text:
            self.console_errors.append(f"{message.text} ({message.location['url']})")

    def _note_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        local = ("localhost", "127.0.0.1")
        if address.scheme.startswith("http") and address.hostname not in local:
            self.external_requests.append(request.url)
