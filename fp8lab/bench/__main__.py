"""``python -m fp8lab.bench NAME``: choose a benchmark; each is loaded when called."""

from __future__ import annotations

import importlib
import sys

BENCHMARKS = {
    "codec": "encode, decode, round_to and quantize beside ml_dtypes and torch",
    "gemm": "mma and scaled_mm beside the same rule in plain NumPy, and beside @",
    "kernels": "the kernels of a Hopper GPU beside cuBLASLt, cuBLAS, SDPA and a copy",
    "tune": "every configuration of a kernel on a Hopper GPU, by its time",
    "compile": "what the kernels compile to for Hopper; no GPU is needed",
}


def main(argv: list[str]) -> int:
    """Run one benchmark; 2 where its name is missing or unknown."""
    if not argv or argv[0] not in BENCHMARKS:
        given = f"unknown benchmark {argv[0]!r}; " if argv else ""
        print(f"{given}usage: python -m fp8lab.bench NAME [options], NAME one of:")
        for name, text in BENCHMARKS.items():
            print(f"  {name:8s} {text}")
        return 2
    module = importlib.import_module(f"fp8lab.bench.{argv[0]}")
    code: int = module.main(argv[1:])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
