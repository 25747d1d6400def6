"""The cases of lab 5, drawn afresh each time, and how its numbers are told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fp8lab.codec import encode
from fp8lab.grading.labs.lab5_wrong import DEPTH, TILE
from fp8lab.grading.tasks import Case
from fp8lab.grading.words import Shown

__all__ = [
    "SHOWN",
    "batch_cases",
    "block_cases",
    "chain_cases",
    "order_cases",
    "promoted_cases",
    "repaired_cases",
    "roofline_cases",
    "scaled_cases",
]

Cases = Iterator[Case]
Codes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


def codes(rng: np.random.Generator, rows: int, depth: int) -> Codes:
    """Codes of positive numbers, whose long sums lose the most; each row of a size."""
    size = np.exp2(rng.uniform(-3, 3, (rows, 1)))
    return encode(rng.uniform(0.5, 8, (rows, depth)) * size)


def signed(rng: np.random.Generator, rows: int, depth: int) -> Codes:
    """Codes of normal numbers."""
    return encode(rng.standard_normal((rows, depth)) * 4)


def pair(rng: np.random.Generator, m: int, n: int, k: int) -> tuple[Codes, Codes]:
    """Two operands, the second with numbers of both signs now and then."""
    draw = signed if rng.random() < 0.5 else codes
    return codes(rng, m, k), draw(rng, n, k)


def ragged(rng: np.random.Generator) -> tuple[int, int, int]:
    """Sizes that fill no tile, and no two of them equal."""
    m, n = int(rng.integers(17, 50)), int(rng.integers(TILE + 1, 2 * TILE))
    return m, n, DEPTH + int(rng.integers(1, DEPTH))


def chain_cases(rng: np.random.Generator) -> Cases:
    """One tile, several, a long K, and sizes that fill no tile."""
    yield Case("one tile", pair(rng, TILE, TILE, DEPTH))
    yield Case("many tiles", pair(rng, 2 * TILE, 3 * TILE, DEPTH))
    yield Case("long sums", (codes(rng, TILE, 768), codes(rng, TILE, 768)))
    yield Case("ragged edges", pair(rng, *ragged(rng)))


def promoted_cases(rng: np.random.Generator) -> Cases:
    """Sums of one step and of several."""
    yield Case("short sums", pair(rng, TILE, TILE, DEPTH))
    yield Case("long sums", (codes(rng, TILE, 768), codes(rng, TILE, 768)))
    yield Case("long sums", (codes(rng, TILE, 384), signed(rng, TILE, 384)))
    yield Case("ragged edges", pair(rng, *ragged(rng)))


def scales(rng: np.random.Generator, *shape: int) -> Floats:
    """Decode scales, no powers of two."""
    return np.exp2(rng.uniform(-9, 1, shape)).astype(np.float32)


def scaled_cases(rng: np.random.Generator) -> Cases:
    """One scale each; one for each row; and both rounded to bfloat16."""
    m, n = 48, 2 * TILE
    for aspect, dtype in (("one scale each", "float32"), ("bfloat16", "bfloat16")):
        x = (codes(rng, m, 256), signed(rng, n, 256))
        yield Case(aspect, (*x, scales(rng, 1, 1), scales(rng, 1, 1), dtype))
    for aspect, dtype in (("a scale a row", "float32"), ("bfloat16", "bfloat16")):
        x = (codes(rng, m, 256), codes(rng, n, 256))
        yield Case(aspect, (*x, scales(rng, m, 1), scales(rng, n, 1), dtype))
    m, n, k = ragged(rng)
    x = pair(rng, m, n, k)
    yield Case("a scale a row", (*x, scales(rng, m, 1), scales(rng, n, 1), "float32"))


def block_cases(rng: np.random.Generator) -> Cases:
    """One block of K, many, and sizes that fill no block."""

    def case(aspect: str, m: int, n: int, k: int) -> Case:
        blocks = -(-k // DEPTH)
        x, y = codes(rng, m, k), signed(rng, n, k)
        left, right = scales(rng, m, blocks), scales(rng, -(-n // DEPTH), blocks)
        return Case(aspect, (x, y, left, right))

    yield case("one block of K", TILE, DEPTH, DEPTH)
    yield case("many blocks of K", TILE, TILE, 4 * DEPTH)
    yield case("many blocks of b", 32, 3 * TILE, 2 * DEPTH)
    m, n, k = ragged(rng)
    yield case("ragged edges", m, n + TILE, k)


def order_cases(rng: np.random.Generator) -> Cases:
    """Groups that divide the rows of tiles, and one that does not."""
    for _ in range(2):
        group = int(rng.integers(2, 4))
        shape = group * int(rng.integers(2, 4)), int(rng.integers(3, 6))
        yield Case("whole groups", (*shape, group))
    group = int(rng.integers(3, 5))
    shape = group * int(rng.integers(1, 3)) + group - 1, int(rng.integers(3, 6))
    yield Case("a last group that is shorter", (*shape, group))


def batch_cases(rng: np.random.Generator) -> Cases:
    """A batch of a few tokens, up to 16."""
    x = codes(rng, 16, 256), codes(rng, 2 * TILE, 256)
    yield Case("16 tokens", x)
    yield Case("16 tokens", (codes(rng, 16, 512), signed(rng, TILE, 512)))
    m, k = int(rng.integers(2, 15)), DEPTH + int(rng.integers(1, DEPTH))
    yield Case("fewer, and ragged", (codes(rng, m, k), codes(rng, 100, k)))
    yield Case("fewer, and ragged", (codes(rng, 1, 384), codes(rng, 40, 384)))


def roofline_cases(rng: np.random.Generator) -> Cases:
    """Decode and prefill, in FP8 and bfloat16, on machines of several kinds."""
    for width in (1, 2):
        peak = float(rng.uniform(3e14, 2e15)) / width
        bandwidth = float(rng.uniform(2e12, 5e12))
        n, k = (128 * int(rng.integers(16, 128)) for _ in range(2))
        machine = width, peak, bandwidth
        yield Case("few tokens", (1, n, k, *machine))
        yield Case("few tokens", (int(rng.integers(2, 60)), n, k, *machine))
        yield Case("many tokens", (4096 + int(rng.integers(4096)), n, k, *machine))


def symmetric(rng: np.random.Generator, size: int) -> Codes:
    """Codes of a matrix that is its own transpose."""
    upper = np.triu(codes(rng, size, size))
    return upper + np.triu(upper, 1).T


def repaired_cases(rng: np.random.Generator) -> Cases:
    """One bug at a time: each aspect's cases show one, and none of the others."""

    def ones(rows: int) -> Floats:
        return np.ones((rows, 1), np.float32)

    n = DEPTH
    x, y = codes(rng, TILE, n), codes(rng, n, n)
    yield Case("operands", (x, y, ones(TILE), ones(n)))
    x, y = codes(rng, TILE, n), symmetric(rng, n)
    yield Case("scales", (x, y, scales(rng, TILE, 1), scales(rng, n, 1)))
    n = 3 * DEPTH
    x, y = codes(rng, TILE, n), symmetric(rng, n)
    yield Case("sums", (x, y, ones(TILE), ones(n)))


def _sizes(case: Case, _: tuple[int, ...]) -> str:
    a, b = case.inputs[:2]
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return ""
    return f"M = {len(a)}, N = {len(b)}, K = {a.shape[1]}"


SHOWN = {
    name: Shown(("",), None, "", _sizes)
    for name in (
        "one_chain",
        "promoted",
        "scaled",
        "block_scaled",
        "small_batch",
        "repaired",
    )
}
