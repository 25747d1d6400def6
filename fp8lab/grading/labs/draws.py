"""Random and adversarial inputs: the places where conversions go wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fp8lab.codec import decode
from fp8lab.formats import FloatFormat

__all__ = [
    "grid",
    "in_other_shapes",
    "nans",
    "near",
    "normal_numbers",
    "ties",
    "with_both_signs",
]

Floats = npt.NDArray[np.float32]


def grid(fmt: FloatFormat) -> Floats:
    """Every finite magnitude of a format, from 0 to its maximum."""
    return decode(np.arange(fmt.max_code + 1, dtype=fmt.code_dtype), fmt)


def ties(fmt: FloatFormat) -> Floats:
    """Every midpoint between neighbours of a format, from the smallest on."""
    values = grid(fmt).astype(np.float64)
    return ((values[1:] + values[:-1]) / 2).astype(np.float32)


def near(values: Floats) -> Floats:
    """The values, and the float32 just below and just above each."""
    bits = values.view(np.uint32)
    return np.concatenate(
        [(bits - 1).view(np.float32), values, (bits + 1).view(np.float32)]
    )


def with_both_signs(rng: np.random.Generator, values: Floats, size: int) -> Floats:
    """Choose so many of the values, with random signs."""
    chosen = rng.choice(values, size, replace=size > values.size)
    return np.copysign(chosen, rng.choice(np.array([-1, 1], np.float32), size))


def normal_numbers(
    rng: np.random.Generator, size: int, low: float, high: float
) -> Floats:
    """Numbers of both signs whose logarithm is uniform from ``low`` to ``high``."""
    magnitude = np.exp2(rng.uniform(np.log2(low), np.log2(high), size))
    return (magnitude * rng.choice([-1.0, 1.0], size)).astype(np.float32)


def nans(rng: np.random.Generator, size: int) -> Floats:
    """NaNs of both signs and all payloads."""
    payload = rng.integers(1, 1 << 23, size, dtype=np.uint32)
    sign = rng.integers(0, 2, size, dtype=np.uint32) << np.uint32(31)
    return (payload | sign | np.uint32(0x7F800000)).view(np.float32)


def in_other_shapes(
    rng: np.random.Generator, values: np.ndarray
) -> Iterator[np.ndarray]:
    """Nothing, a matrix, every second column of one, and a transposed one."""
    yield values[:0]
    yield rng.choice(values, (3, 5))
    yield rng.choice(values, (4, 10))[:, ::2]
    yield rng.choice(values, (6, 4)).T
