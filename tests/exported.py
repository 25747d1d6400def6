"""Unpacking the zip of `fp8lab.exports`, and running the script in it."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import fp8lab

SAME = "the same codes and scales, byte for byte\n"


def members(packed: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(packed)) as file:
        assert file.testzip() is None
        return {name: file.read(name) for name in file.namelist()}


def unpack(packed: bytes, folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(packed)) as file:
        file.extractall(folder)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    root = Path(fp8lab.__file__).parent.parent
    return subprocess.run(
        [sys.executable, "reproduce.py", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
