"""What a kernel benchmark measured, as data, and the table that says it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from statistics import median
from typing import Any

from fp8lab.bench.kernel_catalogue import FAMILIES
from fp8lab.bench.timing import Timing
from fp8lab.table import Table

__all__ = [
    "HEAD",
    "OURS",
    "heading",
    "line",
    "ratios",
    "show",
    "summary",
    "table",
    "verdict",
    "written",
]

HEADS = (
    *("kernel", "shape", "time", "rate", "yardstick", "its rate", "ratio (range)"),
    *("must", "aim", "verdict", "result", "note"),
)
WIDTHS = (38, 30, 11, 13, 27, 13, 20, 5, 5, 8, 30, 0)

#: What a heading says of the software, in this order.
VERSIONS = ("driver", "torch", "cuda", "triton")
#: The kernel's own name among its yardsticks.
OURS = "ours"
#: How a ratio, or the lack of one, is called.
AIM, OK, MISSED, WRONG, FAILED, OPEN = (
    *("aim", "ok", "missed", "WRONG", "FAILED", "no peer"),
)

Record = Mapping[str, Any]


def verdict(row: Record) -> str:
    """Return what to call a row.

    ``"aim"`` and ``"ok"``: the ratio reaches the aim, or what must be. ``"missed"``:
    it does not. ``"WRONG"``: the result is, at whatever speed. ``"FAILED"``: there is
    no measurement. ``"no peer"``: there is one, and nothing to hold it against.
    """
    if row.get("failure"):
        return FAILED
    if row.get("wrong"):
        return WRONG
    if "ratio" not in row:
        return OPEN
    ratio = row["ratio"][0]
    return AIM if ratio >= row["aim"] else OK if ratio >= row["must"] else MISSED


def ratios(
    timings: Mapping[str, Timing], work: Mapping[str, float], beside: str
) -> Iterator[dict[str, Any]]:
    """Yield the numbers of a row, once for each yardstick that it is held against.

    Parameters
    ----------
    timings
        By name, the kernel's under `OURS`.
    work
        Bytes or operations of a call, by name.
    beside
        ``"copy"``: rates of work are compared; ``"fastest"``: times, with the fastest
        yardstick's; ``"each"``: times, with every yardstick's.
    """
    ours = timings[OURS]
    seconds = {name: median(timing.seconds) for name, timing in timings.items()}
    numbers = {"seconds": seconds[OURS], "rate": work[OURS] / seconds[OURS]}
    peers = sorted((name for name in timings if name != OURS), key=lambda n: seconds[n])
    if not peers:
        yield numbers
    for name in peers if beside == "each" else peers[:1]:
        share = work[OURS] / work[name] if beside == "copy" else 1.0
        yield numbers | {
            "yardstick": name,
            "yardstick_rate": work[name] / seconds[name],
            "ratio": [ratio * share for ratio in ours.faster_than(timings[name])],
        }


def line(row: Record) -> str:
    """Return a row as one line of text."""
    return _joined(_cells(row))


def summary(rows: Iterable[Record]) -> str:
    """Count the verdicts; what is wrong or failed counts as missed."""
    counts = Counter(map(verdict, rows))
    reached = counts[AIM] + counts[OK]
    judged = counts.total() - counts[OPEN]
    text = f"{reached} of {judged} rows are as fast as they must be, "
    text += f"{counts[AIM]} of them as fast as aimed at"
    names = {WRONG: "wrong", FAILED: "failed", OPEN: "without a yardstick"}
    rest = [f"{counts[key]} {name}" for key, name in names.items() if counts[key]]
    return f"{text} ({', '.join(rest)})" if rest else text


def written(record: Record) -> str:
    """Return a record as JSON with a line a row.

    Parameters
    ----------
    record
        Its ``rows`` are last.
    """
    head = {key: value for key, value in record.items() if key != "rows"}
    rows = ",\n  ".join(json.dumps(row) for row in record["rows"])
    return f'{json.dumps(head, indent=1)[:-2]},\n "rows": [\n  {rows}\n ]\n}}\n'


def show(record: Record) -> None:
    """Print a record as the benchmark itself printed it."""
    print(heading(record))
    family = ""
    for row in record["rows"]:
        if row["family"] != family:
            family = row["family"]
            print(f"\n{family}, beside {FAMILIES.get(family, 'its yardstick')}\n{HEAD}")
        print(line(row))
    print(f"\n{summary(record['rows'])}")


def table(record: Record, family: str) -> Table:
    """Return the rows of one family, for a lesson.

    Raises
    ------
    ValueError
        The record has none of this family.
    """
    rows = [row for row in record["rows"] if row["family"] == family]
    if not rows:
        known = ", ".join(dict.fromkeys(row["family"] for row in record["rows"]))
        raise ValueError(f"the record has no family {family!r}; it has {known}")
    title = f"{family}, beside {FAMILIES.get(family, 'its yardstick')}"
    return Table(HEADS, map(_cells, rows), title)


def heading(record: Record) -> str:
    """Return where, when and with what a record was measured."""
    where = record["machine"]
    versions = ", ".join(f"{name} {where[name]}" for name in VERSIONS)
    copied = record["copy_bytes_per_second"] / 1e9
    return (
        f"{where['gpu']}, {record['date']}: {versions}\n"
        f"a copy reads and writes {copied:.0f} GB/s; times are medians of "
        "interleaved rounds, ratios are taken within a round"
    )


def _cells(row: Record) -> tuple[str, ...]:
    names = (row["kernel"], row["shape"])
    demands = (f"{row['must']:.2f}", f"{row['aim']:.2f}", verdict(row))
    if row.get("failure"):
        return (*names, *["-"] * 5, *demands, "-", row["failure"])
    ours = (f"{row['seconds'] * 1e6:.1f} us", _rate(row["rate"], row["unit"]))
    theirs, ratio = ("-", "-"), "-"
    if "ratio" in row:
        theirs = (row["yardstick"], _rate(row["yardstick_rate"], row["unit"]))
        middle, least, most = row["ratio"]
        ratio = f"{middle:.2f} ({least:.2f}-{most:.2f})"
    result = f"WRONG: {row['wrong']}" if row.get("wrong") else row["result"]
    return (*names, *ours, *theirs, ratio, *demands, result, row.get("note", ""))


def _rate(rate: float, unit: str) -> str:
    return f"{rate / 1e9:.0f} GB/s" if unit == "GB/s" else f"{rate / 1e12:.0f} TFLOPS"


def _joined(cells: Iterable[str]) -> str:
    # Texts to the left, numbers to the right.
    places = zip(cells, WIDTHS, "llrrlrrrrlll", strict=True)
    text = (c.rjust(w) if side == "r" else c.ljust(w) for c, w, side in places)
    return "  ".join(text).rstrip()


#: The line above the rows.
HEAD = _joined(HEADS)
