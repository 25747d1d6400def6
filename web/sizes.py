"""What a visitor downloads, as a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from web.hosting import transfer

PAGE = "the page itself"
PYTHON = "Python in the browser"
PACKAGES = "NumPy and fp8lab"
LAB = "JupyterLab (lab/)"
MORE = "packages of the lessons"


def sizes(site: Path) -> str:
    """Return the table: the page's first visit and its parts, the lessons, the site.

    gzip counts each file as a host sends it. A visit to a lesson takes less than the
    whole of lab/: JupyterLab fetches its parts when they are needed.
    """
    part_of = _parts(site)
    paths = [path for path in site.rglob("*") if path.is_file()]
    with ThreadPoolExecutor() as pool:
        travels = list(pool.map(transfer, paths))
    sums: dict[str, list[int]] = {}
    for path, gzip in zip(paths, travels, strict=True):
        for name in part_of(path):
            row = sums.setdefault(name, [0, 0, 0])
            for column, value in enumerate((1, path.stat().st_size, gzip)):
                row[column] += value
    order = ["the page, first visit", PYTHON, PACKAGES, PAGE, LAB, MORE, "the site"]
    lines = [f"{'':<26}{'files':>6}{'raw MB':>9}{'gzip MB':>9}"]
    for name in order:
        if name in sums:
            files, raw, gzip = sums[name]
            shown = f"  {name}" if name in (PYTHON, PACKAGES, PAGE) else name
            lines.append(f"{shown:<26}{files:>6}{raw / 1e6:>9.2f}{gzip / 1e6:>9.2f}")
    return "\n".join(lines)


def _parts(site: Path) -> Callable[[Path], list[str]]:
    """Return a function from a file to the rows of the table that it counts in."""
    description = json.loads((site / "site.json").read_text(encoding="utf-8"))
    started_with = {site / file["as"] for file in description["files"]}

    def part_of(path: Path) -> list[str]:
        folder = path.relative_to(site).parts[0]
        if folder == "lab":
            return [LAB, "the site"]
        if folder != "pyodide":
            part = PAGE
        elif path.suffix == ".mjs":
            part = PYTHON
        elif path not in started_with:
            return [MORE, "the site"]
        else:
            part = PACKAGES if path.suffix == ".whl" else PYTHON
        return [part, "the page, first visit", "the site"]

    return part_of
