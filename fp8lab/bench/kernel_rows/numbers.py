"""Operands of the rows: random numbers, or none where a kernel is only compiled."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from fp8lab.formats import E4M3FN, FloatFormat
from fp8lab.kernels.tensors import fp8_dtype

__all__ = ["SPREAD", "Numbers"]

#: Standard deviation of codes: few are subnormal, and none overflows.
SPREAD = 64.0


@dataclass
class Numbers:
    """Makes tensors on a device.

    Attributes
    ----------
    device
        Where the tensors go.
    blank
        Leave them as memory was: there is a compiler to look at, no result.
    seed
        Of the random numbers.
    """

    device: torch.device
    blank: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        self._generator = torch.Generator(self.device).manual_seed(self.seed)

    def sets(self, set_bytes: int) -> list[Numbers]:
        """Return a maker for each set of operands that a measurement needs."""
        count = 1
        if self.device.type == "cuda":
            from fp8lab.bench.gpu_timing import input_sets

            count = input_sets(set_bytes)
        return [Numbers(self.device, self.blank, seed) for seed in range(count)]

    def normal(
        self, *shape: int, spread: float = 1.0, dtype: torch.dtype = torch.bfloat16
    ) -> torch.Tensor:
        """Return normal numbers."""
        x = torch.empty(shape, dtype=dtype, device=self.device)
        return x if self.blank else x.normal_(0, spread, generator=self._generator)

    def uniform(self, *shape: int) -> torch.Tensor:
        """Return float32 numbers between 0.5 and 1.5, such as scales."""
        x = torch.empty(shape, device=self.device)
        return x if self.blank else x.uniform_(0.5, 1.5, generator=self._generator)

    def permutation(self, count: int) -> torch.Tensor:
        """Return the numbers below ``count`` in any order, as int32."""
        order = torch.randperm(count, generator=self._generator, device=self.device)
        return order.to(torch.int32)

    def widened(self, codes: torch.Tensor) -> torch.Tensor:
        """Return codes as bfloat16."""
        if self.blank:
            return torch.empty(codes.shape, dtype=torch.bfloat16, device=self.device)
        return codes.to(torch.bfloat16)

    def codes(self, *shape: int, fmt: FloatFormat = E4M3FN) -> torch.Tensor:
        """Return normal numbers times `SPREAD` as FP8."""
        if self.blank:
            return torch.empty(shape, dtype=fp8_dtype(fmt), device=self.device)
        return self.normal(*shape, spread=SPREAD).to(fp8_dtype(fmt))
