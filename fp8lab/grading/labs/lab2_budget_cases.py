"""The cases of lab 2's budget: tables on which rules of thumb miss the best choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from fp8lab.grading.labs.lab2_budget import RULES_OF_THUMB, choose
from fp8lab.grading.tasks import Case

__all__ = ["budget_cases"]


def budget_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Tables of losses and bytes; every rule of thumb misses the best of some."""
    for count in (3, 4, 5):
        for rule in RULES_OF_THUMB:
            yield Case("trade-offs", _missed_by(rng, rule, count))
    lost, nbytes = _table(rng, 4)
    yield Case("room for all", (lost, nbytes, int(nbytes.max(axis=1).sum()) + 100))
    yield Case("exactly the budget", (lost, nbytes, int(nbytes.max(axis=1).sum())))
    yield Case("exactly the budget", (lost, nbytes, int(nbytes.min(axis=1).sum())))
    for count in (3, 4, 5):
        yield Case("equal losses", _equals(rng, count))


def _missed_by(
    rng: np.random.Generator, rule: Callable[..., np.ndarray], count: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Draw tables until a rule of thumb does not find the best choice."""
    while True:
        lost, nbytes = _table(rng, count)
        low, high = nbytes.min(axis=1).sum(), nbytes.max(axis=1).sum()
        budget = int(low + rng.uniform(0.2, 0.8) * (high - low))
        best = choose(lost, nbytes, budget)
        if not np.array_equal(best, rule(lost, nbytes, budget)):
            return lost, nbytes, budget


def _equals(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Pairs of schemes that lose the same: the dearer first, both alike, or last."""
    high = rng.integers(50, 500, (count, 1))
    lost = np.repeat(np.hstack([high, high // 4]), 2, axis=1)
    price = rng.integers(8, 40, (count, 1))
    orders = np.array([[3, 2, 7, 6], [2, 2, 6, 6], [2, 3, 6, 7]])
    nbytes = price * orders[np.arange(count) % 3]
    # Enough for the better pair everywhere, at any price; or only for some.
    budget = int(price.sum() * 7 if count > 3 else price.sum() * 5)
    return lost, nbytes, budget


def _table(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Finer schemes cost more and mostly lose less, some matrices much more so."""
    nbytes = np.cumsum(rng.integers(8, 200, (count, 4)), axis=1)
    keep = np.cumprod(rng.uniform(0.05, 0.95, (count, 4)), axis=1)
    lost = (keep * rng.integers(50, 5000, (count, 1))).astype(np.int64)
    return lost, nbytes
