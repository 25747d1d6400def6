"""Judges in processes of their own: one that dies costs nothing."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from fp8lab.grading.pool import default_jobs, grade_here
from fp8lab.grading.record import Job
from tests.grading import judging, toy


def jobs_of(course: Path, students: list[str]) -> list[Job]:
    lab = toy.lab(course)
    return [Job(student, lab, toy.raw(), seed=1) for student in students]


def test_a_judge_that_dies_once_costs_nothing(
    course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FP8LAB_TEST_MARKER", str(tmp_path / "marker"))
    jobs = jobs_of(course, ["one", "victim", "two", "three"])
    records = list(grade_here(jobs, 2, judging.dying_once))
    assert (tmp_path / "marker").exists()
    assert sorted(record.student for record in records) == sorted(
        job.student for job in jobs
    )
    assert {(record.points, record.failure) for record in records} == {(9, "")}


def test_a_judge_that_always_dies_stops_nobody_else(course: Path) -> None:
    jobs = jobs_of(course, ["one", "victim", "two", "three"])
    records = {r.student: r for r in grade_here(jobs, 2, judging.dying)}
    assert "died three times" in records.pop("victim").failure
    assert {record.points for record in records.values()} == {9}
    assert len(records) == 3


def test_nothing_is_left_on_the_disk(
    course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    jobs = jobs_of(course, ["one", "victim", "two"])
    assert len(list(grade_here(jobs, 2, judging.dying))) == 3
    assert list((tmp_path / "temporary").iterdir()) == []


def test_jobs_are_taken_as_judges_are_free(course: Path) -> None:
    taken = []

    def counted():
        for job in jobs_of(course, [f"student{n}" for n in range(12)]):
            taken.append(job.student)
            yield job

    records = grade_here(counted(), 2)
    next(records)
    assert len(taken) <= 6
    assert len(list(records)) == 11


def test_as_many_at_once_as_memory_lasts(limits) -> None:
    assert default_jobs(replace(limits, memory=1 << 60)) == 1
    assert default_jobs(replace(limits, memory=1)) >= 1
