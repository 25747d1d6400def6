"""Entries of Pyodide's lock file, in the form that Pyodide 314 reads.

Plain JSON: the pyodide-lock package needs Python 3.12, the lab 3.11.
"""

from __future__ import annotations

import io
import zipfile
from email.parser import Parser
from pathlib import PurePosixPath
from typing import Any

from web.pins import canonical
from web.store import sha256

# Requirements' markers are judged by the Python in the browser, not by the builder's.
BROWSER = {
    "extra": "",
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "wasm32",
    "platform_python_implementation": "CPython",
    "platform_system": "Emscripten",
    "python_full_version": "3.14.0",
    "python_version": "3.14",
    "sys_platform": "emscripten",
}


def wheel_entry(file: str, wheel: bytes) -> dict[str, Any]:
    """Return a lock entry of a pure wheel, read from its own metadata."""
    from packaging.requirements import Requirement

    with zipfile.ZipFile(io.BytesIO(wheel)) as packed:
        names = packed.namelist()
        (metadata,) = [n for n in names if n.endswith(".dist-info/METADATA")]
        fields = Parser().parsestr(packed.read(metadata).decode())
    requirements = map(Requirement, fields.get_all("Requires-Dist", []))
    needed = {
        canonical(wanted.name)
        for wanted in requirements
        if wanted.marker is None or wanted.marker.evaluate(BROWSER)
    }
    return {
        "depends": sorted(needed),
        "file_name": file,
        "imports": sorted(_imports(names)),
        "install_dir": "site",
        "name": canonical(fields["Name"]),
        "package_type": "package",
        "sha256": sha256(wheel),
        "unvendored_tests": False,
        "version": fields["Version"],
    }


def _imports(names: list[str]) -> set[str]:
    """Return the modules and packages at the top of a wheel."""
    found = set()
    for path in map(PurePosixPath, names):
        if len(path.parts) == 1 and path.suffix == ".py":
            found.add(path.stem)
        elif len(path.parts) == 2 and path.name == "__init__.py":
            found.add(path.parts[0])
    return found
