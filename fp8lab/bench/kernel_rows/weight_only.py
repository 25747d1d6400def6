"""Rows of the FP8 weight beside 16-bit activations: time, beside bfloat16 cuBLAS."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from fp8lab.bench.kernel_catalogue import Row
from fp8lab.bench.kernel_rows import Candidate, Prepared, WrongError
from fp8lab.bench.kernel_rows.numbers import SPREAD, Numbers
from fp8lab.formats import E4M3FN
from fp8lab.granularity import group_of
from fp8lab.kernels.tensors import QuantizedTensor
from fp8lab.kernels.weight_only import Plan, weight_only_mm
from fp8lab.scales import ScaleDtype

__all__ = ["prepare"]

#: Half a unit of bfloat16, the output's, and of float32, that of each of K sums and of
#: a few operations more.
OUTPUT_ERROR, FLOAT32_ERROR, SPARE = 2.0**-8, 2.0**-24, 16


def prepare(
    row: Row, numbers: Numbers, config: dict[str, Any] | None = None
) -> Prepared:
    """Make the operands of a row, and the calls."""
    m, n, k = row.arguments["size"]
    plan = None if config is None else Plan(**config)
    sets = [
        _operands((m, n, k), row.arguments["group"], one) for one in numbers.sets(n * k)
    ]
    ours = [partial(weight_only_mm, x, w, plan=plan) for x, w, _ in sets]
    peer = [partial(torch.mm, x, wide.t()) for x, _, wide in sets]
    x, weight, wide = sets[0]
    around = x.nbytes + 2 * m * n
    codes = weight.codes.nbytes + weight.scale_codes.nbytes
    return Prepared(
        Candidate(ours, codes + around),
        {"bfloat16 cuBLAS": Candidate(peer, wide.nbytes + around)},
        lambda: _check(ours[0](), x, weight),
    )


def _operands(
    size: tuple[int, int, int], group: str, numbers: Numbers
) -> tuple[torch.Tensor, QuantizedTensor, torch.Tensor]:
    """Return x, the FP8 weight, and a bfloat16 weight of the same spread."""
    m, n, k = size
    codes, shape = numbers.codes(n, k), group_of(group)
    scales = numbers.uniform(*shape.scale_shape((n, k))).div_(SPREAD)
    weight = QuantizedTensor(codes, scales, E4M3FN, shape, ScaleDtype.FLOAT32)
    return numbers.normal(m, k), weight, numbers.widened(codes)


def _check(ours: torch.Tensor, x: torch.Tensor, weight: QuantizedTensor) -> str:
    """Compare with float64, within what sums in any order allow."""
    rows, cols = weight.group.sides((weight.shape[0], weight.shape[1]))
    scales = weight.scales.repeat_interleave(rows, 0)[: weight.shape[0]]
    scales = scales.repeat_interleave(cols, 1)[:, : weight.shape[1]]
    wide, decoded = x.double(), weight.codes.double().mul_(scales)
    exact = wide @ decoded.t()
    magnitudes = wide.abs() @ decoded.abs_().t()
    allowed = magnitudes.mul_((x.shape[1] + SPARE) * FLOAT32_ERROR)
    allowed.add_(exact.abs(), alpha=OUTPUT_ERROR)
    worst = float(((ours.double() - exact).abs() / allowed).max())
    if not worst <= 1:
        raise WrongError(f"{worst:.2f} x what rounding allows")
    return f"{worst:.2f} x what rounding allows"
