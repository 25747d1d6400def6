"""Scaled products for `fp8lab.kernels.gemm`, and the check against NumPy's bits.

The oracle is `fp8lab.scaled_mm`, which was proven against an H200 by itself.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

import fp8lab
from fp8lab.kernels import gemm_large
from fp8lab.kernels.gemm import Product, aligned, scaled_mm
from fp8lab.kernels.gemm_config import (
    CHAIN_TILES,
    COLUMN_TILES,
    PROMOTED_TILES,
    ROW_COLUMN_TILES,
    Tile,
)
from fp8lab.kernels.gemm_specialized import CHAINS, PROMOTIONS, Specialized
from fp8lab.kernels.tensors import fp8_dtype, to_numpy
from fp8lab.proof.operands import fp8_codes
from fp8lab.recipes import ScaleRecipe

RECIPES = {
    "tensor": ("TensorWise", "TensorWise"),
    "row": ("RowWise", "RowWise"),
    "1x128 by 128x128": ("BlockWise1x128", "BlockWise128x128"),
    "128x128 by 1x128": ("BlockWise128x128", "BlockWise1x128"),
    "1x128 by 1x128": ("BlockWise1x128", "BlockWise1x128"),
    "1x32 by 1x32": ("BlockWise1x32", "BlockWise1x32"),
}
PLAIN = ("tensor", "row")
BLOCKS = tuple(name for name in RECIPES if name not in PLAIN)
PAIRS = [(a, b) for a in ("e4m3fn", "e5m2") for b in ("e4m3fn", "e5m2")]
OUTPUTS = ("float32", "bfloat16", "float16")

#: Every large tile with what it multiplies: recipe, fast accumulation, tile.
TILES: list[tuple[str, bool, Tile]] = [
    *(("row", True, tile) for tile in CHAIN_TILES),
    *(("row", False, tile) for tile in PROMOTED_TILES),
    *(("1x128 by 128x128", False, tile) for tile in PROMOTED_TILES),
    *(("128x128 by 1x128", False, tile) for tile in COLUMN_TILES),
    *(("1x128 by 1x128", False, tile) for tile in ROW_COLUMN_TILES),
    *(("1x32 by 1x32", False, tile) for tile in ROW_COLUMN_TILES),
]
#: The same for specialized warps, which the interpreter cannot run.
SPECIALIZED: list[tuple[str, bool, Specialized]] = [
    *((recipes, True, tile) for recipes in PLAIN for tile in CHAINS),
    *(("row", False, tile) for tile in PROMOTIONS),
    *(("1x128 by 128x128", False, tile) for tile in PROMOTIONS),
]


@dataclass(frozen=True)
class Case:
    """One product; its operands and scales follow from its fields."""

    m: int
    n: int
    k: int
    recipes: str = "tensor"
    fast: bool = False
    split_k: int = 1
    output: str = "float32"
    a_format: str = "e4m3fn"
    b_format: str = "e4m3fn"
    kind: str = "normal"
    seed: int = 1

    @property
    def pair(self) -> tuple[ScaleRecipe, ScaleRecipe]:
        left, right = RECIPES[self.recipes]
        return ScaleRecipe(left), ScaleRecipe(right)

    def codes(self) -> tuple[np.ndarray, np.ndarray]:
        """Codes of a, [M, K], and of b as a weight is stored, [N, K]."""
        formats = map(fp8lab.format_of, (self.a_format, self.b_format))
        shapes = (self.m, self.k), (self.n, self.k)
        make = uneven_codes if self.kind == "uneven" else partial(fp8_codes, self.kind)
        return tuple(
            make(fmt, shape, self.seed + i)
            for i, (fmt, shape) in enumerate(zip(formats, shapes, strict=True))
        )

    def scales(self) -> tuple[np.ndarray, np.ndarray]:
        """Scales of a, and of b transposed, each row and column of its own size."""
        random = np.random.default_rng(self.seed)
        made = []
        for recipe, shape in zip(
            self.pair, ((self.m, self.k), (self.n, self.k)), strict=True
        ):
            rows, cols = recipe.group.rows, recipe.group.cols
            full = max(shape[0], rows == -1), max(shape[1], cols == -1)
            size = recipe.group.scale_shape(full)
            powers = np.exp2(random.integers(-12, 9, size))
            exact = recipe is ScaleRecipe.BLOCKWISE_1X32
            made.append(powers * (1 if exact else random.uniform(1, 2, size)))
        return made[0].astype(np.float32), made[1].astype(np.float32)


def uneven_codes(
    fmt: fp8lab.FloatFormat, shape: tuple[int, int], seed: int
) -> np.ndarray:
    """Return codes whose size changes much with each 128 of K.

    The 14 bits of one promoted sum and of the next do not fit into a float32 together,
    so that every addition rounds, and their order shows.
    """
    random = np.random.default_rng(seed)
    powers = np.array([6, -5, 1, -6, 5, -2])[np.arange(shape[1]) // 128 % 6]
    return fp8lab.encode(
        (random.standard_normal(shape) * np.exp2(powers)).astype(np.float32), fmt
    )


def numpy_product(case: Case, codes, scales) -> np.ndarray:
    a, b = codes
    left, right = case.pair
    return fp8lab.scaled_mm(
        a,
        b.T,
        scales[0],
        left,
        scales[1].T,
        right,
        output_dtype=case.output,
        use_fast_accum=case.fast,
        split_k=case.split_k,
        a_format=case.a_format,
        b_format=case.b_format,
    )


def on_device(codes: np.ndarray, fmt: str, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(codes).to(device).view(fp8_dtype(fmt))


def torch_product(
    case: Case,
    codes,
    scales,
    device: torch.device,
    tile: Tile | Specialized | None = None,
) -> torch.Tensor:
    """Multiply with the public function, or with a large tile by name."""
    a, b = (
        on_device(x, fmt, device)
        for x, fmt in zip(codes, (case.a_format, case.b_format), strict=True)
    )
    # Groups of 1 x N have their scales column-major, as `quantize` leaves them.
    left, right = (torch.from_numpy(x.T.copy()).to(device).T for x in scales)
    if tile is not None:
        dtype = getattr(torch, case.output)
        rest = case.pair, case.fast, case.split_k, dtype
        product = Product(aligned(a), aligned(b), left, right, *rest)
        return gemm_large.large_product(product, tile)
    return scaled_mm(
        a,
        b.t(),
        left,
        RECIPES[case.recipes][0],
        right.t(),
        RECIPES[case.recipes][1],
        output_dtype=case.output,
        use_fast_accum=case.fast,
        split_k=case.split_k,
    )


def assert_same_bits(got: torch.Tensor, want: np.ndarray) -> None:
    there = to_numpy(got)
    assert there.shape == want.shape
    assert there.dtype == want.dtype
    word = f"u{want.itemsize}"
    wrong = there.view(word) != want.view(word)
    if wrong.any():
        i, j = np.argwhere(wrong)[0]
        raise AssertionError(
            f"{wrong.sum()} of {wrong.size} outputs differ, first [{i}, {j}]: "
            f"{there.view(word)[i, j]:#x}, NumPy has {want.view(word)[i, j]:#x}"
        )


def check(
    case: Case, device: torch.device, tile: Tile | Specialized | None = None
) -> np.ndarray:
    """Compare with NumPy, and return NumPy's result."""
    codes, scales = case.codes(), case.scales()
    want = numpy_product(case, codes, scales)
    assert_same_bits(torch_product(case, codes, scales, device, tile), want)
    return want
