"""Verdicts on answers: what earns a point, and what is said of what does not."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from fp8lab.grading.compare import compare
from fp8lab.grading.judge import Answer, TaskVerdict, judge_task, paper, untried
from fp8lab.grading.picture import picture
from fp8lab.grading.tasks import Aspect, Case, Mistake, Task, outputs_of


@pytest.fixture
def double(lab) -> Task:
    return next(task for task in lab.tasks if task.name == "double")


def judged(task: Task, function: object, seed: int = 1) -> TaskVerdict:
    asked = paper(task, seed)
    answers = [Answer(outputs_of(function(*case.inputs))) for case in asked.cases]
    return judge_task(asked, answers)


def test_the_right_answer_gets_every_point(double: Task) -> None:
    verdict = judged(double, lambda x: x + x)
    assert (verdict.points, verdict.of, verdict.how) == (5, 5, "")


def test_an_aspect_is_earned_only_whole(double: Task) -> None:
    def last_wrong(x: np.ndarray) -> np.ndarray:
        result = x + x
        if x.shape == (8, 6):
            result[-1, -1] += 1
        return result

    verdict = judged(double, last_wrong)
    assert [aspect.points for aspect in verdict.aspects] == [0, 2]
    assert "strided: " in verdict.aspects[0].words
    assert "1 of 48 elements differ" in verdict.aspects[0].words


@pytest.mark.parametrize("name", ["squared", "unchanged"])
def test_a_known_mistake_is_named(double: Task, name: str) -> None:
    mistake = next(each for each in double.mistakes if each.name == name)
    verdict = judged(double, mistake.answer)
    assert verdict.points == 0
    assert {aspect.how for aspect in verdict.aspects} == {name}
    assert {aspect.advice for aspect in verdict.aspects} == {mistake.says}


def test_a_mistake_in_one_aspect_is_told_there(double: Task) -> None:
    saturated = double.mistakes[2]
    verdict = judged(double, saturated.answer)
    assert [aspect.points for aspect in verdict.aspects] == [3, 0]
    assert verdict.how == "saturated"
    assert "wrap around" in verdict.aspects[1].advice


def test_two_mistakes_at_once_are_told_apart(double: Task) -> None:
    squared, _, saturated = double.mistakes

    def both(x: np.ndarray) -> object:
        large = x.size and abs(x.astype(np.int64)).max() > 2**20
        return (saturated if large else squared).answer(x)

    verdict = judged(double, both)
    assert [aspect.how for aspect in verdict.aspects] == ["squared", "saturated"]


def test_an_unknown_mistake_has_no_advice(double: Task) -> None:
    verdict = judged(double, lambda x: x - np.int32(3))
    assert {aspect.how for aspect in verdict.aspects} == {"wrong values"}
    assert {aspect.advice for aspect in verdict.aspects} == {""}


@pytest.mark.parametrize(
    ("function", "how"),
    [
        (lambda x: (x + x).astype(np.float64), "wrong dtype"),
        (lambda x: (x + x).astype(">i4"), "wrong dtype"),
        (lambda x: (x + x)[None], "wrong shape"),
        (lambda x: (x + x, x), "wrong number of outputs"),
        (lambda _: (), "wrong number of outputs"),
    ],
)
def test_form_counts(double: Task, function: object, how: str) -> None:
    verdict = judged(double, function)
    assert verdict.points == 0
    assert verdict.how == how


def test_no_answer_is_told_as_it_came(double: Task) -> None:
    asked = paper(double, 1)
    nothing = Answer(None, "timed out", "It was stopped.")
    right = [Answer(expected) for expected in asked.expected]
    answers = [*right[:-1], nothing]
    verdict = judge_task(asked, answers)
    assert [aspect.points for aspect in verdict.aspects] == [3, 0]
    assert verdict.how == "timed out"
    assert verdict.aspects[1].words == "numbers that wrap around: It was stopped."


def test_what_could_not_be_asked_earns_nothing(double: Task) -> None:
    verdict = untried(double, "no notebook", "It is a link.")
    assert (verdict.points, verdict.of, verdict.how) == (0, 5, "no notebook")


def test_a_wrong_sign_of_zero_is_wrong() -> None:
    task = zeros_task()
    verdict = judged(task, lambda _: np.array([0.0, -0.0], np.float32))
    assert verdict.points == 0
    assert judged(task, lambda _: np.array([-0.0, 0.0], np.float32)).points == 1


def zeros_task() -> Task:
    def cases(_: np.random.Generator) -> Iterator[Case]:
        yield Case("zeros", (1,))

    aspects = (Aspect("zeros", 1, "signs"),)
    reference = lambda _: np.array([-0.0, 0.0], np.float32)  # noqa: E731
    return Task("toy", "zeros", "Zeros", aspects, reference, cases, ())


# ---------------------------------------------------------------- papers


def test_a_paper_is_the_same_for_a_whole_class(double: Task) -> None:
    one, other = paper(double, 5), paper(replace(double), 5)
    for mine, theirs in zip(one.cases, other.cases, strict=True):
        np.testing.assert_array_equal(mine.inputs[0], theirs.inputs[0])


def test_other_seeds_and_other_tasks_draw_other_numbers(lab) -> None:
    double, parts = lab.tasks
    first = paper(double, 5).cases[0].inputs[0]
    assert not np.array_equal(first, paper(double, 6).cases[0].inputs[0])
    same_cases = replace(double, name="other")
    assert not np.array_equal(first, paper(same_cases, 5).cases[0].inputs[0])
    assert parts.points == 4


def test_trusted_functions_run_once_a_class_and_cannot_change_the_case() -> None:
    calls = []

    def reference(x: np.ndarray) -> np.ndarray:
        calls.append(x.size)
        x += 1
        return x

    def cases(rng: np.random.Generator) -> Iterator[Case]:
        yield Case("all", (rng.integers(0, 9, 4),))

    task = Task("toy", "once", "Once", (Aspect("all", 1, ""),), reference, cases, ())
    asked = paper(task, 1)
    before = asked.cases[0].inputs[0].copy()
    for _ in range(3):
        assert judge_task(asked, [Answer((before + 1,))]).points == 1
    assert calls == [4]
    np.testing.assert_array_equal(asked.cases[0].inputs[0], before)


def test_a_mistake_that_raises_is_nobodys(double: Task) -> None:
    def raising(x: np.ndarray) -> None:
        raise ValueError

    broken = Mistake("broken", "never said", raising)
    task = replace(double, mistakes=(broken, *double.mistakes))
    assert judged(task, lambda x: x * x).how == "squared"


@pytest.mark.parametrize("aspect", ["unknown", None])
def test_cases_and_aspects_belong_together(double: Task, aspect: str | None) -> None:
    def cases(_: np.random.Generator) -> Iterator[Case]:
        yield Case("numbers", (np.zeros(1, np.int32),))
        if aspect:
            yield Case("large numbers", (np.zeros(1, np.int32),))
            yield Case(aspect, (np.zeros(1, np.int32),))

    with pytest.raises(ValueError, match=aspect or "large numbers"):
        paper(replace(double, name=f"bad-{aspect}", cases=cases), 1)


# ---------------------------------------------------------------- pictures


@pytest.mark.parametrize(
    "right",
    [
        np.arange(5000, dtype=np.uint8),
        np.arange(600, dtype=np.float32).reshape(2, 300),
        np.array(3, np.int16),
        np.array([np.nan, 1, np.inf, -np.inf, 0], np.float16),
        np.zeros((3, 4, 5, 6)),
    ],
    ids=["long", "wide", "one number", "specials", "four axes"],
)
def test_a_picture_is_small_and_says_the_same_in_words(right: np.ndarray) -> None:
    wrong = right.copy()
    wrong.reshape(-1)[-1] += 1
    svg = picture(compare(zeros_like(right), CASE, (wrong,)))
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert len(root.find("desc").text) > 10
    assert len(svg) < 200_000


CASE = Case("all", (1,))


def zeros_like(right: np.ndarray) -> Task:
    aspects = (Aspect("all", 1, ""),)
    return Task("toy", "t", "", aspects, lambda _: right, lambda _: iter(()), ())


def test_there_is_no_picture_of_a_wrong_shape() -> None:
    task = zeros_like(np.zeros(3))
    assert picture(compare(task, CASE, (np.zeros(4),))) == ""
