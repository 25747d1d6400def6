"""``python -m fp8lab.bench tune FAMILY``: every configuration of a kernel, by its time.

Needs a Hopper GPU. Each configuration is checked and timed in a process that may end:
one that crashes, fails to compile or never returns is a line of the table, and the
next one gets a new process. The first line of all is what the kernel chooses itself.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from fp8lab.bench.kernel_catalogue import Row, catalogue
from fp8lab.bench.kernels import NATIVE, WORKER, lacking
from fp8lab.bench.tune_candidates import SOURCES, candidates
from fp8lab.bench.workers import WorkerError, supervise
from fp8lab.table import Table

__all__ = ["main", "results", "tuning_table"]

OWN = "the kernel's own"
HEADS = (
    "configuration",
    "time",
    "of its own",
    "registers",
    "spills",
    "shared",
    "result",
)


def results(
    row: Row,
    configs: Sequence[dict[str, Any] | None],
    *,
    seconds: float,
    patience: float,
    worker: Sequence[str] = WORKER,
) -> Iterator[dict[str, Any]]:
    """Yield what came of each configuration, in order; None is the kernel's own.

    Parameters
    ----------
    row
        What to run.
    configs
        What to try.
    seconds
        How long each is timed.
    patience
        How long each may take, compilation included; then it counts as hung.
    worker
        The command that measures.

    Raises
    ------
    WorkerError
        There is no GPU for it, or a package is missing; the text says so.
    """
    asked = {"name": row.name, "seconds": seconds, "alone": True}
    items = [json.dumps(asked | {"config": config}) for config in configs]
    for answer in supervise(worker, items, patience, NATIVE):
        if not answer.item:
            continue
        config = json.loads(answer.item)["config"]
        found: dict[str, Any] = {"config": config}
        if answer.failure:
            yield found | {"failure": answer.failure}
        else:
            measured, compiled = answer.result["rows"][0], answer.result["compiled"]
            yield found | measured | {"compiled": compiled}


def tuning_table(found: Sequence[dict[str, Any]], title: str) -> Table:
    """Sort by time, and put what is wrong or failed at the end.

    Parameters
    ----------
    found
        `results`.
    title
        What was tuned.
    """
    own = next(
        (r["seconds"] for r in found if not r["config"] and "seconds" in r), None
    )
    order = sorted(found, key=lambda r: (_ruled_out(r), r.get("seconds", 0.0)))
    return Table(HEADS, [_cells(result, own) for result in order], title)


def _ruled_out(result: dict[str, Any]) -> bool:
    return "failure" in result or "wrong" in result


def _cells(result: dict[str, Any], own: float | None) -> tuple[str, ...]:
    name = _named(result["config"])
    if "failure" in result:
        return (name, *["-"] * 5, result["failure"])
    seconds, compiled = result["seconds"], result["compiled"]
    # The largest of the kernels that a call launches is the one that matters.
    most = {
        key: max((kernel[key] for kernel in compiled), default=0)
        for key in ("registers", "spills", "shared_bytes")
    }
    wrong = result.get("wrong")
    return (
        name,
        f"{seconds * 1e6:.1f} us",
        "-" if own is None else f"{own / seconds:.2f}",
        *map(str, most.values()),
        f"WRONG: {wrong}" if wrong else result["result"],
    )


def _named(config: dict[str, Any] | None) -> str:
    if not config:
        return OWN
    # What is left to the kernel, or off, needs no words.
    said = ((k, v) for k, v in config.items() if v is not None and v is not False)
    return ", ".join(key if value is True else f"{key} {value}" for key, value in said)


def main(argv: list[str]) -> int:
    """Print a table a shape; 1 without a GPU."""
    parser = argparse.ArgumentParser(
        prog="python -m fp8lab.bench tune", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("family", choices=SOURCES, metavar="FAMILY", help=_families())
    parser.add_argument(
        "--shape", nargs="+", default=[], metavar="PART", help="in the rows' names"
    )
    parser.add_argument("--seconds", type=float, default=0.2, help="to time each for")
    parser.add_argument(
        "--patience", type=float, default=60.0, help="seconds until one counts as hung"
    )
    options = parser.parse_args(argv)
    rows = _rows(options.family, options.shape)
    if not rows:
        parser.error(f"no row of {options.family} has {options.shape} in its name")
    try:
        lacking()
        for row in rows:
            print(f"{row.name}\n{_tune(row, options)!r}\n", flush=True)
    except WorkerError as error:
        print(f"{error}; tuning needs a Hopper GPU")
        return 1
    return 0


def _families() -> str:
    return f"one of {', '.join(SOURCES)}"


def _rows(family: str, parts: Sequence[str]) -> list[Row]:
    """Return the rows whose names have one of the parts; without parts the first."""
    rows = [row for row in catalogue() if row.family == family]
    if not parts:
        return rows[:1]
    return [row for row in rows if any(part in row.name for part in parts)]


def _tune(row: Row, options: argparse.Namespace) -> Table:
    configs: list[dict[str, Any] | None] = [None, *candidates(row)]
    found = []
    steps = results(row, configs, seconds=options.seconds, patience=options.patience)
    for done, result in enumerate(steps, 1):
        found.append(result)
        if sys.stderr.isatty():
            print(f"\r{done} of {len(configs)} tried ", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return tuning_table(found, "")
