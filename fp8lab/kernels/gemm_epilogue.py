"""What the matrix products do with a sum: promote it, scale it, add up slices of K."""

from __future__ import annotations

from math import ceil

import torch
import triton
import triton.language as tl

from fp8lab.kernels.gemm_product import Product

__all__ = [
    "block_scale",
    "promote",
    "reduce_slices",
    "rounded",
    "scaled",
]

#: Columns of a program of the reduction: one 16-byte load a thread and slice.
REDUCED = 512


@triton.jit
def promote(total, product, a_scale, b_scale, MULTIPLY: tl.constexpr):
    """Add a block's product to the float32 total, in the order of `fp8lab.gemm`.

    MULTIPLY is "none", "product" (of both scales, then one rounding), or which of the
    scales the product is multiplied by first. Scales broadcast to the product.
    """
    if MULTIPLY == "none":
        result = total + product
    elif MULTIPLY == "product":
        scale = tl.broadcast_to(a_scale * b_scale, product.shape)
        result = tl.fma(product, scale, total)
    elif MULTIPLY == "a first":
        scale = tl.broadcast_to(b_scale, product.shape)
        result = tl.fma(product * a_scale, scale, total)
    else:
        scale = tl.broadcast_to(a_scale, product.shape)
        result = tl.fma(product * b_scale, scale, total)
    return result


@triton.jit
def block_scale(
    scale, rows, step, row_stride, step_stride, length,
    ROWS: tl.constexpr, THERE: tl.constexpr = False,
):  # fmt: skip
    """Load a step's scales of some rows; those past the end are 0, for no output.

    THERE: none is past the end. With a mask, ptxas would put a small kernel's loads
    behind the tensor core's work, and wait for them.
    """
    inside = None if THERE else rows < length
    at = scale + rows // ROWS * row_stride + step * step_stride
    return tl.load(at, mask=inside, other=None if THERE else 0.0)


@triton.jit
def scaled(
    total, a_scale, b_scale, rows, columns, a_row, b_row, M, N, FINISH: tl.constexpr
):
    """Multiply sums by the scales of a tensor, or of their row and column.

    ``rows`` and ``columns`` broadcast to the sums, whichever way these lie.
    """
    if FINISH == "tensor":
        result = total * (tl.load(a_scale) * tl.load(b_scale))
    elif FINISH == "row":
        left = tl.load(a_scale + rows * a_row, mask=rows < M, other=0.0)
        right = tl.load(b_scale + columns * b_row, mask=columns < N, other=0.0)
        result = total * right * left
    else:
        result = total
    return result


@triton.jit
def rounded(total, dtype: tl.constexpr):
    """Round sums to the output's type; every NaN of it is 0x7FFF... .

    The GPU's arithmetic and conversions make no other NaN, so there the compiler's
    test costs nothing that matters; the interpreter's float32 keeps NaNs as they come.
    """
    if dtype == tl.float32:
        nan = tl.full((), 0x7FFFFFFF, tl.int32).to(tl.float32, bitcast=True)
        result = tl.where(total == total, total, nan)
    else:
        result = total.to(dtype)
    return result


@triton.jit
def _reduce_kernel(
    workspace, out, slice_stride, row_stride, out_stride,
    a_scale, b_scale, a_row, b_row, M, N,
    SLICES: tl.constexpr, BLOCK: tl.constexpr, FINISH: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = columns < N
    at = workspace + row * row_stride + columns
    total = tl.load(at, mask=inside)
    for _ in tl.static_range(1, SLICES):
        # The order is the result's: slice after slice.
        at += slice_stride
        total += tl.load(at, mask=inside)
    result = scaled(total, a_scale, b_scale, row, columns, a_row, b_row, M, N, FINISH)
    out_at = out + row * out_stride + columns
    tl.store(out_at, rounded(result, out.dtype.element_ty), mask=inside)


def reduce_slices(product: Product, workspace: torch.Tensor) -> torch.Tensor:
    """Add float32 sums [slices, rows >= M, columns >= N] in order; scale and round."""
    out = torch.empty(
        (product.m, product.n), dtype=product.output, device=workspace.device
    )
    a_scale, b_scale, a_row, _, b_row, _ = product.scale_arguments
    _reduce_kernel[product.m, ceil(product.n / REDUCED)](
        workspace, out, workspace.stride(0), workspace.stride(1), out.stride(0),
        a_scale, b_scale, a_row, b_row, product.m, product.n,
        SLICES=product.slices, BLOCK=REDUCED, FINISH=product.finish,
        num_warps=4, enable_fp_fusion=False,
    )  # fmt: skip
    return out
