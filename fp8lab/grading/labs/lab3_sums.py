"""Hopper's sums in plain NumPy, with one thing wrong where asked: lab 3's answers.

Apart from `fp8lab.mma` on purpose: each line of the rule can go wrong on its own here.
Without arguments all is right, which the tests hold against `fp8lab.mma`, and with it
against the recorded H200.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fp8lab.codec import decode, round_to
from fp8lab.formats import E4M3FN

__all__ = ["Floats", "block_scaled", "chain", "promoted", "scaled_mm", "step"]

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]
STEP, BITS = 32, 13
#: Lower than the exponent of any product or sum.
NONE = -999


def exponents(codes: Codes, values: np.ndarray, subnormal: str) -> np.ndarray:
    """The exponent a code counts with: a subnormal with the smallest normal's."""
    field = (codes.astype(np.int64) & E4M3FN.magnitude_mask) >> E4M3FN.mantissa_bits
    if subnormal == "own":
        return np.where(values == 0, E4M3FN.emin, np.frexp(values)[1] - 1)
    return np.maximum(field, 0 if subnormal == "field 0" else 1) - E4M3FN.bias


def step(
    a: Codes,
    b: Codes,
    accumulator: Floats,
    *,
    bits: int = BITS,
    cut: Callable[[np.ndarray], np.ndarray] = np.trunc,
    normalised: bool = False,
    subnormal: str = "",
    zeros_count: bool = False,
    sum_aligned: bool = True,
    sum_cut: bool = True,
    sum_used: bool = True,
    last: str = "cut",
) -> Floats:
    """One instruction: up to 32 products and the accumulator, cut and added."""
    u, v = decode(a).astype(np.float64), decode(b).astype(np.float64)
    product = u[:, :, None] * v[None]
    of_product = (
        np.frexp(product)[1] - 1
        if normalised
        else exponents(a, u, subnormal)[:, :, None] + exponents(b, v, subnormal)[None]
    )
    if not zeros_count:
        of_product = np.where(product == 0, NONE, of_product)
    top = of_product.max(axis=1, initial=NONE)
    total = accumulator.astype(np.float64)
    if sum_aligned:
        top = np.maximum(top, np.where(total == 0, NONE, np.frexp(total)[1] - 1))
    unit = np.ldexp(1.0, top - bits)
    whole = cut(product / unit[:, None]).sum(axis=1)
    if sum_used:
        whole += cut(total / unit) if sum_cut else total / unit
    if last != "kept":
        whole = _narrow(whole, bits, np.rint if last == "rounded" else cut)
    return (whole * unit + 0.0).astype(np.float32)


def _narrow(
    whole: np.ndarray, bits: int, cut: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Leave ``bits`` bits below the leading one."""
    grid = np.ldexp(1.0, np.maximum(np.frexp(whole)[1] - 1 - bits, 0))
    narrow: np.ndarray = cut(whole / grid) * grid
    return narrow


def chain(
    a: Codes,
    b: Codes,
    *,
    group: int = STEP,
    reverse: bool = False,
    stride: bool = False,
    restart: bool = False,
    tail: bool = True,
    **how: Any,
) -> Floats:
    """Sum the whole of K in one accumulator, a group at a time."""
    depth = a.shape[1]
    total = np.zeros((len(a), b.shape[1]), np.float32)
    end = depth if tail else depth - depth % group
    starts = list(range(0, end, group))
    for i, k in enumerate(reversed(starts) if reverse else starts):
        part: Any = slice(i, None, len(starts)) if stride else slice(k, k + group)
        if restart:
            total = np.zeros_like(total)
        total = step(a[:, part], b[part], total, **how)
    return total


def promoted(
    a: Codes,
    b: Codes,
    every: int,
    *,
    total_dtype: str = "float32",
    carried: bool = False,
    narrow: str = "",
    reverse: bool = False,
    tail: bool = True,
    **how: Any,
) -> Floats:
    """Sum chains of ``every`` of K, and add those up in float32."""
    depth = a.shape[1]
    total = np.zeros((len(a), b.shape[1]), total_dtype)
    partial = np.zeros((len(a), b.shape[1]), np.float32)
    end = depth if tail else depth - depth % every
    starts = range(0, end, every)
    for k in reversed(starts) if reverse else starts:
        part = slice(k, k + every)
        if carried:
            for inner in range(k, min(k + every, depth), STEP):
                few = slice(inner, min(inner + STEP, k + every))
                partial = step(a[:, few], b[few], partial, **how)
        else:
            partial = chain(a[:, part], b[part], **how)
        total = total + partial.astype(total_dtype)
        if narrow:
            total = round_to(total, narrow)
    return total.astype(np.float32)


def scaled_mm(
    a: Codes,
    b: Codes,
    scale_a: Floats,
    scale_b: Floats,
    *,
    order: str = "b first",
    sums: str = "exact",
    inverted: bool = False,
    detour: str = "",
) -> Floats:
    """Exact sums, rounded to float32 once; then times the scales, one by one."""
    u, v = decode(a), decode(b)
    with np.errstate(all="ignore"):
        if order == "operands":
            return ((u * scale_a) @ (v * scale_b)).astype(np.float32)
        if sums == "float32":
            total = np.zeros((len(a), b.shape[1]), np.float32)
            for column, row in zip(u.T, v, strict=True):
                total += np.multiply.outer(column, row)
        elif sums == "hopper":
            total = chain(a, b)
        else:
            total = (u.astype(np.float64) @ v.astype(np.float64)).astype(np.float32)
        if detour:
            total = round_to(total, detour)
        if inverted:
            return total / scale_b / scale_a
        return _scaled(total, scale_a, scale_b, order)


def _scaled(total: Floats, scale_a: Floats, scale_b: Floats, order: str) -> Floats:
    if order == "a first":
        return total * scale_a * scale_b
    if order == "together":
        return total * (scale_a * scale_b)
    if order == "float64":
        wide = total.astype(np.float64) * scale_a.astype(np.float64) * scale_b
        return wide.astype(np.float32)
    if order == "a alone":
        return total * scale_a
    if order == "b alone":
        return total * scale_b
    if order == "one of each":
        return total * scale_b[0, 0] * scale_a[0, 0]
    return total * scale_b * scale_a


def block_scaled(
    a: Codes,
    b: Codes,
    scale_a: Floats,
    scale_b: Floats,
    block: int,
    *,
    scales: str = "",
    roundings: int = 1,
    at_end: bool = False,
    carried: bool = False,
    sums: str = "hopper",
    order: str = "together",
) -> Floats:
    """Chains of one block of K each, times its scales, added up in float32."""
    total = np.zeros((len(a), b.shape[1]), np.float32)
    column = np.arange(b.shape[1]) // block
    many = a.shape[1] // block
    for i in range(many):
        part = slice(0 if carried else i * block, (i + 1) * block)
        acc = _block_sum(a[:, part], b[part], sums)
        at_a, at_b = _block_places(i, many, scales)
        left = scale_a[:, at_a, None]
        right = scale_b[at_b, column * (scales != "one column")]
        if scales in ("a alone", "b alone"):
            left, right = (left, 1) if scales == "a alone" else (1, right)  # type: ignore[assignment]
        if at_end:
            total = total + acc
        elif order == "one by one":
            total = (acc * left * right + total.astype(np.float64)).astype(np.float32)
        elif roundings == 2:
            total = total + acc * (left * right)
        else:
            factor = np.asarray(left * right, np.float64)
            total = (acc * factor + total).astype(np.float32)
    if at_end:
        total = total * (scale_a[:, :1] * scale_b[0, column])
    return total


def _block_sum(a: Codes, b: Codes, sums: str) -> Floats:
    if sums == "exact":
        wide = decode(a).astype(np.float64) @ decode(b).astype(np.float64)
        return wide.astype(np.float32)
    return chain(a, b)


def _block_places(i: int, many: int, scales: str) -> tuple[int, int]:
    if scales == "next block":
        return min(i + 1, many - 1), min(i + 1, many - 1)
    if scales == "first block":
        return 0, 0
    if scales == "first block of b":
        return i, 0
    return i, i
