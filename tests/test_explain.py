"""The anatomy of every code, against its value by ml_dtypes and plain text."""

import doctest
import re
from fractions import Fraction

import numpy as np
import pytest

import fp8lab
from fp8lab import ALL_FORMATS, E4M3FN, E5M2, decode, encode, explain, format_of
from tests.oracles import ML_NAMES, values_of

EVERY_CODE = pytest.mark.parametrize("name", ML_NAMES)


@EVERY_CODE
def test_value_and_kind_of_every_code(name):
    fmt = format_of(name)
    for code, value in enumerate(values_of(name).tolist()):
        anatomy = explain(code, fmt)
        assert (anatomy.code, anatomy.fmt) == (code, fmt)
        assert np.array_equal(anatomy.value, value, equal_nan=True)
        assert np.signbit(anatomy.value) == np.signbit(value)
        if np.isnan(value):
            kind = "nan"
        elif np.isinf(value):
            kind = "infinity"
        elif value == 0:
            kind = "zero"
        else:
            kind = "normal" if abs(value) >= fmt.smallest_normal else "subnormal"
        assert anatomy.kind == kind


@EVERY_CODE
def test_fields_are_the_bits_of_every_code(name):
    fmt = format_of(name)
    for code in range(values_of(name).size):
        anatomy = explain(code, fmt)
        assert anatomy.bits.replace(" ", "") == f"{code:0{fmt.bits}b}"
        parts = [int(part, 2) for part in anatomy.bits.split()]
        fields = [anatomy.exponent_field]
        if fmt.is_signed:
            fields.insert(0, anatomy.sign)
        else:
            assert anatomy.sign == 0
        if fmt.mantissa_bits:
            fields.append(anatomy.mantissa_field)
        else:
            assert anatomy.mantissa_field == 0
        assert parts == fields
        widths = [len(part) for part in anatomy.bits.split()]
        wanted = [int(fmt.is_signed), fmt.exponent_bits, fmt.mantissa_bits]
        assert widths == [width for width in wanted if width]


@EVERY_CODE
def test_significand_and_exponent_make_the_value(name):
    for code, value in enumerate(values_of(name).tolist()):
        anatomy = explain(code, name)
        if not np.isfinite(value):
            assert anatomy.exponent is anatomy.significand is anatomy.ulp is None
            continue
        assert anatomy.significand * 2.0**anatomy.exponent == abs(value)
        normal = anatomy.kind == "normal"
        assert (1 if normal else 0) <= anatomy.significand < (2 if normal else 1)


@EVERY_CODE
def test_neighbours_of_every_code_by_brute_force(name):
    values = values_of(name)
    line = np.unique(values[~np.isnan(values)])
    for code, value in enumerate(values.tolist()):
        anatomy = explain(code, name)
        near = (anatomy.previous_code, anatomy.next_code)
        if np.isnan(value):
            assert near == (None, None)
            continue
        at = int(np.searchsorted(line, value))
        for neighbour, place in zip(near, (at - 1, at + 1), strict=True):
            if not 0 <= place < line.size:
                assert neighbour is None
            elif line[place] == 0:
                assert neighbour == 0  # never the code of -0
            else:
                assert values[neighbour] == line[place]


@EVERY_CODE
def test_ulp_is_the_step_to_the_next_larger_magnitude(name):
    values = values_of(name)
    line = np.unique(np.abs(values[np.isfinite(values)]))
    for code, value in enumerate(values.tolist()):
        if np.isfinite(value) and abs(value) != line[-1]:
            at = int(np.searchsorted(line, abs(value)))
            assert explain(code, name).ulp == line[at + 1] - line[at]
    largest = explain(format_of(name).max_code, name)
    if name != "float8_e8m0fnu":  # there each step doubles
        assert largest.ulp == line[-1] - line[-2]


@EVERY_CODE
def test_the_formula_is_true_in_all_three_spellings(name):
    pattern = r"(-?)([01])\.([01]+)b x 2\^(-?\d+) = (\S+) x 2\^(-?\d+) = (\S+)"
    for code, value in enumerate(values_of(name).tolist()):
        formula = explain(code, name).formula
        if not np.isfinite(value):
            assert formula.startswith(f"{value} by the format's rule: ")
            continue
        match = re.fullmatch(pattern, formula)
        minus, hidden, digits, power, significand, again, text = match.groups()
        fraction = Fraction(int(hidden + digits, 2), 2 ** len(digits))
        binary = fraction * Fraction(2) ** int(power)
        assert power == again
        assert (minus == "-") == bool(np.signbit(value))
        assert binary == abs(Fraction(value))
        assert Fraction(significand) * Fraction(2) ** int(again) == Fraction(value)
        assert float(text) == pytest.approx(value, rel=1e-8)


@pytest.mark.parametrize("fmt", ALL_FORMATS, ids=str)
def test_any_code_of_any_format_has_a_short_text(fmt):
    random = np.random.default_rng(1).integers(0, fmt.code_count, 200).tolist()
    edges = [0, 1, fmt.max_code, fmt.max_code + 1, fmt.code_count - 1]
    for code in {*edges, *random} - {fmt.code_count}:
        text = repr(explain(code, fmt))
        assert text.startswith(f"{fmt} 0x{code:0{-(-fmt.bits // 4)}x} = ")
        assert max(map(len, text.splitlines())) < 110
        value = decode(fmt.code_dtype.type(code), fmt, dtype=float)
        assert np.array_equal(explain(code, fmt).value, value, equal_nan=True)


def test_the_text_of_some_codes():
    assert repr(explain(encode(0.3952))) == (
        "E4M3FN 0x2d = 0 0101 101 (normal)\n"
        "  value      1.101b x 2^-2 = 1.625 x 2^-2 = 0.40625\n"
        "  ulp        0.03125\n"
        "  neighbours 0.375 (0x2c) and 0.4375 (0x2e)"
    )
    assert repr(explain(0x7E)).endswith("neighbours 416 (0x7d) and none")
    assert repr(explain(0x80)) == (
        "E4M3FN 0x80 = 1 0000 000 (zero)\n"
        "  value      -0.000b x 2^-6 = -0 x 2^-6 = -0\n"
        "  ulp        0.001953125\n"
        "  neighbours -0.001953125 (0x81) and 0.001953125 (0x01)"
    )
    assert repr(explain(0x7C, E5M2)) == (
        "E5M2 0x7c = 0 11111 00 (infinity)\n"
        "  value      inf by the format's rule: "
        "the all-ones exponent holds infinity and NaN\n"
        "  neighbours 57344 (0x7b) and none"
    )
    assert "the all-ones code is the NaN" in repr(explain(0xFF))
    assert "the code of -0 is the NaN" in repr(explain(0x80, "E4M3FNUZ"))
    assert repr(explain(0xFF)).endswith("neighbours none and none")


@pytest.mark.parametrize("make", [int, np.uint8, np.int64, np.uint32])
def test_any_integer_is_a_code(make):
    assert explain(make(45)) == explain(45, E4M3FN) == explain(45, "e4m3fn")
    assert type(explain(make(45)).code) is int


def test_the_example_of_the_package_is_true():
    failures, examples = doctest.testmod(fp8lab)
    assert examples > 0
    assert failures == 0
