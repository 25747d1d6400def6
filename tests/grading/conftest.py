"""The toy course, and limits short enough for a test."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fp8lab.grading.course import Lab
from fp8lab.grading.limits import MIB, Limits
from fp8lab.grading.sandbox import walls
from tests.grading import bubblewrap, toy


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course with the toy lab, and nothing handed in."""
    return toy.make_course(tmp_path / "course")


@pytest.fixture
def lab(course: Path) -> Lab:
    return toy.lab(course)


@pytest.fixture(scope="session")
def limits() -> Limits:
    """Short, but long enough for an honest start on a machine that is busy."""
    return replace(
        Limits(),
        cell=4.0,
        case=2.0,
        task=6.0,
        cpu=20,
        memory=512 * MIB,
        printed=4 * MIB,
    )


@pytest.fixture(scope="session")
def needs_bubblewrap() -> None:
    """Skip where bubblewrap does not run; `make test` installs it if it may."""
    if bubblewrap.find() is None:
        pytest.skip(bubblewrap.MISSING)


@pytest.fixture
def without_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the grader find no bubblewrap, in this process and its children."""
    monkeypatch.setenv("FP8LAB_BUBBLEWRAP", "/no/such/bwrap")
    walls.cache_clear()
    yield
    walls.cache_clear()
