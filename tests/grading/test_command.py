"""`fp8lab grade`, from its arguments to its files."""

import re
from pathlib import Path

import pytest

from fp8lab.grading.command import main
from tests.grading import toy


@pytest.mark.filterwarnings("ignore")
def test_the_command_does_it_all(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nbgrader")
    toy.hand_in(course, "ada")
    assert main([str(course / "submitted"), "--jobs=1"]) == 0
    told = capsys.readouterr()
    assert "toy: 1 submissions, 1 graded now" in told.out
    assert "1 entered in the gradebook" in told.out
    assert "solation" in told.err
    for file in ("reports/toy.csv", "reports/toy.html", "feedback/ada/toy/toy.html"):
        assert (course / file).is_file()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere"], "is no folder"),
        (["submitted", "--lab=lab9"], "no .*lab9.ipynb; the labs of this course: toy"),
        (["submitted"], "nobody handed in a lab"),
        (["submitted", "--jobs=0"], "at least 1"),
    ],
)
def test_wrong_usage_is_told(course, monkeypatch, capsys, arguments, complaint) -> None:
    monkeypatch.chdir(course)
    (course / "submitted").mkdir()
    assert main(arguments) == 2
    assert re.search(complaint, capsys.readouterr().err)
