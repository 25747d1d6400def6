"""Build the site: `make site`, or `python -m web.build [--cdn] [--out FOLDER]`.

web/dist then holds the page and, under lab/, the lessons in JupyterLite. Both start
the same Pyodide. With --cdn the folder is small: it has no lessons, and the page takes
Pyodide and NumPy from the official server, checking their sha256.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from web.hosting import HEADERS, HEADERS_FILE
from web.lite import write_lab
from web.pins import Pins, load_pins
from web.pyodide_folder import PyodideFolder, pyodide_folder
from web.sizes import sizes
from web.sources import CDN, Source, official_sources
from web.store import BuildError, Store, sha256
from web.wheel import extract, own_wheel

HERE = Path(__file__).parent
DIST = HERE / "dist"
CACHE = HERE / ".cache"
TOOLS = ("hatchling", "jupyterlite_core", "packaging")
CONNECT = "connect-src 'self'"

Log = Callable[[str], object]


def build(
    out: Path = DIST,
    *,
    cdn: bool = False,
    log: Log = print,
    cache: Path = CACHE,
    sources: Sequence[Source] | None = None,
) -> Path:
    """Build the site into `out`, which stays as it was if the build fails.

    Parameters
    ----------
    out
        The folder to write; one that is there is replaced.
    cdn
        Leave Pyodide and NumPy on the official server, and the lessons out.
    log
        Called with each line of progress.
    cache, sources
        Where files are kept, and where they come from if they are not there.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    BuildError
        A file cannot be had as pinned, or a tool is missing.
    """
    _check_tools()
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as name:
        site, downloads, old = (Path(name) / part for part in ("site", "got", "old"))
        downloads.mkdir()
        pins = load_pins()
        if sources is None:
            sources = official_sources(pins, downloads, log)
        _write_site(site, pins, Store(cache, sources, log), cdn=cdn, log=log)
        # Two renames: nobody finds a site that is half old and half new.
        if out.exists():
            out.rename(old)
        site.rename(out)
    return out


def _check_tools() -> None:
    missing = [tool for tool in TOOLS if find_spec(tool) is None]
    if missing:
        raise BuildError(
            f"building the site needs {' and '.join(missing)}: "
            'run `make site`, or `pip install -e ".[web]"` first'
        )


def _write_site(site: Path, pins: Pins, store: Store, *, cdn: bool, log: Log) -> None:
    wheel = own_wheel()
    folder = pyodide_folder(pins, store, wheel, log, lab=not cdn)
    shutil.copytree(HERE / "page", site)
    log(f"taking the pictures and the first states from {wheel[0]}")
    extract(wheel[1], site)
    folder.write(site)
    description = _describe(folder, CDN.format(version=pins.version) if cdn else None)
    (site / "site.json").write_text(json.dumps(description, indent=1), encoding="utf-8")
    (site / HEADERS_FILE).write_text(HEADERS, encoding="utf-8")
    if cdn:
        _leave_on_server(site, description)
    else:
        log("building JupyterLite with the lessons")
        write_lab(site, folder, pins, store)


def _describe(folder: PyodideFolder, official: str | None) -> dict[str, Any]:
    """Return site.json: where Pyodide is, and each large file with size and sha256.

    `as` is the address by which Pyodide asks for a file, `url` where it is.
    """
    files = []
    for name in folder.page_files():
        content, here = folder.files[name], folder.path + name
        url = f"{official}{name}" if official and name in folder.official else here
        row = {"url": url, "as": here, "size": len(content), "sha256": sha256(content)}
        files.append(row)
    return {
        "version": folder.entries["fp8lab"]["version"],
        "cdn": official is not None,
        "pyodide": folder.path,
        "packages": folder.path,
        "lock": folder.path + folder.lock,
        "wheel": folder.wheel,
        "files": files,
    }


def _leave_on_server(site: Path, description: dict[str, Any]) -> None:
    """Remove what the official server has, and let the page ask that server for it.

    Pyodide's two scripts stay: no program runs that did not come with the page.
    """
    for file in description["files"]:
        if file["url"] != file["as"]:
            (site / file["as"]).unlink()
    address = urlsplit(CDN)
    page = site / "index.html"
    text = page.read_text(encoding="utf-8")
    if text.count(CONNECT) != 1:
        raise BuildError(
            f"web/page/index.html has to say {CONNECT} once, in its policy"
        )
    text = text.replace(CONNECT, f"{CONNECT} {address.scheme}://{address.netloc}")
    page.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, print the sizes, and say what went wrong in one message."""
    parser = argparse.ArgumentParser(
        prog="python -m web.build", description="Build the web page and the lessons."
    )
    parser.add_argument("--out", type=Path, default=DIST, help="default: %(default)s")
    parser.add_argument(
        "--cdn", action="store_true", help="leave Pyodide and NumPy on their server"
    )
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    try:
        build(options.out, cdn=options.cdn)
    except BuildError as error:
        print(f"fp8lab: {error}", file=sys.stderr)
        return 1
    seconds = time.perf_counter() - began
    print(f"\n{sizes(options.out)}\n\nbuilt {options.out} in {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
