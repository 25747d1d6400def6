"""Lab 2's budget: the best choice, and ways of missing it."""

from __future__ import annotations

from itertools import product

import numpy as np

from fp8lab.grading.tasks import Mistake

__all__ = ["BUDGET", "RULES_OF_THUMB", "choose"]

Whole = np.ndarray


def choose(lost: Whole, nbytes: Whole, budget: int) -> Whole:
    """The choice of one scheme a matrix that loses least within the budget."""
    return _best(lost, nbytes, budget)


def _best(
    lost: Whole,
    nbytes: Whole,
    budget: int,
    *,
    strict: bool = False,
    worst: bool = False,
    order: str = "bytes first",
) -> Whole:
    count, schemes = lost.shape
    choices = np.array(list(product(range(schemes), repeat=count)), np.int64)
    rows = np.arange(count)
    cost = nbytes[rows, choices].sum(axis=1)
    of_each = lost[rows, choices]
    total = of_each.max(axis=1) if worst else of_each.sum(axis=1)
    allowed = cost < budget if strict else cost <= budget
    choices, cost, total = choices[allowed], cost[allowed], total[allowed]
    if not len(choices):
        return np.zeros(count, np.int64)
    # lexsort sorts by its last key first.
    keys = [*choices.T[::-1], cost, total]
    if order == "no bytes":
        keys = [*choices.T[::-1], total]
    if order == "most bytes":
        keys = [*choices.T[::-1], -cost, total]
    if order == "last":
        keys = [*(-choices.T[::-1]), cost, total]
    if order == "cheapest":
        keys = [*choices.T[::-1], total, cost]
    return choices[np.lexsort(keys)[0]]


def one_for_all(lost: Whole, nbytes: Whole, budget: int) -> Whole:
    """The best of the schemes that all matrices can have."""
    fits = nbytes.sum(axis=0) <= budget
    total = np.where(fits, lost.sum(axis=0), np.iinfo(np.int64).max)
    return np.full(len(lost), int(np.argmin(total)), np.int64)


def no_budget(lost: Whole, nbytes: Whole, budget: int) -> Whole:  # noqa: ARG001
    """The best for each, whatever it costs."""
    return np.argmin(lost, axis=1).astype(np.int64)


def equal_shares(lost: Whole, nbytes: Whole, budget: int) -> Whole:
    """The best that each matrix can have for its share of the budget."""
    fits = nbytes <= budget // len(lost)
    return np.argmin(np.where(fits, lost, np.iinfo(np.int64).max), axis=1).astype(
        np.int64
    )


def in_turn(lost: Whole, nbytes: Whole, budget: int) -> Whole:
    """The first matrix takes what is best for it, the next what is left."""
    choice = np.argmin(nbytes, axis=1).astype(np.int64)
    rows = np.arange(len(lost))
    for i in rows:
        for scheme in np.argsort(lost[i], kind="stable"):
            tried = choice.copy()
            tried[i] = scheme
            if nbytes[rows, tried].sum() <= budget:
                choice = tried
                break
    return choice


def steepest(lost: Whole, nbytes: Whole, budget: int) -> Whole:
    """Step by step whatever saves most per byte: greedy."""
    choice = np.argmin(nbytes, axis=1).astype(np.int64)
    rows = np.arange(len(lost))
    while True:
        best, gain = None, 0.0
        for i in rows:
            for scheme in range(lost.shape[1]):
                more = int(nbytes[i, scheme] - nbytes[i, choice[i]])
                saved = int(lost[i, choice[i]] - lost[i, scheme])
                fits = nbytes[rows, choice].sum() + more <= budget
                if more > 0 and fits and saved / more > gain:
                    best, gain = (i, scheme), saved / more
        if best is None:
            return choice
        choice[best[0]] = best[1]


#: Each misses the best choice on some table.
RULES_OF_THUMB = (one_for_all, equal_shares, in_turn, steepest)


def _with(**how: object) -> object:
    def answer(lost: Whole, nbytes: Whole, budget: int) -> Whole:
        return _best(lost, nbytes, budget, **how)  # type: ignore[arg-type]

    return answer


def _mistake(name: str, says: str, answer: object) -> Mistake:
    return Mistake(name, says, answer)  # type: ignore[arg-type]


BUDGET = (
    _mistake(
        "the budget is ignored",
        "Each matrix got what is best for it, and together they cost too much.",
        no_budget,
    ),
    _mistake(
        "always the cheapest",
        "Nothing was spent. The budget is there to be used where it helps.",
        _with(order="cheapest"),
    ),
    _mistake(
        "one scheme for all",
        "All matrices have the same scheme. One of them may need finer scales than "
        "the others: that is the point of this task.",
        one_for_all,
    ),
    _mistake(
        "equal shares",
        "Every matrix got an equal share of the budget. One may need less than that, "
        "and another more.",
        equal_shares,
    ),
    _mistake(
        "first come, first served",
        "The first matrix takes what it likes, and nothing is left for those that "
        "would have gained more.",
        in_turn,
    ),
    _mistake(
        "greedy",
        "You always take the step that saves most per byte. That is a good rule of "
        "thumb and not the best choice: the last bytes may not fit any more.",
        steepest,
    ),
    _mistake(
        "a full budget does not fit",
        "A choice that costs exactly the budget is allowed.",
        _with(strict=True),
    ),
    _mistake(
        "the worst matrix decides",
        "You make the worst of the losses small; asked for is their sum.",
        _with(worst=True),
    ),
    _mistake(
        "equal losses: bytes ignored",
        "Of choices that lose the same, the cheapest is asked for.",
        _with(order="no bytes"),
    ),
    _mistake(
        "equal losses: most expensive",
        "Of choices that lose the same, yours is the most expensive one.",
        _with(order="most bytes"),
    ),
    _mistake(
        "equal losses and bytes: the last",
        "Of choices that lose and cost the same, the first in order is asked for: the "
        "smaller number at the first matrix where they differ.",
        _with(order="last"),
    ),
)
