"""The cases of lab 2, drawn afresh each time, and how its numbers are told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fp8lab.codec import decode, encode
from fp8lab.formats import E4M3FN
from fp8lab.grading.labs.draws import normal_numbers, ties
from fp8lab.grading.labs.lab2_groups import group_scales, to_bfloat16
from fp8lab.grading.labs.notes import number_note
from fp8lab.grading.tasks import Case
from fp8lab.grading.words import Index, Shown

Cases = Iterator[Case]


def matrix(rng: np.random.Generator, rows: int, cols: int) -> np.ndarray:
    """Normal numbers whose size differs from row to row and from column to column."""
    x = rng.standard_normal((rows, cols))
    x *= np.exp2(rng.uniform(-6, 6, (rows, 1)) + rng.uniform(-6, 6, (1, cols)))
    return x.astype(np.float32)


def tensor_scale_cases(rng: np.random.Generator) -> Cases:
    """One scale, and everything that can stand in its way."""
    for shape in ((7, 9), (40,), (3, 2, 5)):
        size = np.exp2(rng.uniform(-9, 9))
        x = (rng.standard_normal(shape) * size).astype(np.float32)
        x.reshape(-1)[rng.integers(x.size)] = -np.abs(x).max() * np.float32(1.5)
        yield Case("numbers", (x,))
    yield Case("numbers", (rng.standard_normal((6, 8)).astype(np.float32)[:, ::2],))
    for bad in (np.nan, np.inf, -np.inf):
        x = rng.standard_normal(30).astype(np.float32)
        x[rng.integers(0, 30, 3)] = bad
        yield Case("NaN and infinity", (x,))
    yield Case("NaN and infinity", (np.array([np.nan, np.inf], np.float32),))
    for shape in ((3, 4), (2,), (0,), (0, 4)):
        zeros = np.copysign(np.zeros(shape), rng.standard_normal(shape))
        yield Case("nothing but zeros", (zeros.astype(np.float32),))
    for low, high in ((1e-44, 1e-40), (1e-38, 1e-36), (1e-20, 1e-12)):
        yield Case("tiny numbers", (normal_numbers(rng, 20, low, high),))


def group_scales_cases(rng: np.random.Generator) -> Cases:
    """Every granularity, whole and ragged."""
    for rows, cols in ((-1, -1), (1, -1), (-1, 1)):
        yield Case("whole rows and columns", (matrix(rng, 6, 8), rows, cols))
    for rows, cols in ((1, 4), (4, 4), (2, 8)):
        yield Case("blocks", (matrix(rng, 8, 16), rows, cols))
    for shape, (rows, cols) in (
        ((5, 11), (2, 4)),
        ((9, 6), (4, -1)),
        ((3, 13), (1, 5)),
        ((140, 200), (128, 128)),
        ((3, 5), (4, 8)),
    ):
        yield Case("ragged edges", (matrix(rng, *shape), rows, cols))
    x = matrix(rng, 6, 8)
    x[2:4, 4:] = 0
    x[4] = 0
    yield Case("groups of zeros", (x, 2, 4))
    yield Case("groups of zeros", (x, 1, -1))


GROUPS = (((6, 8), (-1, -1)), ((6, 8), (1, -1)), ((8, 12), (4, 4)), ((7, 10), (3, 4)))
KINDS = ("one scale", "a scale a row", "blocks", "ragged edges")


def quantize_cases(rng: np.random.Generator) -> Cases:
    """Every granularity, and quotients at ties."""
    for kind, (shape, (rows, cols)) in zip(KINDS, GROUPS, strict=True):
        x = matrix(rng, *shape)
        yield Case(kind, (x, group_scales(x, rows, cols), rows, cols))
        x = matrix(rng, *shape)
        yield Case(kind, (x, group_scales(x, rows, cols), rows, cols))
    for _ in range(2):
        x, scales = near_ties(rng, 12, 16)
        yield Case("near ties", (x, scales, 1, -1))


def near_ties(
    rng: np.random.Generator, rows: int, cols: int, *, narrow: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose quotients lie at ties, where one rounding and two differ."""
    scales = np.exp2(rng.uniform(-8, 8, (rows, 1))).astype(np.float32)
    if narrow:
        scales = to_bfloat16(scales)
    middle = ties(E4M3FN)
    middle = middle[(middle > 2.0**-6) & (middle < 400)]
    many = rng.choice(middle, (rows, 200)) * scales
    bits = many.view(np.uint32) + rng.integers(-2, 3, many.shape).astype(np.uint32)
    many = bits.view(np.float32)
    differ = encode(many / scales) != encode(many * (np.float32(1) / scales))
    # Those that differ first, row by row.
    order = np.argsort(~differ, axis=1, kind="stable")[:, :cols]
    x = np.take_along_axis(many, order, axis=1)
    x[:, 0] = scales[:, 0] * np.float32(E4M3FN.max)
    return x, scales


def dequantize_cases(rng: np.random.Generator) -> Cases:
    """Every granularity, all codes."""
    for kind, (shape, (rows, cols)) in zip(KINDS, GROUPS, strict=True):
        scales = group_scales(matrix(rng, *shape), rows, cols)
        codes = rng.integers(0, 256, shape).astype(np.uint8)
        codes[codes & 0x7F == 0x7F] = 0x38
        yield Case(kind, (codes, scales, rows, cols))
    codes = rng.permutation(256).astype(np.uint8).reshape(8, 32)
    scales = group_scales(matrix(rng, 8, 32), 1, 8)
    yield Case("all codes", (codes, scales, 1, 8))


def spread_matrix(rng: np.random.Generator, rows: int, cols: int) -> np.ndarray:
    """Some elements are lost in INT8, some in E4M3, some in neither; some are zero."""
    x = normal_numbers(rng, rows * cols, 2.0**-20, 1).reshape(rows, cols)
    x *= np.exp2(rng.integers(-8, 8, (rows, 1))).astype(np.float32)
    x *= np.exp2(rng.integers(-4, 4, (1, cols))).astype(np.float32)
    x[rng.random(x.shape) < 0.05] = 0
    return x


def lost_cases(rng: np.random.Generator) -> Cases:
    """Every granularity; and outliers in one channel, in every token."""
    for kind, (_, (rows, cols)) in zip(KINDS, GROUPS, strict=True):
        yield Case(kind, (spread_matrix(rng, 14, 22), rows, cols))
        yield Case(kind, (spread_matrix(rng, 9, 31), rows, cols))
    x = rng.standard_normal((12, 32)).astype(np.float32)
    x[:, rng.integers(32)] *= np.float32(2000)
    for rows, cols in ((-1, -1), (1, -1), (1, 8)):
        yield Case("an outlier channel", (x, rows, cols))
    # Exactly half a step, and just above: in INT8 and in E4M3.
    half = np.array([[448, 2**-10, 2**-10 * 1.001, 2**-9], [127, 0.5, 0.5001, 1.0]])
    yield Case("an outlier channel", (half.astype(np.float32), 1, -1))


def repair_cases(rng: np.random.Generator) -> Cases:
    """One bug at a time, the direction of the scale before all others."""
    # amax = 448 * 2**k: bfloat16 holds the scale, and a product is a division.
    x = rng.integers(-400, 400, (6, 10)) / 8.0
    x[:, rng.integers(10)] = 448 * rng.choice([-1, 1], 6)
    powers = np.exp2(rng.permutation(np.arange(-7, 8))[:6])
    exact = (x * powers[:, None]).astype(np.float32)
    yield Case("the scale's direction", (exact,))
    for _ in range(2):
        wide = matrix(rng, 8, 24)
        yield Case("the stored scale", (np.where(_same(wide), wide, 0),))
    with_zeros = exact.copy()
    with_zeros[rng.integers(6)] = 0
    yield Case("rows of zeros", (with_zeros,))
    yield Case("rows of zeros", (np.zeros((2, 3), np.float32),))
    for _ in range(2):
        yield Case("division", (near_ties(rng, 8, 12, narrow=True)[0],))


def _same(x: np.ndarray) -> np.ndarray:
    """Where division and product agree, whichever scale is used; amax among them."""
    top = np.float32(E4M3FN.max)
    amax = np.abs(x).max(axis=1, keepdims=True)
    scale = amax / top
    kept = to_bfloat16(scale)
    same = encode(x / kept) == encode(x * (np.float32(1) / kept))
    same &= encode(x / scale) == encode(x * (top / amax))
    return np.asarray(same | (np.abs(x) == amax))


def _group_at(case: Case, index: Index) -> tuple[int, int]:
    """Which group an element of a case lies in."""
    x, _, *sides = case.inputs
    shape = np.shape(x)
    row, col = (
        at // (int(side) if int(side) > 0 else whole)
        for at, side, whole in zip(index, sides, shape, strict=True)
    )
    return row, col


def _quotient(case: Case, index: Index) -> float:
    x, scales = (np.asarray(each) for each in case.inputs[:2])
    return float(x[index] / scales[_group_at(case, index)])


def _quotient_note(case: Case, index: Index) -> str:
    group, quotient = _group_at(case, index), _quotient(case, index)
    scale = np.asarray(case.inputs[1])[group]
    place = number_note(quotient, E4M3FN)
    told = f"x / scale = {np.float32(quotient)!s}: {place}"
    return f"scale {list(group)} is {scale!s}, {told}"


def _dequantize_note(case: Case, index: Index) -> str:
    value, group = decode(np.asarray(case.inputs[0])[index]), _group_at(case, index)
    return f"decode(code) = {value!s}, scale {list(group)}"


SHOWN = {
    "tensor_scale": Shown(("", "")),
    "group_scales": Shown(),
    "quantize": Shown(("E4M3FN",), 0, "", _quotient_note, number=_quotient),
    "dequantize": Shown(("",), 0, "E4M3FN", _dequantize_note),
    "lost": Shown(("",)),
    "choose": Shown(("",)),
    "quantize_rows": Shown(("E4M3FN", ""), 0),
}
