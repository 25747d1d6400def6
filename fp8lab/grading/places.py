"""Where Python and the system's libraries lie here, and what packages lie among them.

A sandbox gets these without the packages that happen to be installed in them: they may
have the answers.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = [
    "SYSTEM",
    "interpreter",
    "interpreter_folders",
    "packages_to_hide",
    "readable",
]

SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")


def interpreter() -> Path:
    """Return the interpreter itself, behind the links of a virtual environment."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    return Path(base).resolve()


def interpreter_folders() -> list[str]:
    """Return what the interpreter needs beside the system's libraries."""
    base = Path(sys.base_prefix).resolve()
    if base == Path("/usr"):
        # Its library lies in /usr/lib; the programs in /usr/bin are nobody's business.
        return [str(interpreter())]
    return [str(base)]


def packages_to_hide() -> Iterator[str]:
    """Yield where packages of this interpreter and of the system lie: answers, too."""
    base = Path(sys.base_prefix).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    for folder in {base / "lib", library, Path("/usr/lib/python3")}:
        for kind in ("site-packages", "dist-packages"):
            for found in (folder / kind, *folder.glob(f"python3*/{kind}")):
                if found.is_dir() and not found.is_symlink():
                    yield str(found.resolve())


@cache
def readable() -> tuple[str, ...]:
    """Return the libraries and the interpreter, without the packages in them."""
    hidden = {Path(folder) for folder in packages_to_hide()}
    above = {parent for folder in hidden for parent in folder.parents}
    found: list[str] = []
    waiting = [Path(p).resolve() for p in (*SYSTEM, *interpreter_folders())]
    while waiting:
        path = waiting.pop()
        if path in above and path.is_dir():
            waiting += path.iterdir()
        elif path not in hidden:
            found.append(str(path))
    return tuple(found)
