"""The program in the sandbox: notebooks, cells, and how a student's errors are told."""

import json
import re

import pytest

from fp8lab.grading.calling import call
from fp8lab.grading.cells import python, read_cells
from fp8lab.grading.examine import Examination, examine
from tests.grading import toy


def graded(lab, limits, changes=None, **options) -> Examination:
    raw = toy.raw(changes, **options)
    return examine(raw, lab.plan, lab.tasks, 1, limits)


def words_of(found: Examination, task: str = "double") -> str:
    verdict = next(each for each in found.tasks if each.task == task)
    return " ".join(aspect.words for aspect in verdict.aspects)


def points_of(found: Examination) -> list[int]:
    return [task.points for task in found.tasks]


def test_a_right_notebook_gets_all_points(lab, limits) -> None:
    found = graded(lab, limits)
    assert points_of(found) == [5, 4]
    assert found.notes == ()
    assert found.answers == {**toy.RIGHT, "essay": "My answer."}


def test_what_is_handed_out_gets_none(lab, limits) -> None:
    found = graded(lab, limits, toy.STUBS)
    assert points_of(found) == [0, 0]
    assert "It is not written yet." in words_of(found)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "def double(x):\n    return x.nothing",
            r"AttributeError.*line 2 .*x\.nothing",
        ),
        ("def double(x)\n    return x", "SyntaxError.*line 1 of the cell"),
        ("import fp8\ndef double(x):\n    return x", "No module named 'fp8'"),
        ("x = 3", "There is no function double"),
        ("def double(x):\n    return 'twice'", "no array of numbers"),
        ("def double(x):\n    return None", "no array of numbers"),
        ("def double(x):\n    return [[1], [2, 3]]", "ValueError"),
        ("def double(x, y):\n    return x", "TypeError.*positional"),
        ("def double(x):\n    return x + x, x", "returned 2|yours returned 2"),
        ("def double(x):\n    return 2.0 * x", "float64.*int32"),
        ("def double(x):\n    return (x + x).ravel()[:3]", "shape"),
    ],
)
def test_errors_are_told_in_words(lab, limits, code: str, words: str) -> None:
    found = graded(lab, limits, {"double-solution": code})
    assert points_of(found) == [0, 4]
    assert re.search(words, words_of(found)), words_of(found)


def test_a_missing_cell_is_named(lab, limits) -> None:
    found = graded(lab, limits, without=["double-solution"])
    assert points_of(found) == [0, 4]
    assert "The cell double-solution, which defines double, is missing" in words_of(
        found
    )
    assert "The cell double-solution is missing" in found.notes[0]


def test_a_helper_in_a_cell_of_ones_own_is_explained(lab, limits) -> None:
    code = "def double(x):\n    return helper(x)"
    found = graded(
        lab,
        limits,
        {"double-solution": code},
        extra=["def helper(x):\n    return x + x"],
    )
    assert points_of(found) == [0, 4]
    assert "helper is defined in a cell of your own" in words_of(found)


def test_a_copied_cell_counts_in_order(lab, limits) -> None:
    notebook = toy.submission({"double-solution": "def double(x):\n    return x"})
    cells = notebook["cells"]
    copy = next(c for c in toy.submission()["cells"] if c["id"] == "double-solution")
    cells.insert(3, copy)
    found = examine(json.dumps(notebook).encode(), lab.plan, lab.tasks, 1, limits)
    assert points_of(found) == [5, 4]
    assert "2 cells with the name double-solution" in found.notes[0]


def test_forbidden_imports_are_named(lab, limits) -> None:
    code = "from fp8lab import encode\ndef double(x):\n    return x + x"
    found = graded(lab, limits, {"double-solution": code})
    assert points_of(found) == [0, 4]
    assert "It imports fp8lab.encode" in words_of(found)


def test_what_draws_does_nothing_and_harms_nothing(lab, limits) -> None:
    code = (
        "%matplotlib inline\n"
        "!pip install something\n"
        "import matplotlib.pyplot as plt\n"
        "from IPython.display import HTML, display\n"
        "from fp8lab.grading import check, hint\n"
        "figure, axes = plt.subplots(figsize=(3, 4))\n"
        "with plt.style.context('dark'):\n"
        "    axes.plot([1, 2])[0].set_color('red')\n"
        "display(HTML('<b>x</b>')); hint('toy', 'double')\n"
        "plt?\n"
        "def double(x):\n    return x + x\n"
        "check('toy', 'double', double)"
    )
    found = graded(lab, limits, {"double-solution": code})
    assert points_of(found) == [5, 4]


def test_each_case_gets_inputs_that_it_may_write_to(lab, limits) -> None:
    code = "def double(x):\n    x += x\n    return x"
    assert points_of(graded(lab, limits, {"double-solution": code})) == [5, 4]


def test_a_class_is_no_task_of_its_own(lab, limits) -> None:
    code = "class double:\n    def __new__(cls, x):\n        return x + x"
    assert points_of(graded(lab, limits, {"double-solution": code})) == [5, 4]


def test_one_hanging_cell_leaves_the_others(lab, limits) -> None:
    found = graded(lab, limits, {"parts-solution": "while True:\n    pass"})
    assert points_of(found) == [5, 0]
    assert "was not done after 4 seconds" in words_of(found, "parts")


def test_an_aspect_that_hangs_leaves_the_others(lab, limits) -> None:
    code = (
        "def double(x):\n"
        "    while x.size and abs(x.astype(np.int64)).max() > 2**20:\n"
        "        pass\n"
        "    return x + x"
    )
    found = graded(lab, limits, {"double-solution": code})
    assert points_of(found) == [3, 4]
    assert "not done after 2 seconds" in words_of(found)


# ---------------------------------------------------------------- the modules apart


def test_magics_become_nothing_and_lines_keep_their_numbers() -> None:
    source = "%time x\nif True:\n    !ls\ny = 1 # 50%\nz?"
    assert python(source) == "pass\nif True:\n    pass\ny = 1 # 50%\npass"
    assert python("a = b % c") == "a = b % c"


def test_a_notebook_is_read_as_it_is() -> None:
    contents = read_cells(toy.raw(extra=["import os\ndef mine(): pass\nalso = 1"]))
    assert [cell.name for cell in contents.cells][:2] == ["head", "set-up"]
    assert contents.helpers == ("mine", "also")
    setup = contents.cells[1]
    assert setup.imports == ("numpy", "fp8lab.grading.check", "matplotlib.pyplot")


def test_what_is_unusual_is_noted() -> None:
    code = "import os\nnp.asarray = 3\neval('1')\nx = np.zeros(3)\nx.shape = 3, 1"
    cell = next(
        c for c in read_cells(toy.raw({"double-solution": code})).cells
        if c.name == "double-solution"
    )  # fmt: skip
    assert set(cell.unusual) == {"np.asarray =", "eval"}


def test_call_keeps_what_a_student_raised_in_words() -> None:
    def broken(x: int) -> None:
        raise KeyError("scale")

    arrays, how, words = call(broken, [1])
    assert arrays is None
    assert how == "raised KeyError"
    assert words == "It raised KeyError: 'scale'"
