"""Scaled products written out with fractions, one `single` for every rounding."""

from fractions import Fraction

import numpy as np
import pytest

from fp8lab.gemm import scaled_mm
from fp8lab.recipes import ScaleRecipe
from tests.product_oracles import (
    UNIT,
    chain,
    float32_number,
    float32_of,
    operands,
    products_of,
)

T, R, MX, G, B = list(ScaleRecipe)
RECIPES = [(T, T), (R, R), (MX, MX), (G, B), (B, G), (G, G)]
RECIPE = pytest.mark.parametrize("recipes", RECIPES, ids="-".join)
BLOCK = {MX: (1, 32), G: (1, 128), B: (128, 128)}
E4 = ("E4M3FN", "E4M3FN")


def scales(recipe: ScaleRecipe, rows: int, depth: int, seed: int) -> np.ndarray:
    """Scales of a [rows, depth] operand."""
    rng = np.random.default_rng(seed)
    height, width = BLOCK.get(recipe, (1, 1))
    if recipe in (T, R):
        rows, depth = rows if recipe is R else 1, 1
    shape = (-(-rows // height), -(-depth // width))
    if recipe is MX:
        return np.exp2(rng.integers(-12, 5, shape)).astype(np.float32)
    return np.exp(rng.normal(-3, 2, shape)).astype(np.float32)


def case(recipes, sides, pair=E4, seed=0):
    """Codes [M, K] and [K, N], and the scales of [M, K] and [N, K]."""
    m, n, k = sides
    u = scales(recipes[0], m, k, seed + 1)
    v = scales(recipes[1], n, k, seed + 2)
    return *operands("finite", sides, pair, seed), u, v


def of_row(recipe: ScaleRecipe, scale: np.ndarray, row: int) -> list[Fraction]:
    """The scales along K of one row of an operand, exactly."""
    height = {T: row + 1, B: 128}.get(recipe, 1)
    return [Fraction(float(x)) for x in scale[row // height]]


def single(x: Fraction) -> Fraction:
    rounded = float32_of(x)
    assert not isinstance(rounded, str), "this is too large for float32"
    return rounded


def sum_of(products: list, promote: int | None) -> Fraction:
    """A sum of finite products as the tensor core leaves it."""
    return Fraction(float32_number(chain(products, promote=promote))[0], 1 << -UNIT)


def element(products: list, u: list, v: list, recipes: tuple, promote) -> Fraction:
    """One output: the table of fp8lab.gemm, `single` for every rounding."""
    if recipes == (T, T):
        return single(sum_of(products, promote) * single(u[0] * v[0]))
    if recipes == (R, R):
        return single(single(sum_of(products, promote) * v[0]) * u[0])
    total, depth = Fraction(0), BLOCK[recipes[0]][1]
    if recipes == (G, G) and len(u) == 1:
        return single(single(sum_of(products, None) * v[0]) * u[0])
    for block, (x, y) in enumerate(zip(u, v, strict=True)):
        acc = sum_of(products[block * depth : (block + 1) * depth], None)
        if recipes == (G, G):
            total = single(single(acc * x) * y + total)
        else:
            total = single(acc * single(x * y) + total)
    return total


def scaled_mm_slowly(a, b, u, v, recipes, pair=E4, promote=128):
    out = np.empty((len(a), b.shape[1]), np.float32)
    for i, j in np.ndindex(out.shape):
        products = products_of(a[i], b[:, j], *pair)
        along = of_row(recipes[0], u, i), of_row(recipes[1], v, j)
        out[i, j] = float(element(products, *along, recipes, promote))
    return out


def in_float32(a, b, u, v, recipes, pair=E4, **options):
    options = {"output_dtype": "float32"} | options
    formats = {"a_format": pair[0], "b_format": pair[1]}
    return scaled_mm(a, b, u, recipes[0], v.T, recipes[1], **formats, **options)
