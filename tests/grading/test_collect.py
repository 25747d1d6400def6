"""Submissions are read from their own folders and from nowhere else."""

import os
from pathlib import Path

from fp8lab.grading.collect import collect
from tests.grading import toy
from tests.grading.toy_class import graded, points


def test_only_files_within_the_folder_are_read(course: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "toy").mkdir(parents=True)
    (outside / "toy" / "toy.ipynb").write_bytes(toy.raw())
    submitted = course / "submitted"
    for student in ("link-file", "link-source", "pipe", "folder", "huge"):
        (submitted / student / "toy").mkdir(parents=True)
    notebook = Path("toy") / "toy.ipynb"
    (submitted / "link-file" / notebook).symlink_to(outside / notebook)
    (submitted / "link-source" / notebook).symlink_to(course / "source" / notebook)
    os.mkfifo(submitted / "pipe" / notebook)
    (submitted / "folder" / notebook).mkdir()
    with (submitted / "huge" / notebook).open("wb") as file:
        file.truncate(1 << 30)
    (submitted / "link-lab").mkdir()
    (submitted / "link-lab" / "toy").symlink_to(outside / "toy")
    (submitted / "link-student").symlink_to(outside)
    (submitted / "other" / "toy").mkdir(parents=True)
    (submitted / "other" / "toy" / "Toy (1).ipynb").write_bytes(toy.raw())
    (submitted / "absent").mkdir()
    (submitted / "notes.txt").write_text("not a student")
    (submitted / ".hidden").mkdir()
    found = {each.student: each for each in collect(submitted, "toy", 1 << 20)}
    linked = "The folder of toy is a link, or no folder: it was not followed"
    assert {name: each.trouble.split(".")[0] for name, each in found.items()} == {
        "folder": "toy",
        "huge": "toy",
        "link-file": "toy",
        "link-lab": linked,
        "link-source": "toy",
        "link-student": linked,
        "other": "There is no toy",
        "pipe": "toy",
    }
    assert all(each.content == b"" for each in found.values())
    assert "1,024 MB" in found["huge"].trouble
    assert "no ordinary file" in found["pipe"].trouble
    assert "Toy (1).ipynb" in found["other"].trouble
    result = graded(course)
    assert set(points(result).values()) == {0}
    assert all(record.notes for record in result.records)


def test_the_time_of_submission_is_kept(course: Path) -> None:
    path = toy.hand_in(course, "ada")
    path.with_name("timestamp.txt").write_text("2026-10-01 10:00:00 UTC\n")
    toy.hand_in(course, "bob").with_name("timestamp.txt").write_bytes(b"\xff" * 500)
    ada, bob = collect(course / "submitted", "toy", 1 << 20)
    assert ada.timestamp == "2026-10-01 10:00:00 UTC"
    assert bob.timestamp == ""
