"""Our own wheel, and what the page needs of it before Python has started."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from web.store import BuildError, sha256

ROOT = Path(__file__).parent.parent


def own_wheel() -> tuple[str, bytes]:
    """Build the wheel of this checkout; return its file's name and its bytes.

    A wheel's name may carry a build tag, which begins with a digit. Ours is made from
    the content: a browser that kept the wheel of an earlier site cannot take it for
    this one.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d"]
        done = subprocess.run(
            [*command, folder], cwd=ROOT, capture_output=True, text=True
        )
        if done.returncode:
            raise BuildError(f"the wheel could not be built:\n{done.stderr.strip()}")
        (wheel,) = Path(folder).glob("*.whl")
        content = wheel.read_bytes()
    name, version, *tags = wheel.name.split("-")
    tagged = "-".join([name, version, f"0{sha256(content)[:10]}", *tags])
    return tagged, content


def extract(wheel: bytes, folder: Path) -> None:
    """Write the pictures and the first states of the wheel into the site.

    Another Python imports the wheel and nothing of this checkout: what the page shows
    before Pyodide is ready is what the same code computes afterwards.
    """
    with tempfile.TemporaryDirectory() as place:
        zipfile.ZipFile(io.BytesIO(wheel)).extractall(place)
        program = Path(__file__).with_name("extract.py")
        command = [sys.executable, str(program), place, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(f"the wheel gave no first states:\n{done.stderr.strip()}")
