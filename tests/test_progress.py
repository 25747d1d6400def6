"""Progress: nothing is lost, nothing is written over, nothing crashes a lesson."""

import json
import multiprocessing
import os
import re
import sys
from types import ModuleType

import pytest

from fp8lab import progress


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    place = tmp_path / "deep" / "progress.json"
    monkeypatch.setenv("FP8LAB_PROGRESS", str(place))
    return place


def test_an_answer_comes_back(path):
    assert progress.answers() == ({}, "")
    answer, problem = progress.keep("a", "448 ∞", right=True)
    assert problem == ""
    assert progress.answers() == ({"a": answer}, "")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", answer.when)
    assert json.loads(path.read_text(encoding="utf-8"))["version"] == 1


def test_the_first_answer_stays():
    first, _ = progress.keep("a", "240", right=False)
    assert progress.keep("a", "448", right=True) == (first, "")
    progress.keep("b", "x", right=True)
    progress.forget("a", "unknown")
    assert list(progress.answers()[0]) == ["b"]
    assert progress.keep("a", "448", right=True)[0].right


def answer_many(place, name):
    os.environ["FP8LAB_PROGRESS"] = place
    for i in range(20):
        progress.keep(f"{name}-{i}", "x", right=True)


def test_two_notebooks_at_once_lose_nothing(path):
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=answer_many, args=(str(path), name)) for name in "abc"
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    known, problem = progress.answers()
    assert problem == ""
    assert len(known) == 60
    # No half-written file is left behind.
    assert sorted(p.name for p in path.parent.iterdir()) == [
        f".{path.name}.lock",
        path.name,
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        '{"version": 1}',
        '{"version": "1", "answers": {}}',
        '{"version": 1, "answers": {"a": 3}}',
        '{"version": 1, "answers": {"a": {"text": 1, "when": "", "right": true}}}',
        '{"version": 1, "answers": {"a": {"text": "x"}}}',
        "[" * 100_000,
        b"\xff\xfe\x00",
    ],
)
@pytest.mark.parametrize("first", ["answers", "keep"])
def test_a_corrupt_file_is_reported_and_set_aside(path, text, first):
    path.parent.mkdir()
    raw = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(raw)
    if first == "answers":
        known, problem = progress.answers()
        assert known == {}
        assert not path.exists()
    else:
        _, problem = progress.keep("a", "x", right=True)
        assert list(progress.answers()[0]) == ["a"]
    assert "could not be read" in problem
    (aside,) = path.parent.glob("progress-unreadable-*.json")
    assert aside.name in problem
    assert aside.read_bytes() == raw
    # From then on all is well.
    progress.keep("b", "y", right=True)
    assert progress.answers()[1] == ""
    assert "b" in progress.answers()[0]


def test_a_file_of_a_newer_version_is_left_alone(path):
    path.parent.mkdir()
    text = '{"version": 2, "anything": []}'
    path.write_text(text)
    assert "newer fp8lab" in progress.answers()[1]
    answer, problem = progress.keep("a", "x", right=True)
    assert (answer.text, "newer fp8lab" in problem) == ("x", True)
    progress.forget("a")
    assert path.read_text() == text
    assert not list(path.parent.glob("*unreadable*"))


def test_a_place_that_cannot_be_written_is_a_sentence(path):
    path.parent.write_text("a file where the folder should be")
    answer, problem = progress.keep("a", "x", right=True)
    assert answer.text == "x"
    assert "answers are not kept" in problem
    assert "FP8LAB_PROGRESS" in problem


def test_a_folder_in_its_place_is_a_sentence(path):
    path.mkdir(parents=True)
    assert "cannot be used" in progress.answers()[1]
    assert "cannot be used" in progress.keep("a", "x", right=True)[1]


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    progress.keep("a", "x", right=True)
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    _, problem = progress.keep("b", "y", right=True)
    assert "No space left on device" in problem
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 2


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/fp8lab/progress.json"),
        ("linux", {}, "/home/me/.local/share/fp8lab/progress.json"),
        ("darwin", {}, "/home/me/Library/Application Support/fp8lab/progress.json"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/fp8lab/progress.json"),
        ("linux", {"FP8LAB_PROGRESS": "~/p.json"}, "/home/me/p.json"),
    ],
)
def test_where_it_is(monkeypatch, platform, variables, expected):
    for name in ("FP8LAB_PROGRESS", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    assert progress.progress_file().as_posix() == expected


# ---------------------------------------------------------------- in the browser


@pytest.fixture
def drive(tmp_path, monkeypatch):
    """Take this Python for Pyodide in JupyterLite, whose fcntl is an empty module."""
    monkeypatch.delenv("FP8LAB_PROGRESS")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr("sys.platform", "emscripten")
    monkeypatch.setitem(sys.modules, "fcntl", ModuleType("fcntl"))
    place = tmp_path / "drive"
    monkeypatch.setattr(progress, "_DRIVE", place)
    return place


def test_jupyterlite_keeps_answers_in_a_file_of_its_file_list(drive):
    drive.mkdir()
    _, problem = progress.keep("a", "448", right=True)
    assert problem == ""
    assert list(progress.answers()[0]) == ["a"]
    # No lock beside it: it would lock nothing, and the learner sees this folder.
    assert [path.name for path in drive.iterdir()] == ["fp8lab-progress.json"]
    progress.forget("a")
    assert progress.answers() == ({}, "")


def test_a_browser_without_storage_says_that_answers_do_not_last(drive):
    answer, problem = progress.keep("a", "448", right=True)
    assert progress.answers() == ({"a": answer}, "")
    assert "until the kernel stops" in problem
