"""fp8lab: FP8 inference, bit for bit, in NumPy.

>>> import fp8lab
>>> fp8lab.encode(0.3952)
np.uint8(45)
>>> fp8lab.explain(45)
E4M3FN 0x2d = 0 0101 101 (normal)
  value      1.101b x 2^-2 = 1.625 x 2^-2 = 0.40625
  ulp        0.03125
  neighbours 0.375 (0x2c) and 0.4375 (0x2e)

Formats are data (`fp8lab.formats`); `encode`, `decode` and `round_to` are the format's
own arithmetic; `quantize` and `dequantize` add scales, always decode scales:
x ~ decode(code) * scale. `mma` adds up products as a Hopper tensor core does, bit for
bit; `scaled_mm` and `linear` add the scales to it.
"""

from fp8lab.accumulators import HOPPER, HOPPER_PROMOTED, Accumulator, accumulator_of
from fp8lab.amax import measure_amax
from fp8lab.attention import decode_attention
from fp8lab.codec import decode, encode, round_to
from fp8lab.errors import ErrorSplit, error_split, outlier_mask
from fp8lab.explain import Anatomy, explain
from fp8lab.formats import (
    ALL_FORMATS,
    BF16,
    E2M1FN,
    E2M3FN,
    E3M2FN,
    E3M4,
    E4M3,
    E4M3B11FNUZ,
    E4M3FN,
    E4M3FNUZ,
    E5M2,
    E5M2FNUZ,
    E8M0FNU,
    FP16,
    FP32,
    TF32,
    FloatFormat,
    format_of,
    format_table,
)
from fp8lab.fused import rms_norm, rms_norm_quantize, silu_mul, silu_mul_quantize
from fp8lab.gemm import linear, scaled_mm
from fp8lab.granularity import GROUPS, GroupShape, group_of
from fp8lab.integers import INT4, INT8, IntFormat
from fp8lab.metrics import (
    first_difference,
    mean_relative_error,
    mse,
    relative_rms,
    saturation_rate,
    sqnr_db,
    ulp_distance,
    underflow_rate,
)
from fp8lab.policies import POLICIES, Policy
from fp8lab.quantization import quantize
from fp8lab.quantized import QuantizedTensor, dequantize
from fp8lab.recipes import ScaleRecipe
from fp8lab.rounding import Rounding
from fp8lab.scales import ScaleDtype, ScaleRule, compute_scale
from fp8lab.scaling import (
    DelayedAmax,
    DynamicAmax,
    MSEAmax,
    PercentileAmax,
    StaticAmax,
)
from fp8lab.tensorcore import mma
from fp8lab.weight_only import weight_only_mm

__version__ = "0.1.0"

__all__ = [
    "ALL_FORMATS",
    "BF16",
    "E2M1FN",
    "E2M3FN",
    "E3M2FN",
    "E3M4",
    "E4M3",
    "E4M3B11FNUZ",
    "E4M3FN",
    "E4M3FNUZ",
    "E5M2",
    "E5M2FNUZ",
    "E8M0FNU",
    "FP16",
    "FP32",
    "GROUPS",
    "HOPPER",
    "HOPPER_PROMOTED",
    "INT4",
    "INT8",
    "POLICIES",
    "TF32",
    "Accumulator",
    "Anatomy",
    "DelayedAmax",
    "DynamicAmax",
    "ErrorSplit",
    "FloatFormat",
    "GroupShape",
    "IntFormat",
    "MSEAmax",
    "PercentileAmax",
    "Policy",
    "QuantizedTensor",
    "Rounding",
    "ScaleDtype",
    "ScaleRecipe",
    "ScaleRule",
    "StaticAmax",
    "accumulator_of",
    "compute_scale",
    "decode",
    "decode_attention",
    "dequantize",
    "encode",
    "error_split",
    "explain",
    "first_difference",
    "format_of",
    "format_table",
    "group_of",
    "linear",
    "mean_relative_error",
    "measure_amax",
    "mma",
    "mse",
    "outlier_mask",
    "quantize",
    "relative_rms",
    "rms_norm",
    "rms_norm_quantize",
    "round_to",
    "saturation_rate",
    "scaled_mm",
    "silu_mul",
    "silu_mul_quantize",
    "sqnr_db",
    "ulp_distance",
    "underflow_rate",
    "weight_only_mm",
]
