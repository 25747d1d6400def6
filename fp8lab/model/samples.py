"""Matrices for the lessons: real ones where possible, and always an answer.

`load_sample` looks in three places: the whole matrix, from a fetched model; a real
128 x 128 excerpt of it, shipped with this package (made by excerpts.py); a generated
stand-in. The sample says which of them it is.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import resources
from typing import Literal

import numpy as np

from fp8lab.model.catalogue import REAL_SAMPLES, RealSample
from fp8lab.model.files import MODELS
from fp8lab.model.generated import GENERATED, stand_in
from fp8lab.model.ops import Array
from fp8lab.model.real import load_real

__all__ = ["Sample", "load_sample", "sample_names"]

_FETCH = "run `fp8lab fetch-models`"
_INSTALL = 'run `pip install "fp8lab[model]"`'
_ELSEWHERE = "run the lab on your own machine"  # a browser fetches no models


@dataclass(frozen=True, repr=False, eq=False)
class Sample:
    """One matrix and where it comes from.

    Weights are [N, K] as nn.Linear stores them; activations are [tokens, channels].
    """

    name: str
    array: Array
    """float32 and read-only: take a ``.copy()`` to change it."""
    kind: Literal["weight", "activation", "generated"]
    description: str
    source: str
    is_real: bool
    """False for numbers from a random generator."""
    notice: str = ""
    """One sentence for the reader where this is not the whole real matrix, else ""."""

    def __post_init__(self) -> None:
        self.array.flags.writeable = False

    def __repr__(self) -> str:
        rows, columns = self.array.shape
        amax = np.abs(self.array).max()
        rms = np.sqrt(np.square(self.array, dtype=np.float64).mean())
        lines = [
            f"{self.name}: {self.kind} [{rows}, {columns}], {self.description}",
            f"amax {amax:,.4g}, which is {amax / rms:,.1f} times the RMS {rms:.4g}",
            self.source,
            self.notice,
        ]
        return "\n  ".join(line for line in lines if line)


def sample_names() -> list[str]:
    """List the names `load_sample` knows, the real ones first."""
    return [*REAL_SAMPLES, *GENERATED]


def load_sample(name: str, *, excerpt: bool = False) -> Sample:
    """Return a real or generated matrix by name; never fails for want of a model.

    Parameters
    ----------
    name
        One of `sample_names`.
    excerpt
        Take the shipped excerpt even where the whole matrix is at hand: the same
        numbers on every machine, and a size that fits a screen.

    Raises
    ------
    ValueError
        No sample has this name.
    """
    if name in GENERATED:
        make, description = GENERATED[name]
        source = "random numbers, the same each time"
        return Sample(name, make(), "generated", description, source, is_real=False)
    if name not in REAL_SAMPLES:
        raise ValueError(
            f"unknown sample {name!r}: choose one of {', '.join(sample_names())}."
        )
    real = REAL_SAMPLES[name]
    if excerpt:
        return _shipped(real) or _generated(real, _FETCH)
    try:
        return _real(real, load_real(real))
    except FileNotFoundError:
        remedy = _FETCH
    except ModuleNotFoundError:
        remedy = _INSTALL
    if sys.platform == "emscripten":
        remedy = _ELSEWHERE
    rows, columns = real.shape
    notice = f"This is an excerpt; for the whole [{rows}, {columns}] {remedy}."
    return _shipped(real, notice) or _generated(real, remedy)


def _shipped(real: RealSample, notice: str = "") -> Sample | None:
    """Load the excerpt from records/samples; None where the package has none."""
    file = resources.files("fp8lab") / "records" / "samples" / f"{real.name}.npy"
    try:
        with file.open("rb") as stream:
            return _real(real, np.load(stream, allow_pickle=False), notice)
    except FileNotFoundError:
        return None


def _real(real: RealSample, array: Array, notice: str = "") -> Sample:
    source = f"{MODELS[real.model].origin}, {real.tensor}"
    if array.shape != real.shape:
        rows, columns = real.excerpt
        source += f"[{rows.start}:{rows.stop}, {columns.start}:{columns.stop}]"
    return Sample(real.name, array, real.kind, real.description, source, True, notice)


def _generated(real: RealSample, remedy: str) -> Sample:
    return Sample(
        real.name,
        stand_in(real),
        "generated",
        "normal, with the shape, RMS and peak of the real matrix",
        f"random numbers in place of {MODELS[real.model].origin}, {real.tensor}",
        is_real=False,
        notice=f"These numbers are generated; for the real ones {remedy}.",
    )
