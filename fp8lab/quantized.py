"""What quantization makes: codes with the scales that give them meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fp8lab.arrays import CHUNK, float_name, prepare_out
from fp8lab.codec import decode, encode
from fp8lab.formats import BF16, E8M0FNU
from fp8lab.granularity import GroupShape, as_matrix, by_group, matrix_shape
from fp8lab.integers import IntFormat
from fp8lab.scales import ElementFormat, ScaleDtype

__all__ = ["QuantizedTensor", "dequantize"]


@dataclass(frozen=True, repr=False, eq=False)
class QuantizedTensor:
    """Codes and the scales that give them meaning: x ~ decode(codes) * scale.

    Indexing gives dequantized float32 values of that part alone: ``q[0, :8]``.
    ``numpy.asarray(q)`` gives them all.

    Attributes
    ----------
    codes
        The original tensor's shape; uint8 for FP8, int8 for INT8 and INT4.
    scales
        float32 in ``group.scale_shape(shape)``, every one a value of ``scale_dtype``.
    fmt
        The element format.
    group
        Which rectangle shares a scale.
    scale_dtype
        What a scale is stored as, and counted as in ``nbytes``.
    """

    codes: np.ndarray
    scales: npt.NDArray[np.float32]
    fmt: ElementFormat
    group: GroupShape
    scale_dtype: ScaleDtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor."""
        return self.codes.shape

    @property
    def nbytes(self) -> int:
        """Bytes in memory: codes at the format's width (INT4: two a byte), scales."""
        return -(-self.codes.size * self.fmt.bits // 8) + self.scale_nbytes

    @property
    def scale_nbytes(self) -> int:
        """Bytes of the scales alone."""
        return self.scales.size * self.scale_dtype.itemsize

    @property
    def bits_per_element(self) -> float:
        """Bits an element costs, its share of the scales included."""
        return 8 * self.nbytes / max(1, self.codes.size)

    @property
    def scale_codes(self) -> np.ndarray:
        """The scales as stored: float32, bfloat16 bits (uint16) or E8M0 codes."""
        if self.scale_dtype is ScaleDtype.FLOAT32:
            return self.scales
        narrow = BF16 if self.scale_dtype is ScaleDtype.BFLOAT16 else E8M0FNU
        return encode(self.scales, narrow)

    def limits(self) -> npt.NDArray[np.float32]:
        """Return the magnitude above which each element clips, in the tensor's shape.

        Below ``fmt.overflow_threshold`` scales, a number still rounds to the maximum.
        """
        threshold = np.float32(self.fmt.overflow_threshold)
        with np.errstate(over="ignore"):  # an infinite limit never clips
            return self.group.expand(self.scales * threshold, self.shape)

    def dequantize(self, dtype: npt.DTypeLike | str = np.float32) -> np.ndarray:
        """Return the values; see `fp8lab.dequantize`."""
        return dequantize(self, dtype)

    def __getitem__(self, key: Any) -> np.ndarray:
        if not self.shape:
            return self.dequantize()[key]
        # Broadcast row and column numbers cost nothing until they are indexed.
        shape = matrix_shape(self.shape)
        rows, cols = self.group.sides(shape)
        numbers = np.arange(shape[0]).reshape((*self.shape[:-1], 1))
        row = np.broadcast_to(numbers, self.shape)[key]
        col = np.broadcast_to(np.arange(shape[1]), self.shape)[key]
        scales = self.scales[row // rows, col // cols]
        with np.errstate(all="ignore"):
            return _decode(self.codes[key], self.fmt) * scales

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> np.ndarray:
        if copy is False:
            raise ValueError(
                "a QuantizedTensor must be dequantized: copy cannot be False"
            )
        return self.dequantize(np.float32 if dtype is None else dtype)

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        size = "x".join(map(str, self.shape)) or "scalar"
        count = self.scales.size
        low, high = (
            (self.scales.min(), self.scales.max()) if count else (np.nan, np.nan)
        )
        spread = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
        return (
            f"<QuantizedTensor {size} {self.fmt.short}, {self.group} scales: {count} "
            f"{self.scale_dtype} ({spread}); {self.nbytes:,} bytes, "
            f"{self.bits_per_element:.4g} bits an element>"
        )


def dequantize(
    q: QuantizedTensor,
    dtype: npt.DTypeLike | str = np.float32,
    *,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Return decode(codes) * scale, the product rounded once to float32.

    Parameters
    ----------
    q
        What `quantize` made.
    dtype
        ``float32``; ``float64`` (the product is exact); ``float16`` or ``"bfloat16"``
        (raw uint16), rounded from the float32 product to nearest even.
    out
        Where to put the values: q's shape, that dtype.

    Raises
    ------
    ValueError
        Another dtype, or an ``out`` that does not fit.
    """
    name = float_name(dtype)
    wanted = np.dtype(np.uint16 if name == "bfloat16" else name)
    result = prepare_out(out, q.codes, wanted)
    work = np.float64 if name == "float64" else np.float32
    # A view of any other memory order as a matrix would be a copy.
    whole = result if result.flags.c_contiguous else np.empty(q.shape, wanted)
    codes, values = as_matrix(q.codes), as_matrix(whole)
    sides = q.group.sides(codes.shape)
    for tile in q.group.tiles(codes.shape, CHUNK):
        part = _decode(codes[tile.elements], q.fmt).astype(work, copy=False)
        with np.errstate(all="ignore"):
            by_group(np.multiply, part, q.scales[tile.scales], part, sides, tile)
            values[tile.elements] = encode(part, BF16) if name == "bfloat16" else part
    if whole is not result:
        result[...] = whole
    return result


def _decode(codes: np.ndarray, fmt: ElementFormat) -> np.ndarray:
    return fmt.decode(codes) if isinstance(fmt, IntFormat) else decode(codes, fmt)
