"""What a scheme does to a tensor: its error by cause and by who pays, and where it is.

The sums are those of `fp8lab.errors.error_split`, which needs a dozen float64 copies of
the tensor; here it is walked in chunks, and the codes say the causes: a count of the
codes and one of the squared error by code hold everything but the clipping.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fp8lab.formats import FloatFormat
from fp8lab.granularity import GroupShape, as_matrix
from fp8lab.integers import INT4
from fp8lab.quantization import quantize
from fp8lab.quantized import QuantizedTensor
from fp8lab.scales import ElementFormat, ScaleDtype, ScaleRule
from fp8lab.states.quantizer_grid import Tile
from fp8lab.states.quantizer_original import Original, floats, heavier

__all__ = ["CAUSES", "Damage", "Outcome", "Scheme", "apply_scheme"]

CAUSES = ("normals", "subnormals", "underflow", "clipping")


@dataclass(frozen=True)
class Scheme:
    """How a tensor is quantized. ``group`` None is no scale at all: cast as it is."""

    fmt: ElementFormat
    group: GroupShape | None
    scale_dtype: ScaleDtype
    scale_rule: ScaleRule

    def quantize(self, x: npt.ArrayLike) -> QuantizedTensor:
        """Quantize ``x`` this way."""
        if self.group is None:
            return quantize(x, self.fmt, scale=1.0)
        return quantize(
            x,
            self.fmt,
            self.group,
            scale_dtype=self.scale_dtype,
            scale_rule=self.scale_rule,
        )


@dataclass(frozen=True)
class Damage:
    """The squared error of some elements by cause, relative to their own energy."""

    noise: dict[str, float]

    @property
    def total(self) -> float:
        """All causes together."""
        return sum(self.noise.values())

    @property
    def relative(self) -> float:
        """norm(error) / norm(x)."""
        return math.sqrt(self.total)

    @property
    def sqnr_db(self) -> float:
        """-20 log10 of that; infinite where nothing was lost."""
        return -10 * math.log10(self.total) if self.total else math.inf


@dataclass(frozen=True)
class Outcome:
    """A tensor quantized by a scheme, in numbers. Made by `outcome`.

    Attributes
    ----------
    scheme
        What was done.
    counts
        Elements at each code, by the code's bits.
    elements
        How many finite, non-zero elements suffered which of `CAUSES`; ``"normals"`` and
        ``"subnormals"`` are rounding.
    whole, ordinary, outliers
        The error of all elements, and of those that a norm shows and hides.
    scales, smallest, largest
        How many scales, and their range.
    bits
        An element's, its share of the scales included.
    cells, clipped, zeroed
        Relative squared error by cell of the grid: all of it, and that of the clipped
        and of the zeroed elements. NaN where a cell holds nothing but zeros.
    """

    scheme: Scheme
    counts: npt.NDArray[np.int64]
    elements: dict[str, int]
    whole: Damage
    ordinary: Damage
    outliers: Damage
    scales: int
    smallest: float
    largest: float
    bits: float
    cells: npt.NDArray[np.float64]
    clipped: npt.NDArray[np.float64]
    zeroed: npt.NDArray[np.float64]


def apply_scheme(x: np.ndarray, first: Original, scheme: Scheme) -> Outcome:
    """Quantize a checked tensor and measure what became of it."""
    return _Pass(x, first, scheme).run()


class _Pass:
    """One walk over a quantized tensor, a chunk at a time."""

    def __init__(self, x: np.ndarray, first: Original, scheme: Scheme) -> None:
        self.first, self.scheme, self.grid = first, scheme, first.grid
        self.x = as_matrix(x)
        self.quantized = q = scheme.quantize(self.x)
        self.y = q.dequantize(np.float64 if x.dtype == np.float64 else np.float32)
        fmt = scheme.fmt
        codes = q.codes.view(np.uint8)
        # INT4's -1 is 0xff in memory; its own bits are the low four.
        self.codes = codes & 0x0F if fmt is INT4 else codes
        self.tops, self.zeros, self.subnormals = _special_codes(fmt)
        self.sides = q.group.sides(self.x.shape)
        with np.errstate(over="ignore"):  # an infinite limit never clips
            self.limits = q.scales * np.float32(fmt.overflow_threshold)
        self.counts = np.zeros(1 << fmt.bits, np.int64)
        # Squared errors by code, a row for ordinary elements and one for outliers; the
        # clipped ones stand by themselves.
        self.by_code = np.zeros((2, 1 << fmt.bits))
        self.cut, self.cut_count = [0.0, 0.0], 0
        self.cells, self.clipped, self.zeroed = (self.grid.zeros() for _ in range(3))

    def run(self) -> Outcome:
        with np.errstate(all="ignore"):  # NaN and infinity are left out below
            for tile in self.grid.tiles():
                self._chunk(tile)
            return self._outcome()

    def _chunk(self, tile: Tile) -> None:
        x, codes = floats(self.x[tile]), self.codes[tile]
        # Neighbours subtract exactly; only a clipped element's error is rounded.
        squares = np.multiply(self.y[tile] - x, self.first.unit, dtype=np.float64)
        squares *= squares
        if self.first.finite < self.first.size:
            squares[~np.isfinite(x)] = 0
        self.grid.add(self.cells, squares, tile)
        index = codes.reshape(-1).astype(np.intp)
        counts = np.bincount(index, minlength=self.counts.size)
        self.counts += counts
        if counts[self.zeros].any():
            lost = (codes == self.zeros[0]) | (codes == self.zeros[-1])
            self.grid.add(self.zeroed, squares * lost, tile)
        if counts[self.tops].any():
            self._cut(tile, x, codes, squares)
        flat, length = squares.reshape(-1), self.counts.size
        if self.first.outliers:
            heavy = heavier(x, self.first.beyond)
            self.by_code[1] += np.bincount(index[heavy], flat[heavy], length)
            flat[heavy] = 0
        self.by_code[0] += np.bincount(index, flat, length)

    def _cut(
        self, tile: Tile, x: np.ndarray, codes: np.ndarray, squares: np.ndarray
    ) -> None:
        """Take out what lies beyond the numbers that round to their group's maximum."""
        rows, columns = np.nonzero((codes == self.tops[0]) | (codes == self.tops[1]))
        values = np.abs(x[rows, columns])
        down, across = rows + tile[0].start, columns + tile[1].start
        limits = self.limits[down // self.sides[0], across // self.sides[1]]
        cut = (values > limits) & (values < np.inf)
        self.cut_count += int(np.count_nonzero(cut))
        rows, columns, down, across = (at[cut] for at in (rows, columns, down, across))
        noise, heavy = squares[rows, columns], values[cut] > self.first.beyond
        self.cut[0] += float(noise[~heavy].sum())
        self.cut[1] += float(noise[heavy].sum())
        self.grid.add_at(self.clipped, noise, down, across)
        squares[rows, columns] = 0

    def _outcome(self) -> Outcome:
        first, q = self.first, self.quantized
        ordinary, outliers = self._noise(0), self._noise(1)
        both = {cause: ordinary[cause] + outliers[cause] for cause in CAUSES}
        # Nothing but zeros has an error of zero; no number, or none that can be squared
        # beside a huge float64, has none.
        nothing = 1.0 if first.finite and first.amax == 0 else math.nan
        bare = self.scheme.group is None
        return Outcome(
            scheme=self.scheme,
            counts=self.counts,
            elements=self._elements(),
            whole=_damage(both, first.signal or nothing),
            ordinary=_damage(ordinary, first.ordinary_signal or nothing),
            outliers=_damage(outliers, first.outlier_signal or nothing),
            scales=0 if bare else q.scales.size,
            smallest=float(q.scales.min()),
            largest=float(q.scales.max()),
            bits=float(self.scheme.fmt.bits) if bare else q.bits_per_element,
            cells=self.cells / first.cells,
            clipped=self.clipped / first.cells,
            zeroed=self.zeroed / first.cells,
        )

    def _noise(self, row: int) -> dict[str, float]:
        by_code = self.by_code[row].copy()
        noise = {
            "subnormals": float(by_code[self.subnormals].sum()),
            "underflow": float(by_code[self.zeros].sum()),
            "clipping": self.cut[row],
        }
        by_code[[*self.subnormals, *self.zeros]] = 0
        return {"normals": float(by_code.sum()), **noise}

    def _elements(self) -> dict[str, int]:
        first, zeros = self.first, int(self.counts[self.zeros].sum())
        if not isinstance(self.scheme.fmt, FloatFormat):
            zeros -= first.nan  # an integer format has no other code for them
        others = {
            "subnormals": int(self.counts[self.subnormals].sum()),
            "underflow": zeros - first.zeros,
            "clipping": self.cut_count,
        }
        whole = first.finite - first.zeros
        return {"normals": whole - sum(others.values()), **others}


def _damage(noise: dict[str, float], signal: float) -> Damage:
    return Damage({cause: noise[cause] / signal for cause in CAUSES})


def _special_codes(
    fmt: ElementFormat,
) -> tuple[list[int], list[int], list[int]]:
    """The codes of the largest magnitude, of zero, and of the subnormals."""
    if not isinstance(fmt, FloatFormat):
        top = int(fmt.max)
        return [top, (1 << fmt.bits) - top], [0], []
    sign = fmt.sign_mask
    zeros = [code for code in (0, sign) if not fmt.is_nan_code(code)]
    small = range(1, fmt.mantissa_mask + 1)
    subnormals = [code | side for side in (0, sign) for code in small]
    return [fmt.max_code, fmt.max_code | sign], zeros, subnormals
