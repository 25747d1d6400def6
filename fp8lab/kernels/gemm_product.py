"""A scaled matrix product on its way to a kernel: operands, scales, slices of K."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import torch

from fp8lab.kernels.gemm_config import SPLIT_UNIT
from fp8lab.recipes import ScaleRecipe

__all__ = ["Product"]

ALIGNMENT = 16  # bytes, of what the tensor memory accelerator reads and writes


@dataclass(frozen=True)
class Product:
    """Checked operands of one product.

    Attributes
    ----------
    a, b
        FP8, [M, K] and [N, K], as `aligned` leaves them.
    scale_a, scale_b
        float32, [rows or 1, blocks of K or 1] of a and of b.
    recipes
        What a scale of a and of b is shared by.
    fast
        Whether sums without block scales are one chain.
    split_k
        The number of slices asked for.
    output
        float32, bfloat16 or float16.
    """

    a: torch.Tensor
    b: torch.Tensor
    scale_a: torch.Tensor
    scale_b: torch.Tensor
    recipes: tuple[ScaleRecipe, ScaleRecipe]
    fast: bool
    split_k: int
    output: torch.dtype

    @property
    def m(self) -> int:
        """Rows of the output."""
        return self.a.shape[0]

    @property
    def n(self) -> int:
        """Columns of the output."""
        return self.b.shape[0]

    @property
    def k(self) -> int:
        """Products in a sum."""
        return self.a.shape[1]

    @property
    def blockwise(self) -> bool:
        """Whether each block of K has scales of its own."""
        return self.recipes[0].group.cols > 0

    @property
    def chained(self) -> bool:
        """Whether a slice is one chain, promoted nowhere."""
        return self.fast and not self.blockwise

    @property
    def depth(self) -> int:
        """K of a step of the kernels: a block with its own scales, or 128."""
        return self.recipes[0].group.cols if self.blockwise else SPLIT_UNIT

    @property
    def steps(self) -> int:
        """Steps in K."""
        return ceil(self.k / self.depth)

    @property
    def slice_steps(self) -> int:
        """Steps in a slice; the last slice may have fewer."""
        units = ceil(self.k / SPLIT_UNIT)
        return ceil(units / self.split_k) * SPLIT_UNIT // self.depth

    @property
    def slices(self) -> int:
        """Slices that there are: whole units may make fewer than asked for."""
        return ceil(self.steps / self.slice_steps)

    @property
    def multiply(self) -> str:
        """How a promotion applies the scales of its block: see `promote`."""
        if not self.blockwise:
            return "none"
        if self.recipes != (ScaleRecipe.BLOCKWISE_1X128,) * 2:
            return "product"
        # cuBLASLt's other kernel for a single block (`fp8lab.gemm` has the table).
        return "b first" if self.k <= self.depth else "a first"

    @property
    def finish(self) -> str:
        """How the scales of a whole sum are applied: see `scaled`."""
        if self.blockwise:
            return "none"
        tensorwise = self.recipes[0] is ScaleRecipe.TENSORWISE
        return "tensor" if tensorwise else "row"

    @property
    def scale_rows(self) -> tuple[int, int]:
        """Rows of a and of b that share a block's scale: 1 or 128."""
        left, right = (max(recipe.group.rows, 1) for recipe in self.recipes)
        return left, right

    @property
    def scale_arguments(self) -> tuple[torch.Tensor | int, ...]:
        """Both scales with their strides: of a row and of a block, 0 where one."""
        strides = (
            stride if size > 1 else 0
            for scale in (self.scale_a, self.scale_b)
            for size, stride in zip(scale.shape, scale.stride(), strict=True)
        )
        return self.scale_a, self.scale_b, *strides

    def stages(self, count: int) -> int:
        """Return how many steps to load ahead: twice as many of a quarter's depth."""
        return count if self.depth == SPLIT_UNIT else 2 * count

    def matrix(self, rows: int, dtype: torch.dtype) -> torch.Tensor:
        """Return an empty matrix of N columns, padded to rows of whole 16 bytes."""
        unit = ALIGNMENT // dtype.itemsize
        width = ceil(self.n / unit) * unit
        return torch.empty((rows, width), dtype=dtype, device=self.a.device)


def aligned(operand: torch.Tensor) -> torch.Tensor:
    """Return codes [rows, K] as the tensor memory accelerator can read them.

    K is contiguous, and every row begins at a multiple of 16 bytes: the operand itself,
    or a copy. No K at all becomes 16 zeros, which do not count.
    """
    rows, depth = operand.shape
    step = operand.stride(0)
    fits = operand.stride(1) == 1 and step >= depth > 0 and step % ALIGNMENT == 0
    if fits and operand.data_ptr() % ALIGNMENT == 0:
        return operand
    width = max(ceil(depth / ALIGNMENT), 1) * ALIGNMENT
    padded = torch.zeros((rows, width), dtype=torch.uint8, device=operand.device)
    padded[:, :depth] = operand.view(torch.uint8)
    return padded.view(operand.dtype)[:, : max(depth, 1)]
