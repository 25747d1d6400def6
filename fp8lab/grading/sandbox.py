"""Where a submission runs: a process of its own, behind walls, killed when time is up.

With bubblewrap: its own users, processes, network, IPC; a file system of nothing but
the interpreter, NumPy and the worker, read-only, and 32 MB of memory as its own folder;
no home, no environment, no other submission. Without: the same limits, system calls and
(Linux 5.13) files are closed, no folder to write to, and `Walls.weaker` says what is
left open.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fp8lab.grading.kit import Kit
from fp8lab.grading.limits import Limits
from fp8lab.grading.places import (
    SYSTEM,
    interpreter,
    interpreter_folders,
    packages_to_hide,
    readable,
)

__all__ = ["Launch", "Walls", "launch", "walls"]

DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
HOME, SHELF, KIT = "/home/student", "/packages", "/kit"
START = (
    "import sys; sys.path[:0] = sys.argv[1:3]; "
    "from fp8lab.grading.worker import main; main(sys.argv[3:])"
)
INSTALL = "Debian, Ubuntu: apt-get install bubblewrap"


@dataclass(frozen=True)
class Walls:
    """What stands between a submission and this machine.

    Attributes
    ----------
    bubblewrap
        The path of bwrap, or nothing.
    unshare
        How to get a network and processes of one's own without it, if at all.
    weaker
        What is open that bubblewrap would close; empty with it.
    """

    bubblewrap: str = ""
    unshare: tuple[str, ...] = ()
    weaker: tuple[str, ...] = ()

    def says(self) -> str:
        """Return what an instructor has to know, in a few lines."""
        if self.bubblewrap:
            return (
                "Isolation: bubblewrap. Each submission has its own processes, no "
                "network, no file but its own, and limits on time, memory and output."
            )
        return (
            f"WEAKER ISOLATION: {self.weaker[0]}.\nSubmissions run with limits on "
            "time, memory, processes and output, and:\n"
            + "".join(f"  - {each}\n" for each in self.weaker[1:])
            + "Grade work of people whom you do not trust on a machine with bubblewrap."
        )


@cache
def walls() -> Walls:
    """Find out, once, what this machine has; bubblewrap is tried, not looked up.

    FP8LAB_BUBBLEWRAP, where set, is the only program that is tried.
    """
    found = shutil.which(os.environ.get("FP8LAB_BUBBLEWRAP") or "bwrap")
    why = f"bubblewrap is not installed ({INSTALL})"
    if found:
        tried = _answers([found, *_NAMESPACES, *_system(), "--", *_python()])
        if tried == "":
            return Walls(bubblewrap=found)
        why = f"bubblewrap does not start here: {tried}"
    unshare = ("--user", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child")
    tool = shutil.which("unshare")
    own = bool(tool) and _answers([str(tool), *unshare, *_python()]) == ""
    weaker = [why, "they run as you, on the file system of this machine"]
    if not own:
        weaker.append("they share its processes and network")
    return Walls("", (str(tool), *unshare) if own else (), tuple(weaker))


_NAMESPACES = (
    "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc",
    "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent", "--new-session",
)  # fmt: skip


def _python() -> list[str]:
    return [str(interpreter()), "-I", "-S", "-c", "pass"]


def _answers(command: list[str]) -> str:
    """Run a command that does nothing; return its complaint, or nothing."""
    try:
        done = subprocess.run(
            command, env={}, stdin=subprocess.DEVNULL, capture_output=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return said[-1] if said else f"exit code {done.returncode}"


def _system() -> Iterator[str]:
    """Yield bubblewrap's options for the libraries and the interpreter."""
    for folder in (*SYSTEM, *interpreter_folders()):
        path = Path(folder)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), folder)
        elif path.exists():
            yield from ("--ro-bind", folder, folder)
    yield from ("--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache")


@dataclass
class Launch:
    """A started sandbox, and what to do when it is gone.

    Attributes
    ----------
    process
        Its pipes carry the frames; stderr carries what it prints.
    folders
        What the process is told to close its files to; none where walls do it.
    home
        A folder to remove afterwards, or nothing.
    """

    process: subprocess.Popen[bytes]
    folders: tuple[str, ...] = ()
    home: str = ""

    def clean(self) -> None:
        """Remove what it left on the disk."""
        if self.home:
            shutil.rmtree(self.home, ignore_errors=True)


def launch(kit: Kit, limits: Limits, wall: Walls) -> Launch:
    """Start a sandbox that waits for its judge.

    Parameters
    ----------
    kit
        What it has to run.
    limits
        What it may use.
    wall
        From `walls`.
    """
    python = [str(interpreter()), "-I", "-S", "-B", "-X", "utf8", "-c", START]
    if wall.bubblewrap:
        options = _bubblewrap(kit, limits)
        command = [wall.bubblewrap, *options, "--", *python, KIT, SHELF, *kit.preload]
        return Launch(_started(command, HOME, None))
    home = tempfile.mkdtemp(prefix="fp8lab-student-")
    shelf = _linked(kit)
    places = [str(kit.folder), str(shelf)]
    system = [*SYSTEM, *interpreter_folders()]
    read = [*readable(), *DEVICES, *places, *(str(path) for _, path in kit.shelf)]
    command = [*wall.unshare, *python, *places, *kit.preload]
    # Nothing to write to: a disk has no limit for one process, and no quota here.
    marked = [f"l{path}" for path in (*system, home)] + [f"r{path}" for path in read]
    return Launch(_started(command, home, home), tuple(marked), home)


def _bubblewrap(kit: Kit, limits: Limits) -> Iterator[str]:
    yield from (*_NAMESPACES, "--hostname", "sandbox", "--uid", "1000", "--gid", "1000")
    yield from _system()
    empty = str(kit.folder / "empty")
    for folder in packages_to_hide():
        yield from ("--ro-bind", empty, folder)
    yield from ("--ro-bind", str(kit.folder), KIT, "--dir", SHELF)
    for name, path in kit.shelf:
        yield from ("--ro-bind", str(path), f"{SHELF}/{name}")
    yield from ("--dir", "/dev")
    for device in DEVICES:
        yield from ("--dev-bind-try", device, device)
    yield from ("--size", str(limits.disk), "--tmpfs", "/home", "--dir", HOME)
    yield from ("--symlink", HOME, "/tmp", "--remount-ro", "/", "--chdir", HOME)


@cache
def _linked(kit: Kit) -> Path:
    """Return a folder of links to a kit's packages, for where nothing is mounted."""
    shelf = kit.folder / "shelf"
    with contextlib.suppress(FileExistsError):
        shelf.mkdir()
    for name, path in kit.shelf:
        with contextlib.suppress(FileExistsError):
            (shelf / name).symlink_to(path)
    return shelf


def _started(
    command: list[str], home: str, folder: str | None
) -> subprocess.Popen[bytes]:
    one = dict.fromkeys(
        ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"
    )
    given = {**one, "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8", "PATH": os.defpath}
    # NumPy of conda looks for its libraries beside the interpreter's.
    given["LD_LIBRARY_PATH"] = str(Path(sys.base_prefix).resolve() / "lib")
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**given, "TRITON_INTERPRET": "1"},
        cwd=folder,
        start_new_session=True,
    )
