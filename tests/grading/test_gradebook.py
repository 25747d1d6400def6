"""nbgrader's gradebook: the grades in it, and that nbgrader itself reads them."""

import io
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fp8lab.grading import gradebook
from fp8lab.grading.command import write_results
from fp8lab.grading.course import load_lab
from fp8lab.grading.run import Progress, Settings, grade_class
from tests.grading import toy

pytest.importorskip("nbgrader", reason='needs nbgrader: pip install "fp8lab[grade]"')

# nbgrader's own, and its libraries': not ours to answer for.
pytestmark = pytest.mark.filterwarnings("ignore")

TIME = "2026-10-01 10:00:00 UTC"


@pytest.fixture(scope="module")
def graded_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    course = toy.make_course(tmp_path_factory.mktemp("graded") / "course")
    toy.hand_in(course, "ada").with_name("timestamp.txt").write_text(TIME)
    squared = {"double-solution": "def double(x):\n    return x * x", "essay": "?"}
    toy.hand_in(course, "bob", toy.raw(squared))
    toy.hand_in(course, "cyn", toy.raw({**toy.STUBS, "essay": "YOUR ANSWER HERE"}))
    assert grade(course) == 3
    return course


@pytest.fixture
def graded(graded_once: Path, tmp_path: Path) -> Path:
    """A course of three students, entered in its gradebook."""
    return shutil.copytree(graded_once, tmp_path / "graded")


def grade(course: Path) -> int:
    how = Settings(course / "submitted", course)
    return write_results(
        grade_class(load_lab(course, "toy"), how, Progress(io.StringIO())), how
    )


@pytest.fixture
def book(graded: Path) -> Iterator[object]:
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{graded / 'gradebook.db'}") as opened:
        yield opened


def grades(book: object, student: str) -> dict[str, tuple[object, object, bool]]:
    (sheet,) = book.find_submission("toy", student).notebooks
    return {
        grade.name: (grade.auto_score, grade.max_score, grade.needs_manual_grade)
        for grade in sheet.grades
    }


def test_each_check_has_the_points_of_its_task(book: object) -> None:
    assert grades(book, "ada") == {
        "double-check": (5.0, 5.0, False),
        "parts-check": (4.0, 4.0, False),
        "essay": (None, 3.0, True),
    }
    assert grades(book, "bob")["double-check"] == (0.0, 5.0, False)
    assert grades(book, "bob")["essay"] == (None, 3.0, True)


def test_an_essay_that_nobody_wrote_needs_no_reader(book: object) -> None:
    assert grades(book, "cyn")["essay"] == (0.0, 3.0, False)
    (sheet,) = book.find_submission("toy", "cyn").notebooks
    comments = {comment.name: comment.auto_comment for comment in sheet.comments}
    assert set(comments.values()) == {"No response."}


def test_the_time_of_submission_is_entered(book: object, graded: Path) -> None:
    assert str(book.find_submission("toy", "ada").timestamp) == "2026-10-01 10:00:00"
    shown = graded / "autograded" / "ada" / "toy" / "timestamp.txt"
    assert shown.read_text() == TIME


@pytest.mark.parametrize("time", ["2026-99-99 00:00:00 UTC", "yesterday", "1" * 60])
def test_a_time_that_is_none_is_left_out(course: Path, time: str) -> None:
    toy.hand_in(course, "ada").with_name("timestamp.txt").write_text(time)
    toy.hand_in(course, "bob")
    assert grade(course) == 2
    assert not (course / "autograded" / "ada" / "toy" / "timestamp.txt").exists()


def test_a_second_run_enters_nothing_and_keeps_what_a_person_wrote(
    graded: Path,
) -> None:
    from nbgrader.api import Gradebook

    url = f"sqlite:///{graded / 'gradebook.db'}"
    with Gradebook(url) as book:
        grade_of = book.find_grade("essay", "toy", "toy", "ada")
        grade_of.manual_score, grade_of.needs_manual_grade = 2.5, False
        book.db.commit()
    assert grade(graded) == 0
    with Gradebook(url) as book:
        assert book.find_grade("essay", "toy", "toy", "ada").needs_manual_grade is False
        assert book.find_submission("toy", "ada").score == 11.5
        assert len(book.assignment_submissions("toy")) == 3


def test_a_new_version_is_entered_and_a_persons_grade_is_to_be_reviewed(
    graded: Path,
) -> None:
    from nbgrader.api import Gradebook

    url = f"sqlite:///{graded / 'gradebook.db'}"
    with Gradebook(url) as book:
        grade_of = book.find_grade("essay", "toy", "toy", "bob")
        grade_of.manual_score, grade_of.needs_manual_grade = 1.0, False
        book.db.commit()
    path = graded / "submitted" / "bob" / "toy" / "toy.ipynb"
    path.write_bytes(toy.raw())
    assert grade(graded) == 1
    with Gradebook(url) as book:
        assert grades(book, "bob")["double-check"] == (5.0, 5.0, False)
        assert book.find_grade("essay", "toy", "toy", "bob").manual_score == 1.0
        assert grades(book, "bob")["essay"][2] is True


def test_a_gradebook_that_was_lost_is_written_again(graded: Path) -> None:
    (graded / "gradebook.db").unlink()
    assert grade(graded) == 3


def test_another_version_of_the_lab_is_refused_in_words(graded: Path) -> None:
    path = graded / "source" / "toy" / "toy.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"] = [c for c in notebook["cells"] if c["id"] != "essay"]
    path.write_text(json.dumps(notebook))
    with pytest.raises(ValueError, match="the gradebook has toy with the graded cells"):
        grade(graded)


def test_what_formgrader_shows(graded: Path) -> None:
    shown = json.loads(
        (graded / "autograded" / "bob" / "toy" / "toy.ipynb").read_text()
    )
    cells = {
        cell["metadata"]["nbgrader"]["grade_id"]: cell
        for cell in shown["cells"]
        if "nbgrader" in cell["metadata"]
    }
    assert "x * x" in cells["double-solution"]["source"]
    (output,) = cells["double-check"]["outputs"]
    assert output["data"]["text/plain"] == "Twice the number: 0 of 5 points"
    assert "You square; add instead." in output["data"]["text/html"]
    assert cells["double-check"]["source"] == 'check("toy", "double", double)'
    import nbformat

    nbformat.validate(nbformat.from_dict(shown))


def nbgrader(course: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (course / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'toys'\n"
    )
    scripts = str(Path(sys.executable).parent)
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=course,
        env={"PATH": f"{scripts}:/usr/bin:/bin", "HOME": str(course)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_nbgrader_exports_these_grades(graded: Path) -> None:
    nbgrader(graded, "export")
    lines = (graded / "grades.csv").read_text().splitlines()
    heads = lines[0].split(",")
    rows = [dict(zip(heads, line.split(","), strict=True)) for line in lines[1:]]
    assert {row["student_id"]: (row["score"], row["max_score"]) for row in rows} == {
        "ada": ("9.0", "12.0"),
        "bob": ("4.0", "12.0"),
        "cyn": ("0.0", "12.0"),
    }


def test_grades_go_into_the_gradebook_of_a_released_assignment(course: Path) -> None:
    """The instructor released with nbgrader; grading then finds its cells."""
    nbgrader(course, "generate_assignment", "toy", "--create")
    before = cells_of(course)
    toy.hand_in(course, "ada")
    assert grade(course) == 1
    assert cells_of(course) == before
    assert (course / "release" / "toy" / "toy.ipynb").is_file()


def cells_of(course: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(course / "gradebook.db") as book:
        query = "select name, cell_type, locked, source, checksum from source_cell"
        return sorted(book.execute(query).fetchall())


def test_our_release_is_nbgraders(course: Path) -> None:
    from fp8lab.grading.release import parse_notebook, released

    nbgrader(course, "generate_assignment", "toy", "--create")
    theirs = json.loads((course / "release" / "toy" / "toy.ipynb").read_text())
    ours = released(parse_notebook((course / "source/toy/toy.ipynb").read_text()))
    for mine, other in zip(ours["cells"], theirs["cells"], strict=True):
        assert "".join(mine["source"]) == "".join(other["source"])
        other["metadata"].get("nbgrader", {}).pop("checksum", None)
        for cell in (mine, other):
            cell["metadata"].get("nbgrader", {}).pop("cell_type", None)
        assert mine["metadata"] == other["metadata"]


def test_formgrader_finds_the_submissions(graded: Path) -> None:
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory

    api = NbGraderAPI(CourseDirectory(root=str(graded)))
    found = {each["student"]: each for each in api.get_submissions("toy")}
    assert {name: each["autograded"] for name, each in found.items()} == {
        "ada": True,
        "bob": True,
        "cyn": True,
    }
    assert found["ada"]["score"] == 9.0
    assert found["ada"]["needs_manual_grade"]
    assert not found["cyn"]["needs_manual_grade"]


def test_without_nbgrader_one_sentence(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nbgrader", None)
    monkeypatch.setitem(sys.modules, "nbgrader.api", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "fp8lab\[grade\]"'):
        gradebook.enter(toy.lab(course), [], None, course)
