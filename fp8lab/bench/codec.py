"""``python -m fp8lab.bench codec``: our NumPy codec beside the C++ libraries.

All candidates run on one thread, on the same N(0, 1) elements, and allocate their own
output, but for the rows "out=", where each writes into an array that is there already.
"""

from __future__ import annotations

import argparse
import json
import platform
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fp8lab.bench.timing import Timing, cpu_name, interleave
from fp8lab.codec import decode, encode, round_to
from fp8lab.formats import E4M3FN, E5M2, FloatFormat
from fp8lab.quantization import quantize

if TYPE_CHECKING:
    import torch

__all__ = ["main"]

Candidates = dict[str, Callable[[], object]]
GFLOAT_SHARE = 16  # gfloat is some 80 times slower: it gets a 16th of the elements


def _inputs(x: np.ndarray) -> dict[str, tuple[np.ndarray, Any]]:
    """The same numbers as each library likes to have them: (array, torch tensor)."""
    import ml_dtypes
    import torch

    half, brain = x.astype(np.float16), x.astype(ml_dtypes.bfloat16)
    return {
        "float32": (x, torch.from_numpy(x)),
        "float16": (half, torch.from_numpy(half)),
        "bfloat16": (brain, torch.from_numpy(x).to(torch.bfloat16)),
    }


def _encode_rows(x: np.ndarray) -> dict[str, Candidates]:
    import ml_dtypes
    import torch

    rows: dict[str, Candidates] = {}
    for fmt in (E4M3FN, E5M2):
        theirs = np.dtype(getattr(ml_dtypes, fmt.name))
        tensor_dtype = getattr(torch, fmt.name)
        for name, (array, tensor) in _inputs(x).items():
            rows[f"encode {name} to {fmt}"] = {
                "fp8lab": partial(encode, array, fmt),
                "ml_dtypes": partial(array.astype, theirs),
                "torch": partial(tensor.to, tensor_dtype),
            }
        rows[f"encode float32 to {fmt}"]["gfloat"] = _gfloat_encode(x, fmt)
    return rows


def _gfloat_encode(x: np.ndarray, fmt: FloatFormat) -> Callable[[], object]:
    import gfloat
    from gfloat import formats

    info = (
        formats.format_info_ocp_e4m3 if fmt == E4M3FN else formats.format_info_ocp_e5m2
    )
    part = x[: x.size // GFLOAT_SHARE].astype(np.float64)

    def run() -> object:
        rounded = gfloat.round_ndarray(info, part, sat=True)
        return gfloat.encode_ndarray(info, rounded)

    return run


def _decode_rows(x: np.ndarray) -> dict[str, Candidates]:
    import ml_dtypes
    import torch

    rows: dict[str, Candidates] = {}
    out = np.empty(x.size, np.float32)
    for fmt in (E4M3FN, E5M2):
        codes = encode(x, fmt)
        theirs = codes.view(getattr(ml_dtypes, fmt.name))
        tensor = torch.from_numpy(codes).view(getattr(torch, fmt.name))
        target = torch.from_numpy(out)
        rows[f"decode {fmt} to float32"] = {
            "fp8lab": partial(decode, codes, fmt),
            "ml_dtypes": partial(theirs.astype, np.float32),
            "torch": partial(tensor.to, torch.float32),
        }
        rows[f"decode {fmt} to float32, out="] = {
            "fp8lab": partial(decode, codes, fmt, out=out),
            "ml_dtypes": partial(np.copyto, out, theirs),
            "torch": partial(target.copy_, tensor),
        }
    return rows


def _twice(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return x.astype(dtype).astype(np.float32)


def _there_and_back(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return x.to(dtype).to(x.dtype)


def _round_rows(x: np.ndarray) -> dict[str, Candidates]:
    import ml_dtypes
    import torch

    rows: dict[str, Candidates] = {}
    tensor = torch.from_numpy(x)
    for fmt in (E4M3FN, E5M2):
        theirs = np.dtype(getattr(ml_dtypes, fmt.name))
        dtype = getattr(torch, fmt.name)
        rows[f"round_to {fmt} (encode + decode)"] = {
            "fp8lab": partial(round_to, x, fmt),
            "ml_dtypes": partial(_twice, x, theirs),
            "torch": partial(_there_and_back, tensor, dtype),
        }
    return rows


def _extra_memory(x: np.ndarray) -> dict[str, float]:
    """MiB above input and output at the worst moment, as NumPy's allocator reports."""
    codes = encode(x)
    calls: dict[str, Callable[[], np.ndarray]] = {
        "encode": partial(encode, x),
        "decode": partial(decode, codes),
        "round_to": partial(round_to, x),
    }
    extra = {}
    for name, call in calls.items():
        call()  # tables are made once and kept
        tracemalloc.start()
        size = call().nbytes
        extra[name] = (tracemalloc.get_traced_memory()[1] - size) / 2**20
        tracemalloc.stop()
    return extra


def main(argv: list[str]) -> int:
    """Print the table; 0, or 1 where a peer is not installed."""
    parser = argparse.ArgumentParser(
        prog="python -m fp8lab.bench codec", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--elements", type=int, default=1 << 24)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--record", type=Path, help="write the table as JSON here")
    options = parser.parse_args(argv)
    if options.elements < 4096 or options.elements % 4096 or options.rounds < 1:
        parser.error("--elements is a multiple of 4096, and --rounds at least 1")
    try:
        import gfloat  # noqa: F401 (only to fail early)
        import ml_dtypes
        import torch
    except ModuleNotFoundError as missing:
        print(f"{missing}; pip install 'fp8lab[dev]' brings the peers")
        return 1
    torch.set_num_threads(1)
    versions = (
        f"NumPy {np.__version__}, ml_dtypes {ml_dtypes.__version__}, "
        f"torch {torch.__version__}, Python {platform.python_version()}"
    )
    print(
        f"{options.elements:,} elements, one thread, CPU time, median of "
        f"{options.rounds} interleaved rounds\n{versions}\n"
    )
    x = np.random.default_rng(0).standard_normal(options.elements, dtype=np.float32)
    rows = _table(x, options.rounds)
    _group_table(x, options.rounds, rows)
    memory = _extra_memory(x)
    print(
        "\nextra memory above the output, MiB: "
        + ", ".join(f"{name} {mib:.2f}" for name, mib in memory.items())
    )
    if options.record is not None:
        record = {
            "what": "codec speed, CPU time of one thread",
            "date": datetime.now(UTC).date().isoformat(),
            "command": "python -m fp8lab.bench codec",
            "machine": cpu_name(),
            "versions": versions,
            "elements": options.elements,
            "rounds": options.rounds,
            "rows": rows,
            "extra_memory_mib": memory,
        }
        text = json.dumps(record, indent=1) + "\n"
        options.record.write_text(text, encoding="utf-8")
    return 0


def _table(x: np.ndarray, rounds: int) -> list[dict[str, Any]]:
    print(
        f"{'':38s}{'fp8lab':>8s}{'ml_dtypes':>11s}{'torch':>8s}{'gfloat':>8s}"
        f"{'ratio to ml_dtypes (range)':>30s}"
    )
    print(f"{'':38s}" + "million elements a second".rjust(35))
    rows = []
    groups = (_encode_rows(x), _decode_rows(x), _round_rows(x))
    for label, candidates in ((k, v) for group in groups for k, v in group.items()):
        timings = interleave(candidates, rounds)
        rates = {
            name: t.rate(x.size // (GFLOAT_SHARE if name == "gfloat" else 1))
            for name, t in timings.items()
        }
        ratio = timings["fp8lab"].faster_than(timings["ml_dtypes"])
        gfloat = f"{rates['gfloat']:8.0f}" if "gfloat" in rates else " " * 8
        print(
            f"{label:38s}{rates['fp8lab']:8.0f}{rates['ml_dtypes']:11.0f}"
            f"{rates['torch']:8.0f}{gfloat}"
            f"{ratio[0]:12.2f}x ({ratio[1]:.2f} to {ratio[2]:.2f})",
            flush=True,
        )
        rows.append({"what": label, "mega_per_second": rates, "ratio": ratio})
    return rows


def _group_table(x: np.ndarray, rounds: int, rows: list[dict[str, Any]]) -> None:
    matrix = x.reshape(4096, -1)
    groups = ("per-tensor", "per-token", "1x128", "1x32", "128x128")
    candidates: Candidates = {"encode": partial(encode, matrix)}
    for group in groups:
        candidates[group] = partial(quantize, matrix, E4M3FN, group)
    timings: dict[str, Timing] = interleave(candidates, rounds)
    print("\nquantize to E4M3FN, time over that of plain encode")
    for group in groups:
        ratio = timings["encode"].faster_than(timings[group])
        print(f"  {group:12s}{ratio[0]:6.2f}x ({ratio[1]:.2f} to {ratio[2]:.2f})")
        rows.append({"what": f"quantize {group} over encode", "ratio": ratio})
