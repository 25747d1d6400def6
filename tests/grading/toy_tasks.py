"""A lab of two small tasks; it lies in a test's course as `tasks/toy.py`."""

import numpy as np

from fp8lab.grading.tasks import Aspect, Case, Mistake, Task


def _double_cases(rng):
    yield Case("numbers", (rng.integers(-99, 99, 40, dtype=np.int32),), "forty numbers")
    yield Case("numbers", (np.zeros((3, 0), np.int32),), "no numbers")
    yield Case("numbers", (rng.integers(1, 99, (6, 8), dtype=np.int32).T,), "strided")
    large = rng.integers(2**30, 2**31, 5, dtype=np.int64).astype(np.int32)
    yield Case("large numbers", (large,), "numbers that wrap around")


def _parts_cases(rng):
    for _ in range(3):
        yield Case("both", (rng.standard_normal(16).astype(np.float32), 2.0))


TASKS = (
    Task(
        lab="toy",
        name="double",
        title="Twice the number",
        aspects=(
            Aspect("numbers", 3, "small numbers, in any shape"),
            Aspect("large numbers", 2, "numbers that wrap around"),
        ),
        reference=lambda x: x * np.int32(2),
        cases=_double_cases,
        mistakes=(
            Mistake("squared", "You square; add instead.", lambda x: x * x),
            Mistake("unchanged", "You give the input back.", lambda x: x),
            Mistake(
                "saturated",
                "Large numbers stop at the maximum; let them wrap around.",
                lambda x: np.clip(2 * x.astype(np.int64), -(2**31), 2**31 - 1).astype(
                    np.int32
                ),
            ),
        ),
        hints=("Add it to itself.",),
    ),
    Task(
        lab="toy",
        name="parts",
        title="Floor and rest, scaled",
        aspects=(Aspect("both", 4, "two arrays"),),
        reference=lambda x, s: (np.floor(x), (x - np.floor(x)) * np.float32(s)),
        cases=_parts_cases,
        mistakes=(
            Mistake(
                "truncated",
                "Negative numbers are cut towards zero.",
                lambda x, s: (np.trunc(x), (x - np.trunc(x)) * np.float32(s)),
            ),
        ),
    ),
)
