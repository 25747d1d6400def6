"""Made-up measurements and workers, for the tests of the kernel benchmark."""

import sys
from pathlib import Path

MACHINE = {"gpu": "Some GPU", "driver": "1", "torch": "2", "cuda": "3", "triton": "4"}


def worker(
    folder: Path, work: str, greet: str = "lambda: {'ready': True}"
) -> list[str]:
    """A worker that does to each item what the text says."""
    script = folder / "worker.py"
    script.write_text(
        "import os, sys, time\n"
        "from fp8lab.bench.serving import serve\n"
        f"def work(item):\n    {work}\n    return {{'did': item}}\n"
        f"sys.exit(serve({greet}, work))\n"
    )
    return [sys.executable, str(script)]


def measured_row(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "family": "gemm",
        "kernel": "rowwise",
        "shape": "1x2x3",
        "unit": "TFLOPS",
        "must": 0.95,
        "aim": 1.0,
        "seconds": 2e-6,
        "rate": 5e14,
        "yardstick": "torch._scaled_mm",
        "yardstick_rate": 4e14,
        "ratio": [1.25, 1.2, 1.3],
        "result": "equal to torch's",
        "note": "",
    }
    return row | changes


RECORD = {
    "date": "2026-01-02",
    "machine": MACHINE,
    "copy_bytes_per_second": 4e12,
    "rows": [
        measured_row(),
        measured_row(kernel="slow", ratio=[0.9, 0.8, 0.95]),
        measured_row(kernel="broken", wrong="5 of 6 differ"),
        {
            key: measured_row(family="attention", kernel="lost")[key]
            for key in ("family", "kernel", "shape", "unit", "must", "aim")
        }
        | {"failure": "no answer within 9 s: stopped"},
    ],
}


def fake_measurements(folder: Path) -> list[str]:
    """A worker that fails on M = 1024, and is equally fast on everything else."""
    row = {"seconds": 1e-6, "rate": 1e12, "yardstick": "peer", "yardstick_rate": 1e12}
    row |= {"ratio": [1.0, 1.0, 1.0], "result": "equal", "note": ""}
    script = folder / "worker.py"
    script.write_text(
        "import json, os, sys\n"
        "from dataclasses import asdict\n"
        "from fp8lab.bench.kernel_catalogue import catalogue\n"
        "from fp8lab.bench.serving import serve\n"
        "rows = {row.name: row for row in catalogue()}\n"
        "def work(item):\n"
        "    asked = json.loads(item)\n"
        "    row = rows[asked['name']]\n"
        "    if row.shape.startswith('1024'): os._exit(9)\n"
        f"    told = asdict(row) | {row!r}\n"
        "    compiled = {'registers': 1, 'spills': 2, 'shared_bytes': 3}\n"
        "    config = asked.get('config')\n"
        "    if config:\n"
        "        if config['block'] == 1: raise ValueError('too small')\n"
        "        if config['block'] == 2: told['wrong'] = 'all differ'\n"
        "        told['seconds'] = 1e-6 / config['block']\n"
        "    return {'rows': [told], 'compiled': [compiled]}\n"
        f"greeting = {{'machine': {MACHINE!r}, 'copy_bytes_per_second': 4e12}}\n"
        "sys.exit(serve(lambda: greeting, work))\n"
    )
    return [sys.executable, str(script)]
