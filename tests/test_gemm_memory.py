"""A product never holds an [M, N, K] array, nor an [M, N, 32] one.

NumPy reports its allocations to tracemalloc. Counted is all above the start: the
operands decoded (two float32 copies, exponents, and what makes them: 18 bytes an
element), and the output with a few arrays of its shape.
"""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from fp8lab.gemm import scaled_mm
from fp8lab.tensorcore import mma

MEBIBYTE = 1 << 20
RULES = ("exact", "float32", "hopper", "hopper-128")
#: Bytes an element of an operand, with NaN or infinity in it.
OPERAND, SPECIAL = 18, 26


def peak(call: Callable[[], np.ndarray]) -> int:
    """Bytes above the start at the worst moment."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def codes(m: int, n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return (
        rng.integers(0, 0x7F, (m, k), np.uint8),
        rng.integers(0, 0x7F, (k, n), np.uint8),
    )


def test_the_product_of_the_issue():
    """1024 x 1024 x 4096: its [M, N, K] is 4 GiB of bytes."""
    m, n, k = 1024, 1024, 4096
    a, b = codes(m, n, k)
    bound = 8 * 4 * m * n + OPERAND * (m * k + k * n)
    assert peak(lambda: mma(a, b)) <= bound < m * n * k // 16


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "sides", [(1024, 1024, 64), (1, 1 << 17, 32), (1 << 17, 1, 32)]
)
def test_a_wide_product_holds_its_output_and_one_tile(rule, sides):
    a, b = codes(*sides)
    outputs = 4 * sides[0] * sides[1] * (2 if rule == "exact" else 1)
    bound = outputs + OPERAND * (a.size + b.size) + 6 * MEBIBYTE
    assert peak(lambda: mma(a, b, accumulator=rule)) <= bound


@pytest.mark.parametrize("rule", RULES)
def test_a_deep_product_holds_its_operands(rule):
    a, b = codes(8, 8, 1 << 15)
    bound = OPERAND * (a.size + b.size) + 2 * MEBIBYTE
    assert peak(lambda: mma(a, b, accumulator=rule)) <= bound


def test_specials_cost_a_few_outputs_more():
    a, b = codes(1024, 1024, 64)
    a[3, 4] = b[5, 6] = 0x7F
    bound = 5 * 4 * 1024 * 1024 + SPECIAL * (a.size + b.size) + 6 * MEBIBYTE
    assert peak(lambda: mma(a, b)) <= bound


@pytest.mark.parametrize("recipe", ["TensorWise", "RowWise", "BlockWise1x128"])
def test_scales_cost_a_few_outputs_more(recipe):
    side, k = 1024, 256
    a, b = codes(side, side, k)
    shapes = {"TensorWise": (1, 1), "RowWise": (side, 1), "BlockWise1x128": (side, 2)}
    scale = np.ones(shapes[recipe], np.float32)
    # fma works in float64: some ten arrays of twice the output.
    fused = 2 * 10 if recipe.startswith("Block") else 3
    bound = (1 + fused) * 4 * side * side + OPERAND * (a.size + b.size) + 6 * MEBIBYTE
    assert peak(lambda: scaled_mm(a, b, scale, recipe, scale.T, recipe)) <= bound
