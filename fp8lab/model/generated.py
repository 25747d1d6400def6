"""Matrices drawn from a random generator: for comparison, and as stand-ins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fp8lab.model.catalogue import RealSample
from fp8lab.model.ops import Array

__all__ = ["GENERATED", "stand_in"]

_SHAPE = (128, 512)
_SEED = 2


def _gaussian() -> Array:
    return np.random.default_rng(_SEED).standard_normal(_SHAPE, np.float32)


def _heavy_tailed() -> Array:
    """Student's t with 3 degrees of freedom: finite variance, infinite kurtosis."""
    return np.random.default_rng(_SEED).standard_t(3, _SHAPE).astype(np.float32)


def _outlier_channel() -> Array:
    x = _gaussian()
    x[:, 200] *= 100
    return x


GENERATED: dict[str, tuple[Callable[[], Array], str]] = {
    "gaussian": (_gaussian, "normal, mean 0, variance 1"),
    "heavy-tailed": (_heavy_tailed, "Student's t, 3 degrees of freedom"),
    "outlier-channel": (_outlier_channel, "normal, but channel 200 times 100"),
}
"""Name to (generator, description); always the same numbers."""


def stand_in(real: RealSample) -> Array:
    """Draw a matrix with the shape, RMS and peak of a real one, otherwise normal."""
    x = np.random.default_rng(_SEED).standard_normal(real.shape, np.float32)
    x *= np.float32(real.rms)
    row, column, value = real.peak
    x[row, column] = value
    return x
