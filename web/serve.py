"""A small web server for the built site: `make site-open`, the tests, the benchmarks.

It answers as a static host does: the right types, gzip, and caching by ETag, for good
where the address is made from the content. `python -m web.serve [FOLDER] [--port N]`.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from web.hosting import FOREVER, OTHER, TYPES, compresses, gzipped

DIST = Path(__file__).with_name("dist")
PORT = 8008


@dataclass
class Served:
    """A running server: its address, and what was asked of it so far."""

    url: str
    requests: list[tuple[str, int]] = field(default_factory=list)
    """Each answer's path and the bytes of its body, as they went over the wire."""


@contextmanager
def serve(folder: Path, port: int = 0, host: str = "127.0.0.1") -> Iterator[Served]:
    """Serve a folder in threads while the context lasts; port 0 takes a free one."""
    served = Served("")
    handler = partial(_Handler, directory=str(folder), log=served.requests)
    with ThreadingHTTPServer((host, port), handler) as server:
        served.url = f"http://{host}:{server.server_address[1]}/"
        # The second argument is how soon, in seconds, it notices that it is to end.
        forever = partial(server.serve_forever, 0.02)
        thread = threading.Thread(target=forever, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


@lru_cache(maxsize=4096)
def _body(path: Path, _changed: int, squeeze: bool) -> tuple[bytes, str]:
    """Return what travels and its ETag; the second visitor does not wait for gzip."""
    content = path.read_bytes()
    if squeeze:
        content = gzipped(content)
    return content, f'"{hashlib.sha256(content).hexdigest()[:16]}"'


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(
        self, *arguments: object, directory: str, log: list[tuple[str, int]]
    ) -> None:
        self._log = log
        super().__init__(*arguments, directory=directory)  # type: ignore[arg-type]

    def handle(self) -> None:
        with suppress(ConnectionError):  # the visitor went elsewhere
            super().handle()

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing: `requests` has it."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            if not address.path.endswith("/"):
                query = f"?{address.query}" if address.query else ""
                where = {"Location": f"{address.path}/{query}"}
                self._send(HTTPStatus.MOVED_PERMANENTLY, b"", where)
                return
            path /= "index.html"
        if not path.is_file():
            self._send(HTTPStatus.NOT_FOUND, b"There is no such file.\n", {})
            return
        headers = {"Content-Type": TYPES.get(path.suffix, OTHER)}
        squeeze = compresses(path)
        if squeeze:
            headers["Vary"] = "Accept-Encoding"
            squeeze = "gzip" in self.headers.get("Accept-Encoding", "")
        if squeeze:
            headers["Content-Encoding"] = "gzip"
        content, tag = _body(path, path.stat().st_mtime_ns, squeeze)
        headers["ETag"] = tag
        forever = address.path.startswith("/pyodide/")
        headers["Cache-Control"] = FOREVER if forever else "no-cache"
        if self.headers.get("If-None-Match") == tag:
            self._send(HTTPStatus.NOT_MODIFIED, b"", headers)
        else:
            self._send(HTTPStatus.OK, content, headers)

    def _send(self, status: HTTPStatus, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self._log.append((self.path, len(body)))
            self.wfile.write(body)


def main(arguments: list[str] | None = None) -> str | None:
    """Serve the built site and open it; the result is the process's last word."""
    parser = argparse.ArgumentParser(prog="python -m web.serve", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DIST)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--no-browser", action="store_true")
    options = parser.parse_args(arguments)
    if not (options.folder / "site.json").exists():
        return f"fp8lab: there is no site in {options.folder}: run `make site`"
    try:
        with serve(options.folder, options.port) as site:
            print(f"the page: {site.url}")
            if (options.folder / "lab").exists():
                print(f"the lessons: {site.url}lab/")
            print("Ctrl+C ends it.", flush=True)
            if not options.no_browser:
                webbrowser.open(site.url)
            threading.Event().wait()
    except KeyboardInterrupt:
        return None
    except OSError as error:
        return f"fp8lab: port {options.port}: {error.strerror}; try another with --port"
    return None


if __name__ == "__main__":
    sys.exit(main())
