"""The site as it is hosted: Pyodide left on its server, and a site that is replaced."""

import io
import json
import shutil
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.site import build_once, serve_site, shared_folder
from tests.browser.web_page import WebPage
from tests.web_sources import Shelf
from web import build as builder
from web.build import CACHE, build
from web.store import sha256

OFFLINE = Shelf("no network", {})


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_once(shared_folder(tmp_path_factory))


class Official(SimpleHTTPRequestHandler):
    """Answers as the official server does: to a page of any origin."""

    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def official(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a server that the builder takes for the official one."""
    folder = tmp_path / "official"
    folder.mkdir()
    handler = partial(Official, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setattr(builder, "CDN", address)
        yield folder
        server.shutdown()


def rebuild(out: Path, *, cdn: bool) -> Path:
    # After `built`, which filled the cache.
    return build(out, cdn=cdn, sources=[OFFLINE], log=lambda _: None)


def elsewhere(site: Path) -> dict[str, str]:
    """Return address -> sha256 of what the page takes from another server."""
    files = json.loads((site / "site.json").read_text())["files"]
    return {file["url"]: file["sha256"] for file in files if file["url"] != file["as"]}


def test_the_small_site_takes_pyodide_from_its_server(
    browser: Browser, built: Path, official: Path, tmp_path: Path
) -> None:
    small = rebuild(tmp_path / "dist", cdn=True)
    for url, digest in elsewhere(small).items():
        shutil.copyfile(CACHE / digest, official / Path(url).name)
    with serve_site(small) as site, WebPage(browser, site.url) as page:
        page.open("#bits")
        assert page.console_errors == []
        assert sorted(page.foreign) == sorted(elsewhere(small))


def test_the_small_site_refuses_another_file(
    browser: Browser, built: Path, official: Path, tmp_path: Path
) -> None:
    small = rebuild(tmp_path / "dist", cdn=True)
    for url, digest in elsewhere(small).items():
        changed = bytearray((CACHE / digest).read_bytes())
        changed[1000] ^= 1
        (official / Path(url).name).write_bytes(changed)
    with serve_site(small) as site, WebPage(browser, site.url) as page:
        page.open("#bits", wait=False)
        page.page.wait_for_selector("#python[data-is=failed]")
        assert "is not the file that this page was built with" in page.python


def test_a_returning_visitor_gets_the_site_that_replaced_the_first(
    browser: Browser, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The same version and the same file names on disk, but another wheel.
    name, wheel = builder.own_wheel()
    changed = io.BytesIO(wheel)
    with zipfile.ZipFile(changed, "a") as packed:
        packed.writestr("fp8lab/news.txt", "new in this wheel")
    content = changed.getvalue()
    parts = name.split("-")
    parts[2] = f"0{sha256(content)[:10]}"
    monkeypatch.setattr(builder, "own_wheel", lambda: ("-".join(parts), content))
    monkeypatch.setattr(builder, "write_lab", lambda *_: None)
    out = tmp_path / "dist"
    shutil.copytree(built, out, ignore=shutil.ignore_patterns("lab"))
    with serve_site(out) as site, WebPage(browser, site.url) as page:
        page.open("#bits")
        rebuild(out, cdn=False)
        before = len(site.requests)
        page.open("#bits")
        page.page.reload()
        page.wait_until_computed()
        assert page.console_errors == []
        asked = " ".join(path for path, _ in site.requests[before:])
        assert "-".join(parts) in asked
        # What did not change came from the browser's cache.
        assert "pyodide.asm.wasm" not in asked
