"""NumPy's .npz: a zip file of .npy members.

No size in it is believed: a member can hold no more than its compressed bytes allow, is
unpacked only as far as needed, and the list of members is read up to 4 MiB.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from fp8lab.reading import npy
from fp8lab.reading.entries import SHORT, Entry, Loaded, choose, quote
from fp8lab.reading.source import Source

__all__ = ["contents", "read"]

LONGEST_READ = 1 << 22
DEFLATE_RATIO = 1032  # 258 bytes from 2 bits; see zlib's technical notes

_TORCH = (
    "is a PyTorch file, that is a pickle, which is never opened; "
    "save it with safetensors.torch.save_file"
)


def contents(source: Source) -> list[Entry]:
    """Return an entry for each member; one that is no array is not usable."""
    with _opened(source) as archive:
        return [_entry(archive, info, source.size) for info in archive.infolist()]


def read(source: Source, name: str | None, largest: int) -> Loaded:
    """Return the array called ``name``, or the first; errors as `npy.load`."""
    with _opened(source) as archive:
        infos = archive.infolist()
        if name is not None:
            infos = [info for info in infos if _name(info) == name]
        entries = [_entry(archive, info, source.size) for info in infos]
        entry = choose(entries, name, source.name)
        info = infos[entries.index(entry)]
        with _member(archive, info, source.size) as member:
            return npy.load(member, entry.name, largest)


@contextmanager
def _opened(source: Source) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(cast("BinaryIO", _Careful(source)))
    except (ValueError, *_ZIP_ERRORS):
        raise _broken(source.name) from None
    with archive:
        _check_members(archive.namelist(), source.name)
        yield archive


def _check_members(names: list[str], file: str) -> None:
    if any(name.endswith("data.pkl") for name in names):
        raise ValueError(f"{quote(file)} {_TORCH}")
    if "[Content_Types].xml" in names:
        raise ValueError(f"{quote(file)} is an Office document; save the sheet as .csv")
    if names and not any(name.endswith(".npy") for name in names):
        raise ValueError(
            f"{quote(file)} is a zip file without arrays (.npy); "
            "unpack it and choose one of its files"
        )
    if len(set(names)) < len(names):
        raise ValueError(
            f"{quote(file)} holds two members of one name; save it with numpy.savez"
        )


def _name(info: zipfile.ZipInfo) -> str:
    return info.filename.removesuffix(".npy")


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int) -> Entry:
    name = _name(info)
    if name == info.filename:
        return Entry(name, (), "", 0, "it is no array (.npy)")
    try:
        with _member(archive, info, size) as member:
            return npy.entry_of(member, name)
    except ValueError as error:
        return Entry(name, (), "", 0, str(error))


@contextmanager
def _member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int
) -> Iterator[Source]:
    """Open a member of a zip file of ``size`` bytes; what is wrong is a ValueError."""
    ratios = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: DEFLATE_RATIO}
    if info.flag_bits & 1 or info.compress_type not in ratios:
        raise ValueError(
            f"{quote(info.filename, SHORT)} is encrypted or compressed in an unusual "
            "way; save it with numpy.savez"
        )
    packed = min(info.compress_size, size)
    bound = packed * ratios[info.compress_type]
    try:
        file = archive.open(info)
    except (ValueError, *_ZIP_ERRORS):
        raise _broken(info.filename) from None
    try:
        with file:
            unpacked = min(info.file_size, bound)
            yield Source(cast("BinaryIO", file), info.filename, unpacked)
    except _ZIP_ERRORS:
        raise _broken(info.filename) from None


def _broken(name: str) -> ValueError:
    return ValueError(
        f"{quote(name, SHORT)} is a broken zip file; get the whole file again"
    )


class _SeekError(OSError):
    """What zipfile expects of a seek to before the start."""


class _Careful(io.RawIOBase):
    """A file for zipfile, which believes what an archive says about itself.

    A read of more than `LONGEST_READ` bytes (the list of members) and a seek to before
    the start are refused; a seek to beyond the end goes to the end.
    """

    def __init__(self, source: Source) -> None:
        self._file, self._size = source.file, source.size

    def read(self, size: int = -1) -> bytes:
        left = self._size - self._file.tell()
        count = left if size < 0 else min(size, left)
        if count > LONGEST_READ:
            raise zipfile.BadZipFile
        return self._file.read(count)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._file.tell()}.get(whence, self._size)
        if base + offset < 0:
            raise _SeekError
        return self._file.seek(min(base + offset, self._size))

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


# What zipfile lets out for one broken file or another; it promises no list.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    _SeekError,
    zlib.error,
    struct.error,
    EOFError,
    RuntimeError,  # a password or a feature that zipfile does not know
)
