"""What a student reads: all of it in words, nothing of the tests, nothing that runs."""

import io
from html.parser import HTMLParser

import pytest

from fp8lab.grading.command import write_results
from fp8lab.grading.feedback import feedback_html, task_html
from fp8lab.grading.judge import AspectVerdict, TaskVerdict
from fp8lab.grading.record import Record
from fp8lab.grading.run import Progress, Settings, grade_class
from tests.grading import toy

EVIL = "</pre><script>alert('x')</script><img src=x onerror=alert(1)>"
VOID = {"meta", "img", "br", "input", "link", "hr"}


class Tags(HTMLParser):
    """Every tag of a page, and whether the ends match the starts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.links += [v or "" for n, v in attrs if n in ("src", "href")]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open.pop() != tag:
            pass


def verdict(**how: str) -> TaskVerdict:
    aspect = AspectVerdict("numbers", "small numbers", 0, 3, **how)
    right = AspectVerdict("large", "large numbers", 2, 2)
    return TaskVerdict("double", "Twice", (aspect, right))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The feedback on a notebook with one known mistake."""
    pytest.importorskip("nbgrader")
    course = toy.make_course(tmp_path_factory.mktemp("feedback") / "course")
    squared = "def double(x):\n    print('so far')\n    return x * x"
    toy.hand_in(course, "bob", toy.raw({"double-solution": squared}))
    how = Settings(course / "submitted", course)
    write_results(grade_class(toy.lab(course), how, Progress(io.StringIO())), how)
    return (course / "feedback" / "bob" / "toy" / "toy.html").read_text("utf-8")


def test_it_says_what_was_earned_and_why_not_more(page: str) -> None:
    assert "<strong>4 of 9 points</strong> for bob." in page
    assert "Up to 3 more for the written question" in page
    assert "Twice the number" in page
    assert "You square; add instead." in page
    assert "first differing element" in page
    assert "so far" in page


def test_it_has_a_picture_with_a_text_alternative(page: str) -> None:
    assert '<svg class="expected-against-got" role="img"' in page
    assert "<desc>" in page


def test_it_has_nothing_of_the_tests(page: str) -> None:
    for secret in ("_double_cases", "rng", "default_rng", "np.int32(2)", "seed"):
        assert secret not in page


def test_it_is_one_file_that_loads_nothing(page: str) -> None:
    tags = Tags(page)
    assert tags.links == []
    assert not tags.seen & {"script", "link", "img", "iframe", "object"}


def test_a_students_words_are_words() -> None:
    bad = verdict(how=EVIL, words=EVIL, advice=EVIL)
    record = Record(EVIL, "toy", "", 1, tasks=(bad,), notes=(EVIL,), printed=EVIL * 3)
    tags = Tags(feedback_html(record, EVIL))
    assert not tags.seen & {"script", "img"}
    assert not Tags(task_html(bad)).seen & {"script", "img"}


def test_what_was_said_is_not_said_again() -> None:
    said = AspectVerdict("a", "one", 0, 1, "not written", "It is not written yet.")
    task = TaskVerdict("t", "T", (said, said, said))
    assert task_html(task).count("It is not written yet.") == 1


def test_what_is_right_has_no_reproach() -> None:
    html = task_html(verdict())
    assert "✗" not in html
    assert html.count("✓") == 2
