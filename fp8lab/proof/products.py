"""The matrix products that are compared with a Hopper GPU, and what ours gives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from fp8lab.formats import E4M3FN, E5M2, format_of
from fp8lab.gemm import scaled_mm
from fp8lab.proof.operands import KINDS, fp8_codes, scales, starts
from fp8lab.recipes import ScaleRecipe
from fp8lab.tensorcore import mma

__all__ = [
    "CHAIN",
    "PROMOTED",
    "SCALED",
    "Case",
    "cases",
    "digest",
    "expected",
    "outside",
]

#: What computes on the GPU: Triton's dot, chained; added up in float32 every 128 of K;
#: and torch's call of cuBLASLt.
CHAIN, PROMOTED, SCALED = "tl.dot(a, b, acc)", "acc += tl.dot(a, b)", "torch._scaled_mm"

SHARED = {
    "tensor": (ScaleRecipe.TENSORWISE, ScaleRecipe.TENSORWISE),
    "row": (ScaleRecipe.ROWWISE, ScaleRecipe.ROWWISE),
    "1x128 by 128x128": (ScaleRecipe.BLOCKWISE_1X128, ScaleRecipe.BLOCKWISE_128X128),
    "1x128 by 1x128": (ScaleRecipe.BLOCKWISE_1X128, ScaleRecipe.BLOCKWISE_1X128),
}
SHAPES = ((64, 64, 512), (128, 256, 2048), (16, 512, 4096), (48, 80, 208))
LARGE = ((256, 256, 4096), (32, 7168, 2048), (1024, 1024, 2048))
BLOCKED = ((128, 256, 512), (64, 256, 2048), (16, 512, 4096), (512, 128, 1024))
SINGLE = ((128, 128, 128), (16, 1024, 128))
#: Few outputs and much K: here cuBLASLt splits K.
DEEP = ((64, 128, 16384), (16, 512, 8192), (32, 1024, 14336), (16, 4096, 16384))
DEEP_BLOCKED = ((64, 128, 16384), (16, 4096, 8192))
OUTPUTS = ("float32", "bfloat16", "float16")
PAIRS = tuple(product(("E4M3FN", "E5M2"), repeat=2))


@dataclass(frozen=True)
class Case:
    """One matrix product. Its operands follow from its fields."""

    path: str
    kind: str
    a_format: str
    b_format: str
    m: int
    n: int
    k: int
    seed: int
    shared: str = "tensor"
    fast: bool = True
    output: str = "float32"
    starts: bool = False
    split_k: int = 1

    @property
    def work(self) -> int:
        """Multiply-accumulates."""
        return self.m * self.n * self.k

    def operands(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Codes of a, [M, K], and of b as a weight is stored, [N, K]."""
        a_format, b_format = format_of(self.a_format), format_of(self.b_format)
        return (
            fp8_codes(self.kind, a_format, (self.m, self.k), self.seed),
            fp8_codes(self.kind, b_format, (self.n, self.k), self.seed + 10_000),
        )

    def scales(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Decode scales of a and of b transposed, in their recipe's shape."""
        left, right = SHARED[self.shared]
        shape_a = left.group.scale_shape((self.m, self.k))
        shape_b = right.group.scale_shape((self.n, self.k))
        return scales(shape_a, self.seed + 20_000), scales(shape_b, self.seed + 30_000)

    def start(self) -> npt.NDArray[np.float32] | None:
        """The accumulator to begin with, if this case has one."""
        return starts((self.m, self.n), self.seed + 40_000) if self.starts else None


def cases() -> Iterator[Case]:
    """Yield every product of the proof."""
    seeds = iter(range(1, 9_000))
    for part in (_dots, _one_scale, _large, _blockwise, _deep):
        yield from part(seeds)


def _dots(seeds: Iterator[int]) -> Iterator[Case]:
    for (a, b), kind in product(PAIRS, KINDS):
        for k in (32, 128, 512, 4096, 16384):
            yield Case(CHAIN, kind, a, b, 64, 64, k, next(seeds))
        for k in (128, 4096, 16384):
            yield Case(PROMOTED, kind, a, b, 64, 64, k, next(seeds), fast=False)
        yield Case(CHAIN, kind, a, b, 64, 64, 64, next(seeds), starts=True)


def _one_scale(seeds: Iterator[int]) -> Iterator[Case]:
    """One scale a tensor or a row, every pair of formats that cuBLASLt has."""
    pairs = [pair for pair in PAIRS if pair != (E5M2.short, E5M2.short)]
    for (a, b), kind, (m, n, k) in product(pairs, KINDS, SHAPES):
        for shared, fast in product(("tensor", "row"), (True, False)):
            seed = next(seeds)
            output = OUTPUTS[seed % len(OUTPUTS)]
            yield Case(SCALED, kind, a, b, m, n, k, seed, shared, fast, output)


def _large(seeds: Iterator[int]) -> Iterator[Case]:
    for shared, fast, shape in product(("tensor", "row"), (True, False), LARGE):
        yield _scaled("normal", shape, next(seeds), shared, fast, "bfloat16")


def _blockwise(seeds: Iterator[int]) -> Iterator[Case]:
    blocks = ("1x128 by 128x128", "1x128 by 1x128")
    for shared, kind, shape in product(blocks, KINDS, BLOCKED):
        seed = next(seeds)
        for output in ("float32", "bfloat16"):
            yield _scaled(kind, shape, seed, shared, False, output)
    for kind, shape in product(KINDS, SINGLE):
        yield _scaled(kind, shape, next(seeds), "1x128 by 1x128", False)


def _deep(seeds: Iterator[int]) -> Iterator[Case]:
    for shape in DEEP_BLOCKED:
        yield _scaled("normal", shape, next(seeds), "1x128 by 1x128", False)
    for kind, fast, shape in product(("normal", "positive"), (True, False), DEEP):
        yield _scaled(kind, shape, next(seeds), "tensor", fast)


def _scaled(
    kind: str,
    shape: tuple[int, int, int],
    seed: int,
    shared: str,
    fast: bool,
    output: str = "float32",
) -> Case:
    both = E4M3FN.short
    return Case(SCALED, kind, both, both, *shape, seed, shared, fast, output)


def outside() -> Iterator[tuple[Case, str]]:
    """Yield products that are known to differ, and why."""
    why = "cuBLASLt splits K and adds its slices in an order that is not known"
    for seed, shape in enumerate(DEEP_BLOCKED, 9_000):
        yield _scaled("normal", shape, seed, "1x128 by 128x128", False), why


def expected(case: Case) -> np.ndarray:
    """Return what `fp8lab` gives for a case: float32, float16, or bfloat16 bits."""
    a, b = case.operands()
    formats = {"a_format": case.a_format, "b_format": case.b_format}
    if case.path != SCALED:
        rule = "hopper" if case.path == CHAIN else "hopper-128"
        return mma(a, b.T, case.start(), accumulator=rule, **formats)
    left, right = SHARED[case.shared]
    scale_a, scale_b = case.scales()
    return scaled_mm(
        a,
        b.T,
        scale_a,
        left,
        scale_b.T,
        right,
        output_dtype=case.output,
        use_fast_accum=case.fast,
        split_k=case.split_k,
        **formats,
    )


def digest(output: np.ndarray) -> str:
    """Return the SHA-256 of an output's bytes, in C order."""
    return hashlib.sha256(np.ascontiguousarray(output).tobytes()).hexdigest()
