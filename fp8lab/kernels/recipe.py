"""The choices of a quantization, checked once, as the kernels take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fp8lab.amax import NonFinite, nonfinite_of
from fp8lab.formats import FloatFormat
from fp8lab.granularity import GroupShape, group_of
from fp8lab.kernels.tensors import kernel_format
from fp8lab.quantization import Arithmetic, arithmetic_of
from fp8lab.scales import ScaleDtype, ScaleRule, scale_dtype_of, scale_rule_of

__all__ = ["Recipe"]


@dataclass(frozen=True)
class Recipe:
    """What `quantize` is asked for, apart from the numbers."""

    fmt: FloatFormat
    group: GroupShape
    scale_dtype: ScaleDtype
    scale_rule: ScaleRule
    arithmetic: Arithmetic
    nonfinite: NonFinite

    @classmethod
    def of(
        cls,
        fmt: FloatFormat | str,
        group: GroupShape | str | tuple[int, int],
        scale_dtype: ScaleDtype | str = ScaleDtype.FLOAT32,
        scale_rule: ScaleRule | str = ScaleRule.FLOOR,
        arithmetic: Arithmetic | str = Arithmetic.DIVIDE,
        nonfinite: NonFinite | str = NonFinite.IGNORE,
    ) -> Recipe:
        """Return the recipe that these name; ValueError lists what is known."""
        rule = nonfinite_of(nonfinite)
        if rule is NonFinite.RAISE:
            raise ValueError(
                "nonfinite='raise' would wait for the GPU at every call; use 'ignore' "
                "or 'propagate', and look at the codes"
            )
        return cls(
            kernel_format(fmt),
            group_of(group),
            scale_dtype_of(scale_dtype),
            scale_rule_of(scale_rule),
            arithmetic_of(arithmetic),
            rule,
        )

    def names(self) -> tuple[str, int, int, str, str, str, str]:
        """Return the choices as plain values, as the operators take them."""
        return (
            self.fmt.short,
            self.group.rows,
            self.group.cols,
            str(self.scale_dtype),
            str(self.scale_rule),
            str(self.arithmetic),
            str(self.nonfinite),
        )

    def names_known(self) -> tuple[str, int, int, str, str]:
        """Return those of them that count where the scales are known."""
        fmt, rows, cols, dtype, _, arithmetic, _ = self.names()
        return fmt, rows, cols, dtype, arithmetic

    def of_scales(self) -> dict[str, Any]:
        """Return the constants by which a kernel makes a scale of an amax."""
        return {
            "LARGEST": self.fmt.max,
            "EMAX": self.fmt.emax,
            "MANTISSA": self.fmt.mantissa_bits,
            "STORED": str(self.scale_dtype),
            "RULE": str(self.scale_rule),
        }

    @property
    def divides(self) -> bool:
        """Whether an element is divided by its scale, or multiplied by 1 / scale.

        By a power of two both are the same, and multiplying is faster.
        """
        exact = self.scale_dtype is ScaleDtype.E8M0
        return self.arithmetic is Arithmetic.DIVIDE and not exact

    @property
    def propagates(self) -> bool:
        """Whether a NaN or infinity makes its whole group NaN."""
        return self.nonfinite is NonFinite.PROPAGATE
