"""The graders of labs 1 to 3, graded: right answers, stubs, and known-wrong answers."""

import re
import time

import numpy as np
import pytest

from fp8lab.grading.judge import Answer, TaskVerdict, judge_task, paper
from fp8lab.grading.labs import LABS, task_of, tasks_of
from fp8lab.grading.tasks import Task, outputs_of

NAMES = ("lab1", "lab2", "lab3")
TASKS = [task for lab in NAMES for task in tasks_of(lab)]
SEEDS = (1, 2, 3)

every_task = pytest.mark.parametrize(
    "task", TASKS, ids=[f"{task.lab}-{task.name}" for task in TASKS]
)


def verdict(task: Task, answer: object, seed: int) -> TaskVerdict:
    asked = paper(task, seed)
    with np.errstate(all="ignore"):
        answers = [Answer(outputs_of(answer(*case.inputs))) for case in asked.cases]
    return judge_task(asked, answers)


@every_task
def test_the_reference_earns_all_points_and_changes_no_input(task: Task) -> None:
    asked = paper(task, 0)
    before = [[np.array(each) for each in case.inputs] for case in asked.cases]
    found = verdict(task, task.reference, 0)
    assert found.points == found.of == task.points
    for case, kept in zip(asked.cases, before, strict=True):
        for value, old in zip(case.inputs, kept, strict=True):
            assert np.asarray(value).tobytes() == old.tobytes()


@every_task
def test_the_stub_earns_nothing(task: Task) -> None:
    asked = paper(task, 0)
    nothing = [Answer(None, "not written", "It is not written yet.")] * len(asked.cases)
    assert judge_task(asked, nothing).points == 0


@every_task
def test_each_mistake_loses_points_and_is_named(task: Task) -> None:
    assert len(task.mistakes) >= 8
    for seed in SEEDS:
        for mistake in task.mistakes:
            found = verdict(task, mistake.answer, seed)
            wrong = [aspect for aspect in found.aspects if aspect.how]
            assert wrong, f"{mistake.name!r} earns all points with seed {seed}"
            assert mistake.name in {aspect.how for aspect in wrong}, (
                f"{mistake.name!r} is taken for {[a.how for a in wrong]}, seed {seed}"
            )
            assert mistake.says in {aspect.advice for aspect in wrong}


@every_task
def test_cases_are_fresh_and_quick(task: Task) -> None:
    begin = time.perf_counter()
    cases = list(task.cases(np.random.default_rng(8)))
    for case in cases:
        task.expected(case)
    # Generous: a slow machine shared with others; some 20 ms here.
    assert time.perf_counter() - begin < 1.5
    other = list(task.cases(np.random.default_rng(9)))
    changed = [
        np.asarray(a.inputs[0]).tobytes() != np.asarray(b.inputs[0]).tobytes()
        for a, b in zip(cases, other, strict=False)
    ]
    assert np.mean(changed) > 0.5
    assert {case.aspect for case in cases} == {each.name for each in task.aspects}


@every_task
def test_texts_are_sentences(task: Task) -> None:
    names = [mistake.name for mistake in task.mistakes]
    assert len(set(names)) == len(names)
    assert task.hints
    for text in (*task.hints, *(mistake.says for mistake in task.mistakes)):
        assert re.search(r"[.?)`]$", text), text
        assert text.count("`") % 2 == 0


@pytest.mark.parametrize("lab", NAMES)
def test_a_lab_is_complete(lab: str) -> None:
    module = LABS[lab]
    tasks = tasks_of(lab)
    assert 5 <= len(tasks) <= 7
    assert set(module.SHOWN) == {task.name for task in tasks}
    assert sum(points for points, _ in module.WRITTEN.rubric) == module.WRITTEN.points
    assert 45 <= module.MINUTES <= 120


def test_unknown_names_are_said() -> None:
    with pytest.raises(ValueError, match="no lab 'lab9'; there are lab1, lab2"):
        tasks_of("lab9")
    with pytest.raises(ValueError, match="lab1 has no task 'x'; it has decode"):
        task_of("lab1", "x")
