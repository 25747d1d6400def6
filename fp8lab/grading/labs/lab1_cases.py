"""The cases of lab 1, drawn afresh each time, and how its numbers are told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fp8lab.codec import encode
from fp8lab.formats import E4M3FN, E5M2, FloatFormat
from fp8lab.grading.labs.draws import (
    grid,
    in_other_shapes,
    nans,
    near,
    normal_numbers,
    ties,
    with_both_signs,
)
from fp8lab.grading.labs.lab1_libraries import LIBRARIES, library_codes
from fp8lab.grading.labs.notes import code_note, number_note
from fp8lab.grading.tasks import Case
from fp8lab.grading.words import FORMATS, Index, Shown

Cases = Iterator[Case]


def decode_cases(rng: np.random.Generator, fmt: FloatFormat) -> Cases:
    """All codes, by kind."""
    codes = rng.permutation(256).astype(np.uint8)
    magnitude = codes & fmt.magnitude_mask
    small = magnitude <= fmt.mantissa_mask
    special = magnitude > fmt.max_code
    kind = "specials" if fmt is E5M2 else "NaN"
    for name, chosen in (
        ("normal numbers", ~small & ~special),
        ("subnormals and zeros", small),
        (kind, special),
    ):
        yield Case(name, (codes[chosen],))
        yield Case(name, (rng.choice(codes[chosen], (5, 4)),))
    for other in in_other_shapes(rng, codes):
        yield Case("any shape", (other,))


def decode_e4m3_cases(rng: np.random.Generator) -> Cases:
    """E4M3FN."""
    return decode_cases(rng, E4M3FN)


def decode_e5m2_cases(rng: np.random.Generator) -> Cases:
    """E5M2."""
    return decode_cases(rng, E5M2)


def round_cases(rng: np.random.Generator) -> Cases:
    """Three grids: those of E4M3FN, E5M2 and bfloat16 among them."""
    e4m3, e5m2 = (3, E4M3FN.emin), (2, E5M2.emin)
    other = (int(rng.integers(4, 9)), int(rng.integers(-40, -20)))
    for mantissa_bits, emin in (e4m3, other):
        x = normal_numbers(rng, 200, 2.0 ** (emin + 1), 2.0 ** (emin + 20))
        yield Case("between", (x, mantissa_bits, emin))
    for fmt in (E4M3FN, E5M2):
        midpoints = ties(fmt)
        midpoints = midpoints[midpoints > fmt.smallest_normal]
        x = with_both_signs(rng, near(midpoints), 250)
        yield Case("ties", (x, fmt.mantissa_bits, fmt.emin))
    for bits, emin in (e4m3, e5m2):
        # Just below a power of two: rounding carries into the next binade.
        powers = np.exp2(np.arange(emin, emin + 14)).astype(np.float32)
        below = np.concatenate([powers * np.float32(1 - 2.0**-k) for k in range(4, 9)])
        yield Case("carries", (with_both_signs(rng, below, 80), bits, emin))
    for fmt in (E4M3FN, E5M2):
        low = ties(fmt)[ties(fmt) < fmt.smallest_normal]
        spread = normal_numbers(
            rng, 60, fmt.smallest_subnormal / 8, fmt.smallest_normal
        )
        x = np.concatenate([with_both_signs(rng, near(low), 60), spread, [0.0, -0.0]])
        yield Case("subnormals", (x.astype(np.float32), fmt.mantissa_bits, fmt.emin))


def encode_cases(rng: np.random.Generator, *policy: str) -> Cases:
    """Everything that can go wrong on the way to E4M3FN."""
    fmt = E4M3FN
    x = normal_numbers(rng, 300, fmt.smallest_normal, fmt.max)
    yield Case("normal numbers", (x, *policy))
    yield Case("normal numbers", (with_both_signs(rng, grid(fmt)[8:], 150), *policy))
    midpoints = ties(fmt)
    high = midpoints[midpoints > fmt.smallest_normal]
    yield Case("ties", (with_both_signs(rng, high, 200), *policy))
    yield Case("ties", (with_both_signs(rng, near(high), 300), *policy))
    yield Case("subnormals and zeros", (small_numbers(rng, fmt), *policy))
    yield Case("overflow", (large_numbers(rng, fmt), *policy))
    yield Case("NaN", (np.concatenate([nans(rng, 12), x[:6]]), *policy))
    for other in in_other_shapes(rng, x):
        yield Case("any shape", (other, *policy))


def small_numbers(rng: np.random.Generator, fmt: FloatFormat) -> np.ndarray:
    """Subnormals, their ties and neighbours, what underflows, and both zeros."""
    low = ties(fmt)
    low = low[low < fmt.smallest_normal]
    parts = [
        with_both_signs(rng, near(low), 80),
        with_both_signs(rng, grid(fmt)[:9], 30),
        normal_numbers(rng, 60, fmt.smallest_subnormal / 4, fmt.smallest_normal),
        normal_numbers(rng, 20, 1e-44, 1e-30),
        np.array([0.0, -0.0], np.float32),
    ]
    return rng.permutation(np.concatenate(parts).astype(np.float32))


def large_numbers(rng: np.random.Generator, fmt: FloatFormat) -> np.ndarray:
    """Around the maximum and around the tie beyond it, huge numbers, infinities."""
    edges = np.array([fmt.max, fmt.overflow_threshold], np.float32)
    parts = [
        with_both_signs(rng, near(edges), 40),
        normal_numbers(rng, 60, fmt.max, fmt.max * 1.2),
        normal_numbers(rng, 30, fmt.max, 3e38),
        with_both_signs(rng, np.array([np.inf], np.float32), 8),
    ]
    return rng.permutation(np.concatenate(parts).astype(np.float32))


def policy_cases(rng: np.random.Generator) -> Cases:
    """Both formats under both policies."""
    for policy, aspect in (("saturate", "saturating"), ("overflow", "overflowing")):
        for fmt in (E4M3FN, E5M2):
            x = large_numbers(rng, fmt)
            yield Case(aspect, (x, fmt.short, policy))
            edge = np.array([fmt.overflow_threshold, fmt.max], np.float32)
            x = with_both_signs(rng, edge, 20)
            yield Case("the edge", (x, fmt.short, policy))
            x = np.concatenate([nans(rng, 12), normal_numbers(rng, 4, 0.01, 400)])
            yield Case("NaN keeps its sign", (x, fmt.short, policy))
            middle = with_both_signs(rng, near(ties(fmt)), 100)
            yield Case("in range", (middle, fmt.short, policy))
            yield Case("in range", (small_numbers(rng, fmt), fmt.short, policy))


def bits_cases(rng: np.random.Generator) -> Cases:
    """One bug at a time; the broken code fails in each."""
    fmt = E4M3FN
    midpoints = ties(fmt)
    # From code 8 on, every second midpoint has its even neighbour below: no carry.
    down = midpoints[midpoints > fmt.smallest_normal][::2]
    yield Case("ties", (with_both_signs(rng, down, 120),))
    odd = normal_numbers(rng, 120, fmt.smallest_normal * 2, 256)
    keep = encode(odd) & 7 > 0
    yield Case("ties", (np.concatenate([odd[keep], down]),))
    powers = np.exp2(np.arange(-5, 9)).astype(np.float32)
    below = np.concatenate([powers * np.float32(1 - 2.0**-k) for k in range(6, 12)])
    yield Case("carries", (with_both_signs(rng, below, 120),))
    zeros = np.array([0.0, -0.0, -0.0, 2.0, -2.0, 0.0, -0.0], np.float32)
    yield Case("zeros", (rng.permutation(zeros),))
    yield Case("zeros", (np.full((2, 3), -0.0, np.float32),))
    everything = [small_numbers(rng, fmt), large_numbers(rng, fmt), nans(rng, 10)]
    yield Case("everything", (np.concatenate([*everything, near(midpoints)]),))
    yield Case("everything", (normal_numbers(rng, 60, 1e-4, 1e3).reshape(4, 15).T,))


def telling_numbers(rng: np.random.Generator, size: int) -> np.ndarray:
    """Numbers on which every library differs from every other."""
    normal = ties(E4M3FN)
    normal = normal[(normal > 2.0**-5) & (normal < 440)]
    chosen = [rng.choice(normal, size) for _ in range(3)]
    # A little beside a tie: too little for bfloat16, and for float16, to see.
    beside = rng.permutation(np.repeat([-1.0, 1.0], size))[:size]
    chosen[1] = chosen[1] * (1 + beside * 2.0**-10)
    chosen[2] = chosen[2] * (1 + beside * 2.0**-14)
    rest = normal_numbers(rng, 2 * size, 2.0**-5, 400)
    x = np.concatenate([*chosen, rest]).astype(np.float32)
    signs = rng.choice(np.array([-1, 1], np.float32), x.size)
    x = rng.permutation(np.copysign(x, signs))
    # A tie whose even neighbour is below comes first: it alone tells too little.
    x[0] = ties(E4M3FN)[2 * rng.integers(8, 50)]
    return x


def library_cases(rng: np.random.Generator) -> Cases:
    """Each library, and codes that none of them gives."""
    aspects = ("nothing wrong", "detours", "detours", "rounding", "rounding")
    for library in rng.permutation(len(LIBRARIES)):
        x = telling_numbers(rng, 24)
        codes = library_codes(x, int(library))
        yield Case(aspects[library], (x, codes), LIBRARIES[library])
    for shift, library in ((1, 0), (2, 1)):
        x = telling_numbers(rng, 12)
        codes = library_codes(x, library)
        codes[rng.integers(0, codes.size, 3)] += np.uint8(shift)
        yield Case("none of them", (x, codes), "another library")


def _decode_note(fmt: FloatFormat) -> Shown:
    def note(case: Case, index: Index) -> str:
        return code_note(np.asarray(case.inputs[0])[index], fmt)

    return Shown(("",), 0, fmt.short, note)


def _encode_note(case: Case, index: Index) -> str:
    fmt = FORMATS[str(case.inputs[1])] if len(case.inputs) > 1 else E4M3FN
    return number_note(np.asarray(case.inputs[0])[index], fmt)


def _library_note(case: Case, _: Index) -> str:
    return f"the library of this case: {case.name}"


SHOWN = {
    "decode": _decode_note(E4M3FN),
    "decode_e5m2": _decode_note(E5M2),
    "round_to": Shown(("",), 0),
    "encode": Shown(("E4M3FN",), 0, "", _encode_note),
    "encode_by_policy": Shown(
        ("code",), 0, "", _encode_note, lambda case: str(case.inputs[1])
    ),
    "encode_bits": Shown(("E4M3FN",), 0, "", _encode_note),
    "which_library": Shown(("",), None, "", _library_note),
}
