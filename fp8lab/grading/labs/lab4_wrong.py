"""What the kernels of lab 4 compute, in NumPy, with each step open to be wrong.

With nothing changed these are the right answers, in the same order of operations; the
tests hold them against `fp8lab.quantize`. Right answers themselves come from there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fp8lab.codec import decode, encode, round_to
from fp8lab.formats import BF16, E4M3FN, E5M2, FP16
from fp8lab.grading.triton_lab import UNDEFINED, UNWRITTEN

__all__ = [
    "BLOCK",
    "GROUP",
    "TILE_ROWS",
    "copied",
    "encoded",
    "group_amax",
    "quantized",
    "scale_from",
    "stored_amax",
    "undefined",
    "unwritten",
    "widened",
]

Floats = npt.NDArray[np.float32]

#: Elements of a program in one dimension, of a group, and rows of a tile.
BLOCK, GROUP, TILE_ROWS = 256, 128, 16
SMALLEST_SCALE = np.float32(2.0**-126)
MAX = np.float32(E4M3FN.max)


def unwritten(shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    """Return an array that no kernel has stored to."""
    return _of_bytes(UNWRITTEN, shape, dtype)


def undefined(dtype: npt.DTypeLike) -> np.ndarray:
    """Return what a lane holds that a mask switched off: one element."""
    return _of_bytes(UNDEFINED, (1,), dtype)


def _of_bytes(byte: int, shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    words = np.full((*shape, np.dtype(dtype).itemsize), byte, np.uint8)
    return words.view(dtype)[..., 0]


def widened(x: np.ndarray) -> Floats:
    """Return float32 numbers; uint16 are bfloat16 bits."""
    return decode(x, BF16) if x.dtype == np.uint16 else x.astype(np.float32)


def copied(x: Floats, fault: str) -> Floats:
    """What a faulty copy kernel leaves behind."""
    out: Floats = unwritten(x.shape, np.float32)
    at = np.arange(x.size)
    if fault == "rounded":
        return round_to(x, BF16)
    if fault == "added":
        return x + np.float32(0)
    if fault == "offsets":
        return at.astype(np.float32)
    if fault == "shifted":
        out[1:] = x[:-1]
        return out
    if fault == "not multiplied":
        programs = -(-x.size // BLOCK)
        written = at < programs + BLOCK - 1
    else:
        written = {
            "first block": at < BLOCK,
            "whole blocks": at < x.size // BLOCK * BLOCK,
            "every second": at // BLOCK % 2 == 0,
            "starts at 1": at > 0,
            "mask too short": at < x.size - 1,
        }[fault]
    out[written] = x[written]
    return out


def group_amax(x: np.ndarray, fault: str = "") -> Floats:
    """Return [M, ceil(K / 128)] of the largest magnitudes, as a kernel finds them.

    Faults: ``"signed"``, ``"next row"`` (masked by the size of the whole matrix),
    ``"no other"``, ``"other is 1"``, ``"tile"`` (16 rows share one), ``"row"`` (all
    groups of a row share one), ``"sum"``.
    """
    values = widened(x)
    rows, cols = values.shape
    groups = -(-cols // GROUP)
    fill = {"no other": undefined(np.float32)[0], "other is 1": 1}.get(fault, 0)
    padded = np.full((rows, groups * GROUP), fill, np.float32)
    padded[:, :cols] = values
    if fault == "next row":
        flat = np.append(values.reshape(-1), np.zeros(groups * GROUP, np.float32))
        place = np.arange(rows)[:, None] * cols + np.arange(groups * GROUP)
        padded = flat[place]
    by_group = padded.reshape(rows, groups, GROUP)
    if fault == "sum":
        return np.abs(by_group).sum(axis=2, dtype=np.float32)
    amax: Floats = (by_group if fault == "signed" else np.abs(by_group)).max(axis=2)
    if fault == "row":
        amax[:] = amax.max(axis=1, keepdims=True)
    if fault == "tile":
        for top in range(0, rows, TILE_ROWS):
            amax[top : top + TILE_ROWS] = amax[top : top + TILE_ROWS].max(axis=0)
    return amax


def stored_amax(x: np.ndarray, fault: str) -> Floats:
    """What reaches memory of the right amax of each group, with a faulty store.

    Faults: ``"last group"`` and ``"first tile"`` (the grid is too small),
    ``"columns"`` (stored column by column), ``"scale"`` (divided by 448).
    """
    amax = group_amax(x)
    if fault == "scale":
        return amax / MAX
    if fault == "columns":
        return np.ascontiguousarray(amax.T).reshape(amax.shape)
    out: Floats = unwritten(amax.shape, np.float32)
    if fault == "last group":
        whole = x.shape[1] // GROUP
        out[:, :whole] = amax[:, :whole]
    else:
        out[:TILE_ROWS] = amax[:TILE_ROWS]
    return out


def scale_from(amax: Floats, fault: str = "") -> Floats:
    """Return decode scales of amax.

    Faults: ``"reciprocal"`` (amax * (1/448)), ``"encode sense"`` (448 / amax),
    ``"zeros"`` (nothing special about an amax of 0), ``"zeros floored"`` (only the
    floor), ``"no floor"`` (may be a subnormal), ``"epsilon"`` (amax at least 1e-4),
    ``"240"``, ``"57344"``, ``"power of two"``.
    """
    largest = {"240": np.float32(240), "57344": np.float32(E5M2.max)}.get(fault, MAX)
    with np.errstate(all="ignore"):
        if fault == "epsilon":
            amax = np.maximum(amax, np.float32(1e-4))
        scale = (
            amax * (np.float32(1) / MAX) if fault == "reciprocal" else amax / largest
        )
        if fault == "encode sense":
            scale = MAX / amax
        if fault == "power of two":
            scale = np.exp2(np.ceil(np.log2(scale)))
        if fault != "no floor":
            scale = np.maximum(scale, SMALLEST_SCALE)
        if fault == "zeros":
            return amax / MAX
        if fault == "zeros floored":
            return scale
    return np.where(amax == 0, np.float32(1), scale).astype(np.float32)


def encoded(x: Floats, scale: Floats, fault: str = "") -> npt.NDArray[np.uint8]:
    """Return codes of numbers with the scale of each.

    Faults: ``"reciprocal"``, ``"multiplied"``, ``"ignored"``, ``"rtz"``, ``"bf16"`` and
    ``"fp16"`` (detours), ``"e5m2"``, ``"clamped first"``, ``"240"``, ``"magnitude"``.
    """
    with np.errstate(all="ignore"):
        if fault == "reciprocal":
            return encode(x * (np.float32(1) / scale))
        if fault == "multiplied":
            return encode(x * scale)
        if fault == "clamped first":
            return encode(np.clip(x, -MAX, MAX) / scale)
        quotient = (x if fault == "ignored" else x / scale).astype(np.float32)
    change: dict[str, Callable[[Floats], Floats]] = {
        "bf16": lambda q: round_to(q, BF16),
        "fp16": lambda q: round_to(q, FP16),
        "e5m2": lambda q: round_to(q, E5M2),
        "240": lambda q: np.clip(q, -240, 240),
        "magnitude": np.abs,
    }
    quotient = change[fault](quotient) if fault in change else quotient
    return encode(
        quotient, rounding="toward-zero" if fault == "rtz" else "nearest-even"
    )


def quantized(
    x: np.ndarray,
    group: int = GROUP,
    amax: str = "",
    scale: str = "",
    code: str = "",
) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Return codes and scales, with a fault in one step or several.

    ``group`` is how many columns share a scale: 128, or the whole row (0).
    """
    values = widened(x)
    largest = (
        group_amax(x, amax) if group else np.abs(values).max(axis=1, keepdims=True)
    )
    scales = scale_from(largest, scale)
    wide = np.repeat(scales, group or values.shape[1], axis=1)[:, : values.shape[1]]
    # The wrong scale of a "decode scale" kernel is the right factor of its codes.
    step = "multiplied" if scale == "encode sense" else code
    return encoded(values, wide, step), scales
