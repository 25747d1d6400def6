"""The .safetensors format: a length, a JSON header, the bytes of the tensors.

The header's claims must agree with the file, by the format's own rules: at most 100 MB
of header, no name twice, offsets that fit dtype and shape, and tensors that follow each
other without overlap or gap to the end of the file. Source: the format's README and its
Rust implementation (tensor.rs).
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NamedTuple

import numpy as np

from fp8lab.reading.elements import (
    check_shape,
    code_format,
    refusal,
    stored_dtype,
    to_floats,
)
from fp8lab.reading.entries import SHORT, Entry, Loaded, choose, join_notes, quote
from fp8lab.reading.part import part_of
from fp8lab.reading.source import Source

__all__ = ["LONGEST_HEADER", "contents", "read"]

LONGEST_HEADER = 100_000_000
DEEPEST = 4

_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
}
_DTYPES |= {f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)}
_DTYPES |= {f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)}
_REFUSED = {"BOOL": ("bool", 8), "C64": ("complex", 64), "F4": ("packed", 4)}
_REFUSED |= {"F6_E2M3": ("packed", 6), "F6_E3M2": ("packed", 6)}


class Tensor(NamedTuple):
    """An entry and where its bytes lie in the file."""

    entry: Entry
    begin: int
    end: int


def contents(source: Source) -> list[Entry]:
    """Return the entries in the order of their bytes in the file."""
    return [tensor.entry for tensor in _tensors(source)]


def read(source: Source, name: str | None, largest: int) -> Loaded:
    """Return the tensor called ``name``, or the first that can be read."""
    tensors = _tensors(source)
    entry = choose([tensor.entry for tensor in tensors], name, source.name)
    tensor = next(tensor for tensor in tensors if tensor.entry is entry)
    part = part_of(entry.shape, largest)
    stored = np.empty(part.shape, stored_dtype(entry.dtype))
    source.fill(tensor.begin, stored)
    array, note = to_floats(stored, entry.dtype)
    scales = _scales_note(entry, [tensor.entry.name for tensor in tensors])
    return Loaded(entry.name, array, join_notes((part.note, note, scales)))


def _scales_note(entry: Entry, names: list[str]) -> str:
    if not code_format(entry.dtype):
        return ""
    near = [
        name
        for name in names
        if name != entry.name and name.startswith(entry.name) and "scale" in name
    ]
    if not near:
        return "a checkpoint keeps scales as tensors of their own"
    return f"the tensor {quote(near[0])} may be its scale and was not applied"


def _tensors(source: Source) -> list[Tensor]:
    header, start = _header(source)
    header.pop("__metadata__", None)
    tensors = [_tensor(source, start, *item) for item in header.items()]
    tensors.sort(key=lambda tensor: (tensor.begin, tensor.end))
    place, before = start, ""
    for entry, begin, end in tensors:
        if begin < place:
            raise _lie(source, f"{_named(before)} and {_named(entry.name)} overlap")
        if begin > place:
            raise _lie(source, f"{begin - place:,} bytes belong to no tensor")
        place, before = end, entry.name
    if place < source.size:
        raise _lie(source, f"{source.size - place:,} bytes belong to no tensor")
    return tensors


def _header(source: Source) -> tuple[dict[str, Any], int]:
    length = int.from_bytes(source.take(0, 8), "little")
    if length > LONGEST_HEADER:
        raise ValueError(
            f"{quote(source.name)} claims a header of {length:,} bytes; "
            f".safetensors allows {LONGEST_HEADER:,}; get the file again"
        )
    text = source.take(8, length)
    if not text.startswith(b"{"):
        raise _lie(source, "it does not begin with a brace")
    if not _is_flat(text):
        raise _lie(source, "its brackets do not match or are nested too deeply")
    try:
        header = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_once_each,
            parse_constant=_no_constant,
        )
    except _Twice as error:
        raise _lie(source, f"{_named(error.args[0])} stands there twice") from None
    except ValueError:
        raise _lie(source, "it is no valid JSON") from None
    return header, 8 + length


_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_OTHERS = bytes(set(range(256)) - set(b"[]{}"))


def _is_flat(text: bytes) -> bool:
    """Whether brackets match, and are nested no deeper than a header needs.

    Pyodide does not survive a deep recursion in Python's JSON parser.
    """
    brackets = _STRING.sub(b"", text).translate(None, _OTHERS)
    for _ in range(DEEPEST):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return not brackets


def _tensor(source: Source, start: int, name: str, info: object) -> Tensor:
    fields = info if isinstance(info, dict) else {}
    dtype, shape = fields.get("dtype"), _counts(fields.get("shape"))
    offsets = _counts(fields.get("data_offsets"))
    if (
        not isinstance(dtype, str)
        or shape is None
        or offsets is None
        or len(offsets) != 2
        or offsets[0] > offsets[1]
        or not _is_unicode(name)
    ):
        raise _lie(source, f"{_named(name)} is not described as it must be")
    begin, end = start + offsets[0], start + offsets[1]
    if end > source.size:
        raise ValueError(
            f"{_named(source.name)} is cut short or its header wrong: tensor "
            f"{_named(name)} needs {end - source.size:,} bytes more; get the file again"
        )
    check_shape(shape, name)
    entry, bits = _entry(name, dtype, shape)
    if bits is not None and bits * entry.size != 8 * (end - begin):
        raise _lie(
            source,
            f"{_named(name)} has {end - begin:,} bytes; "
            f"{dtype} of its shape takes {-(-bits * entry.size // 8):,}",
        )
    return Tensor(entry, begin, end)


def _entry(name: str, dtype: str, shape: tuple[int, ...]) -> tuple[Entry, int | None]:
    """Return the entry, and the bits of an element where they are known."""
    size = math.prod(shape)
    if dtype in _DTYPES:
        known = _DTYPES[dtype]
        return Entry(name, shape, known, size), 8 * stored_dtype(known).itemsize
    if dtype in _REFUSED:
        kind, bits = _REFUSED[dtype]
        return Entry(name, shape, dtype, size, refusal(kind)), bits
    reason = f"its dtype {_named(dtype)} is not known; save it as F32 or BF16"
    return Entry(name, shape, dtype, size, reason), None


def _counts(value: object) -> tuple[int, ...] | None:
    """A list of whole numbers from 0 to 2**63 - 1, or None where it is none."""
    if not isinstance(value, list):
        return None
    for count in value:
        if isinstance(count, bool) or not isinstance(count, int):
            return None
        if not 0 <= count < 1 << 63:
            return None
    return tuple(value)


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Twice(Exception):  # noqa: N818 # says what was found, and stays in this file
    pass


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(key)
        found[key] = value
    return found


def _no_constant(text: str) -> None:
    raise ValueError(text)


def _named(text: str) -> str:
    return quote(text, SHORT)


def _lie(source: Source, what: str) -> ValueError:
    return ValueError(
        f"the header of {_named(source.name)} is wrong: {what}; save the file again"
    )
