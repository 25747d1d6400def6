"""What goes in and out: which arrays are accepted, and how they are walked.

Every public function takes float64, float32, float16 or bfloat16 of any shape and any
strides, and works on contiguous chunks of them without copying the whole (of foreign
byte order alone a native copy is made first).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = [
    "CHUNK",
    "as_floats",
    "chunks",
    "float_name",
    "prepare_out",
    "to_float32_odd",
    "widen",
    "widen_bfloat16",
]

CHUNK = 1 << 16
"""Elements a piece: what stays in a 1 MiB cache and pays NumPy's calls rarely."""

Flag = Literal["readonly", "writeonly", "contig", "overlap_assume_elementwise"]

FLOATS = ("float64", "float32", "float16")


def as_floats(x: Any, name: str = "x") -> np.ndarray:
    """Return ``x`` as a native float64, float32, float16 or uint16 (bfloat16) array.

    Python numbers and lists become float64. A bfloat16 array of ml_dtypes, or raw
    uint16 bit patterns, become uint16: the only dtype that means bfloat16 here.

    Raises
    ------
    ValueError
        The dtype is none of those (integers, complex, object, longdouble, text).
    """
    array = x if isinstance(x, (np.ndarray, np.generic)) else _from_python(x, name)
    array = np.asarray(array)
    if array.dtype.name == "bfloat16":
        return array.view(np.uint16)
    if array.dtype.name in (*FLOATS, "uint16"):
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    raise ValueError(
        f"{name} has dtype {array.dtype}; give float64, float32, float16, or bfloat16 "
        "as an ml_dtypes array or as raw uint16 bit patterns"
    )


def float_name(dtype: npt.DTypeLike | str) -> str:
    """Return ``"float64"``, ``"float32"``, ``"float16"`` or ``"bfloat16"``.

    Raises
    ------
    ValueError
        ``dtype`` is none of these.
    """
    try:
        name = dtype if dtype == "bfloat16" else np.dtype(dtype).name
    except TypeError:
        name = ""
    if name not in (*FLOATS, "bfloat16"):
        known = ", ".join((*FLOATS, "'bfloat16'"))
        raise ValueError(f"dtype is {dtype!r}; use one of {known}")
    return str(name)


def _from_python(x: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ValueError(f"{name} is not an array of numbers: {error}") from None
    return array.astype(np.float64) if array.dtype.kind in "iu" else array


def widen(x: np.ndarray) -> npt.NDArray[np.float64]:
    """Return floats, or uint16 bfloat16 patterns, as float64: exact."""
    if x.dtype == np.uint16:
        x = widen_bfloat16(x)
    with np.errstate(invalid="ignore"):  # a signalling NaN may set the flag
        return x.astype(np.float64)


def widen_bfloat16(patterns: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """Bfloat16 bit patterns as float32: exact, the pattern is the top half."""
    return (patterns.astype(np.uint32) << np.uint32(16)).view(np.float32)


def to_float32_odd(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Float64 to float32, rounded to odd: a second rounding then stays correct.

    Truncate, and set the last bit if anything was lost (Boldo and Melquiond 2008). The
    24 bits leave room for any later rounding to at most 22.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        y = x.astype(np.float32)
        back = y.astype(np.float64)
        away = np.abs(back) > np.abs(x)
        inexact = back != x
    bits = y.view(np.uint32)
    bits -= away
    bits |= inexact
    return y


def prepare_out(out: Any, like: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return ``out`` after checking it, or a new array in ``like``'s memory order.

    Raises
    ------
    ValueError
        ``out`` is not a writable array of exactly that shape and dtype.
    """
    if out is None:
        return np.empty_like(like, dtype=dtype, subok=False)
    if not isinstance(out, np.ndarray):
        raise ValueError(f"out is a {type(out).__name__}; give a NumPy array")
    if out.shape != like.shape or out.dtype != dtype:
        raise ValueError(
            f"out has shape {out.shape} and dtype {out.dtype}; "
            f"it must have shape {like.shape} and dtype {dtype}"
        )
    if not out.flags.writeable:
        raise ValueError("out is read-only; give a writable array")
    return out


def chunks(
    *operands: np.ndarray,
    out: np.ndarray,
    order: Literal["K", "C"] = "K",
    size: int = CHUNK,
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield contiguous 1-D pieces (inputs..., out) of arrays of one shape.

    Whatever their strides, at most ``size`` elements at a time are copied. ``out`` may
    be the same memory as an input.
    """
    if out.size == 0:
        return
    common: list[Flag] = ["contig", "overlap_assume_elementwise"]
    reads: list[Flag] = ["readonly", *common]
    writes: list[Flag] = ["writeonly", *common]
    flags: list[list[Flag]] = [*[reads] * len(operands), writes]
    iterator = np.nditer(
        [*operands, out],
        flags=["external_loop", "buffered", "copy_if_overlap"],
        op_flags=flags,  # type: ignore[arg-type] # mypy picks the one-operand stub
        buffersize=min(size, out.size),
        order=order,
    )
    with iterator:
        yield from iterator
