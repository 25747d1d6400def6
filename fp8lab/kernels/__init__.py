"""The lab's functions as Triton kernels for Hopper: same names, arguments and bytes.

They take torch tensors. On a Hopper GPU they run there; elsewhere in Triton's
interpreter on the CPU, slowly, with the same bytes (`fp8lab.kernels.interpreter`).
"""

import sys

try:
    import torch  # noqa: F401 (only to fail early)
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "fp8lab.kernels needs PyTorch and Triton: pip install 'fp8lab[gpu]'"
    ) from missing

from fp8lab.kernels.runtime import INTERPRETED

try:
    import triton  # noqa: F401 (only to fail early)
except ModuleNotFoundError as missing:
    remedy = (
        "pip install 'fp8lab[gpu]'"
        if sys.platform == "linux"
        else f"it has no build for {sys.platform}; use Linux, or fp8lab without kernels"
    )
    raise ModuleNotFoundError(f"fp8lab.kernels needs Triton: {remedy}") from missing

if INTERPRETED:
    from fp8lab.kernels.interpreter import install

    install()

from fp8lab.kernels.attention import decode_attention
from fp8lab.kernels.fused import rms_norm_quantize, silu_mul_quantize
from fp8lab.kernels.gemm import linear, scaled_mm
from fp8lab.kernels.quantize import dequantize, quantize
from fp8lab.kernels.tensors import QuantizedTensor
from fp8lab.kernels.weight_only import weight_only_mm

__all__ = [
    "INTERPRETED",
    "QuantizedTensor",
    "decode_attention",
    "dequantize",
    "linear",
    "quantize",
    "rms_norm_quantize",
    "scaled_mm",
    "silu_mul_quantize",
    "weight_only_mm",
]
