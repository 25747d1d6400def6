"""A class is graded once, resumed where it stopped, and never mixed up."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from fp8lab.grading import run
from fp8lab.grading.course import load_lab
from fp8lab.grading.journal import BusyError, Journal
from fp8lab.grading.record import Record
from fp8lab.grading.run import Progress, grade_class, printable
from tests.grading import toy
from tests.grading.toy_class import graded, points, settings, three


def test_a_class_is_graded_once(course: Path) -> None:
    expected = three(course)
    first = graded(course)
    assert points(first) == expected
    assert first.new == 3
    second = graded(course)
    assert second.new == 0
    assert second.records == first.records


def test_only_what_changed_is_graded_again(course: Path) -> None:
    three(course)
    before = {record.student: record for record in graded(course).records}
    path = course / "submitted" / "cyn" / "toy" / "toy.ipynb"
    path.write_bytes(toy.raw())
    after = graded(course)
    assert after.new == 1
    assert points(after) == {"ada": 9, "bob": 4, "cyn": 9}
    assert after.records[0] == before["ada"]
    # A finished run's cases are not drawn again: feedback gave one of each away.
    assert after.records[2].seed != before["cyn"].seed


def test_a_new_version_of_the_lab_is_graded_anew(course: Path) -> None:
    toy.hand_in(course, "ada")
    graded(course)
    tasks = course / "tasks" / "toy.py"
    tasks.write_text(tasks.read_text().replace("x * np.int32(2)", "x * np.int32(3)"))
    source = course / "source" / "toy" / "toy.ipynb"
    source.write_text(source.read_text().replace("return x + x", "return x + x + x"))
    lab = load_lab(course, "toy")
    result = grade_class(lab, settings(course), Progress(io.StringIO()))
    assert result.new == 1
    assert points(result) == {"ada": 4}


def test_a_class_is_not_graded_where_the_right_answer_fails(course: Path) -> None:
    toy.hand_in(course, "ada")
    source = course / "source" / "toy" / "toy.ipynb"
    text = source.read_text()
    source.write_text(text.replace("import numpy as np", "import numpy_that_is_absent"))
    with pytest.raises(ValueError, match=r"loses parts, both, .*np.* Nothing was"):
        graded(course)
    assert not (course / "journal" / "toy" / "records").exists()


def test_a_record_counts_for_its_own_student_alone(course: Path) -> None:
    three(course)
    graded(course)
    journal = Journal(course / "journal" / "toy")
    records = sorted(journal.folder.glob("records/*.json"))
    right, wrong = records[0], records[1]
    assert (right.name[:3], wrong.name[:3]) == ("ada", "bob")
    wrong.write_text(right.read_text())
    assert journal.load("bob") is None
    assert points(graded(course)) == {"ada": 9, "bob": 4, "cyn": 0}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"student": "ada"}', "\x00"])
def test_a_broken_record_is_graded_anew(course: Path, content: str) -> None:
    toy.hand_in(course, "ada")
    graded(course)
    (path,) = (course / "journal" / "toy" / "records").iterdir()
    path.write_text(content)
    assert points(graded(course)) == {"ada": 9}


def test_records_survive_json(course: Path) -> None:
    three(course)
    for record in graded(course).records:
        assert Record.load(record.dump()) == record


def test_names_that_differ_in_case_alone_stay_apart(course: Path) -> None:
    journal = Journal(course / "journal" / "toy")
    for student in ("ada", "Ada", "a/../d", "x" * 250, "\udcff", "ä"):
        journal.save(Record(student, "toy", f"key of {student}", 1))
    for student in ("ada", "Ada", "a/../d", "x" * 250, "\udcff", "ä"):
        assert journal.load(student).key == f"key of {student}"


def test_an_interrupted_run_goes_on_with_the_same_cases(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = three(course)
    whole = graded(course, seed=3)

    class Interrupting(Progress):
        def step(self, _: Record) -> None:
            raise KeyboardInterrupt

    for path in (course / "journal" / "toy" / "records").iterdir():
        path.unlink()
    lab = toy.lab(course)
    with pytest.raises(KeyboardInterrupt):
        grade_class(lab, settings(course, seed=3), Interrupting(io.StringIO()))
    assert len(list((course / "journal" / "toy" / "records").iterdir())) == 1
    resumed = graded(course)
    assert resumed.new == 2
    assert points(resumed) == expected
    for one, other in zip(resumed.records, whole.records, strict=True):
        assert one.verdict() == other.verdict()


def test_two_runs_at_once_are_refused(course: Path) -> None:
    toy.hand_in(course, "ada")
    with (
        Journal(course / "journal" / "toy").alone(),
        pytest.raises(BusyError, match="another `fp8lab grade` is at work"),
    ):
        graded(course)
    assert points(graded(course)) == {"ada": 9}


def test_a_failure_of_the_grader_is_no_grade(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    three(course)
    honest = run.grade_here

    def failing(jobs, workers):
        for record in honest(jobs, workers):
            bad = record.student == "bob"
            yield replace(record, tasks=(), failure="no memory") if bad else record

    monkeypatch.setattr(run, "grade_here", failing)
    result = graded(course)
    assert [record.student for record in result.failures] == ["bob"]
    monkeypatch.setattr(run, "grade_here", honest)
    again = graded(course)
    assert again.new == 1
    assert points(again) == {"ada": 9, "bob": 4, "cyn": 0}
    # The run was still open: bob met the cases of the others.
    assert len({record.seed for record in again.records}) == 1


def test_a_name_cannot_move_the_cursor() -> None:
    assert printable("a\x1b[2Jb\r\n") == "a�[2Jb��"


def test_progress_says_what_is_left() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream in (io.StringIO(), Terminal()):
        progress = Progress(stream)
        progress.start("toy", 2, 1)
        progress.step(Record("ada", "toy", "", 1))
        progress.end()
        assert "2 to grade, 1 were graded before" in stream.getvalue()
        assert "toy 1/2  ada: 0 of 0" in stream.getvalue()


def test_a_seed_chosen_is_the_seed_used(course: Path) -> None:
    toy.hand_in(course, "ada")
    (record,) = graded(course, seed=99).records
    assert record.seed == 99
    assert json.loads(record.dump())["seed"] == 99
