"""A tensor before it is quantized: what every scheme shares, measured once."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from fp8lab.amax import measure_amax
from fp8lab.arrays import as_floats, widen_bfloat16
from fp8lab.errors import OUTLIER_FACTOR
from fp8lab.granularity import as_matrix
from fp8lab.states.quantizer_grid import Grid

__all__ = [
    "LARGEST",
    "Original",
    "checked",
    "digest_of",
    "floats",
    "heavier",
    "original",
]

LARGEST = 1 << 24


@dataclass(frozen=True)
class Original:
    """A tensor before it is quantized; counts are of elements. Made by `original`.

    Attributes
    ----------
    digest
        Of its bytes, dtype and shape: equal tensors have equal results.
    shape, dtype
        As it was given; ``"bfloat16"`` for raw patterns too.
    grid
        The cells of the picture.
    nan, infinite, zeros, finite
        What is in it; the finite ones include the zeros.
    amax
        The largest finite magnitude.
    beyond
        Magnitudes above this are outliers, as `fp8lab.errors.outlier_mask` has it; in
        the precision in which the elements are compared.
    outliers
        How many there are.
    unit
        A power of two that brings amax to 0.5 ... 1: squares of float64 numbers may
        otherwise overflow.
    ordinary_signal, outlier_signal, cells
        Sums of (x * unit)**2: of the ordinary elements, of the outliers, by cell.
    """

    digest: bytes
    shape: tuple[int, ...]
    dtype: str
    grid: Grid
    nan: int
    infinite: int
    zeros: int
    finite: int
    amax: float
    beyond: np.floating
    outliers: int
    unit: float
    ordinary_signal: float
    outlier_signal: float
    cells: npt.NDArray[np.float64]

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.finite + self.nan + self.infinite

    @property
    def signal(self) -> float:
        """Sum of (x * unit)**2 over all finite elements."""
        return self.ordinary_signal + self.outlier_signal

    @property
    def rms(self) -> float:
        """Root mean square of the finite elements."""
        mean = self.signal / max(1, self.finite)
        return float(np.sqrt(mean)) / self.unit


def checked(x: npt.ArrayLike) -> np.ndarray:
    """Return ``x`` as floats; ValueError where it is empty, too large or no floats."""
    array = as_floats(x)
    if array.size == 0:
        raise ValueError("the tensor is empty; give at least one number")
    if array.size > LARGEST:
        raise ValueError(
            f"the tensor has {array.size:,} elements; give at most {LARGEST:,}, "
            "for example x.reshape(-1, x.shape[-1])[:1024]"
        )
    return array


def floats(part: np.ndarray) -> np.ndarray:
    """A part of a checked tensor, contiguous: float32, or float64 where it is that."""
    if part.dtype == np.uint16:
        return widen_bfloat16(part)
    work = np.float64 if part.dtype == np.float64 else np.float32
    return np.ascontiguousarray(part, work)


def digest_of(x: np.ndarray) -> bytes:
    """Return what is equal for tensors of the same bytes, dtype and shape."""
    digest = blake2b(repr((x.shape, x.dtype.str)).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(x).data)
    return digest.digest()


def original(x: np.ndarray, digest: bytes) -> Original:
    """Measure a checked tensor: what is in it, and how its energy is spread."""
    matrix = as_matrix(x)
    amax = float(measure_amax(matrix).item())
    unit = float(np.ldexp(1.0, -int(np.clip(np.frexp(amax)[1], -1000, 1000))))
    grid, beyond = Grid.over(matrix.shape), _outliers_begin(matrix)
    cells, signals = grid.zeros(), [0.0, 0.0]
    nan = infinite = zeros = outliers = 0
    for tile in grid.tiles():
        values = floats(matrix[tile])
        zeros += values.size - int(np.count_nonzero(values))
        squares = np.multiply(values, unit, dtype=np.float64)
        squares *= squares
        if not np.isfinite(squares.sum()):
            unknown = np.isnan(values)
            bad = unknown | np.isinf(values)
            squares[bad] = 0
            nan += int(np.count_nonzero(unknown))
            infinite += int(np.count_nonzero(bad) - np.count_nonzero(unknown))
        grid.add(cells, squares, tile)
        heavy = heavier(values, beyond)
        outliers += heavy.size
        signals[1] += float(squares.reshape(-1)[heavy].sum())
        squares.reshape(-1)[heavy] = 0
        signals[0] += float(squares.sum())
    return Original(
        digest=digest,
        shape=x.shape,
        dtype="bfloat16" if x.dtype == np.uint16 else x.dtype.name,
        grid=grid,
        nan=nan,
        infinite=infinite,
        zeros=zeros,
        finite=x.size - nan - infinite,
        amax=amax,
        beyond=beyond,
        outliers=outliers,
        unit=unit,
        ordinary_signal=signals[0],
        outlier_signal=signals[1],
        cells=cells,
    )


def heavier(values: np.ndarray, beyond: np.floating) -> npt.NDArray[np.intp]:
    """Where the finite magnitudes above ``beyond`` are, in a flattened chunk."""
    magnitude = np.abs(values).reshape(-1)
    at = np.flatnonzero(magnitude > beyond)
    return at[magnitude[at] < np.inf]


def _outliers_begin(matrix: np.ndarray) -> np.floating:
    """10 medians of the non-zero magnitudes, exactly; infinity where there are none."""
    magnitude = np.abs(floats(matrix)).reshape(-1)
    counted = magnitude[(magnitude > 0) & (magnitude < np.inf)]
    if not counted.size:
        return magnitude.dtype.type(np.inf)
    low, high = (counted.size - 1) // 2, counted.size // 2
    counted.partition((low, high))
    wide = OUTLIER_FACTOR * (float(counted[low]) + float(counted[high])) / 2
    with np.errstate(over="ignore"):
        narrow: np.floating = magnitude.dtype.type(wide)
    # No float32 lies between the two: comparing with the lower one is exact.
    return (
        narrow if float(narrow) <= wide else np.nextafter(narrow, narrow.dtype.type(0))
    )
