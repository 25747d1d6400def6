"""The process that compiles kernels for Hopper; `fp8lab.bench.compile` starts it.

Its items are names of rows. Started with TRITON_INTERPRET=0, on a machine of any kind.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import version
from typing import Any

import torch

from fp8lab.bench.kernel_catalogue import catalogue
from fp8lab.bench.kernel_rows import prepare
from fp8lab.bench.kernel_rows.numbers import Numbers
from fp8lab.bench.serving import serve
from fp8lab.kernels.compiled import Compiled, compiling

__all__ = ["main", "summary"]

BRANCH = re.compile(r"/\*([0-9a-f]{4,})\*/[^;\n]*\bBRA\b[^;\n]*?0x([0-9a-f]+)")
#: One of these packs or unpacks two FP8 numbers.
CONVERSION, PER_CONVERSION = "F2FP", 2
FP8_NAMES = (".E4M3", ".E5M2")
#: The matrix instructions: of warp groups for FP8 and for 16 bits, and of warps.
MATRIX = ("QGMMA", "HGMMA", "HMMA")


def _greet() -> dict[str, Any]:
    return {"triton": version("triton"), "torch": torch.__version__}


def _work(item: str) -> dict[str, Any]:
    row = next(row for row in catalogue() if row.name == item)
    numbers = Numbers(torch.device("cpu"), blank=True)
    with compiling() as found:
        prepared = prepare(row, numbers)
        found.clear()  # what made the operands
        prepared.ours.calls[0]()
    return {"kernels": [summary(kernel) for kernel in found]}


def summary(kernel: Compiled) -> dict[str, Any]:
    """Return what a reader asks of a kernel's machine code.

    Parameters
    ----------
    kernel
        As compiled.

    Returns
    -------
    dict
        Counts of what stands in the code, loops counted once; ``per_element`` is
        instructions a converted element, where a program converts and has no loop.
    """
    names = kernel.instructions.items()
    loads = {name: n for name, n in names if name.startswith("LDG")}
    matrix = {name: kernel.count(name) for name in MATRIX}
    converted = PER_CONVERSION * sum(
        n
        for name, n in names
        if name.startswith(CONVERSION) and any(fp8 in name for fp8 in FP8_NAMES)
    )
    plain = converted and not any(matrix.values()) and not _loops(kernel.sass)
    total = sum(n for name, n in names if name != "NOP")
    return {
        "name": kernel.name,
        "warps": kernel.warps,
        "registers": kernel.registers,
        "local_bytes": kernel.local_bytes,
        "shared_bytes": kernel.shared_bytes,
        "matrix": {name: n for name, n in matrix.items() if n},
        "loads": sum(loads.values()),
        "loads_of_16_bytes": sum(n for name, n in loads.items() if ".128" in name),
        "tma_loads": kernel.count("UTMALDG"),
        "instructions": total,
        "per_element": round(total / converted, 1) if plain else None,
    }


def _loops(sass: str) -> bool:
    """Say whether a branch goes back; one to itself only fills the end."""
    return any(int(to, 16) < int(at, 16) for at, to in BRANCH.findall(sass))


def main() -> int:
    """Serve the items that come on standard input."""
    return serve(_greet, _work)


if __name__ == "__main__":
    sys.exit(main())
