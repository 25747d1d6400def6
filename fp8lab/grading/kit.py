"""What a sandbox is given to run: an interpreter, the worker's own modules, packages.

The answers are not among them. A sandbox holds no `fp8lab.grading.labs`, and for a lab
on NumPy nothing of fp8lab but the worker; so a module that a solution may not import is
not forbidden there, it is absent.
"""

from __future__ import annotations

import atexit
import compileall
import py_compile
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

__all__ = ["Kit", "kit_for"]

PACKAGE = Path(__file__).parent.parent
#: The modules of fp8lab.grading that run in the sandbox.
MODULES = (
    "calling", "cells", "frames", "landlock", "limits", "quiet", "seccomp", "strides",
    "tasks",
    "worker",
)  # fmt: skip
#: What a cell imports of it to show checks and hints, there without any effect.
SILENT = """
def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *arguments, **options: None
"""
ABSENT = """
def __getattr__(name):
    raise AttributeError(
        f"fp8lab.{name} is not there when a lab is graded: it has the answer"
    )
"""
#: Left out of the whole package: answers, and what no kernel needs.
LEFT_OUT = ("labs", "bench", "page", "widgets", "views", "__pycache__")
NUMPY = ("numpy",)
TRITON = ("numpy", "torch", "triton")


@dataclass(frozen=True)
class Kit:
    """Where things lie on this machine.

    Attributes
    ----------
    folder
        Holds `fp8lab`, as far as the sandbox has it.
    shelf
        The name of each package's folder or file, and where it lies.
    preload
        What is imported before the process is confined.
    """

    folder: Path
    shelf: tuple[tuple[str, Path], ...]
    preload: tuple[str, ...]


@cache
def kit_for(triton: bool) -> Kit:
    """Make the kit for a lab on NumPy, or for one on Triton; once a process.

    Raises
    ------
    ModuleNotFoundError
        A package that the lab needs is absent.
    """
    folder = Path(tempfile.mkdtemp(prefix="fp8lab-kit-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = folder / "fp8lab"
    if triton:
        shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns(*LEFT_OUT))
    else:
        (target / "grading").mkdir(parents=True)
        (target / "__init__.py").write_text(ABSENT, encoding="utf-8")
        for name in MODULES:
            shutil.copy(PACKAGE / "grading" / f"{name}.py", target / "grading")
    (target / "grading" / "__init__.py").write_text(SILENT, encoding="utf-8")
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(str(folder), quiet=2, invalidation_mode=mode)
    (folder / "empty").mkdir()
    names = TRITON if triton else NUMPY
    return Kit(folder, tuple(_shelf(names)), names)


def _shelf(names: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Yield every top-level folder and file of some packages and all they need."""
    for name in _with_requirements(names):
        distribution = metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files or ()}
        for top in sorted(tops - {"..", "__pycache__"}):
            path = Path(str(distribution.locate_file(top))).resolve()
            if path.exists() and path.suffix != ".pth":
                yield top, path


def _with_requirements(names: Sequence[str]) -> list[str]:
    """Return packages with everything that they import; extras and options are not."""
    found: dict[str, None] = {}
    wanted = list(names)
    while wanted:
        name = wanted.pop()
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError as absent:
            if name in names:
                text = f"{name} is absent, and the lab needs it"
                raise ModuleNotFoundError(text, name=name) from absent
            continue
        if name not in found:
            found[name] = None
            wanted += _needs(distribution)
    return list(found)


def _needs(distribution: metadata.Distribution) -> list[str]:
    lines = [line for line in distribution.requires or () if "extra ==" not in line]
    end = str.maketrans(";<>=!~[( ", ";" * 9)
    return [line.translate(end).split(";")[0] for line in lines]
