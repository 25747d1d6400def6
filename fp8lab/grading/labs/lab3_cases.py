"""The cases of lab 3, drawn afresh each time, and how its numbers are told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fp8lab.codec import encode
from fp8lab.grading.labs.lab3_hunts import BUGS, bug_output, candidates, interval_of
from fp8lab.grading.labs.lab3_sums import STEP, chain, promoted
from fp8lab.grading.tasks import Case
from fp8lab.grading.words import Index, Shown

Cases = Iterator[Case]
Codes = npt.NDArray[np.uint8]


def codes(rng: np.random.Generator, *shape: int, kind: str = "normal") -> Codes:
    """Codes of normal numbers, of positive ones, or of the whole range; no NaN."""
    if kind == "any":
        drawn = rng.integers(0, 127, shape) | rng.choice([0, 128], shape)
        return drawn.astype(np.uint8)
    x = rng.standard_normal(shape, dtype=np.float32) * np.float32(4)
    return encode(np.abs(x) if kind == "positive" else x)


def pair(
    rng: np.random.Generator, m: int, k: int, n: int, kind: str = "normal"
) -> tuple[Codes, Codes]:
    """Codes of a and of b."""
    return codes(rng, m, k, kind=kind), codes(rng, k, n, kind=kind)


def scaled_cases(rng: np.random.Generator) -> Cases:
    """Scales of rows and columns that differ, over every kind of codes."""

    def scales(*shape: int) -> np.ndarray:
        return np.exp2(rng.uniform(-8, 8, shape)).astype(np.float32)

    for kind in ("normal", "positive"):
        for m, k, n in ((8, 64, 10), (5, 33, 7)):
            a, b = pair(rng, m, k, n, kind)
            yield Case("rows and columns", (a, b, scales(m, 1), scales(1, n)))
    a, b = pair(rng, 6, 300, 5, "any")
    yield Case("every code", (a, b, scales(6, 1), scales(1, 5)))
    a, b = pair(rng, 5, 16, 6)
    ones = np.ones((5, 1), np.float32), np.ones((1, 6), np.float32)
    yield Case("scales of 1", (a, b, *ones))
    for depth in (0, 1):
        a, b = pair(rng, 3, depth, 4)
        yield Case("short sums", (a, b, scales(3, 1), scales(1, 4)))


def step_cases(rng: np.random.Generator) -> Cases:
    """Accumulators smaller and larger than the products, and operands at the edges."""
    for kind in ("normal", "positive", "any"):
        a, b = pair(rng, 6, STEP, 7, kind)
        yield Case("products alone", (a, b, np.zeros((6, 7), np.float32)))
    for size in (-8, 0, 8):
        a, b = pair(rng, 6, STEP, 7)
        yield Case("an accumulator", (a, b, sums(rng, (6, 7), 2.0**size)))
    for low in (3, 10):
        # All operands within a few binades: the sums carry, or cancel.
        a, b = (
            (rng.integers(8 * low, 8 * low + 16, shape) | rng.choice([0, 128], shape))
            for shape in ((5, STEP), (STEP, 6))
        )
        a, b = a.astype(np.uint8), b.astype(np.uint8)
        yield Case("an accumulator", (a, b, sums(rng, (5, 6), 2.0 ** (2 * low - 20))))
    for high in (8, 20):
        a = rng.integers(0, high, (6, STEP)).astype(np.uint8)
        b = rng.integers(0, high, (STEP, 6)).astype(np.uint8)
        yield Case("subnormals and zeros", (a, b, sums(rng, (6, 6), 2.0**-22)))
    a = np.where(rng.random((6, STEP)) < 0.9, 0, rng.integers(1, 4, (6, STEP)))
    b = np.where(rng.random((STEP, 6)) < 0.5, 0x7E, rng.integers(1, 4, (STEP, 6)))
    a[:, 0], b[0] = 0, 0x7E
    b[1:] = rng.integers(1, 4, (STEP - 1, 6))
    small = a.astype(np.uint8), b.astype(np.uint8)
    yield Case("subnormals and zeros", (*small, sums(rng, (6, 6), 2.0**-18)))
    yield Case("subnormals and zeros", (0 * small[0], small[1], sums(rng, (6, 6), 1.0)))
    zero = np.zeros((2, 3), np.float32)
    yield Case("subnormals and zeros", (0 * small[0][:2], 0 * small[1][:, :3], zero))


def sums(
    rng: np.random.Generator, shape: tuple[int, ...], size: float
) -> npt.NDArray[np.float32]:
    """Accumulators as they come out of a step: 13 fraction bits, both signs."""
    whole = rng.integers(1 << 13, 1 << 14, shape) * rng.choice([-1, 1], shape)
    binade = np.exp2(rng.integers(-3, 4, shape) - 13.0)
    return (whole * binade * size).astype(np.float32)


def chain_cases(rng: np.random.Generator) -> Cases:
    """Long sums of both signs, all-positive ones, and lengths that leave a rest."""
    for depth in (96, 320):
        for kind, aspect in (("normal", "both signs"), ("positive", "all positive")):
            yield Case(aspect, pair(rng, 8, depth, 8, kind))
    yield Case("both signs", uneven(rng, 6, 320, 6))
    for depth in (33, 50, 127):
        yield Case("a rest", pair(rng, 4, depth, 5, "positive"))
    for depth in (1, 31, 0):
        yield Case("short", pair(rng, 3, depth, 4, "any"))


def uneven(rng: np.random.Generator, m: int, k: int, n: int) -> tuple[Codes, Codes]:
    """Operands whose steps differ in size, so that float32 totals are rounded."""
    size = np.repeat(np.exp2(rng.permuted(np.linspace(-6, 6, k // STEP))), STEP)
    a = rng.standard_normal((m, k)) * size * 4
    b = rng.standard_normal((k, n)) * size[:, None] * 4
    return encode(a.astype(np.float32)), encode(b.astype(np.float32))


def promoted_cases(rng: np.random.Generator) -> Cases:
    """Intervals from one step to the whole of K."""
    for every in (32, 64, 160):
        for kind, aspect in (("normal", "both signs"), ("positive", "all positive")):
            yield Case(aspect, (*pair(rng, 5, 480, 6, kind), every))
        yield Case("uneven pieces", (*uneven(rng, 6, 480, 6), every))
    for depth, every in ((300, 128), (200, 96)):
        yield Case("a rest", (*pair(rng, 4, depth, 5, "positive"), every))
    yield Case("longer than K", (*pair(rng, 4, 96, 5, "positive"), 128))
    yield Case("longer than K", (*pair(rng, 4, 128, 5), 128))


def block_cases(rng: np.random.Generator) -> Cases:
    """Blocks of 32 to 128, scales that differ much, and columns that leave a rest."""
    for aspect, m, k, n, block in (
        ("whole blocks", 5, 256, 64, 64),
        ("whole blocks", 4, 128, 64, 32),
        ("ragged columns", 4, 192, 40, 32),
        ("ragged columns", 3, 256, 130, 128),
        ("one block", 4, 64, 9, 64),
    ):
        a, b = pair(rng, m, k, n, "positive" if rng.random() < 0.5 else "normal")
        left = np.exp2(rng.uniform(-4, 4, (m, k // block))).astype(np.float32)
        shape = (k // block, -(-n // block))
        right = np.exp2(rng.uniform(-4, 4, shape)).astype(np.float32)
        yield Case(aspect, (a, b, left, right, block))


def interval_cases(rng: np.random.Generator) -> Cases:
    """Each answer is the only one that explains its bytes."""
    depth = 256
    every = [int(n) for n in rng.choice([*candidates(depth)][1:4], 2, replace=False)]
    asked = [
        ("promoted", STEP),
        *(("promoted", n) for n in every),
        ("promoted", int(rng.choice([*candidates(depth)][4:]))),
        ("promoted", 96),
        ("one chain", 0),
        ("none of them", 16),
        ("none of them", -64),
    ]
    for aspect, n in asked:
        a, b, output = _told_apart(rng, depth, n)
        yield Case(aspect, (a, b, output))


def _told_apart(
    rng: np.random.Generator, depth: int, every: int
) -> tuple[Codes, Codes, npt.NDArray[np.float32]]:
    while True:
        a, b = pair(rng, 4, depth, 5, "positive")
        if every == 16:
            output = chain(a, b, group=16)
        elif every < 0:
            output = promoted(a, b, -every)
            output[-1, -1] *= np.float32(1 + 2.0**-12)
        else:
            output = promoted(a, b, every) if every else chain(a, b)
        known = interval_of(a, b, output)
        others = [n for n in candidates(depth) if n != every]
        explained = [np.array_equal(promoted(a, b, n), output) for n in others]
        if known == (-1 if every == 16 else max(every, -1)) and not any(explained):
            return a, b, output


def bug_cases(rng: np.random.Generator) -> Cases:
    """Each bug, on operands that tell it from all others; and another bug."""
    aspects = ("nothing wrong", "promotion", "the step", "the step", "the step")
    for bug in rng.permutation(len(BUGS)):
        every = int(rng.choice([64, 96, 128]))
        while True:
            a, b = pair(rng, 4, 384, 5)
            outputs = [bug_output(a, b, every, n) for n in range(len(BUGS))]
            same = [np.array_equal(outputs[bug], other) for other in outputs]
            if sum(same) == 1:
                break
        yield Case(aspects[bug], (a, b, every, outputs[bug]), BUGS[bug][0])
    a, b = pair(rng, 4, 256, 5)
    yield Case("none of them", (a, b, 64, promoted(a, b, 64, bits=12)), "another bug")
    a, b = pair(rng, 4, 256, 5)
    yield Case("none of them", (a, b, 64, promoted(a, b, 96)), "another bug")


def _case_note(case: Case, _: Index) -> str:
    return f"the kernel of this case: {case.name}"


def _shape_note(case: Case, index: Index) -> str:
    depth = np.shape(case.inputs[0])[1]
    return f"row {index[0]} of a, column {index[1]} of b, K = {depth}"


SHOWN = {
    "scaled_mm": Shown(note=_shape_note),
    "step": Shown(note=_shape_note),
    "chain": Shown(note=_shape_note),
    "promoted": Shown(note=_shape_note),
    "block_scaled": Shown(note=_shape_note),
    "interval_of": Shown(),
    "which_bug": Shown(note=_case_note),
}
