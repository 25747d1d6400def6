"""Scaled FP8 matrix multiplication, bit for bit what cuBLASLt and torch return.

The sums are those of `fp8lab.tensorcore`; this file adds the scales, in the order of
the kernels on an H200 (``fp8lab/records/tensorcore-h200.json`` has the measurement):

================================  ==================================================
scales of a and b                 float32 result, each operation rounded once
================================  ==================================================
TensorWise, TensorWise            acc * (scale_a * scale_b)
RowWise, RowWise                  (acc * scale_b) * scale_a
BlockWise1x128, BlockWise128x128  each 128 of K: fma(acc, scale_a * scale_b, total)
BlockWise1x128, BlockWise1x128    each 128 of K: fma(acc * scale_a, scale_b, total)
BlockWise1x32, BlockWise1x32      each 32 of K: fma(acc, scale_a * scale_b, total)
================================  ==================================================

With K = 128 alone, the row before the last is (acc * scale_b) * scale_a.
The last row is MX on Hopper, where no instruction knows it: a kernel has to promote
every 32 of K. Its scales are powers of two, so their order does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from fp8lab.accumulators import (
    HOPPER,
    HOPPER_PROMOTED,
    Accumulator,
    accumulator_of,
)
from fp8lab.arrays import float_name
from fp8lab.codec import encode
from fp8lab.fma import fma
from fp8lab.formats import BF16, E4M3FN, FloatFormat
from fp8lab.quantized import QuantizedTensor
from fp8lab.recipes import ScaleRecipe, checked_scales, recipe_of, recipe_pair
from fp8lab.tensorcore import check_codes, mma

__all__ = ["linear", "rounded_output", "scaled_mm"]

#: cuBLASLt splits K between blocks in units of this.
SPLIT_UNIT = 128


def scaled_mm(
    mat_a: npt.ArrayLike,
    mat_b: npt.ArrayLike,
    scale_a: npt.ArrayLike = 1.0,
    scale_recipe_a: ScaleRecipe | str = ScaleRecipe.TENSORWISE,
    scale_b: npt.ArrayLike = 1.0,
    scale_recipe_b: ScaleRecipe | str = ScaleRecipe.TENSORWISE,
    *,
    output_dtype: npt.DTypeLike | str = "bfloat16",
    use_fast_accum: bool = False,
    accumulator: Accumulator | str | None = None,
    split_k: int = 1,
    a_format: FloatFormat | str = E4M3FN,
    b_format: FloatFormat | str = E4M3FN,
) -> np.ndarray:
    """Multiply two matrices of FP8 codes and apply their decode scales.

    Names and order are those of ``torch.nn.functional.scaled_mm`` (torch 2.11). Every
    NaN of the output is 0x7FFFFFFF (0x7FFF in 16 bits); float16 overflows to infinity.
    K = 0 gives +0. Scales are multiplied as they are: zero, negative and NaN too.

    Parameters
    ----------
    mat_a, mat_b
        uint8 codes, [M, K] and [K, N].
    scale_a, scale_b
        Decode scales, float32: one number (TensorWise); [M, 1] and [1, N] (RowWise);
        [M, K/128] or [M/128, K/128], and [K/128, N] or [K/128, N/128] (BlockWise);
        [M, K/32] and [K/32, N], powers of two (BlockWise1x32).
    scale_recipe_a, scale_recipe_b
        What the scales are shared by.
    output_dtype
        float32, ``"bfloat16"`` (returned as uint16 bit patterns), float16; float64 for
        ``accumulator="exact"``.
    use_fast_accum
        True: one chain over K. False: promoted to float32 every 128 of K. Blocks of K
        with scales of their own are promoted at each.
    accumulator
        A rule instead of what ``use_fast_accum`` chooses: a record or a name of
        `fp8lab.accumulators`.
    split_k
        Slices of K that are summed apart and added in order, as cuBLASLt does where M
        and N are small and K is large. A slice is ceil(K / 128 / split_k) x 128 of K;
        which number cuBLASLt takes is its own choice.
    a_format, b_format
        `E4M3FN` or `E5M2`, in any mix.

    Returns
    -------
    numpy.ndarray
        [M, N]; bfloat16, the default, as uint16 bit patterns.

    Raises
    ------
    ValueError
        Shapes, scales, recipes, formats or an accumulator that do not fit.
    """
    a = check_codes(mat_a, a_format, "mat_a")
    b = check_codes(mat_b, b_format, "mat_b")
    if a.shape[1] != b.shape[0]:
        raise ValueError(
            f"mat_a has shape {a.shape} and mat_b {b.shape}; give [M, K] and [K, N]"
        )
    recipes = recipe_pair(scale_recipe_a, scale_recipe_b)
    rule = _rule(accumulator, use_fast_accum)
    wanted = _output(output_dtype, rule)
    left = checked_scales(scale_a, recipes[0], a.shape, "scale_a")
    right = checked_scales(
        scale_b, recipes[1], b.shape[::-1], "scale_b", transposed=True
    ).T
    left, right = left.astype(rule.dtype), right.astype(rule.dtype)
    step = _slice_length(a.shape[1], split_k)
    with np.errstate(all="ignore"):
        total = np.zeros((a.shape[0], b.shape[1]), rule.dtype)
        for k in range(0, a.shape[1], step):
            piece = _Piece(a, b, left, right, a_format, b_format, k, step)
            total = total + (
                piece.blocks(rule, recipes)
                if recipes[0].group.cols > 0
                else piece.plain(rule)
            )
        if recipes[0] is ScaleRecipe.TENSORWISE:
            total = total * (left * right)
        elif recipes[0] is ScaleRecipe.ROWWISE:
            total = total * right * left
    return rounded_output(total, wanted)


def linear(x: QuantizedTensor, weight: QuantizedTensor, **options: Any) -> np.ndarray:
    """Return x @ weight.T of quantized matrices: `scaled_mm` with their own scales.

    Parameters
    ----------
    x
        Activations, [M, K]: per tensor, per token, 1x128 or 1x32.
    weight
        A weight as a model stores it, [N, K]: per tensor, per channel, 128x128, 1x128
        or 1x32.
    **options
        Those of `scaled_mm` after the scales; the default output is bfloat16.

    Raises
    ------
    ValueError
        Granularities or formats that no kernel multiplies.
    """
    left, right = recipe_of(x, "x"), recipe_of(weight, "weight")
    options |= {"a_format": x.fmt.short, "b_format": weight.fmt.short}
    a, b = x.codes, weight.codes.T
    return scaled_mm(a, b, x.scales, left, weight.scales.T, right, **options)


def _rule(accumulator: Accumulator | str | None, fast: bool) -> Accumulator:
    if accumulator is None:
        return HOPPER if fast else HOPPER_PROMOTED
    return accumulator_of(accumulator)


def _slice_length(depth: int, count: int) -> int:
    """Return how much of K a slice has: whole units, the last slice may be shorter."""
    units = max(ceil(depth / SPLIT_UNIT), 1)
    if not isinstance(count, int) or not 1 <= count <= units:
        raise ValueError(f"split_k is {count!r}; give 1 to {units} for K = {depth}")
    return ceil(units / count) * SPLIT_UNIT


@dataclass(frozen=True)
class _Piece:
    """A slice of K of both operands, with all of their scales."""

    a: np.ndarray
    b: np.ndarray
    left: npt.NDArray[np.floating]
    right: npt.NDArray[np.floating]
    a_format: FloatFormat | str
    b_format: FloatFormat | str
    start: int
    length: int

    def plain(self, rule: Accumulator) -> npt.NDArray[np.floating]:
        """Sum without scales."""
        return self._sum(self.start, self.length, rule)

    def blocks(
        self, rule: Accumulator, recipes: tuple[ScaleRecipe, ScaleRecipe]
    ) -> npt.NDArray[np.floating]:
        """Sum block by block of K, each with its scales."""
        depth = recipes[0].group.cols
        both_1x128 = recipes == (ScaleRecipe.BLOCKWISE_1X128,) * 2
        single = self.a.shape[1] <= depth
        total = np.zeros((self.a.shape[0], self.b.shape[1]), rule.dtype)
        end = min(self.start + self.length, self.a.shape[1])
        for k in range(self.start, end, depth):
            acc = self._sum(k, depth, rule)
            u, v = self.left[:, k // depth, None], self.right[k // depth]
            if rule.dtype == "float64":
                total += acc * u * v
            elif both_1x128:
                total = fma(acc * v, u, total) if single else fma(acc * u, v, total)
            else:
                total = fma(acc, u * v, total)
        return total

    def _sum(
        self, start: int, length: int, rule: Accumulator
    ) -> npt.NDArray[np.floating]:
        part = slice(start, start + length)
        return mma(
            self.a[:, part],
            self.b[part],
            a_format=self.a_format,
            b_format=self.b_format,
            accumulator=rule,
        )


def _output(dtype: npt.DTypeLike | str, rule: Accumulator) -> str:
    name = float_name(dtype)
    if name == "float64" and rule.dtype != "float64":
        raise ValueError(
            f"output_dtype is float64, but {rule.name} adds in float32; use float32, "
            "bfloat16 or float16"
        )
    return name


def rounded_output(result: npt.NDArray[np.floating], dtype: str) -> np.ndarray:
    """Round a product to its output's dtype, by name; every NaN is 0x7FFF... ."""
    with np.errstate(all="ignore"):
        if dtype == "bfloat16":
            rounded: np.ndarray = encode(result, BF16)
        else:
            rounded = result.astype(dtype)
    nan = np.isnan(result)
    if nan.any():
        words = rounded.view(f"u{rounded.itemsize}")
        words[nan] = np.iinfo(words.dtype).max >> 1
    return rounded
