"""The server of the built site answers as a static host does."""

import gzip
import http.client
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from web.serve import Served, main, serve

SCRIPT, WHEEL = b"export const answer = 42;\n" * 200, os.urandom(5000)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    files = {
        "index.html": b"<!doctype html>",
        "main.mjs": SCRIPT,
        "lab/index.html": b"<!doctype html>",
        "pyodide/0a1b/core.wasm": b"\0asm" * 100,
        "pyodide/0a1b/lab-1-py3-none-any.whl": WHEEL,
    }
    for name, content in files.items():
        (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / name).write_bytes(content)
    (tmp_path / "secret").write_text("not of the site")
    with serve(tmp_path / "site") as served:
        yield served


def ask(
    site: Served, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=named)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def test_scripts_and_wasm_come_with_their_type_and_compressed(site: Served) -> None:
    answer, body = ask(site, "/main.mjs", Accept_Encoding="gzip, br")
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == SCRIPT
    answer, _ = ask(site, "/pyodide/0a1b/core.wasm")
    assert answer.headers["Content-Type"] == "application/wasm"


def test_who_cannot_read_gzip_gets_the_file_itself(site: Served) -> None:
    answer, body = ask(site, "/main.mjs")
    assert answer.headers["Content-Encoding"] is None
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert body == SCRIPT


def test_a_wheel_is_sent_as_it_is_and_kept_for_good(site: Served) -> None:
    address = "/pyodide/0a1b/lab-1-py3-none-any.whl"
    answer, body = ask(site, address, Accept_Encoding="gzip")
    assert answer.headers["Content-Encoding"] is None
    assert "immutable" in answer.headers["Cache-Control"]
    assert body == WHEEL


def test_a_file_that_may_change_is_asked_for(site: Served, tmp_path: Path) -> None:
    answer, _ = ask(site, "/main.mjs")
    assert answer.headers["Cache-Control"] == "no-cache"
    tag = answer.headers["ETag"]
    again, body = ask(site, "/main.mjs", If_None_Match=tag)
    assert (again.status, body) == (304, b"")
    (tmp_path / "site" / "main.mjs").write_bytes(b"export {};")
    changed, body = ask(site, "/main.mjs", If_None_Match=tag)
    assert (changed.status, body) == (200, b"export {};")


def test_a_folder_is_its_index(site: Served) -> None:
    moved, _ = ask(site, "/lab?path=a")
    assert (moved.status, moved.headers["Location"]) == (301, "/lab/?path=a")
    answer, body = ask(site, "/lab/?path=a")
    assert (answer.status, body) == (200, b"<!doctype html>")


@pytest.mark.parametrize(
    "path", ["/absent.js", "/../secret", "/%2e%2e/secret", "//secret"]
)
def test_nothing_else_is_there(path: str, site: Served) -> None:
    answer, body = ask(site, path)
    assert answer.status == 404
    assert b"not of the site" not in body


def test_the_command_says_why_it_cannot_serve(site: Served, tmp_path: Path) -> None:
    absent = main([str(tmp_path / "dist")])
    assert absent == f"fp8lab: there is no site in {tmp_path / 'dist'}: run `make site`"
    (tmp_path / "site" / "site.json").write_text("{}")
    port = str(urlsplit(site.url).port)
    taken = main([str(tmp_path / "site"), "--no-browser", "--port", port])
    assert (
        taken == f"fp8lab: port {port}: Address already in use; try another with --port"
    )


def test_the_server_counts_what_it_sends(site: Served) -> None:
    _, body = ask(site, "/main.mjs", Accept_Encoding="gzip")
    ask(site, "/main.mjs", method="HEAD")
    ask(site, "/lab/?path=a")
    assert site.requests == [("/main.mjs", len(body)), ("/lab/?path=a", 15)]
