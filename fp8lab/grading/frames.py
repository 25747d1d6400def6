"""What goes over the pipe between the judge and a sandbox: plain bytes, read strictly.

A frame is a magic number, a kind, a length and that many bytes; the bytes are a list of
values: arrays (dtype, shape, buffer), whole numbers, floats, words. Nothing in it can
name code, and nothing is believed: a length, a dtype or a shape that does not fit the
bytes at hand is a `FrameError`, before any memory is asked for.

This module runs on both sides, so it imports NumPy and the standard library alone.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from enum import IntEnum

import numpy as np

__all__ = ["FrameError", "Kind", "Reader", "Value", "pack", "sendable", "unpack"]

Value = np.ndarray | float | int | str

MAGIC = b"FP8\n"
_HEAD = struct.Struct("<4sBQ")
_COUNT = struct.Struct("<I")
_LENGTH = struct.Struct("<Q")
_ARRAY = struct.Struct("<BB")

#: Every dtype that can be sent, little endian; its place in the list is its name.
_NAMES = "? u1 i1 <u2 <i2 <u4 <i4 <u8 <i8 <f2 <f4 <f8"
DTYPES = tuple(map(np.dtype, _NAMES.split()))
MOST_VALUES = 100_000
MOST_AXES = 8


class FrameError(ValueError):
    """The bytes are no frame, or not one that is allowed here."""


class Kind(IntEnum):
    """What a frame is for; the judge sends the first three, the sandbox the others."""

    OPEN = 1
    RUN = 2
    CASE = 3
    READY = 64
    CELLS = 65
    STARTED = 66
    RAN = 67
    ANSWER = 68
    FAILED = 69


def sendable(array: np.ndarray) -> np.ndarray:
    """Return an array as plain little-endian memory of a dtype that can be sent.

    Raises
    ------
    TypeError
        It has another dtype, or too many axes.
    """
    plain = np.array(array, dtype=array.dtype.newbyteorder("<"), order="C", subok=False)
    if plain.dtype not in DTYPES:
        raise TypeError(f"an array of dtype {array.dtype} cannot be handed in")
    if plain.ndim > MOST_AXES:
        raise TypeError(f"an array of {plain.ndim} axes cannot be handed in")
    return plain


def pack(kind: Kind, values: Sequence[Value]) -> bytes:
    """Return one frame."""
    parts = [_COUNT.pack(len(values))]
    for value in values:
        parts += _packed(value)
    length = sum(map(len, parts))
    return b"".join([_HEAD.pack(MAGIC, kind, length), *parts])


def _packed(value: Value) -> list[bytes]:
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogateescape")
        return [b"S", _LENGTH.pack(len(text)), text]
    if isinstance(value, int):
        digits = str(value).encode()
        return [b"I", _LENGTH.pack(len(digits)), digits]
    if isinstance(value, float):
        return [b"F", struct.pack("<d", value)]
    array = sendable(value)
    shape = struct.pack(f"<{array.ndim}Q", *array.shape)
    name = _ARRAY.pack(DTYPES.index(array.dtype), array.ndim)
    return [b"A", name, shape, array.tobytes()]


class Reader:
    """Takes bytes as they come and gives whole frames.

    Parameters
    ----------
    most
        The longest frame allowed, in bytes; may be changed between frames.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._held = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes that came over the pipe."""
        self._held += data

    @property
    def pending(self) -> int:
        """How many bytes were taken and belong to no frame given yet."""
        return len(self._held)

    def next(self) -> tuple[Kind, list[Value]] | None:
        """Return the next frame, or None while it is not all there.

        Raises
        ------
        FrameError
            What is there is no frame, or one that is too long.
        """
        if len(self._held) < _HEAD.size:
            if not MAGIC.startswith(bytes(self._held[: len(MAGIC)])):
                raise FrameError("what came over the pipe is no frame")
            return None
        magic, kind, length = _HEAD.unpack_from(self._held)
        if magic != MAGIC or kind not in Kind.__members__.values():
            raise FrameError("what came over the pipe is no frame")
        if length > self.most:
            raise FrameError(
                f"a frame of {length} bytes; at most {self.most} are allowed"
            )
        end = _HEAD.size + length
        if len(self._held) < end:
            return None
        body = bytes(memoryview(self._held)[_HEAD.size : end])
        del self._held[:end]
        return Kind(kind), unpack(body)


class _Cursor:
    """Reads a body from its start, and never past its end."""

    def __init__(self, body: bytes) -> None:
        self.body, self.at = body, 0

    def take(self, count: int) -> bytes:
        if count > len(self.body) - self.at:
            raise FrameError("a frame ends in the middle of a value")
        self.at += count
        return self.body[self.at - count : self.at]

    def number(self, layout: struct.Struct) -> int:
        return int(layout.unpack(self.take(layout.size))[0])


def unpack(body: bytes) -> list[Value]:
    """Return the values of a frame's body.

    Raises
    ------
    FrameError
        A byte too few, a byte too many, or a value that is none.
    """
    cursor = _Cursor(body)
    count = cursor.number(_COUNT)
    if count > MOST_VALUES:
        raise FrameError(f"{count} values in one frame")
    values = [_value(cursor) for _ in range(count)]
    if cursor.at != len(body):
        raise FrameError("a frame has bytes after its last value")
    return values


def _value(cursor: _Cursor) -> Value:
    tag = cursor.take(1)
    if tag == b"A":
        return _array(cursor)
    if tag == b"F":
        return float(struct.unpack("<d", cursor.take(8))[0])
    if tag not in (b"S", b"I"):
        raise FrameError(f"a value of unknown kind {tag!r}")
    text = cursor.take(cursor.number(_LENGTH))
    if tag == b"S":
        return text.decode("utf-8", "replace")
    digits = text.removeprefix(b"-")
    if not (digits.isdigit() and len(digits) < 100):
        raise FrameError("a whole number that is none")
    return int(text)


def _array(cursor: _Cursor) -> np.ndarray:
    name, axes = _ARRAY.unpack(cursor.take(_ARRAY.size))
    if name >= len(DTYPES) or axes > MOST_AXES:
        raise FrameError("an array of unknown dtype, or with too many axes")
    dtype = DTYPES[name]
    shape = struct.unpack(f"<{axes}Q", cursor.take(8 * axes))
    raw = cursor.take(math.prod(shape) * dtype.itemsize)
    if dtype.kind == "b" and max(raw, default=0) > 1:
        raise FrameError("a truth value that is neither 0 nor 1")
    try:
        return np.frombuffer(raw, dtype).reshape(shape)
    except ValueError as error:
        raise FrameError(f"an array of shape {list(shape)}") from error
