"""RMSNorm and SiLU-mul fused with quantization: the bytes of the two steps in NumPy."""

from itertools import product

import pytest
import torch

import fp8lab
from fp8lab import kernels
from fp8lab.kernels import norm_launch
from fp8lab.kernels.tensors import to_numpy
from tests.kernels.quantize_cases import DTYPES, FORMATS, assert_same, wide_values

OPTIONS = (
    {},
    {"arithmetic": "reciprocal"},
    {"scale_dtype": "e8m0", "scale_rule": "rceil"},
    {"nonfinite": "propagate"},
)


def activations(shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator) * 6
    x.view(-1)[:9] = torch.tensor(
        [float("nan"), float("inf"), -float("inf"), 0.0, -0.0, -87.0, 87.0, -200, 200]
    )
    return x.to(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_silu_mul_quantize(dtype, device) -> None:
    groups = ("per-token", "1x32", "1x128", "per-tensor", "128x128", (1, 100))
    for seed, (group, fmt) in enumerate(product(groups, FORMATS)):
        x, options = activations((21, 2 * 200), dtype, seed), OPTIONS[seed % 4]
        ours = kernels.silu_mul_quantize(x.to(device), fmt, group, **options)
        theirs = fp8lab.silu_mul_quantize(to_numpy(x), fmt, group, **options)
        assert_same(ours, theirs, (group, fmt, options))


def test_silu_mul_of_every_16_bit_gate(device) -> None:
    for dtype in (torch.bfloat16, torch.float16):
        gate = torch.arange(1 << 16, dtype=torch.int32).to(torch.uint16).view(dtype)
        up = torch.ones_like(gate)
        x = torch.cat([gate.view(256, 256), up.view(256, 256)], dim=1)
        for scale in (0.02, 1.0):
            ours = kernels.silu_mul_quantize(
                x.to(device), "E4M3FN", "per-tensor", scale=scale
            )
            theirs = fp8lab.silu_mul_quantize(
                to_numpy(x), "E4M3FN", "per-tensor", scale=scale
            )
            assert_same(ours, theirs, (dtype, scale))


def test_silu_mul_of_a_view(device) -> None:
    base = activations((16, 700), torch.bfloat16, 5).to(device)
    for x in (base[:, 50:450], base[::2, :600], base[:, ::7], base[:4].view(2, 2, 700)):
        for group in ("per-token", "1x128", "per-tensor"):
            ours = kernels.silu_mul_quantize(x, "E4M3FN", group)
            theirs = fp8lab.silu_mul_quantize(to_numpy(x), "E4M3FN", group)
            assert_same(ours, theirs, (x.shape, x.stride(), group))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_rms_norm_quantize(dtype, device) -> None:
    groups = ("per-token", "1x32", "1x128", "1x512")
    for seed, (group, fmt) in enumerate(product(groups, FORMATS)):
        x = wide_values((21, 200), dtype, seed, specials=seed % 2 == 0)
        weight = wide_values((200,), dtype, 99, specials=False)
        options = OPTIONS[seed % 4]
        ours = kernels.rms_norm_quantize(
            x.to(device), weight.to(device), fmt, group, eps=1e-5, **options
        )
        theirs = fp8lab.rms_norm_quantize(
            to_numpy(x), to_numpy(weight), fmt, group, eps=1e-5, **options
        )
        assert_same(ours, theirs, (group, fmt, options))


def test_rms_norm_quantize_by_one_scale(device) -> None:
    x = activations((3, 5, 96), torch.bfloat16, 1)
    weight = torch.linspace(-2, 2, 96)
    ours = kernels.rms_norm_quantize(
        x.to(device), weight.to(device), "E5M2", "per-tensor", scale=0.01
    )
    theirs = fp8lab.rms_norm_quantize(
        to_numpy(x), to_numpy(weight), "E5M2", "per-tensor", scale=0.01
    )
    assert_same(ours, theirs, "one scale")


def test_rms_norm_quantize_of_several_tiles_a_program(device, monkeypatch) -> None:
    """A grid that is smaller than the matrix: each program loads ahead."""
    monkeypatch.setattr(norm_launch, "multiprocessors", lambda _: 1)
    for cols, group in product((2048, 2000), ("per-token", "1x128")):
        x = wide_values((43, cols), torch.bfloat16, cols)
        weight = wide_values((cols,), torch.bfloat16, 3, specials=False)
        ours = kernels.rms_norm_quantize(
            x.to(device), weight.to(device), "E4M3FN", group
        )
        theirs = fp8lab.rms_norm_quantize(to_numpy(x), to_numpy(weight), group=group)
        assert_same(ours, theirs, (cols, group))


def test_silu_mul_quantize_of_whole_tiles(device) -> None:
    """Shapes that need no mask."""
    x = activations((64, 2 * 256), torch.bfloat16, 8)
    for group in ("per-token", "1x128", (32, 128)):
        ours = kernels.silu_mul_quantize(x.to(device), "E4M3FN", group)
        theirs = fp8lab.silu_mul_quantize(to_numpy(x), "E4M3FN", group)
        assert_same(ours, theirs, group)


def test_empty(device) -> None:
    for rows, cols in ((0, 64), (3, 0)):
        x = torch.zeros(rows, 2 * cols, device=device)
        weight = torch.ones(cols, device=device)
        for group in ("per-token", "1x128"):
            theirs = fp8lab.silu_mul_quantize(to_numpy(x), "E4M3FN", group)
            ours = kernels.silu_mul_quantize(x, "E4M3FN", group)
            assert_same(ours, theirs, group)
            half = x[:, :cols]
            theirs = fp8lab.rms_norm_quantize(
                to_numpy(half), to_numpy(weight), "E4M3FN", group
            )
            ours = kernels.rms_norm_quantize(half, weight, "E4M3FN", group)
            assert_same(ours, theirs, group)
