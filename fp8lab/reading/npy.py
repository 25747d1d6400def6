"""NumPy's .npy: a magic, a header in Python's spelling, the elements.

The header is matched against the three fields it may hold, never evaluated, and
pickled objects are refused. Source: NEP 1 and numpy/lib/format.py (versions 1 to 3).
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import numpy as np

from fp8lab.reading.elements import check_shape, refusal, to_floats
from fp8lab.reading.entries import SHORT, Entry, Loaded, join_notes, quote
from fp8lab.reading.part import part_of
from fp8lab.reading.source import Source

__all__ = ["MAGIC", "contents", "entry_of", "load", "read"]

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 10_000  # NumPy's own limit (max_header_size)

_DESCR = r"""(['"])descr\1\s*:\s*(['"])(?P<descr>[^'"]*)\2"""
_ORDER = r"""(['"])fortran_order\1\s*:\s*(?P<order>True|False)\b"""
_SHAPE = r"""(['"])shape\1\s*:\s*\((?P<shape>[\d\sL,]*)\)"""
_RECORD = r"""(['"])descr\1\s*:\s*\["""
_TYPE = re.compile(r"[<>|=]?([a-zA-Z?])(\d*)(\[.*\])?")
_KINDS = {"b": "bool", "?": "bool", "c": "complex", "O": "object", "V": "raw"}
_KINDS |= {"S": "text", "a": "text", "U": "text", "M": "date", "m": "date"}


class Header(NamedTuple):
    """What stands before the elements."""

    entry: Entry
    descr: str
    fortran: bool
    start: int


def contents(source: Source) -> list[Entry]:
    """Return the one entry of the file."""
    return [entry_of(source, source.name)]


def read(source: Source, name: str | None, largest: int) -> Loaded:
    """Return the file's one array; it has no name, so ``name`` chooses nothing."""
    del name
    return load(source, source.name, largest)


def entry_of(source: Source, name: str) -> Entry:
    """Return what the header says, under ``name``."""
    return _header(source, name).entry


def load(source: Source, name: str, largest: int) -> Loaded:
    """Return the array, or its first rows.

    Raises
    ------
    ValueError
        It cannot be read, or bytes are missing.
    """
    header = _header(source, name)
    entry = header.entry
    if not entry.usable:
        raise ValueError(f"{quote(name, SHORT)} cannot be read: {entry.reason}")
    dtype = np.dtype(header.descr)
    source.check(header.start + entry.size * dtype.itemsize)
    part = part_of(entry.shape, largest)
    if header.fortran and part.note:
        stored = _first_rows(source, header, dtype, part.shape)
    else:
        stored = np.empty(part.size, dtype)
        source.fill(header.start, stored)
        stored = stored.reshape(part.shape, order="F" if header.fortran else "C")
    array, note = to_floats(stored, entry.dtype)
    return Loaded(name, array, join_notes((part.note, note)))


def _first_rows(
    source: Source, header: Header, dtype: np.dtype, shape: tuple[int, ...]
) -> np.ndarray:
    """Read the first rows of a matrix that is stored column after column."""
    entry = header.entry
    if len(entry.shape) == 1:
        stored = np.empty(shape, dtype)
        source.fill(header.start, stored)
        return stored
    if len(entry.shape) > 2:
        raise ValueError(
            f"{quote(entry.name)} is large and in Fortran order; "
            "save numpy.ascontiguousarray of it"
        )
    rows, width = shape
    columns = np.empty((width, rows), dtype)
    for j in range(width):
        source.fill(header.start + j * entry.shape[0] * dtype.itemsize, columns[j])
    return columns.T


def _header(source: Source, name: str) -> Header:
    start = source.take(0, 8)
    version = start[6]
    if start[:6] != MAGIC or version not in (1, 2, 3):
        raise ValueError(f"{quote(name, SHORT)} is no .npy file of version 1, 2 or 3")
    width = 2 if version == 1 else 4
    length = int.from_bytes(source.take(8, width), "little")
    if length > LONGEST_HEADER:
        raise ValueError(
            f"{quote(name, SHORT)} claims a header of {length:,} bytes; .npy allows "
            f"{LONGEST_HEADER:,} at most; save it again with numpy.save"
        )
    text = source.take(8 + width, length).decode("utf-8", "replace")
    entry, descr, fortran = _fields(text, name)
    return Header(entry, descr, fortran, 8 + width + length)


def _fields(text: str, name: str) -> tuple[Entry, str, bool]:
    shape_text, order = re.search(_SHAPE, text), re.search(_ORDER, text)
    descr, record = re.search(_DESCR, text), re.search(_RECORD, text)
    if shape_text is None or order is None or not (descr or record):
        raise _broken(name)
    numbers = shape_text["shape"].replace("L", "").rstrip().removesuffix(",")
    try:
        shape = tuple(int(n) for n in numbers.split(",")) if numbers.strip() else ()
    except ValueError:
        raise _broken(name) from None
    check_shape(shape, name)
    size = math.prod(shape)
    if descr is None:
        return Entry(name, shape, "record", size, refusal("record")), "", False
    rest = text
    for field in (shape_text, order, descr):
        rest = rest.replace(field[0], "", 1)
    if not re.fullmatch(r"\{[\s,]*\}\s*", rest):
        raise _broken(name)
    dtype, reason = _dtype(descr["descr"], name)
    entry = Entry(name, shape, dtype, size, reason)
    return entry, descr["descr"], order["order"] == "True"


def _dtype(descr: str, name: str) -> tuple[str, str]:
    """Return the dtype's name, and why it cannot be read or nothing."""
    parts = _TYPE.fullmatch(descr)
    if parts is None:
        raise _broken(name)
    kind, width = parts[1], parts[2]
    if kind in "iu" and width in ("1", "2", "4", "8"):
        return np.dtype(descr).name, ""
    if kind == "f" and width in ("2", "4", "8"):
        return np.dtype(descr).name, ""
    if kind == "f":
        return descr, refusal("raw" if width == "1" else "longdouble")
    if kind not in _KINDS:
        raise _broken(name)
    return _KINDS[kind], refusal(_KINDS[kind])


def _broken(name: str) -> ValueError:
    return ValueError(
        f"{quote(name, SHORT)} has a broken .npy header; "
        "save the array again with numpy.save"
    )
