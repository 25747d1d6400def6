"""Two pictures of one scheme: which codes it uses, and where its error is."""

from __future__ import annotations

import base64
import math
from functools import cache
from typing import Any

import numpy as np

from fp8lab.explain import explain
from fp8lab.formats import FloatFormat
from fp8lab.granularity import GroupShape
from fp8lab.scales import ElementFormat
from fp8lab.states.code_use import CodeUse
from fp8lab.states.numbers import percent, short
from fp8lab.states.quantizer_grid import Grid
from fp8lab.states.quantizer_original import Original
from fp8lab.states.quantizer_pass import Outcome
from fp8lab.states.quantizer_rows import error_text

__all__ = ["BANDS", "code_use", "error_map"]

COLUMNS = 16
# The colours of the scale map, so that the two pictures are read alike.
BANDS = (0.003, 0.01, 0.03, 0.1, 0.3)
CLIPPED, ZEROED, EMPTY = len(BANDS) + 1, len(BANDS) + 2, len(BANDS) + 3
LEGEND = (
    *(f"≤ {percent(band)}" for band in BANDS),
    *("more", "mostly clipped", "mostly became zero", "nothing but 0 or NaN"),
)
# A group smaller than this many cells would be hidden by its own border.
BORDERED = 3
WORST = 20


def code_use(found: Outcome, first: Original, name: str) -> dict[str, Any]:
    """How often each code is used."""
    fmt, counts = found.scheme.fmt, found.counts
    lost, cut = (found.elements[cause] for cause in ("underflow", "clipping"))
    # The counts are all that is asked of it here; there may be many scales.
    use = CodeUse(counts, math.nan, lost / first.size, cut / first.size)
    cells = _code_cells(fmt)
    used = int(np.count_nonzero(counts[cells["finite"]]))
    shares = (counts / first.size).tolist()
    bars = counts[cells["order"]]
    top = int(bars.max())
    most = top / first.size
    return {
        "title": f"Codes that “{name}” uses",
        "summary": (
            f"{used} of {len(cells['finite'])} finite codes; they carry "
            f"{use.entropy:.2f} of {fmt.bits} bits (entropy)."
        ),
        "columns": COLUMNS,
        "hex": cells["hex"],
        "values": cells["values"],
        "counts": [f"{count:,}" for count in counts.tolist()],
        "shares": [percent(share) for share in shares],
        "heat": base64.b64encode(use.heat.tobytes()).decode(),
        "heat_legend": use.heat_legend,
        "order": cells["order"],
        "bars": (bars / max(top, 1)).round(4).tolist(),
        "bar_title": f"in the order of the values, tallest bar {percent(most)}",
        "ticks": [[cells["order"].index(code), text] for code, text in cells["ticks"]],
    }


@cache
def _code_cells(fmt: ElementFormat) -> dict[str, list[Any]]:
    """Every code in hexadecimal and as a value, and the finite ones in order."""
    codes, sign = range(1 << fmt.bits), 1 << (fmt.bits - 1)
    digits = -(-fmt.bits // 4)
    if isinstance(fmt, FloatFormat):
        values = [explain(code, fmt).value for code in codes]
        finite = [code for code in codes if math.isfinite(values[code])]
        top, bottom = fmt.max_code, fmt.max_code | sign
    else:
        # Two's complement; the most negative code is never made.
        values = [float(code - (code & sign) * 2) for code in codes]
        finite = [code for code in codes if abs(values[code]) <= fmt.max]
        top, bottom = int(fmt.max), (1 << fmt.bits) - int(fmt.max)
    return {
        "hex": [f"0x{code:0{digits}x}" for code in codes],
        "values": [short(value, 9) for value in values],
        "finite": finite,
        # -0 stands before +0.
        "order": sorted(finite, key=lambda code: (values[code], -(code & sign))),
        "ticks": [
            (bottom, f"−{short(fmt.max)}"),
            (0, "0"),
            (top, short(fmt.max)),
        ],
    }


def error_map(found: Outcome, first: Original, name: str) -> dict[str, Any]:
    """Where the error is: one colour a cell, borders around groups that are seen."""
    grid = first.grid
    with np.errstate(invalid="ignore"):
        relative = np.sqrt(found.cells)
        levels = np.searchsorted(BANDS, relative).astype(np.uint8)
        levels[found.clipped > 0.5 * found.cells] = CLIPPED
        levels[found.zeroed > 0.5] = ZEROED
    levels[first.cells == 0] = EMPTY
    counts = np.bincount(levels.reshape(-1), minlength=len(LEGEND)).tolist()
    return {
        "title": f"Where the error of “{name}” is",
        "summary": _map_summary(relative, grid),
        "rows": levels.shape[0],
        "columns": levels.shape[1],
        "cell": list(grid.cell),
        "shape": list(grid.shape),
        "levels": base64.b64encode(levels.tobytes()).decode(),
        "legend": [
            {"level": level, "text": text, "count": f"{count:,}"}
            for level, (text, count) in enumerate(zip(LEGEND, counts, strict=True))
            if level <= len(BANDS) or count
        ],
        "names": list(LEGEND),
        "row_borders": _borders(grid, found.scheme.group, 0),
        "column_borders": _borders(grid, found.scheme.group, 1),
        "table": _worst(relative, levels, grid),
    }


def _borders(grid: Grid, group: GroupShape | None, axis: int) -> list[float]:
    """Where groups end, counted in cells; none where groups are too small to see."""
    if group is None:
        return []
    side, step, length = (
        group.sides(grid.shape)[axis],
        grid.cell[axis],
        grid.shape[axis],
    )
    if side < BORDERED * step:
        return []
    return [round(at / step, 4) for at in range(side, length, side)]


def _map_summary(relative: np.ndarray, grid: Grid) -> str:
    down, across = grid.cell
    cell = "an element" if grid.cell == (1, 1) else f"{down:,} × {across:,} elements"
    known = relative[~np.isnan(relative)]
    if not known.size:
        return f"A cell is {cell}; none holds a number other than zero."
    worst = int(np.nanargmax(relative))
    rows, columns = _spans(worst, grid)
    return (
        f"A cell is {cell}. Half of the cells have "
        f"{error_text(float(np.median(known)))} or less; the worst, {rows}, {columns}, "
        f"has {error_text(float(known.max()))}."
    )


def _worst(relative: np.ndarray, levels: np.ndarray, grid: Grid) -> list[list[str]]:
    """The cells with the largest errors, as text."""
    flat = np.nan_to_num(relative.reshape(-1), nan=-1.0, posinf=np.inf)
    order = np.argsort(-flat, kind="stable")[:WORST]
    rows = [["rows", "columns", "relative error", "colour"]]
    for at in order.tolist():
        if flat[at] >= 0:
            down, across = _spans(at, grid)
            level = LEGEND[levels.reshape(-1)[at]]
            rows.append([down, across, error_text(float(flat[at])), level])
    return rows


def _spans(at: int, grid: Grid) -> tuple[str, str]:
    """The rows and the columns of a cell, as text."""
    place = divmod(at, grid.sides[1])
    said = []
    for axis, word in enumerate(("row", "column")):
        first = place[axis] * grid.cell[axis]
        last = min(first + grid.cell[axis], grid.shape[axis]) - 1
        said.append(
            f"{word} {first:,}" if first == last else f"{word}s {first:,}–{last:,}"
        )
    return said[0], said[1]
