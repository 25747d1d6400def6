"""The graders' own test notices a wrong grader; a made-up class is measured."""

import io
import json
from pathlib import Path

import pytest

from fp8lab.grading import scale, selftest
from fp8lab.grading.course import load_lab
from fp8lab.grading.students import copy_labs, main
from tests.grading import toy


def report(course: Path, *changes: tuple[str, str], enough: int = 1) -> list[str]:
    """Change the tasks of the toy lab; return what the self-test complains of."""
    tasks = course / "tasks" / "toy.py"
    text = tasks.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    tasks.write_text(text)
    reports = selftest.report_of(load_lab(course, "toy"), range(2), enough)
    return [line for each in reports for line in each.complaints]


def test_a_good_grader_passes(course: Path) -> None:
    assert report(course) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("x * np.int32(2)", "x * np.int32(3)"), "the right answer loses numbers"),
        (("lambda x: x * x", "lambda x: x + x"), "'squared' earns all points"),
        (("lambda x: x)", "lambda x: x * x)"), "'unchanged' is taken for squared"),
    ],
)
def test_a_wrong_grader_is_told(course: Path, change, complaint: str) -> None:
    assert any(complaint in line for line in report(course, change))


def test_a_stub_that_earns_is_told(course: Path) -> None:
    path = course / "source" / "toy" / "toy.ipynb"
    notebook = toy.source()
    cell = next(c for c in notebook["cells"] if c["id"] == "double-solution")
    outside = toy.RIGHT["double-solution"]
    cell["source"] = f"{outside}\n### BEGIN SOLUTION\n### END SOLUTION"
    path.write_text(json.dumps(notebook))
    lines = report(course)
    assert any("the stub earns" in line for line in lines)


def test_a_small_bank_is_told(course: Path) -> None:
    assert any("8 are needed" in line for line in report(course, enough=8))


def test_the_command_prints_the_table(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--course", str(course), "--seeds=1"]
    assert selftest.main([*options, "--enough=1"]) == 0
    told = capsys.readouterr().out
    assert "double       5             5     0         3       3     3" in told
    assert "The graders pass." in told
    assert selftest.main(options) == 1
    assert "WRONG toy, parts: 1 known mistakes" in capsys.readouterr().out


def test_a_class_is_measured(course: Path, tmp_path: Path) -> None:
    pytest.importorskip("nbgrader")
    lab = load_lab(course, "toy")
    figures = scale.measure(lab, tmp_path / "class", 12, 2, io.StringIO())
    assert figures.wrong == ()
    assert "12 submissions on 2 cores" in str(figures)
    assert figures.grader > 10 << 20


def test_every_kind_of_student_is_made(course: Path, tmp_path: Path) -> None:
    kinds = scale.make_class(load_lab(course, "toy"), tmp_path, 300, seed=1)
    assert set(kinds.values()) == set(scale.KINDS)


# ---------------------------------------------------------------- what students get


def test_a_students_copy_has_no_solutions(course: Path, tmp_path: Path, capsys) -> None:
    target = tmp_path / "mine"
    assert main([str(target), "--course", str(course)]) == 0
    text = (target / "toy" / "toy.ipynb").read_text()
    assert "YOUR CODE HERE" in text
    assert "SOLUTION" not in text
    assert toy.ESSAY not in text
    (target / "toy" / "toy.ipynb").write_text("my work")
    assert main([str(target), "--course", str(course)]) == 0
    assert "left as it is" in capsys.readouterr().out
    assert (target / "toy" / "toy.ipynb").read_text() == "my work"


def test_a_release_of_the_instructors_comes_first(course: Path, tmp_path: Path) -> None:
    made = course / "release" / "toy" / "toy.ipynb"
    made.parent.mkdir(parents=True)
    made.write_text("released")
    assert copy_labs(course, tmp_path / "mine") == {"toy": True}
    assert (tmp_path / "mine" / "toy" / "toy.ipynb").read_text() == "released"


def test_a_folder_without_labs_is_told(tmp_path: Path, capsys) -> None:
    assert main([str(tmp_path / "mine"), "--course", str(tmp_path)]) == 2
    assert "no labs in" in capsys.readouterr().err
