"""What an instructor reads of a class."""

import csv
import io
import re
from pathlib import Path

import pytest

from fp8lab.grading.record import Record
from fp8lab.grading.report import class_csv, class_html
from fp8lab.grading.run import ClassResult, Progress, Settings, grade_class
from tests.grading import toy

SQUARED = {"double-solution": "def double(x):\n    return x * x"}


@pytest.fixture
def result(course: Path) -> ClassResult:
    toy.hand_in(course, "ada")
    toy.hand_in(course, "bob", toy.raw(SQUARED))
    toy.hand_in(course, "cyn", toy.raw(SQUARED, without=["double-check"]))
    toy.hand_in(course, "=HYPERLINK(1)", toy.raw(toy.STUBS))
    settings = Settings(course / "submitted", course)
    return grade_class(toy.lab(course), settings, Progress(io.StringIO()))


def rows(result: ClassResult) -> dict[str, dict[str, str]]:
    read = csv.DictReader(io.StringIO(class_csv(result)))
    return {row["student"]: row for row in read}


def test_the_csv_has_a_line_a_student(result: ClassResult) -> None:
    found = rows(result)
    assert found["ada"] == {
        "student": "ada", "double": "5", "parts": "4", "points": "9", "of": "9",
        "look at": "",
    }  # fmt: skip
    assert found["bob"]["points"] == "4"
    assert "deleted" in found["cyn"]["look at"]


def test_no_cell_of_the_csv_is_a_formula(result: ClassResult) -> None:
    assert "'=HYPERLINK(1)" in rows(result)
    assert not re.search(r"(^|,)[=+@-]", class_csv(result), re.MULTILINE)


def test_the_page_counts_points_and_mistakes(result: ClassResult) -> None:
    page = class_html(result, "Toys")
    assert "4 graded. Median 4 of 9 points, from 0 to 9." in page
    assert "Students by points: 3 with 0, 1 with 5" in page
    assert "Students by points: 1 with 0, 3 with 4" in page
    counted = re.findall(
        r'<td>([^<]+)</td><td>([^<]+)</td><td class="number">(\d+)', page
    )
    assert ("numbers", "squared", "2") in counted
    assert ("both", "not written", "1") in counted
    assert "The cell double-check was deleted" in page


def test_a_failure_of_the_grader_is_no_zero(course: Path, result: ClassResult) -> None:
    broken = Record("eve", "toy", "", 1, failure="the disk is full <b>")
    several = ClassResult(result.lab, (*result.records, broken))
    assert rows(several)["eve"]["points"] == ""
    assert rows(several)["eve"]["look at"] == "the disk is full <b>"
    page = class_html(several, "Toys")
    assert "Not graded: eve. the disk is full &lt;b&gt;" in page
    assert "4 graded." in page


def test_nobody_is_no_error(course: Path) -> None:
    page = class_html(ClassResult(toy.lab(course), ()), "Toys")
    assert "Nothing was graded." in page
