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
#: What no browser can run: kernels need Triton, and grading a class a sandbox.
DESKTOP = ("fp8lab/bench/", "fp8lab/grading/", "fp8lab/kernels/")


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
        content = without_desktop(wheel.read_bytes())
    name, version, *tags = wheel.name.split("-")
    tagged = "-".join([name, version, f"0{sha256(content)[:10]}", *tags])
    return tagged, content


def without_desktop(wheel: bytes) -> bytes:
    """Return a wheel without the parts that no browser can run, nor their RECORD."""
    made = io.BytesIO()
    old = zipfile.ZipFile(io.BytesIO(wheel))
    with old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            if entry.filename.startswith(DESKTOP):
                continue
            content = old.read(entry)
            if entry.filename.endswith(".dist-info/RECORD"):
                lines = content.decode().splitlines(keepends=True)
                kept = [line for line in lines if not line.startswith(DESKTOP)]
                content = "".join(kept).encode()
            new.writestr(entry, content)
    return made.getvalue()


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
