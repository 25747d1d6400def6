"""The picture of what was expected beside what a student gave."""

from xml.etree import ElementTree

import numpy as np
import pytest

import fp8lab
from fp8lab.grading.compare import compare
from fp8lab.grading.labs import task_of
from fp8lab.grading.picture import picture
from fp8lab.grading.tasks import Case

ENCODE = task_of("lab1", "encode")


def drawn(x: float, code: int) -> ElementTree.Element:
    """Return the picture of one wrong code, parsed."""
    inputs = np.full(20, x, np.float32)
    codes = fp8lab.encode(inputs)
    codes[3:] = code
    found = compare(ENCODE, Case("ties", (inputs,)), (codes,))
    assert found is not None
    return ElementTree.fromstring(picture(found))


def texts(svg: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in svg.iter("text")]


def test_the_picture_has_bits_line_map_and_words() -> None:
    svg = drawn(1.0625, 0x39)
    told = texts(svg)
    bits = [text for text in told if text in ("0", "1")]
    assert "".join(bits[:16]) == "00111000" + "00111001"
    assert [told.count(each) for each in ("0x38", "0x39", "0x3a")] == [1, 1, 1]
    assert "input 1.0625" in told
    assert "17 of 20 elements differ; the first is framed" in told
    words = svg.findtext("desc") or ""
    assert "expected 00111000, yours 00111001; 1 bit differs" in words
    assert "1.0625 lies between 1 and 1.125" in words
    assert svg.get("role") == "img"


@pytest.mark.parametrize("x", [np.nan, np.inf, 1e30, -0.0, 464.0, 2**-9, -448.0, 500.0])
@pytest.mark.parametrize("code", [0x00, 0x80, 0x7F, 0xFF, 0x7E, 0x05])
def test_every_place_can_be_drawn(x: float, code: int) -> None:
    if fp8lab.encode(np.float32(x)) != code:
        svg = drawn(x, code)
        assert "nan" not in (svg.get("width") or "")
        for each in svg.iter():
            assert all("nan" not in value for value in each.attrib.values())


def test_a_float_is_drawn_in_32_bits_and_numbers_are_written() -> None:
    task = task_of("lab1", "decode")
    case = Case("NaN", (np.uint8([0x38, 0x39]),))
    found = compare(task, case, (np.float32([1.0, -1.125]),))
    assert found is not None
    svg = ElementTree.fromstring(picture(found))
    assert sum(text in ("0", "1") for text in texts(svg)) == 64
    assert "1 bit differs" in (svg.findtext("desc") or "")
    choose = task_of("lab2", "choose")
    case = next(choose.cases(np.random.default_rng(0)))
    wrong = choose.expected(case)[0] + 1
    told = compare(choose, case, (wrong,))
    assert told is not None
    assert "expected" in (ElementTree.fromstring(picture(told)).findtext("desc") or "")
