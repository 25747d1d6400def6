"""What one outlier does to a matrix: to its group and to the rest.

Everything is relative to the *typical* element, the root mean square of the matrix, so
that a picture of weights near 0.02 and one of activations near 3 have one axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from fp8lab.arrays import as_floats, widen
from fp8lab.granularity import GroupShape
from fp8lab.quantization import quantize
from fp8lab.quantized import QuantizedTensor
from fp8lab.scales import ElementFormat

__all__ = [
    "LARGEST_SIDE",
    "Damage",
    "Errors",
    "Matrix",
    "Part",
    "Scheme",
    "group_box",
    "measure_damage",
]

LARGEST_SIDE = 64
# So that 10^10 times the typical element is a float32.
LARGEST_TYPICAL = 1e28


class Matrix:
    """A matrix to put an outlier in; equal to another one of the same bytes.

    Parameters
    ----------
    x
        Two axes of 1 to `LARGEST_SIDE`, finite, not all zero.

    Raises
    ------
    ValueError
        It is not such a matrix.
    """

    def __init__(self, x: npt.ArrayLike) -> None:
        values = widen(as_floats(x)).astype(np.float32)
        fits = all(1 <= side <= LARGEST_SIDE for side in values.shape)
        if values.ndim != 2 or not fits:
            raise ValueError(
                f"the matrix has shape {values.shape}; give two axes of 1 to "
                f"{LARGEST_SIDE} elements, for example x[:64, :64]"
            )
        if not np.isfinite(values).all():
            raise ValueError("the matrix holds NaN or infinity; replace them first")
        self.values = values
        self.typical = float(np.sqrt(np.mean(values.astype(np.float64) ** 2)))
        if self.typical == 0:
            raise ValueError("the matrix is all zero; give one with a typical element")
        if self.typical > LARGEST_TYPICAL:
            raise ValueError(
                f"the matrix has elements near {self.typical:.3g}, so an outlier would "
                f"overflow float32; divide it until they are below {LARGEST_TYPICAL:g}"
            )
        self._digest = blake2b(values.tobytes(), digest_size=16).digest()

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Matrix)
            and self.values.shape == other.values.shape
            and self._digest == other._digest
        )

    def __hash__(self) -> int:
        return hash((self._digest, self.values.shape))

    def with_outlier(self, row: int, column: int, size: float) -> np.ndarray:
        """Return a copy with ``size`` times the typical magnitude at that place."""
        placed = self.values.copy()
        sign = -1.0 if placed[row, column] < 0 else 1.0
        placed[row, column] = sign * size * self.typical
        return placed


@dataclass(frozen=True)
class Scheme:
    """How a matrix is quantized: the arguments of `fp8lab.quantize`."""

    fmt: ElementFormat
    group: GroupShape
    scale_dtype: str
    scale_rule: str

    def quantize(self, x: np.ndarray, **how: object) -> QuantizedTensor:
        """Quantize ``x`` this way."""
        group = how.pop("group", self.group)
        return quantize(
            x,
            self.fmt,
            group,  # type: ignore[arg-type]
            scale_dtype=self.scale_dtype,
            scale_rule=self.scale_rule,
            **how,  # type: ignore[arg-type]
        )


@dataclass(frozen=True)
class Part:
    """Some of the elements: how many, norm(error) / norm(x), how many became zero."""

    count: int
    relative: float
    zeroed: int


@dataclass(frozen=True)
class Errors:
    """Element by element, as float64 matrices: the masks hold 0 and 1.

    Attributes
    ----------
    x, squared
        The original, and the squared error.
    zeroed, clipped
        Where something became zero, and where |x| is beyond what rounds to its
        group's largest magnitude.
    """

    x: np.ndarray
    squared: np.ndarray
    zeroed: np.ndarray
    clipped: np.ndarray

    @cached_property
    def relative(self) -> np.ndarray:
        """|error| / |x|; 0 where x is 0."""
        error = np.sqrt(self.squared)
        return np.divide(error, np.abs(self.x), out=error, where=self.x != 0)

    def over(self, mask: np.ndarray) -> Part:
        """Add up the elements where ``mask`` is 1."""
        signal, noise = np.vdot(mask, self.x * self.x), np.vdot(mask, self.squared)
        return Part(
            count=int(mask.sum()),
            relative=float(np.sqrt(noise / signal)) if signal else 0.0,
            zeroed=int(np.vdot(mask, self.zeroed)),
        )


@dataclass(frozen=True)
class Damage:
    """A matrix with an outlier, quantized. Made by `measure_damage`.

    Attributes
    ----------
    quantized, errors
        Codes and scales, and what they cost.
    outlier, mates, others
        The outlier itself; the elements that share its scale; all the rest.
    ordinary, whole
        Everything but the outlier; everything.
    causes
        Elements and squared error of the ordinary elements by cause: rounding,
        underflow, clipping, as `fp8lab.metrics.error_split` defines them.
    """

    quantized: QuantizedTensor
    errors: Errors
    outlier: Part
    mates: Part
    others: Part
    ordinary: Part
    whole: Part
    causes: dict[str, tuple[int, float]]


def measure_damage(x: np.ndarray, row: int, column: int, scheme: Scheme) -> Damage:
    """Quantize a matrix and say who pays for the element at (row, column)."""
    quantized = scheme.quantize(x)
    wide, values = x.astype(np.float64), quantized.dequantize(np.float64)
    zeroed = (values == 0) & (wide != 0)
    clipped = (np.abs(wide) > quantized.limits()) & ~zeroed
    squared = (values - wide) ** 2
    errors = Errors(wide, squared, zeroed.astype(float), clipped.astype(float))
    here, group = np.zeros(x.shape), np.zeros(x.shape)
    here[row, column] = 1
    group[group_box(scheme.group, x.shape, row, column)] = 1
    by_cause = {
        "rounding": (1 - here) * (1 - errors.zeroed - errors.clipped),
        "underflow": (1 - here) * errors.zeroed,
        "clipping": (1 - here) * errors.clipped,
    }
    causes = {
        cause: (int(mask.sum()), float(np.vdot(mask, squared)))
        for cause, mask in by_cause.items()
    }
    return Damage(
        quantized,
        errors,
        outlier=errors.over(here),
        mates=errors.over(group - here),
        others=errors.over(1 - group),
        ordinary=errors.over(1 - here),
        whole=errors.over(np.ones(x.shape)),
        causes=causes,
    )


def group_box(
    group: GroupShape, shape: tuple[int, int], row: int, column: int
) -> tuple[slice, slice]:
    """Return the slices of the group that holds an element."""
    sides = group.sides(shape)
    first = [at // side * side for at, side in zip((row, column), sides, strict=True)]
    last = [min(at + side, n) for at, side, n in zip(first, sides, shape, strict=True)]
    return slice(first[0], last[0]), slice(first[1], last[1])
