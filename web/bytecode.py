"""Compile the Python files of archives. Runs inside Pyodide: compile.mjs calls it.

A browser that is handed .pyc files need not compile at every visit, and starts in half
the time. Bytecode belongs to one Python, so the one that will load it makes it.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib._bootstrap_external import _code_to_hash_pyc  # type: ignore[attr-defined]
from importlib.util import source_hash
from pathlib import Path

# The same bytes whoever builds, whenever.
DATE = (1980, 1, 1, 0, 0, 0)


def compile_folder(source: Path, target: Path, start: Sequence[str]) -> None:
    """Compile the wheels and the zipped standard library in `source` into `target`.

    Bytecode is nearly twice as large as source. So of the standard library only those
    modules are compiled that importing the modules `start` brings in.
    """
    wheels = sorted(source.glob("*.whl"))
    used = _standard_library_of(wheels, start)
    for wheel in wheels:
        compile_archive(wheel, target / compiled_name(wheel.name), lambda _: True)
    for library in source.glob("*.zip"):
        compile_archive(library, target / library.name, used.__contains__)


def compiled_name(wheel: str) -> str:
    """Return a wheel's name after compilation: a pure wheel is pure no more."""
    *name, python, abi, platform = wheel.removesuffix(".whl").split("-")
    if python.startswith("py"):
        python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return "-".join([*name, python, abi, platform]) + ".whl"


def compile_archive(
    source: Path, target: Path, is_wanted: Callable[[str], bool]
) -> None:
    """Write an archive with .pyc in place of each .py that is wanted.

    A file that this Python cannot compile stays source: it may be a template, or
    written for another version. Type stubs are left out, except jedi's own: it answers
    the Tab key from them.
    """
    with (
        zipfile.ZipFile(source) as old,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new,
    ):
        for name in sorted(old.namelist()):
            if name.endswith(("/", ".pyc")):
                continue
            if name.endswith(".pyi") and "/typeshed/" not in name:
                continue
            content = old.read(name)
            if name.endswith(".py") and is_wanted(name):
                name, content = _compiled(name, content)
            entry = zipfile.ZipInfo(name, DATE)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, content)


def _compiled(name: str, source: bytes) -> tuple[str, bytes]:
    try:
        code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError):
        return name, source
    # Python takes an unchecked hash file as it is: there is no source to compare with.
    pyc = _code_to_hash_pyc(code, source_hash(source), False)
    return f"{name}c", bytes(pyc)


def _standard_library_of(wheels: Sequence[Path], start: Sequence[str]) -> set[str]:
    """Return the files of the zipped standard library that the imports brought in."""
    packages = tempfile.mkdtemp()
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(packages)
    sys.path.append(packages)
    for name in start:
        import_module(name)
    origins = [getattr(module, "__file__", None) for module in sys.modules.values()]
    return {origin.partition(".zip/")[2] for origin in origins if origin}
