"""What a file is that cannot be read here, and what to do with it: one sentence."""

from __future__ import annotations

import re

__all__ = ["is_text", "what_it_is"]

_TENSORS = "save the tensors with safetensors.torch.save_file"
_ARRAYS = "save the arrays with numpy.save"
_UNPACK = "unpack it first"
_NUMBERS = "choose a file with numbers"

_STARTS: tuple[tuple[bytes, str, str], ...] = (
    (b"GGUF", "a GGUF model", _TENSORS),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", _ARRAYS),
    (b"MATLAB 5.0", "a MATLAB file", _ARRAYS),
    (b"PAR1", "a Parquet file", "save the table as .csv"),
    (b"ARROW1", "an Arrow file", "save the table as .csv"),
    (b"SQLite format 3\0", "an SQLite database", "save the table as .csv"),
    (b"\xd0\xcf\x11\xe0", "an old Office document", "save the sheet as .csv"),
    (b"\x1f\x8b", "a gzip file", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", _UNPACK),
    (b"BZh", "a bzip2 file", _UNPACK),
    (b"\xfd7zXZ\0", "an xz file", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z file", _UNPACK),
    (b"Rar!", "a RAR file", _UNPACK),
    (b"\x89PNG", "an image", _NUMBERS),
    (b"\xff\xd8\xff", "an image", _NUMBERS),
    (b"GIF8", "an image", _NUMBERS),
    (b"II*\0", "an image", _NUMBERS),
    (b"MM\0*", "an image", _NUMBERS),
    (b"RIFF", "an image, a sound or a film", _NUMBERS),
    (b"%PDF", "a PDF document", _NUMBERS),
    (b"\xff\xfe", "UTF-16 text", "save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text", "save it as UTF-8"),
)
_TEXTS: tuple[tuple[str, str, str], ...] = (
    (
        r"version https://git-lfs",
        "a Git LFS pointer, not the file it stands for",
        "get the file itself with git lfs pull",
    ),
    (r"<(!doctype|html|head|\?xml|!--|svg)", "a web page", "download the file itself"),
    (r"\{", "JSON", "choose the file with the tensors"),
)


def is_text(head: bytes) -> bool:
    """Whether the first bytes of a file are text in UTF-8 or a code page like it."""
    return not re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]", head)


def what_it_is(head: bytes) -> tuple[str, str] | None:
    """Return what the first bytes look like and what to do, None for nothing known."""
    for start, what, advice in _STARTS:
        if head.startswith(start):
            return what, advice
    if re.match(rb"\x80[\x02-\x05]", head):
        return "a pickle, which is never opened", _TENSORS
    if head[257:262] == b"ustar":
        return "a tar file", _UNPACK
    if head[1:16:2] == b"\0" * 8 or head[:16:2] == b"\0" * 8:
        return ("UTF-16 text", "save it as UTF-8") if _is_wide(head) else None
    if is_text(head):
        text = head.decode("utf-8-sig", "replace").lstrip()
        for pattern, what, advice in _TEXTS:
            if re.match(pattern, text, re.IGNORECASE):
                return what, advice
    return None


def _is_wide(head: bytes) -> bool:
    """Whether every other byte is a character of ASCII text."""
    kept = (head[0:64:2], head[1:64:2])
    return any(chars and b"\0" not in chars and is_text(chars) for chars in kept)
