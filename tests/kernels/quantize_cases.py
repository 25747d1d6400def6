"""What the quantize kernels are tried on, and the comparison with NumPy's bytes."""

from typing import Any

import numpy as np
import torch

import fp8lab
from fp8lab import kernels
from fp8lab.kernels.tensors import to_numpy

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
FORMATS = ("E4M3FN", "E5M2")
SPECIALS = (
    float("nan"),
    -float("nan"),
    float("inf"),
    -float("inf"),
    0.0,
    -0.0,
    1e-40,
    -1e-45,
    3.4e38,
    -65504.0,
)


def wide_values(
    shape: tuple[int, ...], dtype: torch.dtype, seed: int, specials: bool = True
) -> torch.Tensor:
    """Normal numbers of many magnitudes; every tenth element may be a special."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator)
    x *= torch.exp2(torch.randint(-14, 14, shape, generator=generator).float())
    x = x.to(dtype)
    if specials and x.numel():
        flat = x.view(-1)[: 10 * len(SPECIALS) : 10]
        flat.copy_(torch.tensor(SPECIALS).to(dtype)[: len(flat)])
    return x


def assert_same(
    ours: kernels.QuantizedTensor, theirs: fp8lab.QuantizedTensor, what: object
) -> None:
    """Codes and scales are equal in every bit, but for a scale that is NaN."""
    got = ours.numpy()
    found = fp8lab.first_difference(got.codes, theirs.codes)
    assert found is None, f"{what}: codes: {found}"
    assert got.scales.dtype == theirs.scales.dtype
    assert np.array_equal(got.scales, theirs.scales, equal_nan=True), what
    assert (got.fmt, got.group, got.scale_dtype) == (
        theirs.fmt,
        theirs.group,
        theirs.scale_dtype,
    )


def check_quantize(
    x: torch.Tensor, device: torch.device, *args: Any, **options: Any
) -> kernels.QuantizedTensor:
    """Quantize a CPU tensor on the device and in NumPy; return the device's result."""
    q = kernels.quantize(x.to(device), *args, **options)
    arrays = {
        name: to_numpy(option) if isinstance(option, torch.Tensor) else option
        for name, option in options.items()
    }
    theirs = fp8lab.quantize(to_numpy(x), *args, **arrays)
    assert_same(q, theirs, (tuple(x.shape), x.dtype, args, options))
    return q
