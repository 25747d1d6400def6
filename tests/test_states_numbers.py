"""What a learner types, and what a picture says."""

import math

import pytest

from fp8lab.states.numbers import (
    distinct,
    parse_number,
    power_text,
    ratio_text,
    short,
    value_text,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("465", 465.0),
        (" -1.5e3 ", -1500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("−3", -3.0),
        ("2^-9", 2.0**-9),
        ("-2**10", -1024.0),
        ("1.5*2^4", 24.0),
        ("-1.5 x 2^-6", -1.5 / 64),
        ("1/3", 1 / 3),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
        (7, 7.0),
    ],
)
def test_a_number_is_read(text, value):
    assert parse_number(text) == value


def test_signs_of_nan_and_zero_are_read():
    for text, sign in (("nan", 1.0), ("-nan", -1.0), ("+NaN", 1.0)):
        assert math.isnan(parse_number(text))
        assert math.copysign(1.0, parse_number(text)) == sign
    assert math.copysign(1.0, parse_number("-0")) == -1.0


@pytest.mark.parametrize(
    "text", ["12x", "1,000", "0x7e", "one", "1e", "2^", "2^1.5", "--1", "1/0", True]
)
def test_anything_else_is_refused_in_a_sentence(text):
    with pytest.raises(ValueError, match="is not a number; type a decimal"):
        parse_number(text)


def test_an_empty_field_and_a_too_large_number_say_what_to_do():
    with pytest.raises(ValueError, match="An empty field is not a number"):
        parse_number(" ")
    for text in ("1e999", "2^99999"):
        with pytest.raises(ValueError, match="write inf for infinity"):
            parse_number(text)


@pytest.mark.parametrize(
    "value", [0.1, -0.0, 1e-30, 65504.0, 5e-324, math.inf, -math.inf, 2.0**-133]
)
def test_a_value_survives_as_text(value):
    back = parse_number(value_text(value))
    assert back == value
    assert math.copysign(1.0, back) == math.copysign(1.0, value)


def test_numbers_are_written_for_reading():
    assert short(0.001953125) == "0.00195312"
    assert short(448.0) == "448"
    assert short(-math.nan) == "-NaN"
    assert power_text(2.0**-9) == "2⁻⁹"
    assert power_text(-4.0) == "-2²"
    assert power_text(3.0) is None
    assert power_text(0.0) is None
    assert ratio_text(-1.0, -16.0) == "-6.25 %"
    assert ratio_text(1.0, 0.0) == "–"
    assert distinct([0.1, 0.1 + 2**-27], 3) == ["0.1", "0.10000001"]
