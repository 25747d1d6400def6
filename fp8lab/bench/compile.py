"""``python -m fp8lab.bench compile``: what the kernels compile to; no GPU is needed.

Every kernel is compiled for compute capability 9.0 as the benchmark launches it, and
its machine code is read: registers, spills, which matrix instruction, how wide it
loads. The compiler is Triton's own, with the assembler that comes with it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fp8lab.bench.kernel_catalogue import Row, catalogue
from fp8lab.bench.kernel_table import written
from fp8lab.bench.kernels import NATIVE, lacking
from fp8lab.bench.workers import WorkerError, supervise

__all__ = ["compiled", "main", "representatives"]

WORKER = (sys.executable, "-m", "fp8lab.bench.kernel_rows.compiler")
#: A product with many stages takes the assembler some seconds.
PATIENCE = 120.0
#: Of the small products, which have a kernel for each range of M.
SMALL_M = (1, 16, 64)

HEADS = (
    *("kernel", "warps", "registers", "spilled", "shared", "matrix instructions"),
    *("16-byte loads", "by TMA", "instructions", "an element"),
)
WIDTHS = (34, 5, 9, 7, 8, 20, 13, 6, 12, 10)


def representatives(pattern: str = "") -> list[Row]:
    """Return one row of the benchmark for each kernel and format of its operands.

    Parameters
    ----------
    pattern
        A part of the names to take; by default all.
    """
    found: dict[tuple[str, str, int], Row] = {}
    for row in catalogue():
        m = row.arguments["size"][0] if row.family == "gemm-small" else 0
        if m in (0, *SMALL_M):
            found.setdefault((row.family, row.kernel, m), row)
    return [row for row in found.values() if pattern.lower() in row.name.lower()]


def compiled(
    rows: Sequence[Row], worker: Sequence[str] = WORKER
) -> Iterator[dict[str, Any]]:
    """Yield the versions of the compiler, and then each row's kernels.

    Parameters
    ----------
    rows
        What to compile.
    worker
        The command that compiles.

    Raises
    ------
    WorkerError
        A package is missing; the text says which.
    """
    names = [row.name for row in rows]
    for answer in supervise(worker, names, PATIENCE, NATIVE):
        if not answer.item:
            yield answer.result
        elif answer.failure:
            yield {"row": answer.item, "failure": answer.failure}
        else:
            yield {"row": answer.item, **answer.result}


def main(argv: list[str]) -> int:
    """Print the table; 1 where a kernel does not compile or a package is missing."""
    parser = argparse.ArgumentParser(
        prog="python -m fp8lab.bench compile",
        description=(__doc__ or "").splitlines()[0],
    )
    parser.add_argument(
        "--rows", default="", metavar="PART", help="compile what has this in its name"
    )
    parser.add_argument("--record", type=Path, help="write the table as JSON here")
    options = parser.parse_args(argv)
    rows = representatives(options.rows)
    if not rows:
        parser.error(f"no row has {options.rows!r} in its name")
    try:
        lacking()
        record = _run(rows)
    except WorkerError as error:
        print(error)
        return 1
    if options.record is not None:
        options.record.write_text(written(record), encoding="utf-8")
    return int(any("failure" in row for row in record["rows"]))


def _run(rows: Sequence[Row]) -> dict[str, Any]:
    found = compiled(rows)
    versions = next(found)
    print(f"compiled for capability 9.0 by Triton {versions['triton']}")
    print("counts are of what stands in the machine code: a loop's body counts once\n")
    print(_joined(HEADS))
    record: dict[str, Any] = {
        "what": "what the kernels compile to for compute capability 9.0",
        "date": datetime.now(UTC).date().isoformat(),
        "command": "python -m fp8lab.bench compile",
        "versions": versions,
        "rows": [],
    }
    for row in found:
        print(row["row"])
        for kernel in row.get("kernels", ()):
            print(_line(kernel))
        if "failure" in row:
            print(f"  FAILED: {row['failure']}")
        sys.stdout.flush()
        record["rows"].append(row)
    return record


def _line(kernel: dict[str, Any]) -> str:
    matrix = ", ".join(f"{n} {name}" for name, n in kernel["matrix"].items())
    each = kernel["per_element"]
    cells = (
        f"  {kernel['name']}",
        *(kernel[key] for key in ("warps", "registers", "local_bytes", "shared_bytes")),
        matrix or "-",
        f"{kernel['loads_of_16_bytes']} of {kernel['loads']}",
        kernel["tma_loads"],
        kernel["instructions"],
        "-" if each is None else each,
    )
    return _joined(map(str, cells))


def _joined(cells: Iterator[str] | Sequence[str]) -> str:
    first, *rest = zip(cells, WIDTHS, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(c.rjust(w) for c, w in rest)])
