"""Answers from outside: libraries we did not write, and slow exact arithmetic.

Nothing here calls the code under test. Formats go by their dtype names; limits come
from ml_dtypes, special codes are typed in from the specifications. All float
exceptions of the oracles are their own business and are ignored.
"""

import ctypes
from bisect import bisect_right
from fractions import Fraction
from functools import cache

import gfloat.formats
import ml_dtypes
import numpy as np
import torch

ML_NAMES = (
    "float8_e5m2",
    "float8_e4m3fn",
    "float8_e4m3",
    "float8_e3m4",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
    "float8_e4m3b11fnuz",
    "float6_e3m2fn",
    "float6_e2m3fn",
    "float4_e2m1fn",
    "float8_e8m0fnu",
)
"""Every format of at most 8 bits; all are dtypes of ml_dtypes."""
SIGNED_NAMES = ML_NAMES[:-1]
TORCH_NAMES = tuple(name for name in ML_NAMES if hasattr(torch, name))
ONNX_NAMES = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
OCP_NAMES = (
    "float8_e4m3fn",
    "float8_e5m2",
    "float6_e3m2fn",
    "float6_e2m3fn",
    "float4_e2m1fn",
)
"""The formats that a CUDA device converts to, and that gfloat predefines."""

CUDA_NAN = {
    "float8_e5m2": 0x7F,
    "float8_e4m3fn": 0x7F,
    "float8_e4m3": 0x7F,
    "float8_e3m4": 0x7F,
    "float8_e4m3fnuz": 0x80,
    "float8_e5m2fnuz": 0x80,
    "float8_e4m3b11fnuz": 0x80,
    "float6_e3m2fn": 0x1F,
    "float6_e2m3fn": 0x1F,
    "float4_e2m1fn": 0x07,
    "float8_e8m0fnu": 0xFF,
}
"""What cvt.rn.satfinite makes of a NaN of either sign, extended to every format."""


def ml_dtype(name: str) -> np.dtype:
    return np.dtype(getattr(ml_dtypes, name, name))


def assert_same_bits(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Equal dtypes and equal bytes: -0 is not +0, and a NaN is its own pattern."""
    assert ours.dtype == theirs.dtype
    width = f"uint{8 * ours.dtype.itemsize}"
    left = np.ascontiguousarray(ours).view(width)
    assert np.array_equal(left, np.ascontiguousarray(theirs).view(width))


def every_bfloat16() -> np.ndarray:
    """All 65,536 bfloat16 patterns as float32."""
    return (np.arange(1 << 16, dtype=np.uint32) << 16).view(np.float32)


def every_float16() -> np.ndarray:
    return np.arange(1 << 16, dtype=np.uint16).view(np.float16)


def random_float32(count: int, seed: int = 0) -> np.ndarray:
    """Random bit patterns: every exponent as likely as any other, NaN included."""
    bits = np.random.default_rng(seed).integers(0, 1 << 32, count, np.uint32)
    return bits.view(np.float32)


@cache
def values_of(name: str) -> np.ndarray:
    """The values of all codes, float64, by ml_dtypes (FP4, FP6: 16 and 64 codes)."""
    dtype = ml_dtype(name)
    bits = ml_dtypes.finfo(dtype).bits
    codes = np.arange(1 << bits).astype(f"uint{8 * dtype.itemsize}")
    with np.errstate(all="ignore"):
        return codes.view(dtype).astype(np.float64)


@cache
def magnitudes(name: str) -> np.ndarray:
    """Finite values of the codes with sign bit 0, ascending: index is code."""
    values = values_of(name)
    positive = values if name == "float8_e8m0fnu" else values[: values.size // 2]
    return positive[np.isfinite(positive)]


def midpoints(name: str) -> np.ndarray:
    """Halfway points between neighbours, the edge of overflow included: exact."""
    grid = magnitudes(name)
    step = grid[-1] - grid[-2]
    if name == "float8_e8m0fnu":
        step = grid[-1]
    grid = np.append(grid, grid[-1] + step)
    return (grid[1:] + grid[:-1]) / 2


def boundaries(name: str, dtype: type = np.float32) -> np.ndarray:
    """Every value and midpoint, and their neighbours in ``dtype``, of both signs."""
    points = np.concatenate([magnitudes(name), midpoints(name)])
    with np.errstate(all="ignore"):
        points = points.astype(dtype)
        infinity = dtype(np.inf)
        points = np.concatenate(
            [points, np.nextafter(points, infinity), np.nextafter(points, -infinity)]
        )
    return np.concatenate([points, -points])


def tensor(shape: tuple[int, ...], dtype: type | str = np.float32) -> np.ndarray:
    """Every group in a range of its own, so that no scale can stand in for another."""
    rng = np.random.default_rng(sum(shape))
    x = rng.standard_normal(shape) * np.exp2(rng.integers(-5, 6, shape))
    x *= np.exp2(np.arange(shape[-1]) // 32 % 11)
    x *= np.exp2(rng.integers(-3, 4, (*shape[:-1], 1)))
    x.reshape(-1)[::97] = 0
    return x.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


def ml_dtypes_codes(x: np.ndarray, name: str) -> np.ndarray:
    dtype = ml_dtype(name)
    with np.errstate(all="ignore"):
        return x.astype(dtype).view(f"uint{8 * dtype.itemsize}")


def torch_codes(x: np.ndarray, name: str) -> np.ndarray:
    tensor = torch.from_numpy(np.array(x))
    return tensor.to(getattr(torch, name)).view(torch.uint8).numpy()


def satfinite_codes(x: np.ndarray, name: str) -> np.ndarray:
    """Policy ``cuda``: ml_dtypes after clipping, and one NaN code for both signs."""
    largest = magnitudes(name)[-1].astype(x.dtype)
    low = largest * 0 if name == "float8_e8m0fnu" else -largest
    with np.errstate(all="ignore"):
        inside = np.abs(x) if name == "float8_e8m0fnu" else x
        codes = ml_dtypes_codes(np.clip(inside, low, largest), name)
        if name == "float8_e8m0fnu":  # ml_dtypes has no zero, and see test_policies
            codes = np.where(np.abs(x) < 1.5 * 2.0**-127, 0, codes).astype(np.uint8)
    return np.where(np.isnan(x), CUDA_NAN[name], codes).astype(np.uint8)


def gfloat_info(name: str):
    """The record that gfloat has of an OCP format: ``format_info_ocp_e4m3``, ..."""
    short = name.split("_")[1].rstrip("fnu")
    return getattr(gfloat.formats, f"format_info_ocp_{short}")


@cache
def _onnx_session(name: str, saturate: bool, source: str):
    import onnxruntime
    from onnx import TensorProto, helper

    kinds = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}
    target = getattr(TensorProto, name.upper().replace("FLOAT8_", "FLOAT8"))
    cast = helper.make_node("Cast", ["x"], ["y"], to=target, saturate=int(saturate))
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [cast], "cast", [info("x", kinds[source], [None])], [info("y", target, [None])]
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def onnxruntime_codes(x: np.ndarray, name: str, saturate: bool) -> np.ndarray:
    """ONNX Runtime's Cast, a C++ implementation of its own."""
    import onnxruntime

    session = _onnx_session(name, saturate, x.dtype.name)
    given = {"x": onnxruntime.OrtValue.ortvalue_from_numpy(x)}
    (codes,) = session.run_with_ort_values(None, given)
    # NumPy has no dtype for most of these, so the bytes are read where they lie.
    memory = (ctypes.c_uint8 * x.size).from_address(codes.data_ptr())
    return np.frombuffer(memory, np.uint8).copy()


@cache
def _exact_grid(name: str) -> list[Fraction]:
    grid = [Fraction(value) for value in magnitudes(name).tolist()]
    step = grid[-1] if name == "float8_e8m0fnu" else grid[-1] - grid[-2]
    return [*grid, grid[-1] + step]


def exact_codes(x: np.ndarray, name: str, mode: str = "nearest-even") -> np.ndarray:
    """Policy ``cuda`` on finite numbers in rational arithmetic: no rounding but one."""
    grid, fnuz = _exact_grid(name), name.endswith("fnuz")
    sign_bit = 0 if name == "float8_e8m0fnu" else values_of(name).size // 2
    codes = []
    for value, negative in zip(x.tolist(), np.signbit(x).tolist(), strict=True):
        code = min(_exact_code(abs(Fraction(value)), grid, mode), len(grid) - 2)
        codes.append(code | (sign_bit if negative and (code or not fnuz) else 0))
    return np.array(codes, np.uint8)


def _exact_code(value: Fraction, grid: list[Fraction], mode: str) -> int:
    below = bisect_right(grid, value) - 1
    if below < 0:  # E8M0 has nothing under 2**-127
        return 0
    if below == len(grid) - 1 or mode == "toward-zero":
        return below
    twice = 2 * (value - grid[below])
    gap = grid[below + 1] - grid[below]
    if twice != gap:
        return below + (twice > gap)
    # E8M0: the tie 1.5 * 2**k goes to 2**(k+1), whose significand 10 is the even one.
    to_even = below + (below % 2 if grid[0] == 0 else 1)
    return below + 1 if mode == "ties-away" else to_even


def limit_of(name: str) -> float:
    """The largest element: what an amax is mapped to."""
    return {"int8": 127.0, "int4": 7.0}.get(name) or float(magnitudes(name)[-1])


def exact_scale(amax: float, name: str, stored: str, rule: str, wide: bool) -> float:
    """One decode scale, as OCP MX section 6.3 and the scale table state it."""
    if np.isnan(amax) or amax == 0:
        return 1.0 if amax == 0 else np.nan
    work = np.float64 if wide else np.float32
    with np.errstate(all="ignore"):
        quotient = np.float32(work(amax) / work(limit_of(name)))
        if stored != "e8m0":
            scale = max(quotient, np.float32(2.0**-126))
            return float(
                scale.astype(ml_dtypes.bfloat16) if stored == "bfloat16" else scale
            )
    exponent = _rceil(quotient) if rule == "rceil" else _exponent(amax, name, rule)
    return 2.0 ** min(max(exponent, -127), 127)


def _exponent(amax: float, name: str, rule: str) -> int:
    value, emax = Fraction(amax), _floor_log2(Fraction(limit_of(name)))
    floor = _floor_log2(value)
    if rule == "even":  # amax to the element's mantissa first, half a unit carries
        mantissa = {"int8": 6, "int4": 2}.get(name)
        if mantissa is None:
            mantissa = ml_dtypes.finfo(ml_dtype(name)).nmant
        half_unit = Fraction(2) ** (floor - mantissa - 1)
        floor = _floor_log2(value + half_unit)
    up = rule == "ceil" and value != Fraction(2) ** floor
    return floor + up - emax


def _rceil(quotient: np.float32) -> int:
    if quotient == 0:
        return -127
    floor = _floor_log2(Fraction(float(quotient)))
    return floor + (Fraction(float(quotient)) != Fraction(2) ** floor)


def _floor_log2(value: Fraction) -> int:
    guess = value.numerator.bit_length() - value.denominator.bit_length()
    return guess if Fraction(2) ** guess <= value else guess - 1


def quantize_slowly(
    x: np.ndarray,
    name: str,
    sides: tuple[int, int],
    stored: str = "float32",
    rule: str = "floor",
    arithmetic: str = "divide",
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scales, a group at a time; -1 in ``sides`` is the whole extent."""
    wide = x.dtype == np.float64
    matrix = x.astype(np.float64 if wide else np.float32).reshape(-1, x.shape[-1])
    height, width = matrix.shape
    rows, cols = (
        extent if side == -1 else side
        for side, extent in zip(sides, matrix.shape, strict=True)
    )
    codes = np.zeros(matrix.shape, np.int8 if name.startswith("int") else np.uint8)
    scales = np.zeros((-(-height // rows), -(-width // cols)), np.float32)
    for i, j in np.ndindex(scales.shape):
        at = np.s_[i * rows : (i + 1) * rows, j * cols : (j + 1) * cols]
        part = matrix[at]
        finite = np.abs(part[np.isfinite(part)])
        amax = float(finite.max()) if finite.size else 0.0
        scale = np.float32(exact_scale(amax, name, stored, rule, wide))
        scales[i, j] = scale
        with np.errstate(all="ignore"):
            scaled = (
                part / scale if arithmetic == "divide" else part * (1 / scale)
            ).astype(matrix.dtype)
        codes[at] = _element_codes(scaled, name)
    return codes.reshape(x.shape), scales


def _element_codes(scaled: np.ndarray, name: str) -> np.ndarray:
    if name.startswith("int"):
        tensor = torch.from_numpy(np.nan_to_num(scaled, nan=0.0))
        limit = limit_of(name)
        return torch.clamp(torch.round(tensor), -limit, limit).numpy().astype(np.int8)
    if scaled.dtype == np.float32:
        return satfinite_codes(scaled, name)
    # ml_dtypes rounds float64 twice; NaN and infinity go through it all the same.
    codes = satfinite_codes(scaled, name)
    finite = np.isfinite(scaled)
    codes[finite] = exact_codes(scaled[finite], name)
    return codes
