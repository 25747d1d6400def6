"""Numbers to codes and back: `encode`, `decode`, `round_to`.

No scale here: these are the format's own arithmetic. `fp8lab.quantization` adds scales.
Rounding ("which number") and encoding ("which bits") are two verbs, tied by
``decode(encode(x)) == round_to(x)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fp8lab.arrays import (
    CHUNK,
    as_floats,
    chunks,
    float_name,
    prepare_out,
    to_float32_odd,
    widen,
)
from fp8lab.fast import MagicRounder, encoder32, uses_magic
from fp8lab.formats import E4M3FN, FP16, FloatFormat, format_of
from fp8lab.policies import Policy, SpecialCodes, special_codes
from fp8lab.rounding import (
    Rounding,
    decode_reference,
    encode_reference,
    rounding_of,
)
from fp8lab.tables import bfloat16_table, decode_table, float16_table, pair_table

__all__ = ["decode", "encode", "round_to"]

Kernel = Callable[..., None]

# The readable rule makes a dozen float64 temporaries, so it works on smaller pieces.
SLOW_CHUNK = CHUNK // 4
# A pair of codes is one look-up, so the same working set takes twice the codes.
DECODE_CHUNK = CHUNK * 2


def encode(
    x: npt.ArrayLike,
    fmt: FloatFormat | str = E4M3FN,
    *,
    rounding: Rounding | str = Rounding.NEAREST_EVEN,
    policy: Policy | str = "cuda",
    rng: np.random.Generator | None = None,
    random_bits: npt.NDArray[np.uint32] | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Return the codes of ``x`` in ``fmt``: correctly rounded, no scale.

    NaN, infinity and overflow follow ``policy``; the default saturates, as FP8 kernels
    do. -0 and negative underflow give the code of -0 where the format has one.

    Parameters
    ----------
    x
        Numbers of any shape and strides: float64, float32, float16, bfloat16 (an
        ml_dtypes array, or raw uint16 bit patterns), or Python numbers. Float64 is
        rounded once; ml_dtypes and torch go through float32 and round twice.
    fmt
        A format or its name.
    rounding
        ``"nearest-even"``, ``"toward-zero"``, ``"ties-away"`` or ``"stochastic"``.
    policy
        ``"cuda"``, ``"torch"``, ``"torch-2.11"``, ``"ml_dtypes"``, ``"onnx"`` or
        ``"onnx-nosat"``; see `fp8lab.policies`.
    rng, random_bits
        Stochastic rounding takes exactly one of them: a Generator, which draws one
        uint32 an element in C order, or those numbers themselves, in x's shape.
    out
        Where to put the codes: x's shape, ``fmt.code_dtype``.

    Returns
    -------
    numpy.ndarray
        Codes in x's shape; uint8 for formats of up to 8 bits, else uint16 or uint32.

    Raises
    ------
    ValueError
        Unknown format, rounding or policy; a dtype that is not a float; an ``out`` or
        ``random_bits`` that does not fit. Nothing is written then.
    """
    fmt, mode = format_of(fmt), rounding_of(rounding)
    specials = special_codes(fmt, policy)
    array = as_floats(x)
    check_random(array, mode, rng, random_bits)
    result = prepare_out(out, array, fmt.code_dtype)
    if mode is Rounding.STOCHASTIC:
        pieces = _stochastic(array, result, fmt, specials, rng, random_bits)
        for codes, target in pieces:
            target[...] = codes
    else:
        slow = fmt.bits > 8
        size = min(SLOW_CHUNK if slow else CHUNK, array.size)
        kernel = encode_kernel(array.dtype, fmt, specials, mode, size)
        for piece, codes in chunks(array, out=result, size=size):
            kernel(piece, codes)
    return result if out is not None else result[()]


def encode_kernel(
    dtype: np.dtype,
    fmt: FloatFormat,
    specials: SpecialCodes,
    mode: Rounding,
    size: int,
) -> Kernel:
    """Return f(x, codes) for contiguous chunks of ``dtype`` of up to ``size``.

    It holds scratch, so it belongs to one thread. Any rounding but stochastic.
    """
    if fmt.bits > 8:

        def by_rule(x: np.ndarray, codes: np.ndarray) -> None:
            codes[...] = encode_reference(widen(x), fmt, specials, mode)

        return by_rule
    if dtype in (np.uint16, np.float16):
        make = bfloat16_table if dtype == np.uint16 else float16_table
        table, index = make(fmt, specials, mode), np.empty(size, np.intp)

        def by_table(x: np.ndarray, codes: np.ndarray) -> None:
            np.copyto(index[: x.size], x.view(np.uint16))
            np.take(table, index[: x.size], out=codes, mode="clip")

        return by_table
    encode32 = encoder32(fmt, specials, mode, size)
    if dtype == np.float32:
        return encode32
    return lambda x, codes: encode32(to_float32_odd(x), codes)


def _stochastic(
    x: np.ndarray,
    out: np.ndarray,
    fmt: FloatFormat,
    specials: SpecialCodes,
    rng: np.random.Generator | None,
    random_bits: np.ndarray | None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (codes, piece of ``out``) in C order, so that a seed fixes every code."""
    given = () if random_bits is None else (random_bits,)
    for pieces in chunks(x, *given, out=out, order="C", size=SLOW_CHUNK):
        bits = (
            rng.integers(0, 1 << 32, size=pieces[0].size, dtype=np.uint32)
            if rng is not None
            else pieces[1]
        )
        mode = Rounding.STOCHASTIC
        codes = encode_reference(widen(pieces[0]), fmt, specials, mode, bits)
        yield codes, pieces[-1]


def check_random(
    x: np.ndarray,
    mode: Rounding,
    rng: np.random.Generator | None,
    random_bits: np.ndarray | None,
) -> None:
    """Raise ValueError unless the random numbers that ``mode`` needs are given."""
    given = (rng is not None) + (random_bits is not None)
    if mode is not Rounding.STOCHASTIC:
        if given:
            raise ValueError(f"{mode} rounding takes neither rng nor random_bits")
        return
    if given != 1:
        raise ValueError("stochastic rounding takes exactly one of rng and random_bits")
    if rng is not None:
        if not isinstance(rng, np.random.Generator):
            raise ValueError(f"rng is {rng!r}; give a numpy.random.Generator")
        return
    bits = np.asarray(random_bits)
    if bits.dtype != np.uint32 or bits.shape != x.shape:
        raise ValueError(
            f"random_bits has shape {bits.shape} and dtype {bits.dtype}; "
            f"it must have shape {x.shape} and dtype uint32"
        )


def decode(
    codes: npt.ArrayLike,
    fmt: FloatFormat | str = E4M3FN,
    *,
    dtype: npt.DTypeLike | str = np.float32,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Return the values of ``codes``, exactly; a NaN keeps its code's sign.

    Parameters
    ----------
    codes
        Codes of any shape and strides: ``fmt.code_dtype``, an ml_dtypes array of the
        same format, or integers in range.
    fmt
        A format or its name.
    dtype
        ``float32`` (default), ``float64``, ``float16`` or ``"bfloat16"`` (raw uint16).
    out
        Where to put the values: codes' shape, that dtype (uint16 for bfloat16).

    Raises
    ------
    ValueError
        A code out of range; a dtype that cannot hold every value of the format; an
        ``out`` that does not fit.
    """
    fmt = format_of(fmt)
    array = _as_codes(codes, fmt)
    wanted = _value_dtype(dtype, fmt)
    result = prepare_out(out, array, wanted)
    size = min(SLOW_CHUNK if fmt.bits > 8 else DECODE_CHUNK, array.size)
    kernel = _decode_kernel(fmt, wanted, size)
    for piece, values in chunks(array, out=result, size=size):
        kernel(piece, values)
    return result if out is not None else result[()]


def _decode_kernel(fmt: FloatFormat, wanted: np.dtype, size: int) -> Kernel:
    if fmt.bits > 8:

        def by_rule(codes: np.ndarray, values: np.ndarray) -> None:
            wide = decode_reference(codes, fmt)
            values[...] = _to_bfloat16(wide) if wanted == np.uint16 else wide

        return by_rule
    index = np.empty(size, np.intp)
    if wanted == np.float32:
        pairs, values32 = pair_table(fmt), decode_table(fmt)

        def by_pair(codes: np.ndarray, values: np.ndarray) -> None:
            even = codes.size & ~1
            at = index[: even // 2]
            np.copyto(at, codes[:even].view(np.uint16))
            np.take(pairs, at, out=values[:even].view(np.uint64), mode="clip")
            if even < codes.size:
                values[even] = values32[codes[even]]

        return by_pair
    wide = decode_table(fmt).astype(np.float64)
    table = _to_bfloat16(wide) if wanted == np.uint16 else wide.astype(wanted)

    def by_table(codes: np.ndarray, values: np.ndarray) -> None:
        np.copyto(index[: codes.size], codes)
        np.take(table, index[: codes.size], out=values, mode="clip")

    return by_table


def round_to(
    x: npt.ArrayLike,
    fmt: FloatFormat | str = E4M3FN,
    *,
    rounding: Rounding | str = Rounding.NEAREST_EVEN,
    policy: Policy | str = "cuda",
    rng: np.random.Generator | None = None,
    random_bits: npt.NDArray[np.uint32] | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Return ``decode(encode(x))`` without the codes: the values the format keeps.

    Takes what `encode` takes and has its policy on NaN, infinity and overflow.

    Returns
    -------
    numpy.ndarray
        x's shape, and x's dtype where that dtype holds every value of ``fmt`` (raw
        uint16 for bfloat16), else float32.

    Raises
    ------
    ValueError
        As `encode`; ``out`` must have the shape and dtype named above.
    """
    fmt, mode = format_of(fmt), rounding_of(rounding)
    specials = special_codes(fmt, policy)
    array = as_floats(x)
    check_random(array, mode, rng, random_bits)
    wanted = array.dtype if _holds(array.dtype, fmt) else np.dtype(np.float32)
    result = prepare_out(out, array, wanted)
    if array.dtype == np.float32 and uses_magic(fmt, specials, mode):
        size = min(CHUNK, array.size)
        kernel: Kernel = MagicRounder(fmt, specials, size)
        for piece, values in chunks(array, out=result, size=size):
            kernel(piece, values)
    elif mode is Rounding.STOCHASTIC:
        size = min(SLOW_CHUNK, array.size)
        back = _decode_kernel(fmt, wanted, size)
        pieces = _stochastic(array, result, fmt, specials, rng, random_bits)
        for codes, values in pieces:
            back(codes.astype(fmt.code_dtype), values)
    else:
        size = min(SLOW_CHUNK if fmt.bits > 8 else CHUNK, array.size)
        there = encode_kernel(array.dtype, fmt, specials, mode, size)
        back = _decode_kernel(fmt, wanted, size)
        scratch = np.empty(size, fmt.code_dtype)
        for piece, values in chunks(array, out=result, size=size):
            there(piece, scratch[: piece.size])
            back(scratch[: piece.size], values)
    return result if out is not None else result[()]


def _as_codes(codes: Any, fmt: FloatFormat) -> np.ndarray:
    array = np.asarray(codes)
    if array.dtype.name == fmt.name and array.dtype.kind == "V":
        return array.view(fmt.code_dtype)
    if array.dtype.kind not in "iu":
        raise ValueError(
            f"codes have dtype {array.dtype}; give {fmt.code_dtype} codes of {fmt} "
            "(encode makes them)"
        )
    if array.dtype != fmt.code_dtype or fmt.bits < 8 * fmt.code_dtype.itemsize:
        low, high = (array.min(), array.max()) if array.size else (0, 0)
        if low < 0 or high >= fmt.code_count:
            raise ValueError(
                f"codes span {low} to {high}; {fmt} has codes 0 to {fmt.code_count - 1}"
            )
    return array.astype(fmt.code_dtype, copy=False)


def _value_dtype(dtype: npt.DTypeLike | str, fmt: FloatFormat) -> np.dtype:
    name = float_name(dtype)
    wanted = np.dtype(np.uint16 if name == "bfloat16" else name)
    if not _holds(wanted, fmt):
        raise ValueError(
            f"cannot decode {fmt} to {name} exactly; use float32 or float64"
        )
    return wanted


def _holds(dtype: np.dtype, fmt: FloatFormat) -> bool:
    """Whether float64, float32, float16 or uint16 (bfloat16) has all values of fmt."""
    if dtype == np.uint16:
        return fmt.mantissa_bits <= 7 and fmt.emin - fmt.mantissa_bits >= -133
    if dtype == np.float16:
        fits = fmt.mantissa_bits <= FP16.mantissa_bits and fmt.max <= FP16.max
        return fits and fmt.smallest_subnormal >= FP16.smallest_subnormal
    return True


def _to_bfloat16(values: npt.NDArray[np.float64]) -> npt.NDArray[np.uint16]:
    """Values that bfloat16 holds exactly, as its bit patterns."""
    bits = values.astype(np.float32).view(np.uint32)
    return (bits >> np.uint32(16)).astype(np.uint16)
