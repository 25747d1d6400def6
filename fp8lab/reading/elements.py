"""What stored elements are called, how wide they are, and how they become floats."""

from __future__ import annotations

import math

import numpy as np

from fp8lab.codec import decode
from fp8lab.formats import E4M3FN, E4M3FNUZ, E5M2, E5M2FNUZ, E8M0FNU
from fp8lab.reading.entries import SHORT, quote

__all__ = ["check_shape", "code_format", "refusal", "stored_dtype", "to_floats"]

MOST_AXES = 32

_FLOATS = ("float64", "float32", "float16")
_CODES = {fmt.name: fmt for fmt in (E4M3FN, E4M3FNUZ, E5M2, E5M2FNUZ, E8M0FNU)}
_REFUSED = {
    "bool": "it holds truth values, and there is nothing to quantize",
    "complex": "it holds complex numbers; save real and imaginary parts as two arrays",
    "object": "it holds Python objects (a pickle), which are never opened; "
    "save plain numbers",
    "record": "it is a record array; save one of its fields",
    "text": "it holds text; save numbers",
    "date": "it holds dates or times; save plain numbers",
    "longdouble": "longdouble differs from machine to machine; save as float64",
    "raw": "it holds raw bytes (bfloat16 or FP8 of ml_dtypes end like this in .npy); "
    "save as float32 or .safetensors",
    "packed": "its elements are narrower than a byte; unpack them first",
}


def refusal(kind: str) -> str:
    """Why elements of this kind cannot be read, and what to do."""
    return _REFUSED[kind]


def code_format(dtype: str) -> str:
    """Short name of the FP8 format that ``dtype`` names, or empty."""
    return _CODES[dtype].short if dtype in _CODES else ""


def stored_dtype(dtype: str) -> np.dtype:
    """Little-endian NumPy dtype in which a file keeps elements called ``dtype``."""
    if dtype in _CODES:
        return np.dtype(np.uint8)
    return np.dtype("uint16" if dtype == "bfloat16" else dtype).newbyteorder("<")


def to_floats(stored: np.ndarray, dtype: str) -> tuple[np.ndarray, str]:
    """Return stored elements as the core takes them, and a note on what was done."""
    if dtype in _CODES:
        fmt = _CODES[dtype]
        values = np.asarray(decode(stored, fmt))
        return values, f"{fmt} codes were decoded to float32, without any scale"
    own = stored.dtype.newbyteorder("=")
    native = stored.view(own) if stored.dtype.isnative else stored.astype(own)
    if dtype in (*_FLOATS, "bfloat16"):
        return native, ""
    note = f"{dtype} numbers were converted to float64"
    if dtype == "uint16":
        note += " (as integers: bfloat16 bit patterns belong in .safetensors)"
    return native.astype(np.float64), note


def check_shape(shape: tuple[int, ...], name: str) -> None:
    """Raise ValueError for a shape that no array here can have."""
    if len(shape) > MOST_AXES:
        raise ValueError(
            f"{quote(name, SHORT)} claims {len(shape)} axes; "
            f"at most {MOST_AXES} are read"
        )
    # NumPy multiplies the other sides of an empty array, too; in a browser in 32 bits.
    limit = np.iinfo(np.int32 if 0 in shape else np.int64).max
    if math.prod(side for side in shape if side) * 8 > limit:
        raise ValueError(
            f"{quote(name, SHORT)} claims a shape of more elements than any file holds"
        )
