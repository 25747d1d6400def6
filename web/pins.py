"""What the site is made of: pins.toml, and the part of Pyodide's lock it asks for."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PINS = Path(__file__).with_name("pins.toml")
LOCK = "pyodide-lock.json"


@dataclass(frozen=True)
class Pin:
    """One file, known by its content; its name is what a source has it under."""

    file: str
    sha256: str


@dataclass(frozen=True)
class Pins:
    """pins.toml as a record."""

    version: str
    carrier: str
    core: tuple[Pin, ...]
    locked: tuple[str, ...]
    start: tuple[str, ...]
    pure: tuple[Pin, ...]
    kernel: Pin
    kernel_wheels: tuple[str, ...]


def load_pins(path: Path = PINS) -> Pins:
    """Read pins.toml."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    pyodide, kernel = table["pyodide"], table["kernel"]
    return Pins(
        version=pyodide["version"],
        carrier=pyodide["carrier"],
        core=tuple(Pin(*row) for row in pyodide["sha256"].items()),
        locked=tuple(table["locked"]["packages"]),
        start=tuple(table["start"]["modules"]),
        pure=tuple(Pin(*row) for row in table["pure"]["sha256"].items()),
        kernel=Pin(kernel["wheel"], kernel["sha256"]),
        kernel_wheels=tuple(kernel["carries"]),
    )


def canonical(name: str) -> str:
    """Return a package's name as Pyodide's lock writes its keys."""
    return re.sub(r"[-_.]+", "-", name).lower()


def project(wheel: str) -> str:
    """Return the canonical name of the package in a wheel, from the file's name."""
    return canonical(wheel.split("-")[0])


def locked_entries(
    lock: dict[str, Any], names: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    """Return the lock's entries of these packages and of all that they depend on."""
    packages = lock["packages"]
    entries: dict[str, dict[str, Any]] = {}
    wanted = list(names)
    while wanted:
        name = wanted.pop()
        if name not in entries:
            entries[name] = packages[name]
            wanted.extend(packages[name]["depends"])
    return entries
