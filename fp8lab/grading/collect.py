"""Reads submissions from nbgrader's folders, and nothing that they point to elsewhere.

`SUBMISSIONS/STUDENT/LAB/LAB.ipynb`: each step is opened below the one before, and a
link at any step is a trouble to report, not a place to read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Submission", "collect", "nbgraders_files"]

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without waiting: a pipe in the place of a file would never be opened.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
MOST_NAMES = 5
#: When nbgrader collected the work.
TIMESTAMP = "timestamp.txt"


@dataclass(frozen=True)
class Submission:
    """A file that was handed in, or why there is none; see `fp8lab.grading.record`."""

    student: str
    content: bytes = b""
    trouble: str = ""
    timestamp: str = ""


def collect(submissions: Path, lab: str, most: int) -> Iterator[Submission]:
    """Yield the submission of each student who handed in the lab, by name.

    Parameters
    ----------
    submissions
        Has a folder for each student.
    lab
        Which lab.
    most
        The largest notebook that is read, in bytes.
    """
    for place in sorted(submissions.iterdir(), key=lambda place: place.name):
        hidden = place.name.startswith(".")
        if hidden or not (place.is_dir() or place.is_symlink()):
            continue
        found = _student(place, lab, most)
        if found is not None:
            yield found


def _student(place: Path, lab: str, most: int) -> Submission | None:
    name = place.name
    with ExitStack() as stack:

        def opened(path: str, flags: int, parent: int | None) -> int:
            number = os.open(path, flags, dir_fd=parent)
            stack.callback(os.close, number)
            return number

        try:
            student = opened(str(place), FOLDER, None)
            folder = opened(lab, FOLDER, student)
        except FileNotFoundError:
            return None
        except OSError:
            text = f"The folder of {lab} is a link, or no folder: it was not followed."
            return Submission(name, trouble=text)
        try:
            file = opened(f"{lab}.ipynb", FILE, folder)
        except FileNotFoundError:
            with os.scandir(folder) as entries:
                there = sorted(entry.name for entry in entries)[:MOST_NAMES]
            text = f"There is no {lab}.ipynb, but: {', '.join(there) or 'nothing'}."
            return Submission(name, trouble=text)
        except OSError:
            text = f"{lab}.ipynb is a link, or cannot be read: it was not followed."
            return Submission(name, trouble=text)
        content, trouble = _content(file, f"{lab}.ipynb", most)
        return Submission(name, content, trouble, _short_text(TIMESTAMP, folder))


def _content(file: int, name: str, most: int) -> tuple[bytes, str]:
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        return b"", f"{name} is no ordinary file."
    if status.st_size > most:
        size = status.st_size / 2**20
        return b"", (
            f"{name} has {size:,.0f} MB; at most {most >> 20} MB are read. Clear its "
            "outputs (Edit, Clear Outputs of All Cells) and hand it in again."
        )
    with os.fdopen(os.dup(file), "rb") as stream:
        return stream.read(most), ""


def _short_text(name: str, folder: int) -> str:
    """Return the first line or so of a file, or nothing."""
    try:
        file = os.open(name, FILE, dir_fd=folder)
    except OSError:
        return ""
    try:
        if stat.S_ISREG(os.fstat(file).st_mode):
            return os.read(file, 256).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        pass
    finally:
        os.close(file)
    return ""


def nbgraders_files(submissions: Path, student: str, lab: str) -> dict[str, str]:
    """Return what nbgrader wrote beside a submission when it collected it.

    By these, `nbgrader release_feedback` finds whose feedback it is. Names and text;
    nothing where there is none, or a link in its place.
    """
    found = {}
    with ExitStack() as stack:
        number = None
        try:
            for path in (str(submissions / student), lab):
                number = os.open(path, FOLDER, dir_fd=number)
                stack.callback(os.close, number)
        except OSError:
            return {}
        assert number is not None
        for name in (TIMESTAMP, "submission_secret.txt"):
            text = _short_text(name, number)
            if text:
                found[name] = text
    return found
