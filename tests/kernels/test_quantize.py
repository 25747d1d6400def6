"""Quantize and dequantize kernels: NumPy's bytes, on every kind of input."""

from itertools import product

import numpy as np
import pytest
import torch

import fp8lab
from fp8lab import kernels
from fp8lab.kernels import geometry
from fp8lab.kernels.tensors import to_numpy
from tests.kernels.quantize_cases import (
    DTYPES,
    FORMATS,
    assert_same,
    check_quantize,
    wide_values,
)

GROUPS = ("per-tensor", "per-token", "1x32", "1x128", "128x128")
#: Not powers of two, larger than a side, of several rows or of all.
ODD_GROUPS = ("1x16", (1, 100), (16, 64), (3, 50), (200, 256), (-1, 64), "per-column")
SHAPES = ((9, 132), (130, 136), (2, 3, 130), (257,), (1, 1), ())
COLUMN_SHAPES = ((9, 21), (33_000, 2), (3, 7), (5,), ())
OPTIONS = (
    {},
    {"arithmetic": "reciprocal"},
    {"nonfinite": "propagate"},
    {"scale_dtype": "bfloat16"},
    {"scale_dtype": "e8m0"},
)


@pytest.mark.parametrize("group", [*GROUPS, *ODD_GROUPS], ids=str)
def test_every_group(group, device) -> None:
    shapes = COLUMN_SHAPES if group == "per-column" else SHAPES
    for seed, (shape, fmt) in enumerate(product(shapes, FORMATS)):
        check_quantize(wide_values(shape, DTYPES[seed % 3], seed), device, fmt, group)


@pytest.mark.parametrize("options", OPTIONS[1:], ids=str)
def test_every_option(options, device) -> None:
    for seed, (group, fmt) in enumerate(product(GROUPS, FORMATS)):
        x = wide_values((40, 150), DTYPES[seed % 3], 100 + seed)
        check_quantize(x, device, fmt, group, **options)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("rule", ["floor", "ceil", "even", "rceil"])
def test_powers_of_two(rule, fmt, device) -> None:
    """Amax at and beside powers of two, and at both ends of the range."""
    edges = np.float32(2.0) ** np.arange(-149, 128)
    largest = fp8lab.format_of(fmt).max
    amax = np.concatenate([edges, edges[40:] * 1.5, edges[40:200] * largest])
    amax = np.concatenate([np.nextafter(amax, 0), amax, np.nextafter(amax, np.inf)])
    x = torch.zeros(len(amax), 32)
    x[:, 5] = torch.from_numpy(amax.astype(np.float32)).clamp_max(3.4e38)
    x[:, 6] = x[:, 5] * -0.3
    check_quantize(x, device, fmt, "1x32", scale_dtype="e8m0", scale_rule=rule)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_every_16_bit_pattern(dtype, fmt, device) -> None:
    patterns = torch.arange(1 << 16, dtype=torch.int32).to(torch.uint16)
    x = patterns.view(dtype).reshape(512, 128)
    for scale in (1.0, 2.0**-5, 0.0371, 1234.5):
        check_quantize(x, device, fmt, "per-tensor", scale=scale)
        check_quantize(
            x, device, fmt, "per-tensor", scale=scale, arithmetic="reciprocal"
        )
    check_quantize(x, device, fmt, "1x128")


@pytest.mark.parametrize("fmt", FORMATS)
def test_extreme_scales(fmt, device) -> None:
    """Quotients and remainders at both ends of float32's range."""
    smallest, largest = 2.0**-126, 2.0**126
    numbers = fp8lab.format_of(fmt)
    for scale in (smallest, 1.7 * smallest, 2.0**-65, 2.0**65, 1.3 * 2.0**100, largest):
        grid = np.linspace(0, 1.2 * numbers.max, 4096, dtype=np.float64) * scale
        grid = np.concatenate([grid, grid * 2.0**-12, grid * 2.0**-20, grid / 3])
        x = torch.from_numpy(np.minimum(grid, 3.4e38).astype(np.float32))
        x[::3] *= -1
        check_quantize(x.reshape(64, -1), device, fmt, "per-tensor", scale=scale)


def test_tiny_groups(device) -> None:
    """Groups whose amax is a subnormal, zero, or not finite at all."""
    x = torch.zeros(6, 128)
    x[1] = 1e-44
    x[2, ::2] = float("inf")
    x[3] = float("nan")
    x[4] = torch.linspace(-1e-38, 1e-38, 128)
    x[5] = -0.0
    for options in (*OPTIONS, {"scale_dtype": "e8m0", "nonfinite": "propagate"}):
        for group in ("1x128", "per-token", "1x32", "per-tensor"):
            check_quantize(x, device, "E4M3FN", group, **options)


def test_strides(device) -> None:
    base = wide_values((3, 70, 150), torch.bfloat16, 7).to(device)
    views = (
        base[0].T,
        base[1, ::2, ::3],
        base[:, 5, :130],
        base[0, 3:60, 8:140],
        base.permute(1, 0, 2)[:20],
        base[0, :1].expand(17, 150),
    )
    for x, group in product(views, ("per-tensor", "per-token", "1x32", "128x128")):
        assert not x.is_contiguous()
        q = kernels.quantize(x, "E5M2", group)
        assert q.codes.is_contiguous()
        assert_same(q, fp8lab.quantize(to_numpy(x), "E5M2", group), (x.stride(), group))


def test_more_tiles_than_an_axis_of_the_grid(device, monkeypatch) -> None:
    monkeypatch.setattr(geometry, "LONGEST_AXIS", 3)
    x = wide_values((9 * 32, 256), torch.bfloat16, 9)
    for rows, group in product((9 * 32, 7 * 32, 99), ("1x128", "per-token", "128x128")):
        check_quantize(x[:rows], device, "E4M3FN", group)


@pytest.mark.parametrize("shape", [(0,), (0, 8), (8, 0), (2, 0, 128)])
def test_empty(shape, device) -> None:
    for group, options in product(("per-tensor", "per-token", "1x128"), OPTIONS):
        check_quantize(torch.zeros(shape), device, "E4M3FN", group, **options)


def test_rows_longer_than_a_program(device) -> None:
    """A group too long for registers takes two passes."""
    x = wide_values((2, 33_000), torch.bfloat16, 3)
    for group in ("per-token", "per-tensor", (1, 32_896)):
        check_quantize(x, device, "E4M3FN", group)
        check_quantize(x, device, "E4M3FN", group, nonfinite="propagate")


@pytest.mark.parametrize("group", ["per-tensor", "per-token", "1x128", "128x128"])
def test_known_amax_and_scales(group, device) -> None:
    """Static amax or scales, as tensors of the scales' shape and as numbers."""
    x = wide_values((130, 260), torch.bfloat16, 11)
    shape = fp8lab.group_of(group).scale_shape(tuple(x.shape))
    amax = np.random.default_rng(0).uniform(0, 900, shape).astype(np.float32)
    amax.flat[0] = 0
    for options in OPTIONS:
        arguments = {"group": group, **options}
        theirs = fp8lab.quantize(to_numpy(x), amax=amax, **arguments)
        known = torch.from_numpy(amax).to(device)
        q = kernels.quantize(x.to(device), amax=known, **arguments)
        assert_same(q, theirs, options)
        scales = torch.from_numpy(theirs.scales).to(device)
        q = kernels.quantize(x.to(device), scale=scales, **arguments)
        assert_same(q, theirs, options)
        theirs = fp8lab.quantize(to_numpy(x), amax=0.1, **arguments)
        assert_same(
            kernels.quantize(x.to(device), amax=0.1, **arguments), theirs, options
        )


@pytest.mark.parametrize("fmt", FORMATS)
def test_dequantize(fmt, device) -> None:
    """Every code, by scales of every kind, to every dtype."""
    codes = np.arange(256, dtype=np.uint8).repeat(3).reshape(6, 128)
    for group in ("per-tensor", "per-token", "1x32", (2, 64), (1, 100), "per-column"):
        shape = fp8lab.group_of(group).scale_shape((6, 128))
        amax = np.random.default_rng(1).uniform(1e-3, 1e5, shape).astype(np.float32)
        for stored in ("float32", "bfloat16", "e8m0"):
            x = np.ones((6, 128), np.float32)
            made = fp8lab.quantize(x, fmt, group, amax=amax, scale_dtype=stored)
            q = kernels.quantize(
                torch.from_numpy(x).to(device),
                fmt,
                group,
                amax=torch.from_numpy(amax).to(device),
                scale_dtype=stored,
            )
            q.codes.view(torch.uint8).copy_(torch.from_numpy(codes))
            made.codes[...] = codes
            for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
                ours = to_numpy(kernels.dequantize(q, dtype))
                name = str(dtype).removeprefix("torch.")
                with np.errstate(over="ignore"):
                    theirs = made.dequantize(name)
                width = f"uint{8 * ours.itemsize}"
                nan = fp8lab.format_of(fmt).nan_codes
                number = ~np.isin(codes, nan)
                assert np.array_equal(
                    ours.view(width)[number], theirs.view(width)[number]
                ), (group, stored, dtype)
                wide = kernels.dequantize(q, dtype).float().cpu().numpy()
                assert np.isnan(wide[~number]).all()


def test_scales_lie_as_the_products_read_them(device) -> None:
    x = wide_values((256, 512), torch.bfloat16, 5)
    q = kernels.quantize(x.to(device), "E4M3FN", "1x128")
    assert q.scale_codes.shape == (256, 4)
    assert q.scale_codes.stride() == (1, 256)
    q = kernels.quantize(x.to(device), "E4M3FN", "128x128")
    assert q.scale_codes.stride() == (4, 1)


def test_a_different_scale_rule_would_be_seen() -> None:
    """The comparison can fail: one code, one scale, one sign."""
    x = wide_values((4, 128), torch.float32, 1, specials=False)
    q = kernels.quantize(x) if kernels.INTERPRETED else kernels.quantize(x.cuda())
    theirs = fp8lab.quantize(to_numpy(x))
    assert_same(q, theirs, "equal")
    theirs.codes[2, 7] ^= 1
    with pytest.raises(AssertionError, match="codes"):
        assert_same(q, theirs, "one code")
    theirs.codes[2, 7] ^= 1
    theirs.scales[0, 0] = np.nextafter(theirs.scales[0, 0], np.float32(0))
    with pytest.raises(AssertionError, match="one scale"):
        assert_same(q, theirs, "one scale")
