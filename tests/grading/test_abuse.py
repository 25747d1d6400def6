"""The whole bank of attempts and three honest students, graded as one class.

Nothing is earned, nothing is harmed, everything is said, and the honest grades are what
they are in a class without the others. Once behind bubblewrap, once without.
"""

import io
import os
import re
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fp8lab.grading.command import write_results
from fp8lab.grading.limits import Limits
from fp8lab.grading.record import Record
from fp8lab.grading.run import ClassResult, Progress, Settings, grade_class
from fp8lab.grading.sandbox import walls
from tests.grading import bubblewrap, toy
from tests.grading.abuse import Abuse
from tests.grading.bank_of_frames import FRAMES
from tests.grading.bank_of_harm import FILES, PROCESSES, TIME
from tests.grading.bank_of_lies import CHECKS, LIES, PATCHES
from tests.grading.bank_of_notebooks import NOTEBOOKS

BANK = [
    *CHECKS, *PATCHES, *LIES, *FRAMES, *FILES, *PROCESSES, *TIME, *NOTEBOOKS,
]  # fmt: skip
HONEST = {
    "honest-all": ({}, 9),
    "honest-half": ({"double-solution": toy.STUBS["double-solution"]}, 4),
    "honest-wrong": ({"parts-solution": "def parts(x, s):\n    return x"}, 5),
}
SEED = 7


@dataclass
class Class:
    """A graded class, and what was seen from outside while it was graded."""

    result: ClassResult
    records: dict[str, Record]
    folder: Path
    calls: list[object]
    left: set[str]


def settings(folder: Path, limits: Limits) -> Settings:
    return Settings(folder / "submitted", folder, 2, seed=SEED, limits=limits)


def slug(name: str) -> str:
    return re.sub(r"\W+", "-", name)


def aimed(content: bytes, places: list[str], port: int) -> bytes:
    """Tell an attempt what it would have to find out."""
    known = {
        b"PLACES": repr(places).encode(),
        b"BASE": repr(str(Path(sys.base_prefix).resolve())).encode(),
        b"PACKAGES": repr(str(Path(pytest.__file__).parent.parent)).encode(),
        b"CHECKOUT": repr(str(Path(toy.__file__).parents[2])).encode(),
        b"PORT": str(port).encode(),
    }
    for name, value in known.items():
        content = re.sub(rb"\b%s\b" % name, value.replace(b"\\", b"\\\\"), content)
    return content


def temporary() -> set[str]:
    return {p.name for p in Path(tempfile.gettempdir()).glob("fp8lab-student-*")}


def grade_all(folder: Path, limits: Limits) -> Class:
    course = toy.make_course(folder)
    for student, (changes, _) in HONEST.items():
        toy.hand_in(course, student, toy.raw(changes))
    victim = course / "submitted" / "honest-all" / "toy" / "toy.ipynb"
    secret = course / "source" / "toy" / "secret.txt"
    secret.write_text("SECRET")
    book = course / "gradebook.db.bak"
    book.write_bytes(b"SECRET")
    places = [str(each) for each in (victim, secret, book, course / "tasks" / "toy.py")]
    before, calls = temporary(), []
    with listening(calls) as port:
        for abuse in BANK:
            content = aimed(abuse.file(), places, port)
            toy.hand_in(course, slug(abuse.name), content)
        how = settings(course, limits)
        result = grade_class(toy.lab(course), how, Progress(io.StringIO()))
    write_results(result, how)
    assert victim.read_bytes() == toy.raw({})
    assert secret.read_text() == "SECRET"
    assert book.read_bytes() == b"SECRET"
    records = {record.student: record for record in result.records}
    return Class(result, records, course, calls, temporary() - before)


class listening:  # noqa: N801 -- reads as a statement
    """A server on this machine that notes who connects."""

    def __init__(self, calls: list[object]) -> None:
        self.calls, self.server = calls, socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._serve, daemon=True).start()
        return self.server.getsockname()[1]

    def __exit__(self, *_: object) -> None:
        self.server.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, address = self.server.accept()
            except OSError:
                return
            self.calls.append(address)
            connection.close()


@pytest.fixture(scope="module", params=["bubblewrap", "without"])
def graded(request, tmp_path_factory, limits) -> Iterator[Class]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "without":
            patch.setenv("FP8LAB_BUBBLEWRAP", "/no/such/bwrap")
        elif bubblewrap.find() is None:
            pytest.skip(bubblewrap.MISSING)
        patch.setenv("COURSE_TOKEN", "SECRET")
        # A folder of this test's own: others run beside it.
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("temporary")))
        patch.setattr(tempfile, "tempdir", None)
        walls.cache_clear()
        yield grade_all(tmp_path_factory.mktemp("class") / "course", limits)
    walls.cache_clear()


@pytest.mark.parametrize("abuse", BANK, ids=[slug(each.name) for each in BANK])
def test_it_earns_nothing_and_is_told_so(graded: Class, abuse: Abuse) -> None:
    record = graded.records[slug(abuse.name)]
    points = {task.task: task.points for task in record.tasks}
    assert record.failure == ""
    assert points["double"] == 0
    if abuse.parts is None:
        assert points["parts"] in (0, 4)
    else:
        assert points["parts"] == abuse.parts
    words = [*record.notes, record.printed]
    words += [aspect.words for task in record.tasks for aspect in task.aspects]
    assert re.search(abuse.words, "\n".join(words)), words
    assert not re.search("FOUND|WROTE|REMOVED|PWNED|SHARED", record.printed)


@pytest.mark.parametrize("student", HONEST)
def test_honest_grades_are_untouched(graded: Class, student: str) -> None:
    assert graded.records[student].points == HONEST[student][1]


def test_honest_grades_are_those_of_a_class_without_the_others(
    graded: Class, tmp_path: Path, limits: Limits
) -> None:
    course = toy.make_course(tmp_path / "alone")
    for student, (changes, _) in HONEST.items():
        toy.hand_in(course, student, toy.raw(changes))
    alone = grade_class(
        toy.lab(course), settings(course, limits), Progress(io.StringIO())
    )
    for record in alone.records:
        other = replace(graded.records[record.student], key=record.key)
        assert record.verdict() == other.verdict()


def test_nobody_reached_the_network(graded: Class) -> None:
    assert graded.calls == []


def test_nothing_is_left_behind(graded: Class) -> None:
    assert graded.left == set()
    if sys.platform == "linux":
        assert list(sandboxes()) == []


def sandboxes() -> Iterator[str]:
    """Yield the command lines of sandboxes that still run under this process."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().decode(errors="replace")
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if "fp8lab.grading.worker" in line and int(parent) == os.getpid():
            yield line


def test_no_page_has_a_script_or_a_test_in_it(graded: Class) -> None:
    pages = list(graded.folder.glob("feedback/*/toy/toy.html"))
    assert len(pages) == len(graded.records)
    for page in [*pages, graded.folder / "reports" / "toy.html"]:
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert "_double_cases" not in text
        assert "rng.integers" not in text


def test_memory_is_bounded(graded: Class, limits: Limits) -> None:
    peaks = [record.peak for record in graded.result.records]
    assert max(peaks) <= limits.memory
