"""A cache of files by their sha256; what is not in it comes from the sources."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from web.pins import Pin
from web.sources import Source, UnavailableError


class BuildError(Exception):
    """The site cannot be built; the text says why and what to do."""


def sha256(content: bytes) -> str:
    """Return the hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()


class Store:
    """Files under their sha256, in one folder. Nothing unchecked comes out of it."""

    def __init__(
        self, folder: Path, sources: Sequence[Source], log: Callable[[str], object]
    ) -> None:
        self._folder = folder
        self._sources = sources
        self._log = log

    def obtain(self, pin: Pin) -> bytes:
        """Return the pinned file: from the cache, else from the first source that fits.

        Raises
        ------
        BuildError
            No source gives the file with the pinned sha256; says what each one gave.
        """
        content = self.cached(pin.sha256)
        if content is not None:
            return content
        refused = []
        for source in self._sources:
            if not source.offers(pin.file):
                continue
            try:
                content = source.get(pin.file)
            except UnavailableError as reason:
                refused.append(f"  {source.name}: {reason}")
                continue
            if sha256(content) == pin.sha256:
                self.add(content)
                return content
            got = f"sha256 {sha256(content)}, {len(content)} bytes"
            self._log(f"refused {pin.file} from {source.name}: {got}")
            refused.append(f"  {source.name}: another file, {got}")
        tried = "\n".join(refused) or "  there is no source"
        raise BuildError(
            f"no source has {pin.file} with the pinned sha256 {pin.sha256}:\n{tried}\n"
            "The site is left as it was. Try again with a network, or correct the pin "
            "in web/pins.toml if it is wrong."
        )

    def cached(self, digest: str) -> bytes | None:
        """Return the file of this sha256 if the cache has it undamaged."""
        try:
            content = (self._folder / digest).read_bytes()
        except OSError:
            return None
        return content if sha256(content) == digest else None

    def add(self, content: bytes) -> str:
        """Keep a file; return its sha256."""
        digest = sha256(content)
        self._write(digest, content)
        return digest

    def remember(self, key: str, result: str) -> None:
        """Note the result of the work that `key` stands for."""
        self._write(f"result-{key}", result.encode())

    def recall(self, key: str) -> str | None:
        """Return what was noted of that work, if anything was."""
        try:
            return (self._folder / f"result-{key}").read_text(encoding="utf-8")
        except OSError:
            return None

    def _write(self, name: str, content: bytes) -> None:
        # Renamed into place when whole: an interrupted build leaves no half file.
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=self._folder)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(part).replace(self._folder / name)
