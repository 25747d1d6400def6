"""The protocol: what is sent comes back, and everything else is refused."""

import contextlib
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fp8lab.grading.frames import FrameError, Kind, Reader, pack, sendable, unpack
from fp8lab.grading.strides import laid_out, layout

ARRAYS = hnp.arrays(
    st.one_of(
        hnp.boolean_dtypes(),
        hnp.integer_dtypes(endianness="?"),
        hnp.unsigned_integer_dtypes(endianness="?"),
        hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    ),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)
VALUES = st.lists(
    st.one_of(ARRAYS, st.integers(-(2**200), 2**200), st.floats(), st.text())
)


def read(data: bytes, most: int = 1 << 20):
    reader = Reader(most)
    reader.feed(data)
    return reader.next()


def same(sent: object, got: object) -> bool:
    if isinstance(sent, np.ndarray):
        assert isinstance(got, np.ndarray)
        little = sent.astype(sent.dtype.newbyteorder("<"))
        return got.shape == sent.shape and got.tobytes() == little.tobytes()
    if isinstance(sent, float):
        return struct.pack("<d", sent) == struct.pack("<d", got)
    return sent == got and type(sent) is type(got)


@given(VALUES)
def test_values_come_back(values: list) -> None:
    frame = pack(Kind.ANSWER, values)
    kind, got = read(frame, len(frame))
    assert kind is Kind.ANSWER
    assert len(got) == len(values)
    assert all(map(same, values, got))


@given(VALUES, st.data())
def test_no_frame_that_was_cut_short_or_changed_harms(values, data) -> None:
    frame = bytearray(pack(Kind.ANSWER, values))
    place = data.draw(st.integers(0, len(frame) - 1))
    cut, changed = bytes(frame[:place]), frame
    changed[place] ^= data.draw(st.integers(1, 255))
    assert read(cut) is None
    with contextlib.suppress(FrameError):
        read(bytes(changed))


@given(st.binary(max_size=300))
def test_a_body_of_anything_is_values_or_an_error(body: bytes) -> None:
    try:
        unpack(body)
    except FrameError:
        return


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(np.arange(3)),
        b"junk",
        b"FP8\n\xff" + bytes(8),
        b"FP8\n\x44" + struct.pack("<Q", 1 << 62),
    ],
)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(FrameError):
        read(data.ljust(32, b"\0"))


def body_of(array_head: bytes, buffer: bytes = b"") -> bytes:
    return struct.pack("<I", 1) + b"A" + array_head + buffer


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (body_of(b"\x01\x01" + struct.pack("<Q", 9), b"short"), "middle of a value"),
        (body_of(b"\x01\x02" + struct.pack("<2Q", 1 << 40, 1 << 40)), "middle"),
        (body_of(b"\x63\x00", b"x"), "unknown dtype"),
        (body_of(b"\x01\x09" + bytes(72)), "too many axes"),
        (body_of(b"\x00\x01" + struct.pack("<Q", 1), b"\x02"), "truth value"),
        (body_of(b"\x01\x02" + struct.pack("<2Q", 0, 1 << 63)), "shape"),
        (struct.pack("<I", 1) + b"P", "unknown kind"),
        (struct.pack("<I", 1) + b"I" + struct.pack("<Q", 3) + b"1e9", "whole number"),
        (struct.pack("<I", 0) + b"more", "after its last"),
        (struct.pack("<I", 1 << 31), "values in one frame"),
    ],
)
def test_each_lie_in_a_frame_is_named(body: bytes, complaint: str) -> None:
    with pytest.raises(FrameError, match=complaint):
        unpack(body)


def test_a_frame_longer_than_allowed_is_refused_at_its_head() -> None:
    frame = pack(Kind.ANSWER, [np.zeros(1000)])
    with pytest.raises(FrameError, match="at most 100"):
        read(frame[:20], most=100)


@pytest.mark.parametrize("dtype", ["O", "U3", "c8", "M8[s]", "f16", "S4"])
def test_other_dtypes_cannot_be_handed_in(dtype: str) -> None:
    with pytest.raises(TypeError, match="cannot be handed in"):
        sendable(np.zeros(2, dtype))


def test_a_subclass_is_sent_as_plain_memory() -> None:
    class Liar(np.ndarray):
        def tobytes(self, *_: object) -> bytes:
            return b"something else"

    array = np.arange(4, dtype=np.uint8).view(Liar)
    assert type(sendable(array)) is np.ndarray
    assert read(pack(Kind.ANSWER, [array]))[1][0].tobytes() == bytes(range(4))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12).reshape(3, 4).T,
        np.arange(40).reshape(4, 10)[:, ::2],
        np.arange(10)[::-1],
        np.broadcast_to(np.arange(3), (4, 3)),
        np.arange(24).reshape(2, 3, 4)[:, ::-1, 1:3],
        np.zeros((0, 3)),
        np.array(3.0),
    ],
)
def test_strides_come_back(array: np.ndarray) -> None:
    values = [array, 3, "word"]
    _, sent = read(pack(Kind.CASE, values))
    (got, *rest) = laid_out(sent, layout(values))
    assert rest == [3, "word"]
    assert got.flags.writeable
    np.testing.assert_array_equal(got, array)
    if array.size > 1:
        assert got.strides == array.strides
