"""x @ weight.T with an FP8 weight and activations left as they are (W8A16).

Two kernels, because two things can be in the way:

======  =========================  ==================================================
kernel  for                        what it does
======  =========================  ==================================================
row     16-bit x of one row; all   float32 products and sums on the FP32 pipe; codes by
        float32 x                  16-byte loads, about 3.3 instructions a code
tile    16-bit x of 2 rows and up  the weight, converted in registers, is the operand
                                   of 64 rows of a 16-bit wgmma; x comes from shared
                                   memory, padded to 16, 32 or 64 rows
======  =========================  ==================================================

Where N is too small to give every multiprocessor work, K is cut into slices; their
float32 sums are added in order by a second kernel, so that every launch gives the same
bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

import torch
import triton

from fp8lab.kernels import traced
from fp8lab.kernels import weight_only_kernels as kernels
from fp8lab.kernels.runtime import check_device, multiprocessors
from fp8lab.kernels.tensors import FLOATS, QuantizedTensor
from fp8lab.scales import ScaleDtype
from fp8lab.weight_only import check_weight

__all__ = ["Plan", "plan_for", "weight_only_mm"]

#: Rows of 16-bit x up to which the row kernel is taken.
ROW_KERNEL_ROWS = 1
#: Codes of one row that a warp takes at a time: 16 a thread.
WARP_CODES = 512
#: K of one step of the tile kernel, and of a group of scales.
TILE_DEPTH = 128
#: Results that one program of the second stage adds up.
SUMS = 1024


@dataclass(frozen=True)
class Plan:
    """How a product is launched.

    Attributes
    ----------
    kernel
        ``"row"`` or ``"tile"``.
    block_m, block_n, block_k
        Rows of x, rows of the weight, and K that a program takes in one step: powers of
        two. Row: ``block_k`` is 512 x ``warps``. Tile: at least 16, 64 and 128.
    split_k
        Slices of K that are summed apart; fewer where they would be empty.
    warps, stages
        Of a program. Row: 1 stage loads to registers, more go through shared memory.
    """

    kernel: Literal["row", "tile"]
    block_m: int
    block_n: int
    block_k: int
    split_k: int
    warps: int
    stages: int


def plan_for(
    rows: int, shape: tuple[int, int], dtype: torch.dtype, multiprocessors: int
) -> Plan:
    """Return how ``rows`` of x are multiplied by a weight of ``shape``."""
    if dtype == torch.float32 or rows <= ROW_KERNEL_ROWS:
        return _row_plan(rows, *shape, multiprocessors)
    return _tile_plan(rows, *shape, multiprocessors)


def weight_only_mm(
    x: torch.Tensor,
    weight: QuantizedTensor,
    *,
    output_dtype: torch.dtype | None = None,
    plan: Plan | None = None,
) -> torch.Tensor:
    """Return x @ dequantize(weight).T; the twin of `fp8lab.weight_only_mm`.

    NaN and infinity propagate as in IEEE 754 (payloads of NaN are not kept). A partial
    sum before its scale that exceeds float32 becomes infinity, where the NumPy twin
    would scale it back; what is too large for the output becomes infinity. K = 0 gives
    +0; an empty M or N an empty result, without a launch.

    Products are exact (of float32 x they may be rounded), sums are float32, in an order
    that depends on the plan alone: equal launches give equal bits. The order is not the
    twin's, so its bits are not promised, but

        |y - exact| <= (K + 16) * 2^-24 * sum |x| |code| |scale|,

    which holds for float32 additions in any order and for wgmma, and y is exact where
    all partial sums are float32 numbers. Then it is rounded to the output.

    Not a kernel for many rows: from about 64 on, the multiplications cost more than the
    weight's bytes, and `scaled_mm` of quantized x is faster. float32 x, 4 rows at a
    time, reads the weight again for each 4.

    Parameters
    ----------
    x
        [..., K], float16, bfloat16 or float32; copied unless contiguous.
    weight
        [N, K], with scales per tensor, per channel, 1x128 or 128x128. Codes are copied
        unless K is contiguous. K and the stride of N are multiples of 16 for 16-byte
        loads; any other K works, slowly. E8M0 scales are converted at each call.
    output_dtype
        float16, bfloat16 or float32; x's own by default.
    plan
        How to launch it, instead of `plan_for`: for measurements.

    Returns
    -------
    torch.Tensor
        [..., N].

    Raises
    ------
    ValueError
        Shapes, formats, groups or dtypes that do not fit, or tensors on two devices.
    RuntimeError
        A device that the kernels do not run on.

    Notes
    -----
    float8 e4m3 goes to bfloat16 by way of float16 and float32: straight, it is one slow
    instruction a code, of which an H200 does about as many as its memory has codes.
    """
    wanted = x.dtype if output_dtype is None else output_dtype
    if torch.compiler.is_compiling():
        sides, stored = (weight.group.rows, weight.group.cols), str(weight.scale_dtype)
        return traced.weight_only_mm(
            x, weight.codes, weight.scale_codes, *sides, stored, wanted
        )
    _check(x, weight)
    if wanted not in FLOATS:
        raise ValueError(f"output_dtype is {wanted}; give float16, bfloat16 or float32")
    rows, (height, depth) = prod(x.shape[:-1]), weight.shape
    out = x.new_empty((*x.shape[:-1], height), dtype=wanted)
    if out.numel() == 0 or depth == 0:
        return out.zero_()
    if plan is None:
        shape = (height, depth)
        plan = plan_for(rows, shape, x.dtype, multiprocessors(x.device))
    _launch(x.reshape(rows, depth).contiguous(), weight, out, plan)
    return out


def _check(x: torch.Tensor, weight: QuantizedTensor) -> None:
    if x.dtype not in FLOATS:
        raise ValueError(f"x is {x.dtype}; give float16, bfloat16 or float32")
    check_weight(tuple(weight.shape), weight.fmt, weight.group)
    if x.ndim == 0 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"x has shape {tuple(x.shape)} and the weight {tuple(weight.shape)}; give "
            "[..., K] and [N, K]"
        )
    asked, given = weight.group.scale_shape(weight.shape), weight.scale_codes.shape
    if tuple(given) != asked:
        raise ValueError(
            f"the weight has scales of shape {tuple(given)}; {weight.group} of "
            f"{tuple(weight.shape)} needs {asked}"
        )
    if not x.device == weight.codes.device == weight.scale_codes.device:
        raise ValueError(
            f"x is on {x.device}, codes on {weight.codes.device}, scales on "
            f"{weight.scale_codes.device}; move them to one device"
        )
    check_device(x, "x")


def _row_plan(rows: int, height: int, depth: int, multiprocessors: int) -> Plan:
    block_m = min(triton.next_power_of_2(rows), 4)
    chunks, block_n = triton.cdiv(rows, block_m), 4
    while block_n > 1 and height * chunks < 2 * block_n * multiprocessors:
        block_n //= 2
    programs = triton.cdiv(height, block_n) * chunks
    # 32 warps a multiprocessor have the bytes in flight that the memory wants; fewer
    # programs get more warps, which share the K of the same rows.
    warps = triton.next_power_of_2(triton.cdiv(32 * multiprocessors, programs))
    most = max(triton.next_power_of_2(depth) // WARP_CODES, 1)
    warps = min(max(warps, 4), 16, most)
    split = max(multiprocessors // programs, 1)
    return Plan("row", block_m, block_n, WARP_CODES * warps, split, warps, 1)


def _tile_plan(rows: int, height: int, depth: int, multiprocessors: int) -> Plan:
    block_m = min(max(triton.next_power_of_2(rows), 16), 64)
    chunks = triton.cdiv(rows, block_m)
    few = 2 * triton.cdiv(height, 128) * chunks < multiprocessors
    block_n, warps = (64, 4) if few else (128, 8)
    tiles = triton.cdiv(height, block_n) * chunks
    # Two programs a multiprocessor, of four steps at least.
    steps = triton.cdiv(depth, TILE_DEPTH)
    split = max(min(2 * multiprocessors // tiles, steps // 4), 1)
    stages = 4 if block_m == 64 else 5
    return Plan("tile", block_m, block_n, TILE_DEPTH, split, warps, stages)


def _launch(
    x: torch.Tensor, weight: QuantizedTensor, out: torch.Tensor, plan: Plan
) -> None:
    (rows, depth), height = x.shape, weight.shape[0]
    codes = weight.codes if weight.codes.stride(1) == 1 else weight.codes.contiguous()
    e8m0 = weight.scale_dtype is ScaleDtype.E8M0
    scales = weight.scales if e8m0 else weight.scale_codes
    # One scale for all rows, or for all of K, is a stride of zero.
    group_n, group_k = max(weight.group.rows, 1), max(weight.group.cols, 0)
    stride_n = 0 if weight.group.rows == -1 else scales.stride(0)
    stride_k = scales.stride(1) if group_k else 0
    if plan.kernel == "tile" and group_k not in (0, plan.block_k):
        raise ValueError(
            f"the plan has block_k = {plan.block_k}; the tile kernel takes {group_k} "
            f"with {weight.group} scales"
        )
    steps = triton.cdiv(triton.cdiv(depth, plan.block_k), plan.split_k)
    length = steps * plan.block_k
    slices = triton.cdiv(depth, length)
    sums = out
    if slices > 1:
        sums = out.new_empty((slices, *out.shape), dtype=torch.float32)
    programs = triton.cdiv(rows, plan.block_m) * triton.cdiv(height, plan.block_n)
    kernel = kernels._row_kernel if plan.kernel == "row" else kernels._tile_kernel
    kernel[(programs, slices)](
        x, codes, scales, sums, rows, height, depth,
        codes.stride(0), stride_n, stride_k, length,
        GROUP_N=group_n, GROUP_K=group_k,
        BLOCK_M=plan.block_m, BLOCK_N=plan.block_n, BLOCK_K=plan.block_k,
        STAGES=plan.stages, WHOLE_K=depth % plan.block_k == 0,
        num_warps=plan.warps, num_stages=plan.stages, enable_fp_fusion=True,
    )  # fmt: skip
    if slices > 1:
        size = out.numel()
        kernels._slices_kernel[(triton.cdiv(size, SUMS),)](
            sums, out, size, slices, BLOCK=SUMS, num_warps=4, enable_fp_fusion=True
        )
