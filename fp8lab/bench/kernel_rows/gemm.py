"""Rows of the FP8 matrix products: time, beside torch's call of cuBLASLt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from fp8lab.bench.kernel_catalogue import Row
from fp8lab.bench.kernel_rows import Candidate, Prepared, WrongError
from fp8lab.bench.kernel_rows.numbers import SPREAD, Numbers
from fp8lab.kernels.gemm import scaled_mm
from fp8lab.kernels.gemm_config import SMALL_M, SmallTile, choose_split_k
from fp8lab.kernels.gemm_large import large_product
from fp8lab.kernels.gemm_product import Product
from fp8lab.kernels.gemm_small import small_product
from fp8lab.kernels.gemm_specialized import Specialized
from fp8lab.recipes import ScaleRecipe

__all__ = ["prepare"]

BLOCKS = "1x128 by 128x128"
RECIPES = {
    "per-tensor": (ScaleRecipe.TENSORWISE, ScaleRecipe.TENSORWISE),
    "rowwise": (ScaleRecipe.ROWWISE, ScaleRecipe.ROWWISE),
    BLOCKS: (ScaleRecipe.BLOCKWISE_1X128, ScaleRecipe.BLOCKWISE_128X128),
}
BLOCK = 128
#: So many rows are also computed in float32.
SAMPLE = 64
#: Half a unit of bfloat16, the output.
OUTPUT_ERROR = 2.0**-8
#: More than a chain of 14 bits loses of random numbers over the longest K here.
CHAIN_ERROR = 0.05


@dataclass(frozen=True)
class _Operands:
    """One set: codes, scales, and the same numbers in bfloat16 where a peer asks."""

    recipe: str
    a: torch.Tensor
    b: torch.Tensor  # [N, K], as a weight is stored
    scale_a: torch.Tensor
    scale_b: torch.Tensor
    wide: tuple[torch.Tensor, torch.Tensor] | None


def prepare(
    row: Row, numbers: Numbers, config: dict[str, Any] | None = None
) -> Prepared:
    """Make the operands of a row, and the calls."""
    m, n, k = row.arguments["size"]
    recipe = row.arguments["recipe"]
    small = row.family == "gemm-small"
    sets = [
        _operands((m, n, k), recipe, one, small) for one in numbers.sets((m + n) * k)
    ]
    work = 2.0 * m * n * k
    peers: dict[str, Candidate] = {}
    note = _known_wrong(recipe, m, k)
    if not note:
        peers["torch._scaled_mm"] = Candidate([partial(_torch, s) for s in sets], work)
    if small:
        # Made once: a call of the peer is the product alone.
        peers["bfloat16 cuBLAS"] = Candidate([_bfloat16(s) for s in sets], work)
    return Prepared(
        Candidate([partial(_ours, s, config) for s in sets], work),
        peers,
        lambda: _check(sets[0], config, bool(note)),
        note=note,
    )


def _known_wrong(recipe: str, m: int, k: int) -> str:
    """Say where torch's block-scaled product is not to be held against."""
    if recipe != BLOCKS:
        return ""
    for wrong, what in ((k // BLOCK % 4, "K/128"), (m % 4, "M")):
        if wrong:
            return f"torch 2.11's block-scaled product is wrong where {what} % 4 != 0"
    return ""


def _operands(
    size: tuple[int, int, int], recipe: str, numbers: Numbers, small: bool
) -> _Operands:
    m, n, k = size
    a, b = numbers.codes(m, k), numbers.codes(n, k)
    if recipe == "per-tensor":
        scales = numbers.uniform(), numbers.uniform()
    elif recipe == "rowwise":
        scales = numbers.uniform(m, 1), numbers.uniform(1, n)
    else:
        # As torch wants them: M and blocks of K side by side.
        blocks = k // BLOCK, -(-n // BLOCK)
        scales = numbers.uniform(blocks[0], m).t(), numbers.uniform(*blocks[::-1]).t()
    scale_a, scale_b = (scale.div_(SPREAD) for scale in scales)
    wide = (numbers.widened(a), numbers.widened(b)) if small else None
    return _Operands(recipe, a, b, scale_a, scale_b, wide)


def _ours(s: _Operands, config: dict[str, Any] | None) -> torch.Tensor:
    if config is not None:
        return _with_tile(s, **config)
    left, right = RECIPES[s.recipe]
    return scaled_mm(
        s.a, s.b.t(), s.scale_a, left, s.scale_b, right, use_fast_accum=True
    )


def _with_tile(s: _Operands, split_k: int | None = None, **sides: Any) -> torch.Tensor:
    """Multiply with a tile and a number of slices of the tuner's."""
    m, n, k = len(s.a), len(s.b), s.a.shape[1]
    left, right = s.scale_a, s.scale_b.t()
    if left.ndim == 0:
        left, right = left.reshape(1, 1), right.reshape(1, 1)
    slices = split_k or choose_split_k(m, n, k)
    recipes = RECIPES[s.recipe]
    product = Product(s.a, s.b, left, right, recipes, True, slices, torch.bfloat16)
    if m <= SMALL_M:
        return small_product(product, SmallTile(reason="", **sides))
    # What is estimated of a tile chooses it, and this one is chosen.
    tile = Specialized(step_ns=0, tile_ns=0, reason="", **sides)
    return large_product(product, tile)


def _torch(s: _Operands) -> torch.Tensor:
    # Fast accumulation is a choice for whole sums only: blocks are promoted.
    return torch._scaled_mm(
        s.a,
        s.b.t(),
        scale_a=s.scale_a,
        scale_b=s.scale_b,
        out_dtype=torch.bfloat16,
        use_fast_accum=s.recipe != BLOCKS,
    )


def _bfloat16(s: _Operands) -> Callable[[], torch.Tensor]:
    assert s.wide is not None
    return partial(torch.mm, s.wide[0], s.wide[1].t())


def _check(s: _Operands, config: dict[str, Any] | None, torch_is_wrong: bool) -> str:
    """Compare with torch bit for bit, and, where it differs, both with float32."""
    ours = _ours(s, config)
    theirs = None if torch_is_wrong else _attempted(s)
    if theirs is not None and torch.equal(
        ours.view(torch.int16), theirs.view(torch.int16)
    ):
        return "equal to torch's"
    rows = slice(0, SAMPLE)
    exact = _float32(s, rows)
    error = _error(ours[rows], exact)
    allowed = OUTPUT_ERROR
    if theirs is not None:
        # torch may have cut K into slices, which gives other last bits.
        allowed += 2 * min(_error(theirs[rows], exact), CHAIN_ERROR)
    elif s.recipe != BLOCKS:
        allowed += CHAIN_ERROR
    if not error <= allowed:
        raise WrongError(f"error {error:.1e}, allowed {allowed:.1e}")
    return f"error {error:.1e} (<= {allowed:.1e})"


def _attempted(s: _Operands) -> torch.Tensor | None:
    """Return torch's product; None off the GPU, where sums are others, or refused."""
    if s.a.device.type == "cpu":
        return None
    try:
        return _torch(s)
    except (RuntimeError, ValueError):
        return None


def _float32(s: _Operands, rows: slice) -> torch.Tensor:
    """Return rows of the product in float32, of exact operands."""
    a, b = s.a[rows].float(), s.b.float()
    if s.recipe != BLOCKS:
        left = s.scale_a[rows] if s.scale_a.ndim else s.scale_a
        return (a @ b.t()) * left * s.scale_b
    a *= s.scale_a[rows].repeat_interleave(BLOCK, 1)
    scales = s.scale_b.t().repeat_interleave(BLOCK, 0)[: len(b)]
    b *= scales.repeat_interleave(BLOCK, 1)
    return a @ b.t()


def _error(ours: torch.Tensor, exact: torch.Tensor) -> float:
    """Return the error's norm relative to that of the result."""
    return float((ours.float() - exact).norm() / exact.norm())
