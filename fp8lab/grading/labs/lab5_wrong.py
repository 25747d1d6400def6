"""What the kernels of lab 5 compute, in NumPy, with each step open to be wrong.

With nothing changed these are the right answers; the tests hold them against
`fp8lab.scaled_mm`. Right answers themselves come from there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fp8lab.codec import encode, round_to
from fp8lab.fma import fma
from fp8lab.formats import BF16
from fp8lab.grading.labs.lab4_wrong import unwritten
from fp8lab.tensorcore import mma

__all__ = [
    "DEPTH",
    "TILE",
    "block_scaled",
    "order_of",
    "product",
    "roofline",
    "scaled",
    "small_product",
]

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]

#: Rows and columns of a tile, and how much of K a step takes.
TILE, DEPTH = 64, 128
ONE = np.float32(1)


def steps(a: Codes, b: Codes, depth: int = DEPTH) -> Iterator[tuple[Codes, Codes]]:
    """Cut both operands along K; b becomes [K, N]."""
    for k in range(0, a.shape[1], depth):
        yield a[:, k : k + depth], b[:, k : k + depth].T


def product(a: Codes, b: Codes, sums: str = "promoted", fault: str = "") -> Floats:
    """Multiply a [M, K] by b [N, K] transposed, without scales.

    Parameters
    ----------
    sums
        ``"chain"``, ``"promoted"``, ``"exact"``, ``"every 64"`` and its like,
        ``"doubled"`` (a promotion that keeps the chain), ``"float32"`` (exact sums of
        each step, as an instruction without the short accumulator gives).
    fault
        ``"reinterpreted"`` (b's memory read as [K, N]), ``"last block"`` and ``"first
        block"`` (of K), ``"b stands still"``, ``"by columns"`` (stored transposed),
        ``"grid swapped"``, ``"first tile"``, ``"bf16"``, ``"e5m2"``.
    """
    depth = a.shape[1]
    if fault == "reinterpreted":
        b = np.ascontiguousarray(b).reshape(depth, -1).T
    if fault in ("last block", "first block"):
        end = depth // DEPTH * DEPTH if fault == "last block" else DEPTH
        a, b = a[:, :end], b[:, :end]
    if fault == "b stands still":
        return _still(a, b, sums)
    out = _summed(a, b, sums, "E5M2" if fault == "e5m2" else "E4M3FN")
    if fault == "bf16":
        return round_to(out, BF16)
    if fault == "by columns":
        return np.ascontiguousarray(out.T).reshape(out.shape)
    left = np.zeros(out.shape, bool)
    rows, cols = (-(-n // TILE) for n in out.shape)
    if fault == "grid swapped":
        left[cols * TILE :], left[:, rows * TILE :] = True, True
    if fault == "first tile":
        left[TILE:], left[:, TILE:] = True, True
    return np.where(left, unwritten(out.shape, np.float32), out)


def _summed(a: Codes, b: Codes, sums: str, fmt: str) -> Floats:
    formats = {"a_format": fmt, "b_format": fmt}
    total: Floats = np.zeros((len(a), len(b)), np.float32)
    if sums in ("float32", "doubled"):
        for x, y in steps(a, b):
            if sums == "float32":
                total += mma(x, y, accumulator="exact", **formats).astype(np.float32)
            else:
                total = total + mma(x, y, total, **formats)
        return total
    named = {"chain": "hopper", "promoted": "hopper-128", "exact": "exact"}
    rule = named.get(sums, f"hopper-{sums.removeprefix('every ')}")
    return mma(a, b.T, accumulator=rule, **formats).astype(np.float32)


def _still(a: Codes, b: Codes, sums: str) -> Floats:
    total: Floats = np.zeros((len(a), len(b)), np.float32)
    first = b[:, :DEPTH].T
    for x, _ in steps(a, b):
        y = first[: x.shape[1]]
        total = mma(x, y, total) if sums == "chain" else total + mma(x, y)
    return total


def small_product(
    a: Codes, b: Codes, sums: str = "promoted", fault: str = ""
) -> Floats:
    """As `product`, in tiles of 64 rows of b by 16 of a.

    One more fault: ``"not turned"``, the [N, M] product stored as it is.
    """
    if fault == "not turned":
        return product(a, b, sums, "by columns")
    if fault == "first tile":
        out = product(a, b, sums)
        out[:, TILE:] = unwritten((1,), np.float32)[0]
        return out
    return product(a, b, sums, fault)


def scaled(
    a: Codes, b: Codes, scale_a: Floats, scale_b: Floats, dtype: str, fault: str = ""
) -> np.ndarray:
    """Scale the promoted product: one scale each, or one for each row.

    Faults: ``"sides swapped"`` and ``"multiplied first"`` (a scale for each row),
    ``"one by one"`` (one scale each), ``"divided"``, ``"a alone"``, ``"in the loop"``,
    ``"rounded first"``, ``"truncated"``, ``"twice"``, ``"ignored"``, ``"chain"``.
    """
    left, right = scale_a.reshape(-1, 1), scale_b.reshape(1, -1)
    rowwise = left.size > 1 or right.size > 1
    total = product(a, b, "chain" if fault == "chain" else "promoted")
    if fault == "rounded first":
        total = round_to(total, BF16)
    if fault == "divided":
        left, right = ONE / left, ONE / right
    out = total * right * left if rowwise else total * (left * right)
    if fault == "sides swapped" and rowwise:
        out = total * left * right
    if fault == "multiplied first":
        out = total * (left * right)
    if fault == "one by one":
        out = total * right * left
    if fault == "in the loop":
        out = np.zeros_like(total)
        for x, y in steps(a, b):
            out = out + mma(x, y) * right * left
    changed = {"a alone": total * left, "ignored": total, "twice": out * right * left}
    out = changed.get(fault, out).astype(np.float32)
    if dtype == "float32":
        return out
    if fault == "truncated":
        return (out.view(np.uint32) >> 16).astype(np.uint16)
    return encode(out, BF16)


def block_scaled(
    a: Codes, b: Codes, scale_a: Floats, scale_b: Floats, fault: str = ""
) -> Floats:
    """Multiply with scales for 1x128 of a and 128x128 of b.

    Faults: ``"no fma"``, ``"one by one"``, ``"first scales"``, ``"at the end"``,
    ``"first columns"`` (of b's scales), ``"by rows"`` (a's scales, which lie column by
    column), ``"into the chain"``, ``"divided"``, ``"b alone"``, ``"last block"``.
    """
    if fault == "by rows":
        scale_a = np.ascontiguousarray(scale_a.T).reshape(scale_a.shape)
    wide = np.repeat(scale_b, DEPTH, axis=0)[: len(b)]
    if fault == "first columns":
        wide = np.broadcast_to(scale_b[:1], wide.shape)
    if fault == "at the end":
        return product(a, b) * (scale_a[:, :1] * wide[:, :1].T)
    total: Floats = np.zeros((len(a), len(b)), np.float32)
    for i, (x, y) in enumerate(steps(a, b)):
        if fault == "last block" and x.shape[1] < DEPTH:
            continue
        at = 0 if fault == "first scales" else i
        u, v = scale_a[:, at, None], wide[None, :, at]
        if fault == "into the chain":
            total = mma(x, y, total) * (u * v)
            continue
        total = _add(mma(x, y), u, v, total, fault)
    return total.astype(np.float32)


def _add(acc: Floats, u: Floats, v: Floats, total: Floats, fault: str) -> Floats:
    if fault == "no fma":
        return total + acc * (u * v)
    if fault == "one by one":
        return fma(acc * u, v, total)
    if fault == "b alone":
        return fma(acc, np.broadcast_to(v, acc.shape), total)
    return fma(acc, ONE / (u * v) if fault == "divided" else u * v, total)


def order_of(
    tiles_m: int, tiles_n: int, group: int, fault: str = ""
) -> npt.NDArray[np.int32]:
    """Return which program takes each tile, in groups of so many rows of tiles.

    Faults: ``"row by row"``, ``"column by column"``, ``"last group"`` (not shortened),
    ``"groups of columns"``, ``"group too large"``, ``"swapped"`` (rows and columns),
    ``"first forgotten"``, ``"backwards"`` (every second column), ``"one group"``.
    """
    if fault == "groups of columns":
        return np.ascontiguousarray(order_of(tiles_n, tiles_m, group).T)
    height = {"row by row": 1, "column by column": tiles_m, "one group": tiles_m}.get(
        fault, group + (fault == "group too large")
    )
    out = unwritten((tiles_m, tiles_n), np.int32)
    program = np.arange(tiles_m * tiles_n)
    number, inside = np.divmod(program, height * tiles_n)
    rows = np.minimum(tiles_m - number * height, height)
    if fault == "last group":
        rows = np.full_like(rows, height)
    col, row = np.divmod(inside, rows)
    if fault == "backwards":
        row = np.where(col % 2, rows - 1 - row, row)
    if fault != "first forgotten":
        row = row + number * height
    if fault == "one group":
        row = tiles_m - 1 - row
    if fault == "swapped":
        row, col = col, row
    here = (row < tiles_m) & (col < tiles_n)
    out[row[here], col[here]] = program[here]
    return out


def roofline(
    m: int, n: int, k: int, width: int, peak: float, bandwidth: float, fault: str = ""
) -> tuple[float, int, int]:
    """Return intensity, whether arithmetic is the bound, and nanoseconds.

    Faults: ``"no two"`` (a multiply-add is one operation), ``"no output"``, ``"narrow
    output"``, ``"wide output"`` (float32), ``"added"`` (both times), ``"shorter"``,
    ``"upside down"`` (intensity), ``"bound swapped"``, ``"bits"``, ``"no weight"``,
    ``"microseconds"``.
    """
    flops = m * n * k * (1 if fault == "no two" else 2)
    output = {"no output": 0, "narrow output": width, "wide output": 4}.get(fault, 2)
    weight = 0 if fault == "no weight" else n * k
    traffic = (m * k + weight) * width * (8 if fault == "bits" else 1) + m * n * output
    times = flops / peak, traffic / bandwidth
    seconds = {"added": sum(times), "shorter": min(times)}.get(fault, max(times))
    bound = int((times[0] > times[1]) != (fault == "bound swapped"))
    intensity = traffic / flops if fault == "upside down" else flops / traffic
    return intensity, bound, round(seconds * (1e6 if fault == "microseconds" else 1e9))
