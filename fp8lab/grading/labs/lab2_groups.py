"""Scales by groups, with one thing wrong where asked: lab 2's right and wrong answers.

Written out in plain NumPy rather than with `fp8lab.quantize`, so that each step of it
can go wrong on its own; without arguments all of it is right, which the tests hold
against `fp8lab.quantize` and PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fp8lab.codec import decode, encode, round_to
from fp8lab.formats import BF16, E4M3FN

__all__ = [
    "dequantize",
    "expand",
    "group_scales",
    "lost",
    "quantize",
    "scale_of",
    "sides",
    "tensor_scale",
]

Floats = npt.NDArray[np.float32]
#: Below it, 1 / scale is infinite in float32.
SMALLEST_SCALE = np.float32(2.0**-126)


def scale_of(
    amax: Floats,
    *,
    largest: float = E4M3FN.max,
    inverted: bool = False,
    zero: float = 1.0,
    smallest: float = float(SMALLEST_SCALE),
    eps: float = 0.0,
    reciprocal: bool = False,
    detour: str = "",
) -> Floats:
    """From amax to the decode scale."""
    amax = np.maximum(np.asarray(amax, np.float32), np.float32(eps))
    top = np.float32(largest)
    with np.errstate(all="ignore"):
        scale = amax * (np.float32(1) / top) if reciprocal else amax / top
        scale = np.maximum(scale, np.float32(smallest))
        if detour:
            scale = round_to(scale, detour)
        if inverted:
            scale = top / amax
        return np.where(amax == 0, np.float32(zero), scale).astype(np.float32)


def tensor_scale(
    x: Floats,
    *,
    magnitude: str = "abs",
    nonfinite: str = "ignore",
    **how: Any,
) -> tuple[Floats, Floats]:
    """One amax and one scale; ``how`` goes to `scale_of`."""
    values = x.astype(np.float32)
    if nonfinite == "ignore":
        values = values[np.isfinite(values)]
    elif nonfinite == "clip":
        values = np.nan_to_num(values)
    elif nonfinite == "infinity counts":
        values = values[~np.isnan(values)]
    if magnitude == "max":
        amax = values.max(initial=0)
    elif magnitude == "mean":
        amax = np.abs(values).mean() if values.size else np.float32(0)
    else:
        amax = np.abs(values).max(initial=0)
    measured = np.asarray(amax, np.float32)
    return measured, scale_of(measured, **how)


def sides(shape: tuple[int, ...], rows: int, cols: int) -> tuple[int, int]:
    """A group's sides with -1 filled in."""
    return (rows if rows > 0 else shape[0]), (cols if cols > 0 else shape[1])


def group_amax(x: Floats, rows: int, cols: int, *, signed: bool = False) -> Floats:
    """The largest magnitude of each group, ragged ones included."""
    rows, cols = sides(x.shape, rows, cols)
    size = x if signed else np.abs(x)
    by_rows = np.maximum.reduceat(size, np.arange(0, x.shape[0], rows), axis=0)
    found: Floats = np.maximum.reduceat(by_rows, np.arange(0, x.shape[1], cols), axis=1)
    return np.maximum(found, np.float32(0))


def group_scales(x: Floats, rows: int, cols: int, **how: Any) -> Floats:
    """One decode scale a group; ``how`` goes to `scale_of`."""
    return scale_of(group_amax(x, rows, cols), **how)


def expand(
    scales: Floats, shape: tuple[int, ...], rows: int, cols: int, *, how: str = ""
) -> Floats:
    """Repeat each scale over its group; ``how`` names a wrong way."""
    rows, cols = sides(shape, rows, cols)
    if how == "tiled":
        many = (-(-shape[0] // len(scales)), -(-shape[1] // scales.shape[1]))
        return np.tile(scales, many)[: shape[0], : shape[1]]
    row, col = np.arange(shape[0]) // rows, np.arange(shape[1]) // cols
    if how == "first":
        row, col = row * 0, col * 0
    if how == "rows alone":
        col = col * 0
    if how == "columns alone":
        row = row * 0
    if how == "one late":
        row = np.maximum(np.arange(shape[0]) - 1, 0) // rows
    if how == "evenly":
        row = np.arange(shape[0]) * len(scales) // shape[0]
        col = np.arange(shape[1]) * scales.shape[1] // shape[1]
    if how == "reversed":
        row, col = row[::-1], col[::-1]
    return scales[np.ix_(row, col)]


def quantize(
    x: Floats,
    scales: Floats,
    rows: int,
    cols: int,
    *,
    groups: str = "",
    arithmetic: str = "divide",
    detour: str = "",
    rounding: str = "nearest-even",
) -> npt.NDArray[np.uint8]:
    """Codes of x over its scales."""
    full = expand(scales, x.shape, rows, cols, how=groups)
    with np.errstate(all="ignore"):
        if arithmetic == "reciprocal":
            scaled = x * (np.float32(1) / full)
        elif arithmetic == "multiply":
            scaled = x * full
        elif arithmetic == "none":
            scaled = x
        else:
            scaled = x / full
    if detour:
        scaled = round_to(scaled, detour)
    return encode(scaled, rounding=rounding)


def dequantize(
    codes: np.ndarray,
    scales: Floats,
    rows: int,
    cols: int,
    *,
    groups: str = "",
    divide: bool = False,
    detour: str = "",
    fmt: str = E4M3FN.short,
    integers: bool = False,
) -> Floats:
    """Values of codes times their scales."""
    full = expand(scales, codes.shape, rows, cols, how=groups)
    values = codes.astype(np.float32) if integers else decode(codes, fmt)
    with np.errstate(all="ignore"):
        product = values / full if divide else values * full
    return round_to(product, detour) if detour else product.astype(np.float32)


def lost(
    x: Floats,
    rows: int,
    cols: int,
    *,
    int_max: float = 127.0,
    int_cut: bool = False,
    zeros: bool = False,
    threshold: float = 0.0,
    swapped: bool = False,
) -> npt.NDArray[np.int64]:
    """How many elements become zero in INT8 and in E4M3FN, each scaled to its max."""
    amax = group_amax(x, rows, cols)
    whole = []
    for largest in (int_max, E4M3FN.max):
        scale = expand(scale_of(amax, largest=largest), x.shape, rows, cols)
        whole.append(x / scale)
    integers = np.trunc(whole[0]) if int_cut else np.rint(whole[0])
    small = encode(whole[1]) & 0x7F == 0
    if threshold:
        small = np.abs(whole[1]) < threshold
    counted = np.ones(x.shape, bool) if zeros else x != 0
    counts = [np.sum((integers == 0) & counted), np.sum(small & counted)]
    return np.array(counts[::-1] if swapped else counts, np.int64)


def to_bfloat16(x: Floats) -> Floats:
    """Round to bfloat16, as float32."""
    return round_to(x, BF16)
