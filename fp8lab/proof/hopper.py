"""The GPU's own cast, ``cvt.rn.satfinite``, as an oracle (compute capability 8.9+).

Imports torch and Triton, so `fp8lab.proof.oracles` imports it only when asked for it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import triton
import triton.language as tl

from fp8lab.formats import E5M2, FloatFormat

__all__ = ["hardware_cast"]

BLOCK = 1024


# Triton reads the annotations of a kernel, and knows only its own.
@triton.jit  # type: ignore[untyped-decorator]
def _cast(x_ptr, codes_ptr, n, asm: tl.constexpr, block: tl.constexpr):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    at = tl.program_id(0) * block + tl.arange(0, block)
    x = tl.load(x_ptr + at, mask=at < n)
    code = tl.inline_asm_elementwise(
        asm, "=r,f", [x], dtype=tl.uint32, is_pure=True, pack=1
    )
    tl.store(codes_ptr + at, code.to(tl.uint8), mask=at < n)


def hardware_cast(fmt: FloatFormat) -> Callable[[np.ndarray], np.ndarray]:
    """Return a cast that runs the PTX instruction itself, not a library's wrapper.

    Raises
    ------
    RuntimeError
        There is no NVIDIA GPU with FP8 conversions (Ada, Hopper or later).
    """
    if not torch.cuda.is_available() or torch.cuda.get_device_capability() < (8, 9):
        raise RuntimeError(
            "the hopper oracle needs an NVIDIA GPU of compute capability 8.9 or later"
        )
    kind = "e5m2" if fmt == E5M2 else "e4m3"
    # One conversion packs two values into 16 bits; the upper one is a constant zero.
    instruction = (
        "{ .reg .b16 pair; .reg .f32 zero; mov.f32 zero, 0f00000000; "
        f"cvt.rn.satfinite.{kind}x2.f32 pair, zero, $1; cvt.u32.u16 $0, pair; }}"
    )

    def run(x: np.ndarray) -> np.ndarray:
        values = torch.from_numpy(x).cuda()
        codes = torch.empty(values.shape, dtype=torch.uint8, device="cuda")
        _cast[(triton.cdiv(x.size, BLOCK),)](values, codes, x.size, instruction, BLOCK)
        return codes.cpu().numpy()

    return run
