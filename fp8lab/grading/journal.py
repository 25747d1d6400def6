"""What was graded so far: one file a submission, written whole or not at all.

A run that was interrupted, in whatever way, is continued by the next: it draws the same
cases and skips what is there. A record is taken for a submission only if its key is the
same: the student, the notebook, the lab and the grader.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

from fp8lab import files
from fp8lab.grading.record import Record

__all__ = ["BusyError", "Journal", "write_whole"]


class BusyError(RuntimeError):
    """Another process grades the same lab of the same course."""


def write_whole(path: Path, text: str) -> None:
    """Write a file as `fp8lab.files` does, in a folder that may have to be made.

    Parameters
    ----------
    path
        The file; its folder is made if need be.
    text
        All of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_whole(path, text)


class Journal:
    """The records of one lab.

    Parameters
    ----------
    folder
        `COURSE/journal/LAB`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, student: str, kind: str = "records") -> Path:
        # A name may be long, or differ from another in case alone: the digest does not.
        plain = re.sub(r"[^\w.-]", "_", student, flags=re.ASCII)[:60]
        digest = hashlib.sha256(student.encode("utf-8", "surrogateescape")).hexdigest()
        return self.folder / kind / f"{plain}-{digest[:12]}.json"

    def load(self, student: str) -> Record | None:
        """Return a student's record, if there is a whole one."""
        try:
            record = Record.load(self._path(student).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return record if record.student == student else None

    def save(self, record: Record) -> None:
        """Keep a record for good."""
        write_whole(self._path(record.student), record.dump())

    def entered(self, record: Record) -> bool:
        """Say whether the gradebook has just this record."""
        try:
            text = self._path(record.student, "entered").read_text(encoding="utf-8")
        except OSError:
            return False
        return text == _digest(record)

    def enter(self, record: Record) -> None:
        """Note that the gradebook has this record."""
        write_whole(self._path(record.student, "entered"), _digest(record))

    def seed(self, chosen: int | None) -> int:
        """Return the seed of the run that was interrupted, or of a new one.

        Parameters
        ----------
        chosen
            By the instructor, or None: then it is drawn, and nobody knows it before.
        """
        path = self.folder / "run.json"
        try:
            seed = int(json.loads(path.read_text(encoding="utf-8"))["seed"])
        except (OSError, ValueError, KeyError, TypeError):
            seed = secrets.randbits(63)
        if chosen is not None:
            seed = chosen
        write_whole(path, json.dumps({"seed": seed}))
        return seed

    def finish(self) -> None:
        """Close the run: the next one draws new cases."""
        (self.folder / "run.json").unlink(missing_ok=True)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other process from grading the same; it ends with this one.

        Raises
        ------
        BusyError
            There is one already.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            if sys.platform != "win32":
                import fcntl

                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError as error:
                    text = f"another `fp8lab grade` is at work in {self.folder}"
                    raise BusyError(text) from error
            yield


def _digest(record: Record) -> str:
    return hashlib.sha256(record.dump().encode()).hexdigest()
