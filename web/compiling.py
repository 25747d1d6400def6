"""Compile archives with Pyodide itself under Node.js, once: the result is cached."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from web.node import NodeMissingError, node
from web.store import BuildError, Store, sha256

HERE = Path(__file__).parent
PROGRAM = ("compile.mjs", "bytecode.py")

Files = Mapping[str, bytes]


def compiled(
    archives: Files,
    core: Files,
    start: Sequence[str],
    store: Store,
    log: Callable[[str], object],
) -> dict[str, bytes]:
    """Return the archives with .pyc in place of .py, under the names they then have.

    `core` holds the files of Pyodide, whose Python does the work; `start` the modules
    by which the needed part of the standard library is found (bytecode.py).
    """
    program = [(HERE / name).read_bytes() for name in PROGRAM]
    inputs = {**archives, **core}
    everything = [*map(sha256, program), *start]
    everything += [f"{name} {sha256(inputs[name])}" for name in sorted(inputs)]
    key = sha256("\n".join(everything).encode())
    result = _recall(store, key)
    if result is None:
        log(f"compiling {len(archives)} archives with Pyodide (half a minute, once)")
        result = _compile(archives, core, start)
        digests = {name: store.add(content) for name, content in result.items()}
        store.remember(key, json.dumps(digests))
    return result


def _recall(store: Store, key: str) -> dict[str, bytes] | None:
    note = store.recall(key)
    if note is None:
        return None
    found = {name: store.cached(digest) for name, digest in json.loads(note).items()}
    whole = {name: content for name, content in found.items() if content is not None}
    return whole if len(whole) == len(found) else None


def _compile(archives: Files, core: Files, start: Sequence[str]) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for place, files in (("core", core), ("in", archives), ("out", {})):
            (folder / place).mkdir()
            for file, content in files.items():
                (folder / place / file).write_bytes(content)
        try:
            command = [node(), str(HERE / PROGRAM[0]), str(folder), *start]
        except NodeMissingError as error:
            raise BuildError(str(error)) from None
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise BuildError(f"compiling with Pyodide failed:\n{done.stderr.strip()}")
        return {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
