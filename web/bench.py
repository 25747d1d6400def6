"""How fast the built site is, in headless Chromium: `make bench-web`.

Every visit is a fresh browser context with an empty cache, served from this machine;
the figures are medians. Run it on an idle machine: the browser uses two cores.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from fp8lab.table import Table
from tests.browser import chromium
from tests.browser.jupyterlite import JupyterLite
from web.build import DIST
from web.serve import Served, serve

VISITS = 5
DRAG_SECONDS = 3
LESSON = "lessons/00-start-here.ipynb"
MINUTES = 3 * 60 * 1000  # milliseconds: no visit takes longer
FLAGS = ["--disable-gpu", "--no-first-run", "--no-sandbox"]

# A million numbers, timed where the page computes: in a worker.
IN_WORKER = """
import { loadPython } from "BASEload.js";
self.onmessage = async () => {
  const site = await (await fetch("BASEsite.json")).json();
  const { python } = await loadPython("BASE", site, () => {});
  self.postMessage(python.runPython(PROGRAM));
};
"""
PROGRAM = """
import time, json
import numpy as np
import fp8lab
x = np.random.default_rng(0).standard_normal((1024, 1024), np.float32)
def seconds(group):
    began = time.perf_counter()
    y = fp8lab.dequantize(fp8lab.quantize(x, "E4M3FN", group))
    fp8lab.sqnr_db(x, y)
    return time.perf_counter() - began
json.dumps({group: sorted(seconds(group) for _ in range(9))[4]
            for group in ("per-tensor", "1x128", "128x128")})
"""
START_WORKER = """(text) => new Promise((resolve, reject) => {
  const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const worker = new Worker(address, { type: "module" });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = (event) => reject(new Error(event.message));
  worker.postMessage("start");
})"""
COUNT_FRAMES = """(handle) => {
  window.frames_seen = 0;
  const count = () => { window.frames_seen += 1; requestAnimationFrame(count); };
  requestAnimationFrame(count);
  window.pictures = 0;
  // What a screen reader is told of the handle changes with every picture.
  const seen = new MutationObserver(() => { window.pictures += 1; });
  seen.observe(handle, { attributeFilter: ["aria-label", "aria-valuetext"] });
}"""


def visit(browser: Browser, site: Served) -> dict[str, float]:
    """Open the page once: milliseconds from the start of navigation, and bytes."""
    site.requests.clear()
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.goto(site.url)
    page.wait_for_selector("body[data-shown=computed]", timeout=MINUTES)
    marks: dict[str, float] = page.evaluate(
        """() => Object.fromEntries(["paint", "mark"]
          .flatMap((type) => performance.getEntriesByType(type))
          .map(({ name, startTime }) => [name, startTime]))"""
    )
    context.close()
    transfer = sum(size for _, size in site.requests)
    return {**marks, "transfer": float(transfer)}


def drag(
    browser: Browser, site: Served, fragment: str, handle: str
) -> tuple[float, float]:
    """Drag something, and return frames and new pictures a second."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.goto(site.url + fragment)
    page.wait_for_selector("body[data-shown=computed]", timeout=MINUTES)
    target = page.locator(handle).first
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    assert box is not None, f"{handle} is not on the screen"
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    target.evaluate(COUNT_FRAMES)
    began = time.perf_counter()
    while (passed := time.perf_counter() - began) < DRAG_SECONDS:
        there = abs((passed * 0.4) % 2 - 1)
        page.mouse.move(box["x"] + box["width"] / 2 + 250 * (there - 0.5), y)
    frames, pictures = page.evaluate("[window.frames_seen, window.pictures]")
    page.mouse.up()
    context.close()
    return frames / passed, pictures / passed


def in_worker(browser: Browser, site: Served) -> dict[str, float]:
    """Time a million float32 elements in a worker, in milliseconds by granularity."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(site.url)
    text = IN_WORKER.replace("BASE", site.url).replace("PROGRAM", json.dumps(PROGRAM))
    answer = json.loads(page.evaluate(START_WORKER, text))
    context.close()
    return {group: seconds * 1000 for group, seconds in answer.items()}


def first_cell(browser: Browser, site: Served) -> float:
    """Open a lesson, run its first code cell, and return the seconds to its output."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    began = time.perf_counter()
    lite = JupyterLite(page, site)
    lite.open_notebook(LESSON)
    lite.start_all()
    lite.wait_for_first_cell()
    seconds = time.perf_counter() - began
    context.close()
    return seconds


def main(arguments: list[str] | None = None) -> int:
    """Measure the site in `web/dist`, or in the folder given."""
    parser = argparse.ArgumentParser(prog="python -m web.bench", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DIST)
    options = parser.parse_args(arguments)
    if not (options.folder / "site.json").exists():
        print("fp8lab: there is no site to measure; run `make site`", file=sys.stderr)
        return 1
    with serve(options.folder) as site, sync_playwright() as playwright:
        path = chromium.find()
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        # The server compresses each file once: not part of anybody's visit.
        visit(browser, site)
        visits = [visit(browser, site) for _ in range(VISITS)]
        print(_page_table(visits))
        million = in_worker(browser, site)
        drags = {
            "number line": drag(
                browser, site, "#bits", ".fp8-number_line [role=slider]"
            ),
            "outlier": drag(browser, site, "#outlier", ".fp8-scale_map .ring"),
        }
        print(_work_table(million, drags))
        if (options.folder / "lab").exists():
            first_cell(browser, site)
            cells = sorted(first_cell(browser, site) for _ in range(3))
            print(
                f"JupyterLite, first cell of lesson 00: {cells[1]:.1f} s (at most 12)"
            )
        browser.close()
    return 0


def _page_table(visits: list[dict[str, float]]) -> Any:
    """Medians over the visits, with their spread."""
    rows = {
        "readable": ("first-contentful-paint", 1000, "s", "0.5 s"),
        "first pictures": ("first pictures", 1000, "s", ""),
        "first computation": ("first computation", 1000, "s", "3 s"),
        "transfer, compressed": ("transfer", 1e6, "MB", "12 MB"),
    }
    table = []
    for name, (key, unit, suffix, most) in rows.items():
        values = [each[key] / unit for each in visits]
        spread = f"{min(values):.2f} to {max(values):.2f}"
        table.append((name, f"{median(values):.2f} {suffix}", spread, most))
    return Table(("page", "median", f"{len(visits)} visits", "at most"), table)


def _work_table(
    million: dict[str, float], drags: dict[str, tuple[float, float]]
) -> Any:
    rows = [
        (f"1,048,576 float32, {group}", f"{milliseconds:.0f} ms", "at most 60 ms")
        for group, milliseconds in million.items()
    ]
    rows += [
        (f"drag: {name}", f"{frames:.0f} frames/s", f"{pictures:.0f} pictures/s")
        for name, (frames, pictures) in drags.items()
    ]
    return Table(("work", "measured", ""), rows)


if __name__ == "__main__":
    sys.exit(main())
