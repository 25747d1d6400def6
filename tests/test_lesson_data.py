"""What the lessons are made of: their questions, and their tables."""

import re
from pathlib import Path

import pytest

from fp8lab.questions import load_question, question_ids
from fp8lab.states.check import ChoiceCheck
from fp8lab.table import Table

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted([*ROOT.glob("lessons/*.ipynb"), *ROOT.glob("labs/source/*/*.ipynb")])
ASKED = re.compile(r'QuickCheck\.ask\(\\"([\w-]+)\\"')


def test_every_question_is_asked_once_in_its_own_notebook() -> None:
    asked = [
        (path.stem.partition("-")[0], question)
        for path in NOTEBOOKS
        for question in ASKED.findall(path.read_text())
    ]
    assert sorted(q for _, q in asked) == sorted(question_ids())
    assert all(question.startswith(lesson) for lesson, question in asked)


def test_no_notebook_shows_an_answer_in_its_code() -> None:
    for path in NOTEBOOKS:
        assert "correct=True" not in path.read_text()


@pytest.mark.parametrize("name", question_ids())
def test_every_question_can_be_asked(name: str) -> None:
    try:
        check = load_question(name)
    except ValueError:
        check = load_question(name, truth=2.0)
    if isinstance(check, ChoiceCheck):
        assert sum(option.correct for option in check.options) == 1


def test_bad_questions_are_said() -> None:
    with pytest.raises(ValueError, match="no question 'x'; there are 00-exact"):
        load_question("x")
    with pytest.raises(ValueError, match="takes no truth"):
        load_question("00-exact", truth=1.0)
    with pytest.raises(ValueError, match="pass truth="):
        load_question("02-cliff")


def test_table_aligns_numbers_and_escapes_text() -> None:
    table = Table(["name", "error"], [("a<b>", "1.50%"), ("c", "12%")], "title")
    assert repr(table) == "title\nname  error\na<b>  1.50%\nc       12%"
    html = table._repr_html_()
    assert "a&lt;b&gt;" in html
    assert '<td style="text-align:right">12%</td>' in html


def test_table_refuses_a_short_row() -> None:
    with pytest.raises(ValueError, match="has 1 cells; there are 2 heads"):
        Table(["a", "b"], [("only",)])
