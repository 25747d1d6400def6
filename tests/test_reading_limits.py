"""However large or broken a file is: few bytes read, little memory, a ValueError.

The bytes that are read are counted at the file, the memory by tracemalloc, to which
NumPy reports.
"""

import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save as safetensors_of

from fp8lab.reading import contents, parse_numbers, read
from tests.reading_files import header_of, npy_of, npz_of, zip_of

MEBIBYTE = 1 << 20
X = np.arange(12, dtype=np.float32).reshape(3, 4)
NPY, NPZ = npy_of(X), npz_of(x=X)


class Meter:
    """Counts the bytes that are read of every file that is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bytes = 0
        meter = self

        class Counted(io.FileIO):
            def readinto(self, buffer: bytearray) -> int:  # what a BufferedReader calls
                count = super().readinto(buffer)
                meter.bytes += count
                return count

        def opened(path: Path, mode: str = "r") -> io.BufferedReader:
            assert mode == "rb"
            return io.BufferedReader(Counted(path))

        monkeypatch.setattr(Path, "open", opened)


def sparse(path: Path, head: bytes, size: int, tail: bytes) -> None:
    with path.open("wb") as file:
        file.write(head)
        file.seek(size - len(tail))
        file.write(tail)


GIGABYTES = 6 << 30


def test_a_small_tensor_at_the_end_of_6_gb(tmp_path, monkeypatch):
    big = f'{{"dtype":"U8","shape":[{GIGABYTES}],"data_offsets":[0,{GIGABYTES}]}}'
    small = (
        f'{{"dtype":"F32","shape":[2],"data_offsets":[{GIGABYTES},{GIGABYTES + 8}]}}'
    )
    text = f'{{"a":{big},"b":{small}}}'.encode()
    path = tmp_path / "x.safetensors"
    head = len(text).to_bytes(8, "little") + text
    tail = np.array([1.5, -2], "<f4").tobytes()
    sparse(path, head, len(head) + GIGABYTES + 8, tail)
    meter = Meter(monkeypatch)
    assert [entry.size for entry in contents(path)] == [GIGABYTES, 2]
    assert read(path, "b").array.tolist() == [1.5, -2]
    assert read(path, "a", largest=1000).array.shape == (1000,)
    assert 0 < meter.bytes < MEBIBYTE


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_first_rows_of_6_gb(tmp_path, monkeypatch, order):
    rows = GIGABYTES // 4 // 64
    head = header_of(order=str(order == "F"), shape=f"({rows}, 64)")
    sparse(tmp_path / "x.npy", head, len(head) + GIGABYTES, b"")
    with (tmp_path / "x.npy").open("ab") as file:
        file.truncate(len(head) + GIGABYTES)
    meter = Meter(monkeypatch)
    loaded = read(tmp_path / "x.npy", largest=6400)
    assert loaded.array.shape == (100, 64)
    assert loaded.note == f"the first 100 of {rows:,} rows were read"
    assert 0 < meter.bytes < 2 * MEBIBYTE


def peak(call: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_zip_bomb_is_unpacked_as_far_as_needed(tmp_path):
    bomb = header_of(shape=f"({1 << 24},)") + bytes(4 << 24)
    path = tmp_path / "x.npz"
    path.write_bytes(zip_of(("x.npy", bomb), ("y.npy", NPY)))
    del bomb
    assert path.stat().st_size < MEBIBYTE
    assert peak(lambda: contents(path)) < MEBIBYTE
    assert peak(lambda: read(path, largest=1000)) < MEBIBYTE
    assert peak(lambda: read(path, largest=1 << 20)) < (4 + 3) * MEBIBYTE
    assert peak(lambda: read(path, "y")) < MEBIBYTE


# Offsets in a member's entry in the list of members (APPNOTE.TXT, 4.3.12).
VERSION, FLAGS, PACKED, UNPACKED, EXTRA, PLACE, NAME = 6, 8, 20, 24, 30, 42, 46
HEADER = header_of(shape=f"({1 << 24},)")
LIES = {
    "unpacked size": (HEADER, {UNPACKED: 1 << 27}),
    "both sizes": (HEADER, {UNPACKED: 1 << 27, PACKED: 1 << 27}),
    "half a header": (NPY[:60], {UNPACKED: 1 << 27}),
    "up to the end of the file": (
        header_of(shape="(20,)"),
        {UNPACKED: 180, PACKED: 180},
    ),
    "place": (HEADER, {PLACE: 1 << 30}),
    "patched data": (HEADER, {FLAGS: 1 << 5}),
    "encrypted": (HEADER, {FLAGS: 1}),
    "a version of tomorrow": (HEADER, {VERSION: 999}),
}


def lying_zip(method: int, content: bytes, lies: dict[int, int]) -> bytearray:
    packed = bytearray(zip_of(("x.npy", content), method=method))
    where = packed.index(b"PK\1\2")
    for offset, value in lies.items():
        width = 2 if offset in (VERSION, FLAGS, EXTRA) else 4
        start = where + offset
        packed[start : start + width] = value.to_bytes(width, "little")
    return packed


@pytest.mark.parametrize("case", LIES)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_that_lies_is_refused(tmp_path, method, case):
    path = tmp_path / "x.npz"
    path.write_bytes(lying_zip(method, *LIES[case]))

    def refused() -> None:
        with pytest.raises(ValueError, match=r"missing|broken zip|unusual way"):
            read(path)

    assert peak(refused) < MEBIBYTE


def test_a_member_beyond_what_a_file_can_seek_to_is_refused(tmp_path):
    extra = struct.pack("<HHQ", 1, 8, (1 << 64) - 1)  # zip64: the place, in 8 bytes
    lies = {PLACE: (1 << 32) - 1, EXTRA: len(extra)}
    content = lying_zip(zipfile.ZIP_STORED, NPY, lies)
    entry, end = content.index(b"PK\1\2"), content.index(b"PK\5\6")
    content[end + 12] += len(extra)
    name = entry + NAME + len("x.npy")
    content[name:name] = extra
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(ValueError, match="broken zip"):
        read(tmp_path / "x.npz")


@pytest.mark.parametrize("size", [(1 << 22) - 22, 1 << 26])
def test_a_list_of_members_is_short(tmp_path, monkeypatch, size):
    end = b"PK\5\6" + bytes(8) + size.to_bytes(4, "little") + bytes(6)
    sparse(tmp_path / "x.npz", b"PK\3\4", size + 22, end)
    meter = Meter(monkeypatch)
    with pytest.raises(ValueError, match="broken zip"):
        read(tmp_path / "x.npz")
    assert meter.bytes < 5 * MEBIBYTE


# ------------------------------------------------------------------------- fuzzing
SEEDS = {
    "npy": NPY,
    "fortran": npy_of(np.asfortranarray(X)),
    "npz": NPZ,
    "compressed": npz_of(np.savez_compressed, a=X, b=np.arange(3)),
    "safetensors": safetensors_of(
        {"a": torch.ones(3).bfloat16(), "b": torch.ones(2).to(torch.float8_e5m2)}
    ),
    "text": b"a;b\n1;2.5\nnan;\n",
    "list": b"[[1, 2], [3, inf]]",
}


def refusal(call: Callable[[], object]) -> str:
    """What the ValueError says; a full stop where there is none."""
    try:
        call()
    except ValueError as error:
        return str(error)
    return "."


def is_one_sentence(text: str) -> bool:
    return 0 < len(text) <= 200 and text.isprintable()


CHANGES = st.lists(
    st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=4
)


@pytest.mark.parametrize("seed", SEEDS)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, cut=st.none() | st.integers(0, 2000), suffix=st.booleans())
def test_changed_bytes_give_numbers_or_a_value_error(
    tmp_path, seed, changes, cut, suffix
):
    content = bytearray(SEEDS[seed][:cut])
    for place, byte in changes:
        if content:
            content[place % len(content)] = byte
    path = tmp_path / (f"x.{seed}" if suffix else "x")
    path.write_bytes(content)

    def use() -> None:
        for call in (lambda: contents(path), lambda: read(path)):
            assert is_one_sentence(refusal(call))

    assert peak(use) < 4 * MEBIBYTE


@given(st.text())
def test_any_text_is_numbers_or_a_value_error(text):
    assert is_one_sentence(refusal(lambda: parse_numbers(text)))
