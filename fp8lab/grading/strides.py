"""How the arrays of a case lie in memory: a frame carries their numbers alone.

A task may ask for transposed arrays and every second column; a solution that counts on
the order in memory is wrong, and has to meet them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fp8lab.grading.frames import Value

__all__ = ["laid_out", "layout"]


def layout(values: Sequence[Value]) -> str:
    """Return the strides of arrays, in elements, that do not lie as C arrays do.

    Parameters
    ----------
    values
        Of a case; others than arrays have none.
    """
    return ";".join(
        ",".join(str(step // value.itemsize) for step in value.strides)
        if isinstance(value, np.ndarray) and not value.flags.c_contiguous
        else ""
        for value in values
    )


def laid_out(values: Sequence[Value], strides: str) -> Iterator[Value]:
    """Yield values as they lay before they were sent; arrays can be written to.

    Parameters
    ----------
    values
        As they came.
    strides
        From `layout`.
    """
    for value, steps in zip(values, strides.split(";"), strict=True):
        if not isinstance(value, np.ndarray):
            yield value
        elif not steps:
            yield value.copy()
        else:
            yield _strided(value, [int(step) for step in steps.split(",")])


def _strided(array: np.ndarray, steps: list[int]) -> np.ndarray:
    reach = [(n - 1) * step for n, step in zip(array.shape, steps, strict=True)]
    first = -sum(min(0, each) for each in reach)
    memory = np.zeros(first + sum(max(0, each) for each in reach) + 1, array.dtype)
    view = np.lib.stride_tricks.as_strided(
        memory[first:], array.shape, [step * array.itemsize for step in steps]
    )
    view[...] = array
    return view
