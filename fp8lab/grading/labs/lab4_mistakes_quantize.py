"""Known-wrong answers of lab 4: kernels that find their own scales."""

from __future__ import annotations

import numpy as np

from fp8lab.codec import round_to
from fp8lab.formats import BF16
from fp8lab.grading.labs.lab4_mistakes import (
    NEXT_ROW,
    NO_ZEROS,
    POISONED,
    RECIPROCAL,
    SCALE_RECIPROCAL,
    SIGNED,
)
from fp8lab.grading.labs.lab4_wrong import (
    GROUP,
    MAX,
    TILE_ROWS,
    encoded,
    quantized,
    undefined,
    unwritten,
    widened,
)
from fp8lab.grading.tasks import Mistake

__all__ = ["GROUPS", "TOKENS"]

Arrays = tuple[np.ndarray, ...]

FLOORED = (
    "A group of zeros got the smallest scale, 2^-126. Its scale is 1: which of the two "
    "special cases has to come last?"
)
ENCODE_SENSE = (
    "The scales are the other way round, 448 / amax. Hand back the one that decodes, "
    "x ~ decode(code) * scale, and divide by it."
)


def _scale_rounded_late(x: np.ndarray) -> Arrays:
    codes, scales = quantized(x, 0)
    return codes, round_to(scales, BF16)


def _one_scale(x: np.ndarray) -> Arrays:
    codes, scales = quantized(widened(x).reshape(1, -1), 0)
    return codes.reshape(x.shape), np.repeat(scales, len(x), axis=0)


def _tokens(name: str, says: str, **faults: str) -> Mistake:
    return Mistake(name, says, lambda x: quantized(x, 0, **faults))


def _poisoned_tokens(x: np.ndarray) -> Arrays:
    cols = x.shape[1]
    if cols & (cols - 1) == 0:
        return quantized(x, 0)
    # bfloat16's undefined lanes hold another number than float32's.
    garbage = widened(undefined(x.dtype))
    scales = np.full((len(x), 1), garbage[0] / MAX, np.float32)
    return encoded(widened(x), scales), scales


TOKENS = (
    _tokens("reciprocal", RECIPROCAL, code="reciprocal"),
    _tokens("scale by reciprocal", SCALE_RECIPROCAL, scale="reciprocal"),
    _tokens(
        "encode sense",
        ENCODE_SENSE,
        scale="encode sense",
    ),
    _tokens("zeros", NO_ZEROS, scale="zeros"),
    _tokens("zeros floored", FLOORED, scale="zeros floored"),
    _tokens(
        "no floor",
        "A scale is a subnormal float32. None is smaller than 2^-126: a GPU may flush "
        "it, and 1 / scale would overflow.",
        scale="no floor",
    ),
    _tokens(
        "epsilon",
        "Rows of tiny numbers have a scale that is too large: amax is clamped to a "
        "constant such as 1e-4. Only an amax of 0 is special.",
        scale="epsilon",
    ),
    _tokens(
        "240", "Amax is mapped to 240, the maximum of another format.", scale="240"
    ),
    _tokens("57344", "Amax is mapped to 57344, the maximum of E5M2.", scale="57344"),
    _tokens(
        "power of two",
        "Scales are rounded to powers of two. That is another recipe (MX).",
        scale="power of two",
    ),
    _tokens(
        "bf16", "The quotient was rounded to bfloat16 first, then to FP8.", code="bf16"
    ),
    Mistake(
        "scale rounded late",
        "The scale that is handed back was rounded to bfloat16 after the codes were "
        "made with another one (transformers #46763). Both must use the same.",
        _scale_rounded_late,
    ),
    Mistake("one scale", "All rows got one scale: each token has its own.", _one_scale),
    Mistake("no other", POISONED, _poisoned_tokens),
)


def _in_memory(x: np.ndarray, order: str) -> tuple[np.ndarray, int, int]:
    """Return memory as a launch gets it, and the strides of rows and columns."""
    rows, cols = x.shape
    if order == "columns":
        return x.T.reshape(-1), 1, rows
    if order == "rows":
        return x.reshape(-1), cols, 1
    wide = unwritten((rows, cols + 6), x.dtype)
    wide[:, :cols] = x
    return wide.reshape(-1), cols + 6, 1


def _read_with(row: int, col: int, x: np.ndarray, order: str) -> Arrays:
    """Read as if strides were others; -1 is the true one."""
    memory, true_row, true_col = _in_memory(x, order)
    i, j = np.ogrid[: x.shape[0], : x.shape[1]]
    return quantized(
        memory[i * (true_row if row < 0 else row) + j * (true_col if col < 0 else col)]
    )


def _strides_ignored(x: np.ndarray, order: str) -> Arrays:
    return _read_with(x.shape[1], 1, x, order)


def _column_stride_ignored(x: np.ndarray, order: str) -> Arrays:
    return _read_with(-1, 1, x, order)


def _scales_by_row(x: np.ndarray, _: str) -> Arrays:
    codes, scales = quantized(x)
    rows, groups = scales.shape
    return codes, np.ascontiguousarray(scales.reshape(groups, rows).T)


def _last_group(x: np.ndarray, _: str) -> Arrays:
    codes, scales = quantized(x)
    whole = x.shape[1] // GROUP
    out, kept = unwritten(codes.shape, np.uint8), unwritten(scales.shape, np.float32)
    out[:, : whole * GROUP] = codes[:, : whole * GROUP]
    kept[:, :whole] = scales[:, :whole]
    return out, kept


def _first_tile(x: np.ndarray, _: str) -> Arrays:
    codes, scales = quantized(x)
    out, kept = unwritten(codes.shape, np.uint8), unwritten(scales.shape, np.float32)
    out[:TILE_ROWS], kept[:TILE_ROWS] = codes[:TILE_ROWS], scales[:TILE_ROWS]
    return out, kept


def _groups(name: str, says: str, **faults: str) -> Mistake:
    return Mistake(name, says, lambda x, _: quantized(x, GROUP, **faults))


GROUPS = (
    Mistake(
        "scales by row",
        "The scales are right and lie row by row. The matrix product wants them column "
        "by column: store with the strides of the array you were given.",
        _scales_by_row,
    ),
    Mistake(
        "strides ignored",
        "x was read as if its rows lay one after the other without a gap. Its strides "
        "say how it really lies.",
        _strides_ignored,
    ),
    Mistake(
        "column stride ignored",
        "The columns of x were read as neighbours; a column has a stride, too.",
        _column_stride_ignored,
    ),
    _groups("next row", NEXT_ROW, amax="next row"),
    _groups("no other", POISONED, amax="no other"),
    _groups(
        "tile",
        "The 16 rows of a tile share a scale: that would be 16x128. Along which axis "
        "does tl.max reduce?",
        amax="tile",
    ),
    _groups("row", "All groups of a row share one scale.", amax="row"),
    _groups("signed", SIGNED, amax="signed"),
    _groups("reciprocal", RECIPROCAL, code="reciprocal"),
    _groups("scale by reciprocal", SCALE_RECIPROCAL, scale="reciprocal"),
    _groups("zeros", NO_ZEROS, scale="zeros"),
    _groups("zeros floored", FLOORED, scale="zeros floored"),
    _groups(
        "encode sense",
        ENCODE_SENSE,
        scale="encode sense",
    ),
    Mistake(
        "last group",
        "The last, ragged group of each row is missing: how many groups has a row?",
        _last_group,
    ),
    Mistake(
        "first tile",
        "Only the first 16 rows were written: the grid has to cover all rows.",
        _first_tile,
    ),
)
