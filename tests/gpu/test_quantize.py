"""The quantizers at the sizes of models, byte for byte; and past 2^31 elements."""

from itertools import product

import pytest
import torch

import fp8lab
from fp8lab import kernels
from fp8lab.kernels.tensors import to_numpy
from tests.kernels.quantize_cases import (
    DTYPES,
    FORMATS,
    assert_same,
    check_quantize,
    wide_values,
)

pytestmark = pytest.mark.gpu

GROUPS = ("per-tensor", "per-token", "1x32", "1x128", "128x128")
SHAPES = ((4096, 4096), (1000, 14336), (333, 28672), (8192, 2112))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("group", GROUPS)
def test_model_sizes(group, shape, device) -> None:
    for seed, fmt in enumerate(FORMATS):
        x = wide_values(shape, DTYPES[(seed + len(group)) % 3], seed)
        check_quantize(x, device, fmt, group)
        check_quantize(x, device, fmt, group, arithmetic="reciprocal")
    check_quantize(x, device, "E4M3FN", group, scale_dtype="e8m0")
    check_quantize(x, device, "E5M2", group, nonfinite="propagate")


@pytest.mark.parametrize("cols", [2048, 4096, 7168, 14336, 28672])
def test_fused_at_model_sizes(cols, device) -> None:
    for group, dtype in product(("per-token", "1x128"), DTYPES):
        x = wide_values((512, 2 * cols), dtype, cols, specials=False)
        weight = wide_values((cols,), dtype, 1, specials=False)
        half = x[:, :cols].contiguous()
        assert_same(
            kernels.silu_mul_quantize(x.to(device), "E4M3FN", group),
            fp8lab.silu_mul_quantize(to_numpy(x), "E4M3FN", group),
            (group, dtype),
        )
        assert_same(
            kernels.rms_norm_quantize(
                half.to(device), weight.to(device), "E4M3FN", group
            ),
            fp8lab.rms_norm_quantize(to_numpy(half), to_numpy(weight), "E4M3FN", group),
            (group, dtype),
        )


def test_the_same_bytes_every_time(device) -> None:
    """No run-to-run difference: a race would show."""
    x = wide_values((4096, 8192), torch.bfloat16, 5).to(device)
    for group in GROUPS:
        first = kernels.quantize(x, "E4M3FN", group)
        for _ in range(20):
            again = kernels.quantize(x, "E4M3FN", group)
            for a, b in ((first.codes, again.codes), (first.scales, again.scales)):
                assert torch.equal(a.view(torch.uint8), b.view(torch.uint8))


@pytest.mark.parametrize("group", ["per-tensor", "per-token", "1x128", "128x128"])
def test_more_than_two_to_the_31_elements(group, device) -> None:
    """The last rows, beyond what 32-bit offsets reach, are quantized like any other."""
    rows, cols = (1 << 18) + 128, 8192
    x = torch.zeros(rows, cols, dtype=torch.bfloat16, device=device)
    tail = wide_values((128, cols), torch.bfloat16, 3, specials=False).to(device)
    x[-128:] = tail
    q = kernels.quantize(x, "E4M3FN", group)
    alone = kernels.quantize(tail, "E4M3FN", group)
    assert torch.equal(q.codes[-128:].view(torch.uint8), alone.codes.view(torch.uint8))
    values = kernels.dequantize(q, torch.bfloat16)
    assert torch.equal(values[-128:], kernels.dequantize(alone, torch.bfloat16))
    assert not values[:-128].any()
