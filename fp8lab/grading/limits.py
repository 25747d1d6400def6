"""What a submission may use, and how the kernel is told so.

`confine` is called inside the sandbox, before any of the student's code, and cannot be
undone from there: hard limits, and the system calls of `fp8lab.grading.seccomp`.
Standard library alone: this module runs in the sandbox.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fp8lab.grading.landlock import close_files
from fp8lab.grading.seccomp import close_doors

__all__ = ["Limits", "confine"]

KIB, MIB = 1 << 10, 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds for one submission; all sizes in bytes, all times in seconds.

    Attributes
    ----------
    start
        For the sandbox to start and read the notebook.
    cell, case, task
        Of the clock on the wall: for one cell, one call, and all calls of one task.
    cpu
        Of the processor, for each start of a sandbox.
    memory
        Address space of the process.
    disk
        Everything that it may write.
    notebook
        The largest notebook that is opened.
    printed, kept
        Text that it may print before it is stopped, and how much of it is kept.
    files
        How many may be open.
    """

    start: float = 30.0
    cell: float = 20.0
    case: float = 10.0
    task: float = 30.0
    cpu: int = 600
    memory: int = 2048 * MIB
    disk: int = 32 * MIB
    notebook: int = 20 * MIB
    printed: int = 16 * MIB
    kept: int = 16 * KIB
    files: int = 64

    def stretched(self, factor: float) -> Limits:
        """Return the same limits with more time."""
        return replace(
            self,
            cell=factor * self.cell,
            case=factor * self.case,
            task=factor * self.task,
        )


def confine(
    memory: int, disk: int, cpu: int, files: int, folders: Sequence[str] = ()
) -> str:
    """Bind this process to its limits for good; return what could not be bound.

    Parameters
    ----------
    memory, disk, cpu, files
        As in `Limits`; `disk` is here the size of one file.
    folders
        Where there is no other wall: what may be listed (``"l/usr"``), read
        (``"r/usr/lib"``) and written (``"w/home/me"``), and nothing else.
    """
    import resource

    for name, most in (
        ("RLIMIT_AS", memory),
        ("RLIMIT_FSIZE", disk),
        ("RLIMIT_CPU", cpu),
        ("RLIMIT_NOFILE", files),
        ("RLIMIT_CORE", 0),
    ):
        _lower(resource, name, most)
    weaker = []
    listed, read, write = ([p[1:] for p in folders if p[0] == way] for way in "lrw")
    if folders and not close_files(listed, read, write):
        weaker.append("every file of this user can be read and written")
    closed = close_doors()
    if not closed:
        # Without a filter: no more processes or threads for this user than there are.
        _lower(resource, "RLIMIT_NPROC", 0)
        weaker.append("system calls are not filtered")
    if sys.platform == "darwin":
        weaker.append("memory is not limited")
    return "; ".join(weaker)


def _lower(resource: object, name: str, most: int) -> None:
    kind = getattr(resource, name, None)
    if kind is None:
        return
    get, put = resource.getrlimit, resource.setrlimit  # type: ignore[attr-defined]
    hard = get(kind)[1]
    infinity = resource.RLIM_INFINITY  # type: ignore[attr-defined]
    bound = most if hard == infinity else min(most, hard)
    try:
        put(kind, (bound, bound))
    except (ValueError, OSError):  # macOS refuses an address space below what it uses
        return
