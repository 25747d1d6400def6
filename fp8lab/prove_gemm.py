"""`fp8lab prove-gemm`: our matrix products against a Hopper GPU's, bit for bit.

With a Hopper GPU every product is computed there and here, and each output compared.
Without one, ours are compared with the SHA-256 of what a recorded GPU gave.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from fp8lab.metrics import first_difference
from fp8lab.proof.products import SCALED, Case, cases, digest, expected, outside
from fp8lab.records import load_records
from fp8lab.table import Table

__all__ = ["Verdict", "main", "recorded", "recorded_cases"]

RECORD = "tensorcore-h200"
#: cuBLASLt may have cut K into up to so many slices.
MOST_SLICES = 16
FIELDS = tuple(field.name for field in fields(Case))


@dataclass(frozen=True)
class Verdict:
    """One product: what the GPU gave (its digest), and how many outputs differ."""

    case: Case
    outputs: int
    sha256: str
    different: int
    witness: str = ""


def recorded_cases() -> Iterator[tuple[Case, str]]:
    """Yield each recorded product, and the SHA-256 of what the GPU gave."""
    (record,) = load_records(RECORD)
    for row in record["products"]:
        yield Case(**dict(zip(FIELDS, row[:-1], strict=True))), row[-1]


def recorded(products: Iterable[tuple[Case, str]]) -> Iterator[Verdict]:
    """Compute recorded products, and compare their digests.

    Parameters
    ----------
    products
        All or some of `recorded_cases`.
    """
    for case, sha256 in products:
        ours = expected(case)
        same = digest(ours) == sha256
        witness = "" if same else f"another SHA-256: {case}"
        yield Verdict(case, ours.size, sha256, 0 if same else ours.size, witness)


def live() -> Iterator[Verdict]:
    """Compute every product on the GPU of this machine and here."""
    from fp8lab.proof.hopper_gemm import compute

    for case in cases():
        theirs = compute(case)
        yield _compared(case, theirs)


def _beyond() -> Iterator[tuple[Verdict, str]]:
    """Compare what is known to differ, so that it is seen when it no longer does."""
    from fp8lab.proof.hopper_gemm import compute

    for case, why in outside():
        yield _compared(case, compute(case)), why


def _told(v: Verdict) -> dict[str, Any]:
    return {**asdict(v.case), "outputs": v.outputs, "different": v.different}


def _compared(case: Case, theirs: np.ndarray) -> Verdict:
    """Compare one product, in as many slices of K as fit it best."""
    slices = MOST_SLICES if case.path == SCALED and case.k >= 4096 else 1
    best = None
    for split_k in range(1, slices + 1):
        tried = replace(case, split_k=split_k)
        found = first_difference(expected(tried), theirs)
        verdict = Verdict(
            tried,
            theirs.size,
            digest(theirs),
            0 if found is None else found.count,
            "" if found is None else f"{found}: {tried}",
        )
        if found is None:
            return verdict
        best = best or verdict
    assert best is not None
    return best


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``fp8lab prove-gemm``; 0 if all is equal, 1 if not."""
    parser = argparse.ArgumentParser(
        prog="fp8lab prove-gemm", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--record", type=Path, help="write what the GPU gave here")
    parser.add_argument(
        "--recorded", action="store_true", help="compare with the record in any case"
    )
    options = parser.parse_args(argv)
    try:
        where = {} if options.recorded else _machine()
    except (ImportError, RuntimeError) as absent:
        if options.record is not None:
            parser.error(f"--record needs a Hopper GPU: {absent}")
        print(f"{absent}; comparing with the recorded run")
        where = {}
    started = time.monotonic()
    verdicts = list(_shown(live() if where else recorded(recorded_cases())))
    print(_table(verdicts))
    print(f"{'on ' + where['gpu'] if where else _recorded_where()}")
    wrong = [verdict for verdict in verdicts if verdict.different]
    for verdict in wrong:
        print(f"DIFFERS: {verdict.witness}")
    beyond = list(_beyond()) if where else []
    for verdict, why in beyond:
        print(f"outside the model: {why}: {verdict.witness}")
    if options.record is not None:
        seconds = time.monotonic() - started
        _write_record(options.record, verdicts, beyond, where, seconds)
    return int(bool(wrong))


def _machine() -> dict[str, str]:
    from fp8lab.proof.hopper_gemm import machine

    return machine()


def _shown(verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
    """Count on the screen, where there is one."""
    for done, verdict in enumerate(verdicts, 1):
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{done} products compared ")
            sys.stderr.flush()
        yield verdict
    if sys.stderr.isatty():
        sys.stderr.write("\n")


def _table(verdicts: Sequence[Verdict]) -> Table:
    products, outputs, different = Counter[str](), Counter[str](), Counter[str]()
    for verdict in verdicts:
        name = _group(verdict.case)
        products[name] += 1
        outputs[name] += verdict.outputs
        different[name] += verdict.different
    rows = [
        (name, products[name], f"{outputs[name]:,}", f"{different[name]:,}")
        for name in products
    ]
    total = (products.total(), f"{outputs.total():,}", f"{different.total():,}")
    return Table(
        ("what computed it", "products", "outputs", "different"),
        [*rows, ("all", *total)],
    )


def _group(case: Case) -> str:
    if case.path != SCALED:
        return f"{case.path}{', from an accumulator' if case.starts else ''}"
    split = ", K split" if case.split_k > 1 else ""
    sums = "fast" if case.fast else "promoted"
    return f"{case.path}, {case.shared}, {sums}{split}"


def _recorded_where() -> str:
    (record,) = load_records(RECORD)
    return f"recorded on {record['machine']['gpu']}, {record['date']}"


def _write_record(
    path: Path,
    verdicts: Sequence[Verdict],
    beyond: Sequence[tuple[Verdict, str]],
    where: dict[str, str],
    seconds: float,
) -> None:
    kept = [verdict for verdict in verdicts if not verdict.different]
    record: dict[str, Any] = {
        "what": "matrix products of a Hopper GPU, as SHA-256 of their bytes",
        "date": datetime.now(UTC).date().isoformat(),
        "command": "fp8lab prove-gemm --record tensorcore-h200.json",
        "machine": where,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "seconds": round(seconds),
        "outputs": sum(verdict.outputs for verdict in verdicts),
        "outputs_equal": sum(v.outputs - v.different for v in verdicts),
        "different": [_told(v) for v in verdicts if v.different],
        "outside": [{**_told(v), "why": why} for v, why in beyond],
        "fields": [*FIELDS, "sha256"],
    }
    head = json.dumps(record, indent=1)[:-2]
    rows = ",\n  ".join(json.dumps([*asdict(v.case).values(), v.sha256]) for v in kept)
    text = f'{head},\n "products": [\n  {rows}\n ]\n}}\n'
    path.write_text(text, encoding="utf-8")
