"""Which format a file is in, by its first bytes and then by its name; `read`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from fp8lab.reading import npy, npz, safetensors, text
from fp8lab.reading.entries import LARGEST, Entry, Loaded, quote
from fp8lab.reading.foreign import is_text, what_it_is
from fp8lab.reading.part import check_largest
from fp8lab.reading.source import Source

__all__ = ["contents", "read"]

HEAD = 4096
_BY_SUFFIX = {".npy": npy, ".npz": npz, ".safetensors": safetensors}


def contents(path: str | os.PathLike[str]) -> list[Entry]:
    """Return what a file holds, in the order in which it lies there.

    Of .npy, .npz and .safetensors the headers alone are read; a text is read as `read`
    does, for it has none. An array that cannot be read is listed with the reason.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is in another format or broken; one sentence says which and what to do.
    """
    with _opened(path) as source:
        return list(_reader(source).contents(source))


def read(
    path: str | os.PathLike[str], name: str | None = None, *, largest: int = LARGEST
) -> Loaded:
    """Return one array of a file as the core takes it.

    NaN and infinity are kept. float64, float32 and float16 stay what they are; bfloat16
    arrives as raw uint16 bit patterns, the core's own form of it (`fp8lab.arrays`);
    integers become float64; FP8 codes are decoded to float32 without a scale, for a
    checkpoint's scales are tensors of their own. The note says what was done.

    Parameters
    ----------
    path
        .npy (versions 1 to 3, any order of bytes and axes), .npz, .safetensors, or text
        with numbers (.csv, .tsv, .txt; see `fp8lab.reading.text`).
    name
        Which array; None for the first that can be read, floats before integers. It
        has no effect where the file holds one array without a name (.npy, text).
    largest
        Elements to read at most. Of a larger vector the first ones are read, of
        anything else the first rows (leading axes are rows), one at least, as a matrix.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is in another format, broken or cut short; it has no array of that
        name; the array holds something other than real numbers. One sentence.
    """
    check_largest(largest)
    with _opened(path) as source:
        found: Loaded = _reader(source).read(source, name, largest)
        return found


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Source]:
    with Path(path).open("rb") as file:
        yield Source(file, Path(path).name)


def _reader(source: Source) -> ModuleType:
    """Return the module that reads the file."""
    head = source.head(HEAD)
    if not head:
        raise ValueError(f"{quote(source.name)} is empty; choose another file")
    if head.startswith(npy.MAGIC):
        return npy
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return npz
    length = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and length <= safetensors.LONGEST_HEADER:
        return safetensors
    known = what_it_is(head)
    if known:
        what, advice = known
        raise ValueError(f"{quote(source.name)} looks like {what}; {advice}")
    suffix = Path(source.name).suffix.lower()
    if is_text(head):
        if suffix not in _BY_SUFFIX:
            return text
        raise ValueError(
            f"{quote(source.name)} holds text, not what its name says; "
            "get the file again, or call it .txt"
        )
    if suffix == ".safetensors":
        return safetensors
    raise ValueError(
        f"{quote(source.name)} is in no format that is read here; "
        "give .npy, .npz, .safetensors, or text with numbers"
    )
