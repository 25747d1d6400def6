"""Rows of quantizing and dequantizing: bytes a second, beside those of a copy."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from fp8lab.bench.kernel_catalogue import Row
from fp8lab.bench.kernel_rows import Candidate, Prepared, WrongError
from fp8lab.bench.kernel_rows.numbers import Numbers
from fp8lab.formats import FloatFormat, format_of
from fp8lab.granularity import GroupShape
from fp8lab.kernels import (
    dequantize,
    quantize,
    rms_norm_quantize,
    silu_mul_quantize,
)
from fp8lab.kernels.tensors import QuantizedTensor, fp8_dtype

__all__ = ["prepare"]

EPS = 1e-6
#: An amax that no normal number of the data exceeds.
STATIC_AMAX = 8.0
#: Rounding to bfloat16 before quantizing, and float32 sums in another order.
SLACK = 2.0**-7


def prepare(
    row: Row, numbers: Numbers, config: dict[str, Any] | None = None
) -> Prepared:
    """Make the operands of a row, and the calls; there is no ``config`` to choose."""
    if config is not None:
        raise ValueError(f"{row.name} has nothing to choose")
    arguments = dict(row.arguments)
    shape, how = tuple(arguments.pop("shape")), arguments.pop("how")
    x = numbers.normal(shape[0], shape[1] * (2 if how == "silu_mul_quantize" else 1))
    if how == "dequantize":
        return _dequantize(x, **arguments)
    if how == "quantize":
        return _quantize(x, **arguments)
    return _fused(x, how, numbers, **arguments)


def _quantize(
    x: torch.Tensor, fmt: str, group: str, static: bool = False, **options: Any
) -> Prepared:
    if static:
        scale = STATIC_AMAX / format_of(fmt).max
        options["scale"] = torch.full((1, 1), scale, device=x.device)
    run = partial(quantize, x, fmt, group, **options)
    q = run()
    times = 2 if group == "per-tensor" and not static else 1
    return Prepared(
        Candidate([run], times * x.nbytes + _size(q)),
        {},
        lambda: _same_codes(x, run(), options),
        "copy",
        _moved(x, q, times),
    )


def _fused(
    x: torch.Tensor, how: str, numbers: Numbers, fmt: str, group: str
) -> Prepared:
    if how == "silu_mul_quantize":
        run = partial(silu_mul_quantize, x, fmt, group)
        expected = partial(_silu_mul, x)
    else:
        weight = numbers.uniform(x.shape[1]).to(x.dtype)
        run = partial(rms_norm_quantize, x, weight, fmt, group, eps=EPS)
        expected = partial(_rms_norm, x, weight)
    q = run()
    return Prepared(
        Candidate([run], x.nbytes + _size(q)),
        {},
        lambda: _near(run(), expected()),
        "copy",
        _moved(x, q, 1),
    )


def _silu_mul(x: torch.Tensor) -> torch.Tensor:
    gate, up = x.chunk(2, dim=1)
    return torch.nn.functional.silu(gate.float()).mul_(up)


def _rms_norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    wide = x.float()
    norm = torch.rsqrt(wide.square().mean(dim=1, keepdim=True) + EPS)
    return wide.mul_(norm).mul_(weight)


def _dequantize(x: torch.Tensor, fmt: str, group: str) -> Prepared:
    q = quantize(x, fmt, group)
    run = partial(dequantize, q, torch.bfloat16)

    def check() -> str:
        expected = q.codes.float().mul_(_expanded(q.scales, q.group, q.shape))
        return _equal(run(), expected.to(torch.bfloat16))

    moved = f"{q.codes.itemsize} + {x.itemsize} bytes an element, and the scales"
    return Prepared(Candidate([run], _size(q) + x.nbytes), {}, check, "copy", moved)


def _size(q: QuantizedTensor) -> int:
    return q.codes.nbytes + q.scale_codes.nbytes


def _moved(x: torch.Tensor, q: QuantizedTensor, times: int) -> str:
    """Say which bytes count as moved."""
    elements = q.codes.numel()
    read = x.nbytes // elements
    reads = f"{times} x {read}" if times > 1 else f"{read}"
    return (
        f"bytes an element: {reads} read, {q.codes.itemsize} written, "
        f"{q.scale_codes.nbytes / elements:.3g} of scales"
    )


# ------------------------------------------------- what the result has to be, by torch


def _groups(x: torch.Tensor, group: GroupShape) -> torch.Tensor:
    """View a matrix as [rows of groups, rows, columns of groups, columns]."""
    rows, cols = group.sides((x.shape[0], x.shape[1]))
    return x.view(x.shape[0] // rows, rows, x.shape[1] // cols, cols)


def _expanded(
    scales: torch.Tensor, group: GroupShape, shape: tuple[int, ...]
) -> torch.Tensor:
    rows, cols = group.sides((shape[0], shape[1]))
    full = scales.repeat_interleave(rows, 0) if scales.shape[0] > 1 else scales
    return full.repeat_interleave(cols, 1) if scales.shape[1] > 1 else full


def _same_codes(x: torch.Tensor, q: QuantizedTensor, options: dict[str, Any]) -> str:
    """Quantize with torch's own operations, and compare every code and scale."""
    fmt = q.fmt
    wide = x.float()
    scales = options.get("scale")
    if scales is None:
        amax = _groups(wide.abs(), q.group).amax(dim=(1, 3))
        scales = _scales(amax, fmt, options.get("scale_dtype", "float32"))
    if not torch.equal(scales, q.scales.reshape(scales.shape)):
        raise WrongError("a scale differs from torch's")
    full = _expanded(scales, q.group, x.shape)
    if options.get("arithmetic") == "reciprocal":
        wide.mul_(full.reciprocal())
    else:
        wide.div_(full)
    codes = wide.clamp_(-fmt.max, fmt.max).to(fp8_dtype(fmt))
    return _equal(q.codes, codes)


def _scales(amax: torch.Tensor, fmt: FloatFormat, dtype: str) -> torch.Tensor:
    if dtype == "e8m0":
        exponent = torch.frexp(amax).exponent - 1 - fmt.emax
        return (exponent + 127 << 23).view(torch.float32)
    # By a number torch would multiply with its reciprocal.
    return amax / torch.full_like(amax, fmt.max)


def _equal(ours: torch.Tensor, theirs: torch.Tensor) -> str:
    words = torch.uint8 if ours.itemsize == 1 else torch.int16
    different = int((ours.view(words) != theirs.view(words)).sum())
    if different:
        raise WrongError(f"{different:,} of {ours.numel():,} differ from torch's")
    return "equal to torch's"


def _near(q: QuantizedTensor, expected: torch.Tensor) -> str:
    """Compare with the float32 result within half a unit of the format."""
    full = _expanded(q.scales, q.group, q.shape)
    ours = q.codes.float().mul_(full)
    ulp = 2.0**-q.fmt.mantissa_bits
    step = q.fmt.smallest_subnormal
    allowed = expected.abs().mul_(ulp / 2 + SLACK).add_(full * (step / 2))
    worst = float((ours.sub_(expected).abs_() / allowed).max())
    if not worst <= 1:
        raise WrongError(f"{worst:.2f} x what rounding allows")
    return f"{worst:.2f} x what rounding allows"
