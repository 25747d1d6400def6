"""One server, one site and one browser for all; a fresh page for each test."""

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.browser import chromium
from tests.browser.jupyterlab import JupyterLab
from tests.browser.jupyterlite import JupyterLite
from tests.browser.server import Server, jupyterlab, serve
from tests.browser.site import Site, build_once, serve_site, shared_folder
from tests.jupyter_home import isolated

# A kernel's answer may take its time on two slow cores; Playwright allows 5 seconds.
expect.set_options(timeout=30_000)

Visitor = TypeVar("Visitor", bound=JupyterLab)
FAILED = pytest.StashKey[bool]()
VIEWPORT: ViewportSize = {"width": 1440, "height": 1000}
CHROMIUM_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    # Chromium's sandbox refuses to start for root.
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, so that no file has to remember it."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A headless Chromium, closed when the folder's last test is done."""
    path = chromium.find()
    assert path, chromium.MISSING
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="package")
def server(
    tmp_path_factory: pytest.TempPathFactory, repository: Path
) -> Iterator[Server]:
    """A JupyterLab server on a copy of the lessons; tests may add notebooks to it."""
    home = tmp_path_factory.mktemp("jupyter")
    root = home / "lessons"
    lessons = repository / "lessons"
    if lessons.is_dir():
        shutil.copytree(lessons, root)
    else:
        root.mkdir()
    environment = isolated(home, repository)
    with serve(jupyterlab(), root, environment, home / "server.log") as running:
        yield running


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site of this checkout, served: its `url`, and the `requests` that it got."""
    with serve_site(build_once(shared_folder(tmp_path_factory))) as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the `lab` fixture know that its test failed."""
    report = yield
    item.stash[FAILED] = report.when == "call" and report.failed
    return report


@contextmanager
def visit(
    browser: Browser, request: pytest.FixtureRequest, start: Callable[[Page], Visitor]
) -> Iterator[Visitor]:
    """A page with a fresh profile; a failed test leaves a picture of it."""
    context = browser.new_context(viewport=VIEWPORT)
    page = start(context.new_page())
    yield page
    if request.node.stash.get(FAILED, False):
        page.screenshot(f"failed-{request.node.name}")
    context.close()


@pytest.fixture
def lab(
    browser: Browser, server: Server, request: pytest.FixtureRequest
) -> Iterator[JupyterLab]:
    """A page on the server. What it opened is closed and its kernels end afterwards.

    A test that fails leaves `screenshots/failed-<test>.png`.
    """
    with visit(browser, request, lambda page: JupyterLab(page, server)) as lab:
        yield lab
    server.shut_down_kernels()


@pytest.fixture
def lite(
    browser: Browser, site: Site, request: pytest.FixtureRequest
) -> Iterator[JupyterLite]:
    """A page on the site's JupyterLite; a failed test leaves its picture too."""
    with visit(browser, request, lambda page: JupyterLite(page, site)) as lite:
        yield lite
