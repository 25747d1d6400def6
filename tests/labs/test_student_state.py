"""Hints, the panel of points, and the file that remembers them."""

import json
from pathlib import Path

import pytest

from fp8lab.grading import check, hint, progress
from fp8lab.grading.labs import task_of
from fp8lab.grading.student import load

ENCODE = task_of("lab1", "encode")
DECODE = task_of("lab1", "decode")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the notebook's folder: the state is kept there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_hints_come_one_by_one_and_are_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for number, text in enumerate(ENCODE.hints, start=1):
        hint("lab1", "encode")
        assert capsys.readouterr().out == f"Hint {number} of 3: {text}\n"
        assert load("lab1").task("encode").hints == number
    hint("lab1", "encode")
    assert "That was the last one." in capsys.readouterr().out
    assert load("lab1").task("encode").hints == 3


def test_the_panel_says_points_checks_and_problems(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check("lab1", "decode", lambda codes: DECODE.reference(codes))
    progress("lab1")
    told = capsys.readouterr().out
    assert "lab1: 6 of 46 points so far\n  decode: 6 of 6\n  decode_e5m2: 0" in told
    kept = json.loads((folder / "lab1-progress.json").read_text())
    assert kept["tasks"]["decode"] == {"points": 6, "checks": 1, "hints": 0}


@pytest.mark.parametrize(
    "broken",
    [
        "{",
        "[]",
        '{"tasks": {"decode": {"points": "6", "checks": 1, "hints": 0}}}',
        '{"tasks": {"decode": {"points": -1, "checks": 1, "hints": 0}}}',
        "[" * 100_000,
    ],
)
def test_a_broken_file_is_set_aside(
    broken: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "lab1-progress.json"
    path.write_text(broken)
    progress("lab1")
    told = capsys.readouterr().out
    assert "lab1-progress.json could not be read: it is now" in told
    assert (folder / "lab1-progress-unreadable.json").read_text() == broken
    check("lab1", "decode", lambda codes: DECODE.reference(codes))
    assert load("lab1").task("decode").points == 6


def test_without_a_place_for_the_file_a_check_still_works(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "lab1-progress.json").mkdir()
    check("lab1", "decode", lambda codes: DECODE.reference(codes))
    assert "all right" in capsys.readouterr().out
    assert "points and hints are not kept" in load("lab1").problem
