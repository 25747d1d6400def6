"""`fp8lab prove`: all 2**32 float32 bit patterns, ours against a library's.

For every pattern the code must be equal, and `round_to` must give the value of that
code, bit for bit. Where a library is known to break its own specification, the code
must be the specification's; those patterns are counted apart. The first witness of any
difference is printed, with both codes.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import numpy as np

from fp8lab.codec import decode, encode, round_to
from fp8lab.formats import E4M3FN, E5M2, FloatFormat, format_of
from fp8lab.proof.oracles import ORACLES, Oracle, available, quirk_mask

__all__ = ["Verdict", "main", "prove"]

BLOCK = 1 << 22
BLOCKS = (1 << 32) // BLOCK


@dataclass(frozen=True)
class Verdict:
    """The outcome for one format and one oracle."""

    fmt: str
    policy: str
    oracle: str
    version: str
    patterns: int
    mismatches: int
    quirk: str
    quirk_patterns: int
    witness: str
    seconds: float


def prove(
    fmt: FloatFormat, oracle: Oracle, *, every: int = 1, progress: TextIO | None = None
) -> Verdict:
    """Compare `encode` and `round_to` with an oracle over float32 bit patterns.

    Parameters
    ----------
    fmt, oracle
        What is compared.
    every
        1 for all 2**32 patterns; n for every n-th block of 4 Mi consecutive ones.
    progress
        Where to draw a progress bar, None for nowhere.

    Raises
    ------
    RuntimeError
        The oracle cannot run here (no GPU, for example).
    """
    cast, policy = oracle.make(fmt), oracle.policy()
    quirk = oracle.quirks.get(fmt.name)
    started, mismatches, quirky, witness, done = time.monotonic(), 0, 0, "", 0
    label = f"{fmt.short} {policy} vs {oracle.name}"
    for x in _blocks(every):
        expected = cast(x)
        if quirk is not None:
            inside = quirk_mask(x, quirk)
            sign = np.where(np.signbit(x), fmt.sign_mask, 0)
            departs = inside & (expected == quirk.code + sign)
            quirky += int(departs.sum())
            specified = (quirk.specified + sign).astype(np.uint8)
            expected = np.where(departs, specified, expected)
        wrong, found = _compare(x, fmt, policy, expected)
        if wrong and not witness:
            witness = found
        mismatches += wrong
        done += x.size
        if progress is not None:
            _draw(progress, label, done, len(range(0, BLOCKS, every)) * BLOCK, started)
    return Verdict(
        fmt=fmt.short,
        policy=policy,
        oracle=oracle.name,
        version=oracle.version,
        patterns=done,
        mismatches=mismatches,
        quirk="" if quirk is None else quirk.why,
        quirk_patterns=quirky,
        witness=witness,
        seconds=round(time.monotonic() - started, 1),
    )


def _blocks(every: int) -> Iterator[np.ndarray]:
    for block in range(0, BLOCKS, every):
        first = block * BLOCK
        bits = np.arange(first, first + BLOCK, dtype=np.int64).astype(np.uint32)
        yield bits.view(np.float32)


def _compare(
    x: np.ndarray, fmt: FloatFormat, policy: str, expected: np.ndarray
) -> tuple[int, str]:
    codes = encode(x, fmt, policy=policy)
    values = round_to(x, fmt, policy=policy).view(np.uint32)
    meant = decode(expected, fmt).view(np.uint32)
    wrong = np.flatnonzero((codes != expected) | (values != meant))
    if not wrong.size:
        return 0, ""
    at = wrong[0]
    pattern = int(x.view(np.uint32)[at])
    return wrong.size, (
        f"x = {x[at]!r} (0x{pattern:08x}): ours 0x{codes[at]:02x}, theirs "
        f"0x{expected[at]:02x}; round_to 0x{values[at]:08x}, theirs 0x{meant[at]:08x}"
    )


def _draw(stream: TextIO, label: str, done: int, total: int, started: float) -> None:
    share = done / total
    filled = int(share * 30)
    left = (time.monotonic() - started) * (1 - share) / share
    stream.write(
        f"\r{label:34s} [{'#' * filled}{'.' * (30 - filled)}] {share:4.0%} "
        f"{left:4.0f} s left "
    )
    if done == total:
        stream.write("\n")
    stream.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fp8lab prove", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--format", action="append", help="E4M3FN or E5M2 (default: both); repeatable"
    )
    parser.add_argument(
        "--oracle",
        action="append",
        choices=list(ORACLES),
        help="a library (default: every one installed); repeatable",
    )
    parser.add_argument(
        "--every",
        type=int,
        default=1,
        metavar="N",
        help="only every N-th block of 4 Mi patterns (default 1: all 2**32)",
    )
    parser.add_argument("--record", type=Path, help="write the verdicts as JSON here")
    parser.add_argument("--list", action="store_true", help="show the oracles and stop")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``fp8lab prove``; 0 if all is equal, 1 if not, 2 if nothing could run."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.list:
        _list_oracles()
        return 0
    if not 1 <= options.every <= BLOCKS:
        parser.error(f"--every takes 1 to {BLOCKS}; got {options.every}")
    try:
        formats = [format_of(name) for name in options.format or ("E4M3FN", "E5M2")]
    except ValueError as error:
        parser.error(str(error))
    if any(fmt not in (E4M3FN, E5M2) for fmt in formats):
        parser.error("only E4M3FN and E5M2 are proven over all of float32")
    verdicts = _run(formats, options.oracle, options.every)
    if not verdicts:
        print("no oracle could run here; pip install 'fp8lab[dev]'", file=sys.stderr)
        return 2
    if options.record is not None:
        _write_record(options.record, verdicts, options.oracle, options.every)
    return int(any(verdict.mismatches for verdict in verdicts))


def _run(
    formats: list[FloatFormat], names: list[str] | None, every: int
) -> list[Verdict]:
    verdicts = []
    bar = sys.stderr if sys.stderr.isatty() else None
    for name in names or list(ORACLES):
        oracle = ORACLES[name]
        if not available(oracle):
            needed = " and ".join(oracle.requires)
            print(f"{name}: not run, {needed} not installed")
            continue
        for fmt in formats:
            try:
                verdict = prove(fmt, oracle, every=every, progress=bar)
            except RuntimeError as error:
                print(f"{name}: not run, {error}")
                break
            verdicts.append(verdict)
            print(_sentence(verdict), flush=True)
    return verdicts


def _sentence(v: Verdict) -> str:
    head = f"{v.fmt} policy {v.policy} against {v.version}: {v.patterns:,} patterns"
    quirk = ""
    if v.quirk_patterns:
        apart = f"{v.quirk} on {v.quirk_patterns:,}"
        quirk = f"; {apart}, where ours is compared with the specification"
    if v.mismatches:
        return f"{head}, {v.mismatches:,} DIFFER; first {v.witness}{quirk}"
    return f"{head}, all equal{quirk} ({v.seconds} s)"


def _list_oracles() -> None:
    for oracle in ORACLES.values():
        ready = available(oracle)
        state = oracle.version if ready else "not installed"
        policy = oracle.policy() if ready else "?"
        print(f"{oracle.name:18s} policy {policy:11s} {state}")


def _command(names: list[str] | None, every: int) -> str:
    chosen = "".join(f" --oracle {name}" for name in names or ())
    return f"fp8lab prove{chosen}" + (f" --every {every}" if every > 1 else "")


def _write_record(
    path: Path, verdicts: list[Verdict], names: list[str] | None, every: int
) -> None:
    record = {
        "what": "encode and round_to against other libraries' casts, float32 patterns",
        "date": datetime.now(UTC).date().isoformat(),
        "command": _command(names, every),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "verdicts": [asdict(verdict) for verdict in verdicts],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
