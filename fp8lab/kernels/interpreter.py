"""Make Triton's interpreter compute FP8, bfloat16 and FP8 dots as a Hopper GPU does.

As shipped (3.6 to 3.9), the interpreter rounds ties away from zero when it casts to
FP8 and loses the carry (126.24 becomes 64), truncates float32 to bfloat16, adds up a
dot in whatever order BLAS likes, and rounds a fused multiply-add twice. `install`
replaces these five operations, for every kernel of the process:

==========================  ==========================================================
operation                   becomes
==========================  ==========================================================
casts from and to FP8       `fp8lab.encode` (policy "cuda") and `fp8lab.decode`
casts to bfloat16, float16  nearest even; a NaN is 0x7FFF, as ``cvt.rn`` gives it
dot of two FP8 tiles        `fp8lab.mma` with the accumulator of Hopper's tensor core
fma of float32              `fp8lab.fma.fma`, rounded once
maximum, minimum            the number where the other operand is NaN, as FMNMX
==========================  ==========================================================

bfloat16 operands of arithmetic and of dots, which it takes for integers, are widened
first. Dots of float16, bfloat16 and float32 stay BLAS's: close, not bit for bit. So is
an FP8 dot with ``max_num_imprecise_acc=0``, which Hopper does with ``mma.sync``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import triton.language as tl
from triton._C.libtriton import ir
from triton.runtime import interpreter as shipped

from fp8lab.accumulators import HOPPER
from fp8lab.codec import decode, encode
from fp8lab.fma import fma
from fp8lab.formats import BF16, E4M3FN, E5M2, FP16, FloatFormat
from fp8lab.rounding import Rounding
from fp8lab.tensorcore import mma

__all__ = ["install"]

FORMATS = {tl.float8e4nv: E4M3FN, tl.float8e5: E5M2}
#: What the GPU compiler assumes: one chain over the K of a dot.
NO_PROMOTION = 1 << 30
NAN16 = np.uint16(0x7FFF)

Handle = shipped.TensorHandle


def install() -> None:
    """Replace the interpreter's operations; a second call changes nothing."""
    builder = shipped.InterpreterBuilder
    if builder.cast_impl is _cast:
        return
    _plain.update(
        cast=builder.cast_impl,
        dot=builder.create_dot,
        fma=builder.create_fma,
        binary=builder.binary_op,
        unary=builder.unary_op,
    )
    builder.cast_impl = _cast
    builder.create_fp_to_fp = _float_to_float
    builder.create_dot = _dot
    builder.create_fma = _fma
    builder.binary_op = _binary
    builder.unary_op = _unary
    builder.create_maxnumf = lambda self, a, b: self.binary_op(a, b, np.fmax)
    builder.create_minnumf = lambda self, a, b: self.binary_op(a, b, np.fmin)
    plain_patch = shipped._patch_lang_tensor

    def patch_tensor(tensor: Any, scope: Any) -> None:
        plain_patch(tensor, scope)
        # Triton 3.6 makes an int of an array of one element, which NumPy 2.4 refuses.
        scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))

    shipped._patch_lang_tensor = patch_tensor
    launch = shipped.GridExecutor.__call__

    def silent(self: Any, *args: Any, **options: Any) -> Any:
        # A GPU does not warn of an overflow, nor of a maximum of nothing but NaN.
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return launch(self, *args, **options)

    shipped.GridExecutor.__call__ = silent
    shipped.interpreter_builder.options = replace(
        shipped.interpreter_builder.options, max_num_imprecise_acc_default=NO_PROMOTION
    )


_plain: dict[str, Callable[..., Any]] = {}


def _cast(self: Any, src: Any, dst_type: Any) -> Any:
    if _is_float(src.dtype.scalar) and _is_float(dst_type.scalar):
        return _convert(src, dst_type.scalar, Rounding.NEAREST_EVEN)
    return _plain["cast"](self, _widened(src), dst_type)


def _float_to_float(_: Any, src: Any, dst_type: Any, rounding: Any) -> Any:
    toward_zero = rounding == ir.ROUNDING_MODE.RTZ
    mode = Rounding.TOWARD_ZERO if toward_zero else Rounding.NEAREST_EVEN
    return _convert(src, dst_type.scalar, mode)


def _is_float(dtype: Any) -> bool:
    return bool(dtype.is_floating()) and dtype not in (
        tl.float8e4b8,
        tl.float8e4b15,
        tl.float8e5b16,
    )


def _convert(src: Any, dtype: Any, mode: Rounding) -> Any:
    values = _values(src)
    if dtype in FORMATS:
        out = _encode(values, FORMATS[dtype], mode)
    elif dtype == tl.bfloat16:
        out = _encode(values, BF16, mode)
        out[np.isnan(values)] = NAN16
    elif dtype == tl.float16:
        out = _encode(values, FP16, mode)
        out[np.isnan(values)] = NAN16
        out = out.view(np.float16)
    else:
        with np.errstate(over="ignore"):
            out = values.astype(np.float64 if dtype == tl.float64 else np.float32)
    return Handle(out, dtype)


def _encode(values: np.ndarray, fmt: FloatFormat, mode: Rounding) -> np.ndarray:
    return np.asarray(encode(np.ascontiguousarray(values), fmt, rounding=mode))


def _values(handle: Any) -> np.ndarray:
    """Return a handle's numbers: what is kept as codes, decoded to float32."""
    dtype = handle.dtype.scalar
    if dtype in FORMATS:
        return decode(np.ascontiguousarray(handle.data), FORMATS[dtype])
    if dtype == tl.bfloat16:
        return (handle.data.astype(np.uint32) << 16).view(np.float32)
    data: np.ndarray = handle.data
    return data


def _widened(handle: Any) -> Any:
    if handle.dtype.scalar == tl.bfloat16:
        return Handle(_values(handle), tl.float32)
    return handle


def _binary(self: Any, lhs: Any, rhs: Any, op: Callable[..., Any]) -> Any:
    if lhs.dtype.scalar != tl.bfloat16 or rhs.dtype.scalar != tl.bfloat16:
        return _plain["binary"](self, lhs, rhs, op)
    result = op(_values(lhs), _values(rhs))
    if result.dtype == np.bool_:
        return Handle(result, tl.bfloat16)
    return _convert(Handle(result, tl.float32), tl.bfloat16, Rounding.NEAREST_EVEN)


def _unary(self: Any, arg: Any, op: Callable[..., Any]) -> Any:
    if arg.dtype.scalar != tl.bfloat16:
        return _plain["unary"](self, arg, op)
    result = Handle(op(_values(arg)), tl.float32)
    return _convert(result, tl.bfloat16, Rounding.NEAREST_EVEN)


def _fma(self: Any, x: Any, y: Any, z: Any) -> Any:
    if z.dtype.scalar != tl.float32:
        return _plain["fma"](self, x, y, z)
    return Handle(fma(x.data, y.data, z.data), tl.float32)


def _dot(
    self: Any, a: Any, b: Any, d: Any, input_precision: Any, max_num_imprecise_acc: int
) -> Any:
    a_format, b_format = (FORMATS.get(x.dtype.scalar) for x in (a, b))
    plain = d.dtype.scalar == tl.float32 and a.data.ndim == 2
    if not a_format or not b_format or not plain or max_num_imprecise_acc <= 0:
        wide = [_wide_operand(x) for x in (a, b)]
        return _plain["dot"](self, *wide, d, input_precision, max_num_imprecise_acc)
    depth = a.data.shape[1]
    every = max_num_imprecise_acc if max_num_imprecise_acc < depth else None
    total = mma(
        np.ascontiguousarray(a.data),
        np.ascontiguousarray(b.data),
        np.ascontiguousarray(d.data),
        a_format=a_format,
        b_format=b_format,
        accumulator=HOPPER if every is None else HOPPER.promoted(every),
    )
    return Handle(total, tl.float32)


def _wide_operand(handle: Any) -> Any:
    narrow = handle.dtype.scalar in FORMATS or handle.dtype.scalar == tl.bfloat16
    return Handle(_values(handle), tl.float32) if narrow else handle
