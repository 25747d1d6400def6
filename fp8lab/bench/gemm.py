"""``python -m fp8lab.bench gemm``: the tensor core's sums beside the same rule, plain.

The peer, "plain", is the rule as one would first write it, with [M, N, 32] arrays; the
floor is NumPy's float32 ``@``, which keeps to no rule of addition at all. All run on
one thread, BLAS included, on the same codes of N(0, 1) elements.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fp8lab.bench.timing import Timing, cpu_name, interleave
from fp8lab.codec import decode, encode
from fp8lab.formats import E4M3FN
from fp8lab.gemm import scaled_mm
from fp8lab.granularity import group_of
from fp8lab.tensorcore import mma

__all__ = ["main", "plain"]

Shape = tuple[int, int, int]

SHAPES = ((512, 512, 4096), (1024, 1024, 4096), (1, 4096, 4096))
RULES = ("hopper", "hopper-128", "float32", "exact")
RECIPES = (
    (("TensorWise", "per-tensor"), ("TensorWise", "per-tensor")),
    (("RowWise", "per-token"), ("RowWise", "per-token")),
    (("BlockWise1x128", "1x128"), ("BlockWise128x128", "128x128")),
    (("BlockWise1x128", "1x128"), ("BlockWise1x128", "1x128")),
    (("BlockWise1x32", "1x32"), ("BlockWise1x32", "1x32")),
)
#: The plain peer is slow, and its arrays are large: it gets at most so many outputs.
PLAIN_OUTPUTS = 128 * 128
#: BLAS reads the number of its threads once, when it is loaded.
ONE_THREAD = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def plain(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """One chain of E4M3FN codes, finite ones: five steps for 32 of K at a time."""
    x, y = decode(a).astype(np.float64), decode(b.T).astype(np.float64)
    ex, ey = (np.maximum(np.frexp(v)[1] - 1, E4M3FN.emin) for v in (x, y))
    acc = np.zeros((len(x), len(y)))
    for k in range(0, x.shape[1], 32):
        part = np.s_[:, k : k + 32]
        product = x[part][:, None] * y[part][None]
        exponent = ex[part][:, None] + ey[part][None]
        exponent = np.where(product == 0, -126, exponent).max(axis=-1)
        emax = np.maximum(exponent, np.where(acc == 0, -126, np.frexp(acc)[1] - 1))
        grid = np.ldexp(1.0, emax - 13)
        total = np.trunc(product / grid[..., None]).sum(axis=-1) + np.trunc(acc / grid)
        fraction, power = np.frexp(total * grid)
        acc = np.ldexp(np.trunc(fraction * 2**14), power - 14)
    return acc.astype(np.float32)


def _scales(shape: tuple[int, int], group: str) -> np.ndarray:
    size = group_of(group).scale_shape(shape)
    powers = np.random.default_rng(0).integers(-4, 4, size)
    return np.exp2(powers).astype(np.float32)


def _timings(shape: Shape, rounds: int) -> dict[str, Timing]:
    """Time every rule and recipe, and the peers, on one shape."""
    m, n, k = shape
    rng = np.random.default_rng(0)
    a = encode(rng.standard_normal((m, k), np.float32))
    b = encode(rng.standard_normal((k, n), np.float32))
    columns = min(n, PLAIN_OUTPUTS)
    some = a[: max(1, PLAIN_OUTPUTS // columns)], b[:, :columns]
    if plain(*some).tobytes() != mma(*some).tobytes():
        raise AssertionError("the plain rule and mma differ: their speeds do not count")
    candidates: dict[str, Any] = {
        f"mma {rule}": partial(mma, a, b, accumulator=rule) for rule in RULES
    }
    for (left, group), (right, other) in RECIPES:
        scales = _scales((m, k), group), _scales((n, k), other).T
        given = (a, b, scales[0], left, scales[1], right)
        candidates[f"scaled_mm {left}, {right}"] = partial(scaled_mm, *given)
    candidates["plain"] = partial(plain, *some)
    candidates["@"] = partial(np.matmul, decode(a), decode(b))
    timings = interleave(candidates, rounds)
    whole = m * n / (len(some[0]) * columns)
    timings["plain"] = Timing(tuple(s * whole for s in timings["plain"].seconds))
    return timings


def _table(shape: Shape, rounds: int) -> list[dict[str, Any]]:
    timings = _timings(shape, rounds)
    title = "x".join(map(str, shape))
    print(f"{title:44s}{'M MAC/s':>10s}{'to plain (range)':>20s}{'to @':>17s}")
    rows = []
    for name, timing in timings.items():
        rate = timing.rate(int(np.prod(shape)))
        ratio = timing.faster_than(timings["plain"])
        floor = timing.faster_than(timings["@"])
        spread = f"({ratio[1]:.1f} to {ratio[2]:.1f})"
        print(
            f"  {name:42s}{rate:10.0f}{ratio[0]:10.1f}x {spread:18s}{floor[0]:7.3f}x",
            flush=True,
        )
        rows.append(
            {
                "what": f"{name}, {title}",
                "million_macs_per_second": rate,
                "ratio": ratio,
                "ratio_to_matmul": floor,
            }
        )
    print()
    return rows


def _shape(text: str) -> Shape:
    sides = re.fullmatch("([1-9][0-9]*)x([1-9][0-9]*)x([1-9][0-9]*)", text)
    if sides is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no MxNxK, such as 512x512x4096")
    return int(sides[1]), int(sides[2]), int(sides[3])


def main(argv: list[str]) -> int:
    """Print a table a shape; in a process of its own if BLAS may have more threads."""
    parser = argparse.ArgumentParser(
        prog="python -m fp8lab.bench gemm", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--shapes", nargs="+", type=_shape, default=SHAPES, metavar="MxNxK"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--record", type=Path, help="write the tables as JSON here")
    options = parser.parse_args(argv)
    if options.rounds < 1:
        parser.error("--rounds is at least 1")
    if any(os.environ.get(name) != "1" for name in ONE_THREAD):
        command = [sys.executable, "-m", "fp8lab.bench", "gemm", *argv]
        alone = os.environ | dict.fromkeys(ONE_THREAD, "1")
        return subprocess.run(command, env=alone, check=False).returncode
    versions = f"NumPy {np.__version__}, Python {platform.python_version()}"
    print(
        "million multiply-accumulates a second, one thread, CPU time, median of "
        f"{options.rounds} interleaved rounds\n{versions}\n"
    )
    rows = [row for shape in options.shapes for row in _table(shape, options.rounds)]
    if options.record is not None:
        record = {
            "what": "speed of matrix products, CPU time of one thread",
            "date": datetime.now(UTC).date().isoformat(),
            "command": "python -m fp8lab.bench gemm",
            "machine": cpu_name(),
            "versions": versions,
            "rounds": options.rounds,
            "rows": rows,
        }
        text = json.dumps(record, indent=1) + "\n"
        options.record.write_text(text, encoding="utf-8")
    return 0
