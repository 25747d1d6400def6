"""INT8 and INT4 with the interface of the float formats, for comparison.

Symmetric: the codes are -max to max, so that -x and x cost the same error; the most
negative two's complement code is not used (as TensorRT and most INT8 kernels do).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fp8lab.arrays import widen

__all__ = ["INT4", "INT8", "IntFormat"]


@dataclass(frozen=True, repr=False)
class IntFormat:
    """A symmetric signed integer format: codes are the integers -max to max.

    Parameters
    ----------
    name, short
        ``"int8"`` and ``"INT8"``.
    bits
        Width of a code. INT4 codes are held one in an int8 in memory; sizes are
        counted at 4 bits.
    """

    name: str
    short: str
    bits: int

    @property
    def max(self) -> float:
        """Largest code, 2**(bits - 1) - 1."""
        return float((1 << (self.bits - 1)) - 1)

    @property
    def overflow_threshold(self) -> float:
        """Magnitudes below here still round to `max`: max + 1/2."""
        return self.max + 0.5

    @property
    def smallest_subnormal(self) -> float:
        """Distance between neighbours everywhere: 1 (the float formats' word)."""
        return 1.0

    @property
    def code_dtype(self) -> np.dtype:
        """int8."""
        return np.dtype(np.int8)

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Round to nearest even and clip; NaN becomes 0, the only harmless integer."""
        wide = widen(x) if x.dtype == np.uint16 else x
        whole = np.rint(np.clip(np.nan_to_num(wide, nan=0.0), -self.max, self.max))
        return whole.astype(np.int8)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the integers as float32."""
        return np.asarray(codes).astype(np.float32)

    def __str__(self) -> str:
        return self.short

    def __repr__(self) -> str:
        top = int(self.max)
        return f"<{self.short}: {self.bits} bits, whole numbers {-top} to {top}, ulp 1>"


INT8 = IntFormat("int8", "INT8", 8)
INT4 = IntFormat("int4", "INT4", 4)
