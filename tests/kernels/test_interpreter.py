"""The interpreter, made exact: whole domains, and what an H200 returned."""

import ml_dtypes
import numpy as np
import pytest
import torch

from fp8lab.kernels import INTERPRETED
from fp8lab.proof.products import CHAIN, PROMOTED, Case, digest
from fp8lab.prove_gemm import recorded_cases

# Triton reads INTERPRETED's environment when it decorates: after fp8lab.kernels.
import triton  # isort: skip
import triton.language as tl  # isort: skip

FP8 = {"E4M3FN": torch.float8_e4m3fn, "E5M2": torch.float8_e5m2}
ML = {"E4M3FN": ml_dtypes.float8_e4m3fn, "E5M2": ml_dtypes.float8_e5m2}
LARGEST = {"E4M3FN": 448.0, "E5M2": 57344.0}
BLOCK = 1 << 16


@triton.jit
def _cast_kernel(x_ptr, y_ptr, count, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + at, mask=at < count)
    tl.store(y_ptr + at, x.to(y_ptr.dtype.element_ty), mask=at < count)


def cast(x: torch.Tensor, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Cast in a kernel, as a student would write it."""
    x = x.to(device)
    y = torch.empty(x.shape, dtype=dtype, device=device)
    _cast_kernel[(triton.cdiv(x.numel(), BLOCK),)](x, y, x.numel(), BLOCK)
    return y.cpu()


def satfinite(x: np.ndarray, fmt: str) -> np.ndarray:
    """What cvt.rn.satfinite gives, by a library that does not saturate."""
    with np.errstate(invalid="ignore"):
        clipped = np.clip(x, -LARGEST[fmt], LARGEST[fmt]).astype(ML[fmt]).view(np.uint8)
    return np.where(np.isnan(x), np.uint8(0x7F), clipped)


def patterns(dtype: torch.dtype) -> torch.Tensor:
    return torch.arange(1 << 16, dtype=torch.int32).to(torch.uint16).view(dtype)


@pytest.mark.parametrize("fmt", FP8)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_every_16_bit_pattern_to_fp8(dtype, fmt, device) -> None:
    x = patterns(dtype)
    codes = cast(x, FP8[fmt], device).view(torch.uint8).numpy()
    assert np.array_equal(codes, satfinite(x.float().numpy(), fmt))


@pytest.mark.parametrize("fmt", FP8)
def test_float32_to_fp8(fmt, device) -> None:
    """Ties and their neighbours, every exponent, and random patterns."""
    every = np.arange(256, dtype=np.uint8).view(ML[fmt]).astype(np.float32)
    grid = np.unique(every[np.isfinite(every)])
    ties = (grid[1:] + grid[:-1]) / 2
    edges = np.concatenate([ties, grid, [464, -464, 61440, 126.24, 1.97, 17]])
    edges = np.concatenate(
        [np.nextafter(edges, edges.dtype.type(way)) for way in (-np.inf, np.inf)]
        + [edges]
    )
    random = np.random.default_rng(0).integers(0, 1 << 32, 200_000, np.uint32)
    x = np.concatenate([edges.astype(np.float32), random.view(np.float32)])
    codes = cast(torch.from_numpy(x), FP8[fmt], device).view(torch.uint8).numpy()
    assert np.array_equal(codes, satfinite(x, fmt))


@pytest.mark.parametrize("fmt", FP8)
@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str
)
def test_every_code_to_floats(dtype, fmt, device, native) -> None:
    codes = torch.arange(256, dtype=torch.uint8).view(FP8[fmt])
    values = cast(codes, dtype, device).float().numpy()
    wanted = codes.view(torch.uint8).numpy().view(ML[fmt]).astype(np.float32)
    if native and fmt == "E5M2" and dtype == torch.bfloat16:
        # Compiled, Triton shifts these codes into place and scales them: infinity
        # becomes 65,536, and NaNs larger numbers. No kernel of ours asks for it.
        special = ~np.isfinite(wanted)
        assert (np.abs(values[special]) >= 1 << 16).all()
        wanted[special] = values[special]
    assert np.array_equal(values, wanted, equal_nan=True)
    assert np.array_equal(
        np.signbit(values)[wanted == 0], np.signbit(wanted)[wanted == 0]
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_float32_to_16_bits_rounds_to_even(dtype, device) -> None:
    random = np.random.default_rng(1).integers(0, 1 << 32, 200_000, np.uint32)
    ties = (np.arange(1 << 16, dtype=np.uint32) << 16) + 0x8000
    x = torch.from_numpy(np.concatenate([random, ties]).view(np.float32).copy())
    ours, wanted = cast(x, dtype, device), x.to(dtype)
    number = ~wanted.isnan()
    bits = [y.view(torch.int16)[number] for y in (ours, wanted)]
    assert torch.equal(*bits)
    assert (ours[~number].view(torch.int16) == 0x7FFF).all()


@triton.jit
def _dot_kernel(
    a_ptr, b_ptr, c_ptr, out_ptr, n, k,
    DEPTH: tl.constexpr, CHAINED: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    rows = tl.program_id(0) * TILE + tl.arange(0, TILE)
    columns = tl.program_id(1) * TILE + tl.arange(0, TILE)
    at = tl.arange(0, DEPTH)
    place = rows[:, None] * n + columns[None, :]
    acc = tl.load(c_ptr + place)
    for first in range(0, k, DEPTH):
        x = tl.load(a_ptr + rows[:, None] * k + (first + at)[None, :])
        y = tl.load(b_ptr + columns[None, :] * k + (first + at)[:, None])
        if CHAINED:
            acc = tl.dot(x, y, acc)
        else:
            acc += tl.dot(x, y)
    tl.store(out_ptr + place, acc)


def run_dot(case: Case, device: torch.device) -> np.ndarray:
    names = (case.a_format, case.b_format)
    codes = zip(case.operands(), names, strict=True)
    a, b = (torch.from_numpy(x).to(device).view(FP8[fmt]) for x, fmt in codes)
    start = case.start()
    zeros = np.zeros((case.m, case.n), np.float32)
    c = torch.from_numpy(zeros if start is None else start).to(device)
    out = torch.empty_like(c)
    chained = case.path == CHAIN
    _dot_kernel[(case.m // 64, case.n // 64)](
        a, b, c, out, case.n, case.k, min(case.k, 128), chained, 64
    )
    return out.cpu().numpy()


def test_dots_are_those_of_an_h200(device) -> None:
    """Kernels with tl.dot give the recorded bytes: all formats, kinds and starts."""
    chosen = [
        (case, sha256)
        for case, sha256 in recorded_cases()
        if case.path in (CHAIN, PROMOTED) and case.k <= 512
    ]
    wrong = [case for case, sha256 in chosen if digest(run_dot(case, device)) != sha256]
    assert wrong == []
    assert len(chosen) > 100
    assert {case.path for case, _ in chosen} == {CHAIN, PROMOTED}
    assert any(case.starts for case, _ in chosen)


@triton.jit
def _arithmetic_kernel(x_ptr, y_ptr, z_ptr, out_ptr, COUNT: tl.constexpr):
    at = tl.arange(0, COUNT)
    x, y, z = tl.load(x_ptr + at), tl.load(y_ptr + at), tl.load(z_ptr + at)
    tl.store(out_ptr + at, tl.fma(x, y, z))
    tl.store(out_ptr + COUNT + at, tl.maximum(x, y))
    tl.store(out_ptr + 2 * COUNT + at, tl.minimum(x, y))
    tl.store(out_ptr + 3 * COUNT + at, tl.div_rn(x, y))


def test_arithmetic_of_float32(device) -> None:
    """Fma is rounded once; a maximum ignores a NaN; a division is correctly rounded."""
    count = 1 << 14
    random = np.random.default_rng(2)
    x, y, z = random.normal(size=(3, count)).astype(np.float32)
    z[: count // 2] = (-x * y)[: count // 2]
    x[:3], y[3:6] = np.nan, np.nan
    out = torch.empty(4, count, device=device)
    inputs = [torch.from_numpy(array).to(device) for array in (x, y, z)]
    _arithmetic_kernel[(1,)](*inputs, out, count)
    fma, largest, smallest, quotient = out.cpu().numpy()
    wide = [array.astype(np.longdouble) for array in (x, y, z)]
    # 64 bits hold the product, and the sum where x y and z nearly cancel.
    exact = (wide[0] * wide[1] + wide[2]).astype(np.float32)
    cancels = slice(6, count // 2)
    assert np.array_equal(fma[cancels], exact[cancels])
    assert (fma[cancels] != 0).any()
    assert np.array_equal(largest, np.fmax(x, y))
    assert np.array_equal(smallest, np.fmin(x, y))
    assert np.array_equal(quotient, x / y, equal_nan=True)


@triton.jit
def _bfloat16_kernel(x_ptr, y_ptr, out_ptr, COUNT: tl.constexpr):
    at = tl.arange(0, COUNT)
    x, y = tl.load(x_ptr + at), tl.load(y_ptr + at)
    tl.store(out_ptr + at, x * y)
    tl.store(out_ptr + COUNT + at, x + y)


@pytest.mark.skipif(not INTERPRETED, reason="a GPU contracts bfloat16 arithmetic")
def test_bfloat16_arithmetic_is_not_that_of_its_bits() -> None:
    x, y = torch.randn(2, 4096, generator=torch.Generator().manual_seed(0)).bfloat16()
    out = torch.empty(2, 4096, dtype=torch.bfloat16)
    _bfloat16_kernel[(1,)](x, y, out, 4096)
    assert torch.equal(out[0], x * y)
    assert torch.equal(out[1], x + y)


@triton.jit
def _half_dot_kernel(a_ptr, b_ptr, out_ptr, TILE: tl.constexpr):
    at = tl.arange(0, TILE)
    place = at[:, None] * TILE + at[None, :]
    a, b = tl.load(a_ptr + place), tl.load(b_ptr + place)
    tl.store(out_ptr + place, tl.dot(a, b))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_dots_of_16_bits(dtype, device) -> None:
    """Small integers, whose sums are exact in any order."""
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randint(-8, 9, (2, 32, 32), generator=generator).to(dtype)
    out = torch.empty(32, 32, device=device)
    _half_dot_kernel[(1,)](a.to(device), b.to(device), out, 32)
    assert torch.equal(out.cpu(), a.float() @ b.float())
