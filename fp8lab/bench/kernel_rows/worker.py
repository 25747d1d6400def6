"""The process that measures rows, one after the other; the benchmarks start it.

Its items are JSON: a row's ``name``, the ``seconds`` to measure it for, the ``config``
of the kernel (null: the kernel's own choice), and whether to leave out the yardsticks
(``alone``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from statistics import median
from typing import Any

import torch

from fp8lab.bench.gpu_timing import copy_candidate, measure
from fp8lab.bench.kernel_catalogue import Row, catalogue
from fp8lab.bench.kernel_rows import Candidate, Prepared, WrongError, prepare
from fp8lab.bench.kernel_rows.numbers import Numbers
from fp8lab.bench.kernel_table import OURS, ratios
from fp8lab.bench.serving import first_line, serve
from fp8lab.gpus import gpus

__all__ = ["main"]

COPY = "copy of 1 GiB"
COPY_SECONDS = 0.5


def _machine() -> dict[str, str]:
    if not torch.cuda.is_available():
        raise RuntimeError("there is no NVIDIA GPU that PyTorch can use")
    name, capability = torch.cuda.get_device_name(), torch.cuda.get_device_capability()
    if capability[0] != 9:
        major, minor = capability
        raise RuntimeError(
            f"{name} has compute capability {major}.{minor}, and is no Hopper GPU (9.0)"
        )
    return {
        "gpu": name,
        "driver": next((gpu.driver for gpu in gpus()), "unknown"),
        "torch": torch.__version__,
        "cuda": str(torch.version.cuda),
        "triton": version("triton"),
    }


def _greet() -> dict[str, Any]:
    """Say what machine this is, and how fast it copies."""
    machine = _machine()
    copy = _copy()
    timing = measure({COPY: copy.calls}, COPY_SECONDS)[COPY].timing
    rate = copy.work / median(timing.seconds)
    return {"machine": machine, "copy_bytes_per_second": rate}


@cache
def _copy() -> Candidate:
    return Candidate(*copy_candidate())


@cache
def _rows() -> dict[str, Row]:
    return {row.name: row for row in catalogue()}


def _work(item: str) -> dict[str, Any]:
    """Check a row's kernel, measure it, and say what was compiled for it."""
    asked = json.loads(item)
    row = _rows()[asked["name"]]
    with _launches() as compiled:
        numbers = Numbers(torch.device("cuda"))
        prepared = prepare(row, numbers, asked.get("config"))
        judged = _judged(prepared)
    notes = [prepared.note] if prepared.note else []
    candidates = {OURS: prepared.ours}
    if not asked.get("alone"):
        candidates |= _yardsticks(prepared, notes)
    calls = {name: candidate.calls for name, candidate in candidates.items()}
    found = measure(calls, asked["seconds"])
    launched = [name for name, one in found.items() if not one.replayed]
    if launched:
        notes.append(f"launched, not replayed: {', '.join(launched)}")
    timings = {name: one.timing for name, one in found.items()}
    work = {name: candidate.work for name, candidate in candidates.items()}
    told = row.told() | judged | {"note": "; ".join(notes)}
    rows = [told | ratio for ratio in ratios(timings, work, prepared.beside)]
    del prepared, candidates, calls
    torch.cuda.empty_cache()
    return {"rows": rows, "compiled": compiled}


def _yardsticks(prepared: Prepared, notes: list[str]) -> dict[str, Candidate]:
    """Return the yardsticks that run, and note why others do not."""
    if prepared.beside == "copy":
        return {COPY: _copy()}
    found = {}
    for name, peer in prepared.peers.items():
        try:
            peer.calls[0]()
        except (RuntimeError, ValueError) as error:
            notes.append(f"{name} refuses: {first_line(error)}")
        else:
            found[name] = peer
    return found


def _judged(prepared: Prepared) -> dict[str, str]:
    try:
        return {"result": prepared.check()}
    except WrongError as wrong:
        return {"wrong": str(wrong)}


@contextmanager
def _launches() -> Iterator[list[dict[str, Any]]]:
    """Collect what Triton launches inside, each kernel once."""
    # Not before fp8lab.kernels, which has to say first whether kernels are compiled.
    from triton.runtime.jit import JITFunction

    found: dict[int, dict[str, Any]] = {}
    listed: list[dict[str, Any]] = []
    launch = JITFunction.run

    def noted(self: Any, *args: Any, **options: Any) -> Any:
        kernel = launch(self, *args, **options)
        if kernel is not None and id(kernel) not in found:
            found[id(kernel)] = {
                "name": kernel.metadata.name,
                "warps": kernel.metadata.num_warps,
                "registers": kernel.n_regs,
                "spills": kernel.n_spills,
                "shared_bytes": kernel.metadata.shared,
            }
            listed.append(found[id(kernel)])
        return kernel

    JITFunction.run = noted
    try:
        yield listed
    finally:
        JITFunction.run = launch


def main() -> int:
    """Serve the items that come on standard input."""
    return serve(_greet, _work, torch.cuda.synchronize)


if __name__ == "__main__":
    sys.exit(main())
