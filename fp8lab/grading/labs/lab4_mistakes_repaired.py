"""Known-wrong answers of lab 4's bug hunt: what is left of the bugs."""

from __future__ import annotations

import numpy as np

from fp8lab.grading.labs.lab4_mistakes import (
    INVERTED,
    NEXT_ROW,
    POISONED,
    RECIPROCAL,
    SCALE_RECIPROCAL,
)
from fp8lab.grading.labs.lab4_wrong import GROUP, TILE_ROWS, quantized
from fp8lab.grading.tasks import Mistake

__all__ = ["REPAIRED"]

Arrays = tuple[np.ndarray, ...]


def _repaired(name: str, says: str, slow: bool, **faults: str) -> Mistake:
    def answer(x: np.ndarray, what: str) -> Arrays | np.ndarray:
        if what == "bytes":
            return quantized(x, GROUP, **faults)
        rows = len(x) if slow else -(-len(x) // TILE_ROWS)
        return np.array([rows * -(-x.shape[1] // GROUP)], np.int32)

    return Mistake(name, says, answer)


DIVISION, EDGES, SCALES = (
    {"code": "reciprocal"},
    {"amax": "next row"},
    {"scale": "reciprocal"},
)
SEVERAL = "More than one bug is left. "
ONE_EACH = (
    "There is still one program for each group of one row: 128 elements are too few to "
    "keep a multiprocessor busy. A program takes a tile of 16 rows."
)
REPAIRED = (
    _repaired(
        "untouched",
        "All four bugs are still there.",
        True,
        **DIVISION,
        **EDGES,
        **SCALES,
    ),
    _repaired("division left", RECIPROCAL, False, **DIVISION),
    _repaired("edges left", NEXT_ROW, False, **EDGES),
    _repaired("scales left", SCALE_RECIPROCAL, False, **SCALES),
    _repaired("one program a group", ONE_EACH, True),
    _repaired(
        "division and edges left", SEVERAL + NEXT_ROW, False, **DIVISION, **EDGES
    ),
    _repaired(
        "division and scales left", SEVERAL + RECIPROCAL, False, **DIVISION, **SCALES
    ),
    _repaired("edges and scales left", SEVERAL + NEXT_ROW, False, **EDGES, **SCALES),
    _repaired("poisoned", POISONED, False, amax="no other"),
    _repaired("inverted", INVERTED, False, code="multiplied"),
)
