"""Matrix products on a Hopper GPU: Triton's dot and torch's call of cuBLASLt.

Imports torch and Triton, so `fp8lab.prove_gemm` imports it only where they are.
"""

from __future__ import annotations

import numpy as np
import torch
import triton
import triton.language as tl

from fp8lab.proof.products import CHAIN, SCALED, SHARED, Case
from fp8lab.recipes import ScaleRecipe

__all__ = ["compute", "instructions", "machine"]

TILE = 64
DTYPES = {
    "E4M3FN": torch.float8_e4m3fn,
    "E5M2": torch.float8_e5m2,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def machine() -> dict[str, str]:
    """Return the GPU and the versions, for a record.

    Raises
    ------
    RuntimeError
        There is no Hopper GPU: other generations add up in another way.
    """
    if not torch.cuda.is_available():
        raise RuntimeError("there is no NVIDIA GPU here")
    name, capability = torch.cuda.get_device_name(), torch.cuda.get_device_capability()
    if capability[0] != 9:
        raise RuntimeError(f"{name} is not a Hopper GPU: its sums follow another rule")
    return {
        "gpu": name,
        "torch": torch.__version__,
        "cuda": str(torch.version.cuda),
        "triton": triton.__version__,
    }


# Triton reads the annotations of a kernel, and knows only its own.
@triton.jit  # type: ignore[untyped-decorator]
def _dot(  # type: ignore[no-untyped-def] # noqa: ANN202
    a, b, c, out, n, k,  # noqa: ANN001
    depth: tl.constexpr, chained: tl.constexpr, width: tl.constexpr,
):  # fmt: skip
    rows = tl.program_id(0) * 64 + tl.arange(0, 64)
    columns = tl.program_id(1) * width + tl.arange(0, width)
    at = tl.arange(0, depth)
    place = rows[:, None] * n + columns[None, :]
    acc = tl.load(c + place)
    for first in range(0, k, depth):
        x = tl.load(a + rows[:, None] * k + (first + at)[None, :])
        y = tl.load(b + columns[None, :] * k + (first + at)[:, None])
        if chained:
            acc = tl.dot(x, y, acc)
        else:
            acc += tl.dot(x, y)
    tl.store(out + place, acc)


def compute(case: Case) -> np.ndarray:
    """Return what the GPU gives: float32, float16, or bfloat16 bits."""
    codes = case.operands()
    a, b = (
        torch.from_numpy(x).cuda().view(DTYPES[fmt])
        for x, fmt in zip(codes, (case.a_format, case.b_format), strict=True)
    )
    if case.path == SCALED:
        return _bits(_scaled_mm(case, a, b))
    start = case.start()
    zeros = np.zeros((case.m, case.n), np.float32)
    c = torch.from_numpy(zeros if start is None else start).cuda()
    out = torch.empty_like(c)
    grid = (case.m // TILE, case.n // TILE)
    depth = min(case.k, 128)
    _dot[grid](a, b, c, out, case.n, case.k, depth, case.path == CHAIN, TILE)
    return _bits(out)


def instructions(width: int) -> dict[str, str]:
    """Compile the kernel for a tile of 64 x ``width``, and return what multiplies.

    Returns
    -------
    dict
        ``"ptx"``: the first ``wgmma`` line; ``"sass"``: the first QGMMA line.
    """
    codes = torch.zeros((width, 128), dtype=torch.uint8, device="cuda")
    a, b = codes[:TILE].view(DTYPES["E4M3FN"]), codes.view(DTYPES["E4M3FN"])
    c = torch.zeros((TILE, width), device="cuda")
    compiled = _dot[(1, 1)](a, b, c, c, width, 128, 128, True, width)
    found = {"ptx": "wgmma.mma_async", "sass": "QGMMA"}
    return {
        kind: next(
            line[line.index(word) :]
            for line in compiled.asm[kind].splitlines()
            if word in line
        )
        for kind, word in found.items()
    }


def _scaled_mm(case: Case, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    scale_a, scale_b = (torch.from_numpy(s).cuda() for s in case.scales())
    left, right = SHARED[case.shared]
    if left is ScaleRecipe.TENSORWISE:
        scale_a, scale_b = scale_a.reshape(()), scale_b.reshape(())
    elif left is ScaleRecipe.BLOCKWISE_1X128:
        # The kernels want the rows of an operand side by side.
        scale_a = scale_a.t().contiguous().t()
    if right is ScaleRecipe.BLOCKWISE_1X128:
        scale_b = scale_b.t().contiguous()
    elif scale_b.ndim:
        scale_b = scale_b.t()
    return torch._scaled_mm(
        a,
        b.t(),
        scale_a=scale_a,
        scale_b=scale_b,
        out_dtype=DTYPES[case.output],
        use_fast_accum=case.fast,
    )


def _bits(output: torch.Tensor) -> np.ndarray:
    if output.dtype == torch.bfloat16:
        return output.view(torch.uint16).cpu().numpy()
    return output.cpu().numpy()
