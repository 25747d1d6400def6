"""Labs 4 and 5: what holds of every task whose answer is a kernel."""

from types import SimpleNamespace

import pytest

pytest.importorskip(
    "fp8lab.kernels", reason="these labs are about Triton: pip install 'fp8lab[gpu]'"
)

from tests.labs.triton_notebooks import (
    Notebook,
    answer,
    cases_of,
    check_mistakes,
    failed_aspects,
)

BOOKS = {name: Notebook(name) for name in ("lab4", "lab5")}
every_task = pytest.mark.parametrize(
    ("lab", "name"), [(lab, name) for lab, book in BOOKS.items() for name in book.tasks]
)


@pytest.fixture(scope="module")
def solved() -> dict[str, SimpleNamespace]:
    return {lab: book.run() for lab, book in BOOKS.items()}


@every_task
def test_the_solution_passes(solved, lab: str, name: str) -> None:
    task = BOOKS[lab].tasks[name]
    for seed in range(3):
        assert failed_aspects(task, getattr(solved[lab], name), seed) == set()


@every_task
def test_every_aspect_has_cases(lab: str, name: str) -> None:
    task = BOOKS[lab].tasks[name]
    aspects = {aspect.name for aspect in task.aspects}
    for seed in range(5):
        assert {case.aspect for case in cases_of(task, seed)} == aspects


@every_task
def test_a_stub_says_that_it_is_not_written(lab: str, name: str) -> None:
    book = BOOKS[lab]
    empty = book.run(**{name: book.stub(name)})
    for case in cases_of(book.tasks[name]):
        with pytest.raises(NotImplementedError):
            answer(getattr(empty, name), case)


@every_task
def test_known_mistakes(lab: str, name: str) -> None:
    check_mistakes(BOOKS[lab].tasks[name])
