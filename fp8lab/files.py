"""Files that are whole whenever somebody looks."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, text: str) -> None:
    """Write a file so that at any moment it is the old one or the new one.

    Parameters
    ----------
    path
        The file; its folder is there.
    text
        All of it, kept as UTF-8.

    Raises
    ------
    OSError
        It cannot be written; what was there is as it was.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
