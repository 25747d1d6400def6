"""A class of the toy lab, graded in one line."""

import io
from pathlib import Path

from fp8lab.grading.run import ClassResult, Progress, Settings, grade_class
from tests.grading import toy

SQUARED = "def double(x):\n    return x * x"


def settings(course: Path, **options: object) -> Settings:
    return Settings(course / "submitted", course, **options)


def graded(course: Path, **options: object) -> ClassResult:
    how = settings(course, **options)
    return grade_class(toy.lab(course), how, Progress(io.StringIO()))


def points(result: ClassResult) -> dict[str, int]:
    return {record.student: record.points for record in result.records}


def three(course: Path) -> dict[str, int]:
    """Hand in three notebooks; return what each earns."""
    toy.hand_in(course, "ada")
    toy.hand_in(course, "bob", toy.raw({"double-solution": SQUARED}))
    toy.hand_in(course, "cyn", toy.raw(toy.STUBS))
    return {"ada": 9, "bob": 4, "cyn": 0}
