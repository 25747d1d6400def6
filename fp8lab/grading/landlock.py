"""Closes the file system for this process but for a few folders (Linux 5.13 and later).

Used where bubblewrap is absent: no mount is needed, and no privilege. The kernel's own
documentation, userspace-api/landlock, has the numbers and the layouts.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Sequence

__all__ = ["close_files"]

CREATE, ADD, RESTRICT = 444, 445, 446
VERSION, PATH_BENEATH = 1, 1
EXECUTE, READ, LIST = 1 << 0, 1 << 2, 1 << 3
#: Rights on files by version of the interface: the first 13, then REFER, then TRUNCATE.
RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}
#: What may be allowed on a file that is no folder: execute, write, read, truncate.
FILE_RIGHTS = 0b111 | 1 << 14
NO_NEW_PRIVILEGES = 38


def close_files(
    listed: Sequence[str], read: Sequence[str], write: Sequence[str]
) -> bool:
    """Let this process list, read and write some folders; say whether it holds.

    Parameters
    ----------
    listed, read, write
        Folders or files; those that are absent are passed over.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    call = libc.syscall
    call.restype = ctypes.c_long
    version = int(call(CREATE, None, ctypes.c_size_t(0), VERSION))
    if version < 1:
        return False
    all_rights = RIGHTS[min(version, 3)]
    attributes = struct.pack("<Q", all_rights)
    rules = int(call(CREATE, attributes, ctypes.c_size_t(len(attributes)), 0))
    if rules < 0:
        return False
    readable = EXECUTE | READ | LIST
    for paths, rights in ((listed, LIST), (read, readable), (write, all_rights)):
        for path in paths:
            _allow(call, rules, path, rights & all_rights)
    libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    closed = call(RESTRICT, rules, 0) == 0
    os.close(rules)
    return bool(closed)


def _allow(call: object, rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not os.path.isdir(path):  # noqa: PTH112 -- pathlib costs 10 ms at the start
        rights &= FILE_RIGHTS
    rule = struct.pack("<Qi", rights, place)
    call(ADD, rules, PATH_BENEATH, rule, 0)  # type: ignore[operator]
    os.close(place)
