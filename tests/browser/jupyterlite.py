"""A page object: what a learner does with nothing installed, in JupyterLite."""

from typing import Any

from playwright.sync_api import Page, Request

from tests.browser.jupyterlab import STEP_SECONDS, JupyterLab
from tests.browser.site import Site

# The kernel is WebAssembly in a worker: it starts while the notebook can be read.
KERNEL_SECONDS = 120

NOTEBOOK_IS_SHOWN = """name => {
  const panel = window.jupyterapp?.shell.currentWidget;
  return panel?.context?.isReady && panel.context.path.endsWith(name)
    && panel.sessionContext?.session?.kernel;
}"""
# As tests/jupyter_home.py sets it: each cell in the document, scrolled to or not.
SHOW_EVERY_CELL = """() => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.notebookConfig = {...notebook.notebookConfig, windowingMode: 'none'};
}"""
FIRST_CELL_HAS_RUN = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .find(cell => cell.model.type === 'code').model.executionCount !== null"""
CODE_CELLS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .filter(cell => cell.model.type === 'code')
  .map(({model}) => ({
    source: model.sharedModel.getSource(),
    count: model.executionCount,
    outputs: model.outputs.toJSON(),
  }))"""
SWITCH_THEME = """theme =>
  window.jupyterapp.commands.execute('apputils:change-theme', {theme})"""


class JupyterLite(JupyterLab):
    """One browser page on the site's JupyterLite, whose storage is empty at first.

    Parameters
    ----------
    page : Page
        A fresh Playwright page.
    site : Site
        The site it visits. Requests to anything else are listed in
        `external_requests`.
    """

    def __init__(self, page: Page, site: Site) -> None:
        self.site = site
        super().__init__(page, site)

    def open_notebook(self, name: str) -> None:
        """Open a notebook by its path in the file list, before its kernel is ready."""
        url = f"{self.site.url}lab/lab/index.html?path={name}"
        self.page.goto(url)
        self._wait_until(NOTEBOOK_IS_SHOWN, STEP_SECONDS, name)
        self.page.evaluate(SHOW_EVERY_CELL)

    def run_all(self) -> None:
        """Run every cell, and wait for the last one's widgets."""
        self.start_all()
        self.wait_for_the_end()

    def start_all(self) -> None:
        """Ask for every cell to be run, as soon as there is a kernel."""
        self.menu("Run", "Run All Cells")

    def wait_for_first_cell(self) -> None:
        """Wait until the first code cell has been run."""
        self._wait_until(FIRST_CELL_HAS_RUN, KERNEL_SECONDS)

    def code_cells(self) -> list[dict[str, Any]]:
        """Return source, count and outputs of each code cell."""
        cells: list[dict[str, Any]] = self.page.evaluate(CODE_CELLS)
        return cells

    def make_dark(self) -> None:
        """Switch to JupyterLab's dark theme."""
        self.page.evaluate(SWITCH_THEME, "JupyterLab Dark")

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((self.site.url, "blob:", "data:")):
            self.external_requests.append(request.url)
