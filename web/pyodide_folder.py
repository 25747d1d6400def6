"""The folder that Pyodide is loaded from, by the page and by the lessons alike.

Its name is made from its content, as are the names of the lock and of our wheel in it.
So a host may let browsers keep every file for good, and a returning visitor never has a
file of an earlier site beside one of this site, where their sha256 would not fit.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from web.compiling import compiled
from web.lockfile import wheel_entry
from web.pins import LOCK, Pin, Pins, locked_entries, project
from web.store import BuildError, Store, sha256

STDLIB = "python_stdlib.zip"
WASM = "pyodide.asm.wasm"


@dataclass(frozen=True)
class PyodideFolder:
    """Where the folder lies in the site, and what it holds."""

    path: str
    lock: str
    wheel: str
    files: dict[str, bytes]
    entries: dict[str, dict[str, Any]]

    def write(self, site: Path) -> None:
        """Write the files into the site."""
        folder = site / self.path
        folder.mkdir(parents=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)

    def page_files(self) -> list[str]:
        """Return the large files that the page starts from."""
        return [*self.official, self.lock, self.wheel]

    @property
    def official(self) -> list[str]:
        """The large files that the Pyodide project publishes."""
        return [WASM, STDLIB, self.entries["numpy"]["file_name"]]


def pyodide_folder(
    pins: Pins,
    store: Store,
    wheel: tuple[str, bytes],
    log: Callable[[str], object],
    *,
    lab: bool,
) -> PyodideFolder:
    """Collect, compile and describe Pyodide, the packages and our wheel.

    With `lab` come the packages of the lessons; without it NumPy alone, and the files
    as Pyodide published them.
    """
    core = {pin.file: store.obtain(pin) for pin in pins.core}
    entries, wheels = _packages(pins, store, lab=lab)
    if lab:
        archives = {STDLIB: core[STDLIB], **wheels}
        ready = compiled(archives, core, pins.start, store, log)
        wheels = {name: ready[name] for name in ready if name != STDLIB}
        core[STDLIB] = ready[STDLIB]
        for name, content in wheels.items():
            entries[project(name)] |= {"file_name": name, "sha256": sha256(content)}
    lock = json.loads(core.pop(LOCK))
    third_party = {**core, **wheels}
    names = "".join(f"{n} {sha256(c)}\n" for n, c in sorted(third_party.items()))
    entries["fp8lab"] = wheel_entry(*wheel)
    _check_dependencies(entries)
    lock["packages"] = dict(sorted(entries.items()))
    text = json.dumps(lock, indent=1, sort_keys=True).encode()
    lock_name = f"pyodide-lock-{sha256(text)[:10]}.json"
    return PyodideFolder(
        path=f"pyodide/{sha256(names.encode())[:10]}/",
        lock=lock_name,
        wheel=wheel[0],
        files={**third_party, wheel[0]: wheel[1], lock_name: text},
        entries=entries,
    )


def _packages(
    pins: Pins, store: Store, *, lab: bool
) -> tuple[dict[str, dict[str, Any]], dict[str, bytes]]:
    """Return the lock entries and the wheels of everything but fp8lab."""
    (lock_pin,) = [pin for pin in pins.core if pin.file == LOCK]
    lock = json.loads(store.obtain(lock_pin))
    entries = locked_entries(lock, pins.locked if lab else ("numpy",))
    locked = [Pin(entry["file_name"], entry["sha256"]) for entry in entries.values()]
    wheels = {pin.file: store.obtain(pin) for pin in locked}
    if lab:
        own = {pin.file: store.obtain(pin) for pin in pins.pure}
        own |= carried(store.obtain(pins.kernel), pins.kernel_wheels)
        entries |= {project(name): wheel_entry(name, own[name]) for name in own}
        wheels |= own
    return entries, wheels


def carried(kernel: bytes, names: tuple[str, ...]) -> dict[str, bytes]:
    """Return the wheels that lie in the wheel of JupyterLite's kernel."""
    with zipfile.ZipFile(io.BytesIO(kernel)) as packed:
        inside = {PurePosixPath(name).name: name for name in packed.namelist()}
        return {name: packed.read(inside[name]) for name in names}


def _check_dependencies(entries: dict[str, dict[str, Any]]) -> None:
    for name, entry in entries.items():
        absent = sorted(set(entry["depends"]) - entries.keys())
        if absent:
            raise BuildError(
                f"{name} needs {', '.join(absent)}, which web/pins.toml does not have: "
                "pin the wheel of each under [pure.sha256]"
            )
