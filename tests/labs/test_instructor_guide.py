"""What the instructor's guide says about the labs is what the labs say."""

import re
from pathlib import Path

import pytest

from fp8lab.grading.labs import LABS

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "labs" / "INSTRUCTOR.md").read_text(encoding="utf-8")
CLAIMS = (ROOT / "lessons" / "claims.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LABS)
def test_a_labs_row_and_rubric(name: str) -> None:
    lab, written = LABS[name], LABS[name].WRITTEN
    points = sum(task.points for task in lab.TASKS)
    row = f"| {name} | {lab.TITLE} | {lab.MINUTES} | {len(lab.TASKS)} | "
    assert f"{row}{points} + {written.points} |" in GUIDE
    assert f"**{name}: {written.title}** ({written.points} points)" in GUIDE
    for most, what in written.rubric:
        assert f"\n- {most}: {what}\n" in GUIDE
    assert f"\n{written.answer}\n" in GUIDE


def test_it_names_claims_that_there_are() -> None:
    numbers = {
        int(n)
        for words in re.findall(r"claims? ([\d, ]+)", GUIDE)
        for n in re.findall(r"\d+", words)
    }
    rows = {int(n) for n in re.findall(r"^\| (\d+) \|", CLAIMS, re.MULTILINE)}
    assert numbers
    assert numbers <= rows


@pytest.mark.parametrize(
    "number",
    ["3.1 %", "2.25 %", "28,672", "3.5 times", "14,715,904", "6.6 %", "0.13 %"],
)
def test_its_numbers_are_those_of_the_claims(number: str) -> None:
    assert number in GUIDE
    assert number in CLAIMS
