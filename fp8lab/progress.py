"""What a learner has answered, in one JSON file of their own.

Nothing leaves the machine. The first answer to a question stays: the file is a memory
of predictions, and a prediction is made once. `forget` is there for a second reading.

The file survives what notebooks do to it: two kernels writing at once take turns (a
lock beside the file), a crash leaves the old or the new file and never half of one (a
rename), and a file that cannot be read is set aside under another name, not written
over.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fp8lab.files import write_whole

__all__ = ["Answer", "answers", "forget", "keep", "progress_file"]

VERSION = 1
# JupyterLite mounts the files of its file list here; the browser stores them.
_DRIVE = Path("/drive")


@dataclass(frozen=True)
class Answer:
    """What was locked in, and when.

    Attributes
    ----------
    text
        The option's text, or the number as typed.
    when
        UTC, ISO 8601 to the second.
    right
        Whether it was right; a later wording of the question does not change this.
    """

    text: str
    when: str
    right: bool


def progress_file() -> Path:
    """Where answers are kept; it may not exist yet.

    ``FP8LAB_PROGRESS`` if it is set, else ``fp8lab/progress.json`` in the user's data
    folder of the platform; in JupyterLite it is one of the files in the file list.
    """
    if chosen := os.environ.get("FP8LAB_PROGRESS"):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "emscripten" and _DRIVE.is_dir():
        return _DRIVE / "fp8lab-progress.json"
    return _data_folder() / "fp8lab" / "progress.json"


def _data_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def answers() -> tuple[dict[str, Answer], str]:
    """Return every kept answer by question id, and what went wrong in words.

    The second is empty where all is well. Nothing is raised: without a readable file
    there are no answers.
    """
    path = progress_file()
    try:
        try:
            return _load(path), ""
        except _UnreadableError:
            with _turn(path):
                return _load_or_set_aside(path)
    except OSError as error:
        return {}, _not_kept(path, error)


def keep(question: str, text: str, *, right: bool) -> tuple[Answer, str]:
    """Keep an answer, unless the question has one: return the answer that counts.

    Parameters
    ----------
    question
        The question's id.
    text, right
        See `Answer`.

    Returns
    -------
    Answer, str
        The first answer, and what went wrong in words: empty where all is well.
    """
    new = Answer(text, datetime.now(UTC).isoformat(timespec="seconds"), right)
    path = progress_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _turn(path):
            known, problem = _load_or_set_aside(path)
            if question in known:
                return known[question], problem
            if not path.exists() or not problem:
                _write(path, {**known, question: new})
    except OSError as error:
        return new, _not_kept(path, error)
    return new, problem or _short_lived(path)


def forget(*questions: str) -> None:
    """Forget the answers to these questions, so that they can be answered again.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    path = progress_file()
    if not path.exists():
        return
    with _turn(path):
        known, problem = _load_or_set_aside(path)
        left = {key: answer for key, answer in known.items() if key not in questions}
        if len(left) < len(known) and not problem:
            _write(path, left)


class _UnreadableError(ValueError):
    """The file is there and is not, or not yet, ours to read."""


class _NewerError(_UnreadableError):
    """It is of a version to come, and no harm may be done to it."""


def _load(path: Path) -> dict[str, Answer]:
    try:
        content = json.loads(path.read_bytes())
        if content["version"] > VERSION:
            raise _NewerError
        known = {key: Answer(**kept) for key, kept in content["answers"].items()}
    except FileNotFoundError:
        return {}
    except _NewerError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _UnreadableError from error
    if not all(isinstance(answer.text, str) for answer in known.values()):
        raise _UnreadableError
    return known


def _load_or_set_aside(path: Path) -> tuple[dict[str, Answer], str]:
    """Load, in one's turn: what cannot be used is kept under another name."""
    try:
        return _load(path), ""
    except _NewerError:
        return {}, (
            f"{path} was written by a newer fp8lab: it is left as it is and your "
            "answers are not kept; update fp8lab"
        )
    except _UnreadableError:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        aside = path.with_name(f"{path.stem}-unreadable-{stamp}{path.suffix}")
        path.replace(aside)
        return {}, (
            f"{path} could not be read as progress of fp8lab; it was kept as "
            f"{aside.name} and a new file was begun"
        )


def _write(path: Path, known: dict[str, Answer]) -> None:
    content = {
        "version": VERSION,
        "answers": {key: vars(answer) for key, answer in sorted(known.items())},
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_whole(path, text)


@contextlib.contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Hold the lock beside the file: one process reads and writes at a time.

    The operating system frees it when a process dies, so there is no stale lock. The
    lock file itself stays: removing it would let two processes lock two files.
    """
    if sys.platform == "emscripten":  # no locks, and the fcntl of JupyterLite is empty
        yield
        return
    with path.with_name(f".{path.name}.lock").open("a+b") as lock:
        _lock(lock.fileno())
        # Closing the file frees the lock.
        yield


def _lock(descriptor: int) -> None:
    """Wait for an exclusive lock, where the platform has one."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX)
    except (ImportError, OSError):
        # A file system without locks: the rename still keeps the file whole.
        return


def _not_kept(path: Path, error: OSError) -> str:
    reason = error.strerror or type(error).__name__
    return (
        f"answers are not kept: {path} cannot be used ({reason}); set FP8LAB_PROGRESS "
        "to a file that can be written"
    )


def _short_lived(path: Path) -> str:
    """Say so where the file ends with the kernel: in a browser without storage."""
    if sys.platform != "emscripten" or path.is_relative_to(_DRIVE):
        return ""
    return (
        "your answers last until the kernel stops: a browser keeps a notebook's files "
        "only over https or from this machine, and not in every private window"
    )
