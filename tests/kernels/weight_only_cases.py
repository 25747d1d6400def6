"""Products of an FP8 weight that float32 computes exactly, in any order.

The codes of a row come from three neighbouring exponents, so that they are small
integers times the row's unit; so are x, and the scales are powers of two. Every partial
sum then is an integer below 2^24 units: whatever the order, the result has one value,
and a lost element, a wrong scale or a wrongly decoded code shows in its bits.
"""

from dataclasses import dataclass

import numpy as np
import torch

import fp8lab
from fp8lab.kernels.tensors import QuantizedTensor, fp8_dtype, to_numpy
from fp8lab.kernels.weight_only import Plan, weight_only_mm

#: A row's codes have this many neighbouring exponents.
WINDOW = 3
INTEGERS = np.array([-2, -1, 0, 1, 2, 3])
SCALES = np.array([0.5, 1.0, 2.0], np.float32)

TORCH = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
}


@dataclass(frozen=True)
class Case:
    """x and a weight as NumPy has them, and as torch has them on a device."""

    x: np.ndarray
    weight: fp8lab.QuantizedTensor
    x_torch: torch.Tensor
    weight_torch: QuantizedTensor


def activations(values: np.ndarray, dtype: str, device: torch.device):
    """Return numbers as NumPy and as torch have them in ``dtype``."""
    narrow = dtype == "bfloat16"
    x = fp8lab.encode(values, fp8lab.BF16) if narrow else values.astype(dtype)
    there = torch.from_numpy(np.ascontiguousarray(x)).to(device)
    return x, there.view(TORCH[dtype])


def to_torch(weight: fp8lab.QuantizedTensor, device: torch.device) -> QuantizedTensor:
    """Return a weight on a device; scales of 1x128 column-major, as `quantize` has."""
    codes = torch.from_numpy(weight.codes).to(device).view(fp8_dtype(weight.fmt))
    stored = weight.scale_codes
    if weight.scale_dtype == "bfloat16":
        scales = torch.from_numpy(stored).view(torch.bfloat16).to(device)
    else:
        scales = torch.from_numpy(stored).to(device)
    if weight.group.rows == 1:
        scales = scales.T.contiguous().T
    rest = weight.fmt, weight.group, weight.scale_dtype
    return QuantizedTensor(codes, scales, *rest)


def exact_codes(
    shape: tuple[int, int], fmt: fp8lab.FloatFormat, rng: np.random.Generator
) -> np.ndarray:
    """Return codes whose rows go through all windows of exponents.

    NaN and infinity are replaced by zero.
    """
    mantissas = 1 << fmt.mantissa_bits
    exponents = 128 // mantissas
    first = np.arange(shape[0])[:, None] % (exponents - WINDOW + 1)
    magnitude = rng.integers(0, WINDOW * mantissas, shape) + first * mantissas
    codes = (magnitude | rng.integers(0, 2, shape) << 7).astype(np.uint8)
    codes[~np.isfinite(fp8lab.decode(codes, fmt))] = 0
    return codes


def exact_case(
    rows: int,
    shape: tuple[int, int],
    dtype: str,
    device: torch.device,
    *,
    fmt: str = "e4m3fn",
    group: str = "per-channel",
    scale_dtype: str = "float32",
    seed: int = 0,
) -> Case:
    """Return a product of which every partial sum is a float32 number."""
    rng = np.random.default_rng([seed, rows, *shape])
    record, rectangle = fp8lab.format_of(fmt), fp8lab.group_of(group)
    codes = exact_codes(shape, record, rng)
    scales = rng.choice(SCALES, rectangle.scale_shape(shape))
    weight = fp8lab.QuantizedTensor(
        codes, scales, record, rectangle, fp8lab.ScaleDtype(scale_dtype)
    )
    values = rng.choice(INTEGERS, (rows, shape[1])).astype(np.float32)
    wide = weight.dequantize("float64")
    smallest = np.where(wide, np.abs(wide), np.inf).min(axis=1, initial=np.inf)
    # A significand of mantissa_bits + 1 bits, times a power of two.
    unit = smallest * 2.0**-record.mantissa_bits
    largest = np.abs(values).max(initial=0) * np.abs(wide).sum(axis=1)
    assert (largest < 2**24 * unit).all(), "choose a smaller K"
    x, x_torch = activations(values, dtype, device)
    return Case(x, weight, x_torch, to_torch(weight, device))


def product(
    case: Case, output_dtype: str | None = None, plan: Plan | None = None
) -> torch.Tensor:
    """Return a case's product as the kernels compute it."""
    output = None if output_dtype is None else TORCH[output_dtype]
    # Interpreted, NumPy would warn of NaN and overflow.
    with np.errstate(all="ignore"):
        return weight_only_mm(
            case.x_torch, case.weight_torch, output_dtype=output, plan=plan
        )


def check_exact(
    case: Case, output_dtype: str | None = None, plan: Plan | None = None
) -> None:
    """Compare a product with the NumPy twin, bit for bit."""
    want = fp8lab.weight_only_mm(case.x, case.weight, output_dtype=output_dtype)
    same_bits(product(case, output_dtype, plan), want)


def same_bits(got: torch.Tensor, want: np.ndarray) -> None:
    """Assert that numbers agree bit for bit, and NaN are where NaN should be."""
    here = to_numpy(got)
    assert (here.shape, here.dtype) == (want.shape, want.dtype)
    nan = np.isnan(numbers(want))
    np.testing.assert_array_equal(np.isnan(numbers(here)), nan)
    words = f"u{want.itemsize}"
    # +0 for -0: a sum of zeros has the sign that its order gives it.
    left, right = here.copy(), want.copy()
    left[numbers(here) == 0] = right[numbers(want) == 0] = 0
    np.testing.assert_array_equal(left.view(words)[~nan], right.view(words)[~nan])


def numbers(x: np.ndarray) -> np.ndarray:
    """Return floats, or bit patterns of bfloat16, as floats."""
    return fp8lab.decode(x, fp8lab.BF16) if x.dtype == np.uint16 else x


def every_code(
    rows: int, fmt: str, dtype: str, device: torch.device, depth: int
) -> Case:
    """Return 256 rows, each with one code, among zeros; x counts the columns."""
    record = fp8lab.format_of(fmt)
    codes = np.zeros((256, depth), np.uint8)
    codes[np.arange(256), np.arange(256) * 37 % depth] = np.arange(256)
    rectangle, stored = fp8lab.group_of("per-tensor"), fp8lab.ScaleDtype.FLOAT32
    scale = np.ones((1, 1), np.float32)
    weight = fp8lab.QuantizedTensor(codes, scale, record, rectangle, stored)
    values = np.tile(np.arange(depth) % 61 + 1.0, (rows, 1))
    x, x_torch = activations(values, dtype, device)
    return Case(x, weight, x_torch, to_torch(weight, device))


def case_of(
    values: np.ndarray,
    codes: np.ndarray,
    dtype: str,
    device: torch.device,
    group: str = "per-tensor",
    scales: np.ndarray | None = None,
) -> Case:
    """Return a product of given numbers, E4M3FN codes and scales, 1 by default."""
    rectangle = fp8lab.group_of(group)
    if scales is None:
        scales = np.ones(rectangle.scale_shape(codes.shape), np.float32)
    stored = fp8lab.ScaleDtype.FLOAT32
    weight = fp8lab.QuantizedTensor(codes, scales, fp8lab.E4M3FN, rectangle, stored)
    x, there = activations(values, dtype, device)
    return Case(x, weight, there, to_torch(weight, device))


def check_bound(
    rows: int,
    shape: tuple[int, int],
    dtype: str,
    group: str,
    device: torch.device,
    plan: Plan | None = None,
) -> float:
    """Hold random numbers to the documented bound; return the part of it used."""
    rng = np.random.default_rng([rows, *shape])
    values = rng.standard_normal((rows, shape[1]))
    weight = fp8lab.quantize(rng.standard_normal(shape), "e4m3fn", group)
    x, x_torch = activations(values, dtype, device)
    got = weight_only_mm(
        x_torch, to_torch(weight, device), output_dtype=torch.float32, plan=plan
    )
    exact = fp8lab.weight_only_mm(x, weight, output_dtype="float64")
    wide = np.abs(numbers(x).astype(np.float64))
    bound = (shape[1] + 16) * 2.0**-24 * (wide @ np.abs(weight.dequantize("float64")).T)
    used = np.abs(to_numpy(got) - exact) / bound
    assert used.max() <= 1
    return float(used.max())
