"""What a student meets: the check and its words."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import fp8lab
from fp8lab.grading import check, progress
from fp8lab.grading.compare import compare, same_bytes
from fp8lab.grading.labs import task_of
from fp8lab.grading.student import load
from fp8lab.grading.tasks import Case

ENCODE = task_of("lab1", "encode")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the notebook's folder: the state is kept there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def by_reference(lab: str, name: str) -> Callable[..., object]:
    task = task_of(lab, name)
    return lambda *inputs: task.reference(*inputs)


def one_wrong(x: float, code: int) -> str:
    """Return what is said of a single wrong code among right ones."""
    inputs = np.full(20, 1.0, np.float32)
    inputs[17] = x
    codes = fp8lab.encode(inputs)
    codes[17] = code
    found = compare(ENCODE, Case("ties", (inputs,)), (codes,))
    assert found is not None
    return found.words


def test_the_message_says_where_what_and_why() -> None:
    assert one_wrong(1.0625, 0x39) == (
        "first differing element: index 17, input 1.0625 (0x3f880000): yours 0x39 = "
        "1.125, expected 0x38 = 1.0 (tie: halfway between 0x38 and 0x39). 1 of 20 "
        "elements differ"
    )


@pytest.mark.parametrize(
    ("x", "note"),
    [
        (-1.0625, "tie: halfway between 0xb8 and 0xb9"),
        (1.0625001, "in magnitude just above halfway between 0x38 and 0x39"),
        (1.05, "between 0x38 and 0x39"),
        (1.125, "exactly a number of E4M3FN"),
        (2**-9, "exactly a subnormal of E4M3FN"),
        (0.004, "between the subnormals 0x02 and 0x03"),
        (460.0, "beyond 448, but below 464"),
        (464.0, "tie: 464 is halfway between 448 and the next step"),
        (1000.0, "beyond 464: overflow"),
        (np.inf, "an infinity"),
        (np.nan, "a NaN"),
        (-0.0, "a negative zero"),
    ],
)
def test_a_note_says_what_is_special(x: float, note: str) -> None:
    assert f"({note})" in one_wrong(x, 0x55)


def test_bytes_are_compared_and_a_nan_is_a_nan() -> None:
    nan = np.float32([np.nan])
    other = (nan.view(np.uint32) | np.uint32(0x80000001)).view(np.float32)
    assert same_bytes((nan,), (other,))
    assert not same_bytes((np.float32([0.0]),), (np.float32([-0.0]),))
    assert not same_bytes((np.float32([1]),), (np.float64([1]),))
    assert not same_bytes((nan,), (nan, nan))


def said(capsys: pytest.CaptureFixture[str], lab: str, name: str, wrong: object) -> str:
    """Check a wrong function; return its message, which is printed too."""
    with pytest.raises(AssertionError) as caught:
        check(lab, name, wrong)
    assert str(caught.value) in capsys.readouterr().out
    return str(caught.value)


def test_a_right_answer_is_told_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    check("lab1", "decode", by_reference("lab1", "decode"))
    assert capsys.readouterr().out == "lab1, decode: all right, 6 of 6 points\n"
    assert load("lab1").task("decode").points == 6


def test_a_known_mistake_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    mistake = next(each for each in ENCODE.mistakes if each.name == "ties away")
    words = said(capsys, "lab1", "encode", lambda x: mistake.answer(x))
    assert words.startswith("lab1, encode: 6 of 10 points. ties: first differing")
    assert f"This looks like: ties away. {mistake.says}" in words


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda x: fp8lab.encode(x).astype(int), "the dtype is int64, and should be"),
        (lambda x: fp8lab.encode(x)[..., None], "the shape is [300, 1], and should be"),
        (lambda x: (fp8lab.encode(x),) * 2, "return 1 array; yours returned 2"),
        (lambda x: {"a": 1}, "a dict of dtype object is no array of numbers"),
        (lambda x: x[10_000], "IndexError: index 10000 is out of bounds"),
    ],
)
def test_what_is_no_array_of_codes_is_said(
    wrong: Callable[..., object], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # What fp8lab gives stands for a student's own arrays here.
    codes = replace(ENCODE, forbidden=())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fp8lab.grading.checks.task_of", lambda *_: codes)
        assert words in said(capsys, "lab1", "encode", wrong)


def test_an_exception_is_shown_with_its_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def encode(x: np.ndarray) -> np.ndarray:
        return x[len(x) // (x.size * 0)]

    words = said(capsys, "lab1", "encode", encode)
    assert "It raised ZeroDivisionError: " in words
    assert re.search(
        r"\(line \d+ of the cell: `return x\[len\(x\) // \(x.size \* 0\)\]`\)", words
    )


def test_a_stub_is_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    def encode(x: np.ndarray) -> np.ndarray:
        raise NotImplementedError("lab1: encode is yours to write")

    words = said(capsys, "lab1", "encode", encode)
    assert words == "lab1: encode is yours to write"


def helper(x: np.ndarray) -> np.ndarray:
    return fp8lab.encode(x)


@pytest.mark.parametrize(
    "borrowed", [fp8lab.encode, lambda x: fp8lab.encode(x), lambda x: helper(x)]
)
def test_a_library_that_knows_the_answer_is_refused(
    borrowed: Callable[..., object], capsys: pytest.CaptureFixture[str]
) -> None:
    words = said(capsys, "lab1", "encode", borrowed)
    assert re.search("it uses .*fp8lab.* which has the answer", words)


def test_an_interruption_goes_through() -> None:
    def forever(x: np.ndarray) -> np.ndarray:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("lab1", "encode", forever)


def test_inputs_may_be_written_to_and_warnings_are_quiet() -> None:
    reference = by_reference("lab1", "encode")

    def encode(x: np.ndarray) -> object:
        codes = reference(x)
        x *= np.float32(3e38)
        return codes

    check("lab1", "encode", encode)
    check("lab1", "encode", encode)


def test_wrong_calls_are_said() -> None:
    with pytest.raises(ValueError, match="lab1 has no task 'encod'; it has decode"):
        check("lab1", "encod", len)
    with pytest.raises(TypeError, match="check takes the function itself"):
        check("lab1", "encode", np.zeros(3))
    with pytest.raises(ValueError, match="no lab 'lab7'"):
        progress("lab7")
