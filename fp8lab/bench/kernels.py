"""``python -m fp8lab.bench kernels``: the kernels beside their yardsticks, in one run.

Needs a Hopper GPU. Every row checks the kernel's result first, and then times kernel
and yardstick in turns. ``--show`` prints the recorded run, on any machine.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fp8lab.bench.kernel_catalogue import FAMILIES, Row, chosen
from fp8lab.bench.kernel_table import (
    HEAD,
    heading,
    line,
    show,
    summary,
    table,
    verdict,
    written,
)
from fp8lab.bench.workers import Answer, WorkerError, supervise
from fp8lab.records import load_records

__all__ = ["RECORD", "lacking", "main", "measured", "recorded", "show", "table"]

RECORD = "bench-kernels-h200"
WORKER = (sys.executable, "-m", "fp8lab.bench.kernel_rows.worker")
#: Kernels are compiled, whatever this shell has set.
NATIVE = {"TRITON_INTERPRET": "0"}
#: A row makes gigabytes of operands, and may compile several kernels.
PATIENCE = 90.0


def measured(
    rows: Sequence[Row], seconds: float, worker: Sequence[str] = WORKER
) -> Iterator[dict[str, Any]]:
    """Yield the heading of a record, and then its rows as they are measured.

    Parameters
    ----------
    rows
        What to measure.
    seconds
        How long each row is timed.
    worker
        The command that measures.

    Raises
    ------
    WorkerError
        There is no GPU for it, or a package is missing; the text says so.
    """
    items = {json.dumps({"name": row.name, "seconds": seconds}): row for row in rows}
    for answer in supervise(worker, list(items), PATIENCE + seconds, NATIVE):
        if answer.item:
            yield from _rows_of(items[answer.item], answer)
        else:
            yield {"date": datetime.now(UTC).date().isoformat(), **answer.result}


def lacking() -> None:
    """Raise a WorkerError where PyTorch or Triton is absent."""
    for package in ("torch", "triton"):
        if importlib.util.find_spec(package) is None:
            raise WorkerError(f"{package} is absent: pip install 'fp8lab[gpu]'")


def _rows_of(row: Row, answer: Answer) -> Iterator[dict[str, Any]]:
    if not answer.failure:
        yield from answer.result["rows"]
        return
    yield row.told() | {"failure": answer.failure}


def recorded() -> dict[str, Any]:
    """Return the recorded run; ValueError where the lab has none."""
    (record,) = load_records(RECORD)
    return record


def main(argv: list[str]) -> int:
    """Print the table; 1 without a GPU, or where a row is wrong or failed."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.show:
        return _show()
    try:
        rows = chosen(options.rows)
    except ValueError as error:
        parser.error(str(error))
    if options.list:
        print("\n".join(row.name for row in rows))
        return 0
    if options.record is not None and not options.record.parent.is_dir():
        parser.error(f"--record: there is no folder {options.record.parent}")
    try:
        lacking()
        found = _run(rows, options)
    except WorkerError as error:
        print(f"{error}; the kernels are measured on a Hopper GPU (--show: a record)")
        return 1
    return int(any(verdict(row) in ("WRONG", "FAILED") for row in found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fp8lab.bench kernels",
        description=(__doc__ or "").splitlines()[0],
        epilog=f"families: {', '.join(FAMILIES)}",
    )
    parser.add_argument(
        "--rows", default="", metavar="PATTERN", help="a family, or what names match"
    )
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="to time each row for (default 1)"
    )
    parser.add_argument("--record", type=Path, help="write the table as JSON here")
    parser.add_argument("--list", action="store_true", help="list the rows' names")
    parser.add_argument("--show", action="store_true", help="print the recorded run")
    return parser


def _show() -> int:
    try:
        record = recorded()
    except ValueError as error:
        print(f"{error}; make it on a Hopper GPU: --record {RECORD}.json")
        return 1
    show(record)
    return 0


def _run(rows: Sequence[Row], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Print each row as it comes, keep the record up to date, and return the rows."""
    found = measured(rows, options.seconds)
    record: dict[str, Any] = {
        "what": "kernels beside their yardsticks, medians of interleaved rounds",
        "command": _command(options),
        **next(found),
        "rows": [],
    }
    print(heading(record))
    family = ""
    for row in found:
        if row["family"] != family:
            family = row["family"]
            print(f"\n{family}, beside {FAMILIES[family]}\n{HEAD}")
        print(line(row), flush=True)
        record["rows"].append(row)
        if options.record is not None:  # a run that is stopped leaves what it has
            options.record.write_text(written(record), encoding="utf-8")
    print(f"\n{summary(record['rows'])}")
    rows_found: list[dict[str, Any]] = record["rows"]
    return rows_found


def _command(options: argparse.Namespace) -> str:
    rows = f" --rows {options.rows!r}" if options.rows else ""
    return f"python -m fp8lab.bench kernels{rows} --seconds {options.seconds:g}"
