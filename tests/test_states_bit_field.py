"""The bit field: every representation of a code, against explain, encode and torch."""

import json
import math
import time
import timeit

import ml_dtypes
import numpy as np
import pytest

from fp8lab import ALL_FORMATS, decode, encode, explain, format_of
from fp8lab.states import bit_field_state
from fp8lab.states.bit_field import BESIDE
from fp8lab.states.numbers import parse_number

NAMES = [fmt.short for fmt in ALL_FORMATS]


def some_codes(fmt):
    """Every code of E4M3FN; of the others both ends of each kind, and a few between."""
    if fmt.short == "E4M3FN":
        return range(fmt.code_count)
    top, sign = fmt.magnitude_mask, fmt.sign_mask
    ends = [0, 1, fmt.mantissa_mask, fmt.mantissa_mask + 1, fmt.max_code, top]
    between = range(0, top, max(top // 10, 1))
    return sorted({code | bit for code in (*ends, *between) for bit in (0, sign)})


@pytest.mark.parametrize("name", NAMES)
def test_each_representation_leads_back_to_the_same_code(name):
    fmt = format_of(name)
    for code in some_codes(fmt):
        state = bit_field_state(name, code=code)
        assert state["code"] == code
        json.dumps(state, allow_nan=False)
        for kind in ("bits", "hex", "code"):
            again = bit_field_state(name, text=str(state[kind]), kind=kind)
            assert again["code"] == code
        assert "".join(field["bits"] for field in state["fields"]) == state[
            "bits"
        ].replace(" ", "")
        back = bit_field_state(name, text=state["value"], policy="ml_dtypes")
        if state["kind"] not in ("nan", "infinity"):
            assert back["code"] == code
            assert back["asked"] is None


@pytest.mark.parametrize("name", ["E4M3FN", "E5M2", "E4M3FNUZ", "E2M1FN", "E8M0FNU"])
def test_values_are_those_of_ml_dtypes(name):
    fmt = format_of(name)
    codes = np.arange(fmt.code_count, dtype=np.uint8)
    theirs = codes.view(getattr(ml_dtypes, fmt.name)).astype(np.float64)
    for code in some_codes(fmt):
        value = float(theirs[code])
        ours = parse_number(bit_field_state(name, code=code)["value"])
        assert ours == value or (math.isnan(ours) and math.isnan(value))


def test_the_steps_go_to_the_neighbours():
    state = bit_field_state(code=0x7D)
    assert state["previous"] == {"bits": "01111100", "hex": "0x7c", "value": "384"}
    assert state["next"]["value"] == "448"
    assert bit_field_state(code=0x7E)["next"] is None
    assert bit_field_state(code=0x7F)["previous"] is None
    assert bit_field_state("E5M2", code=0x7B)["next"]["value"] == "Inf"
    up = bit_field_state(code=0)
    for code in range(1, 0x7F):
        up = bit_field_state(text=up["next"]["bits"], kind="bits")
        assert up["code"] == code


def formula_text(state):
    return "".join(
        piece["text"] + (f"^({piece['sup']})" if "sup" in piece else "")
        for piece in state["formula"]
    )


@pytest.mark.parametrize(
    ("inputs", "formula"),
    [
        ({"text": "448"}, "(-1)^(0) × 2^(15 - 7) × 1.110 = 2⁸ × 1.75 = 448"),
        ({"code": 0x83}, "(-1)^(1) × 2^(1 - 7) × 0.011 = -2⁻⁶ × 0.375 = -0.005859375"),
        ({"code": 0x7F}, "NaN: the all-ones code is the NaN"),
        ({"format": "E8M0FNU", "code": 130}, "2^(130 - 127) = 8"),
        (
            {"format": "E2M1FN", "text": "6"},
            "(-1)^(0) × 2^(3 - 1) × 1.1 = 2² × 1.5 = 6",
        ),
    ],
)
def test_the_formula_has_the_learners_numbers(inputs, formula):
    assert formula_text(bit_field_state(**inputs)) == formula


def test_a_value_between_two_codes_says_what_it_became():
    state = bit_field_state(text="0.3")
    assert state["hex"] == "0x2a"
    assert state["asked"] == {
        "value": "0.3",
        "error": "+0.0125",
        "relative": "+4.17 %",
        "ulp": "+0.4",
    }
    strip = state["strip"]
    assert strip["bin"][0] < strip["asked"] < strip["bin"][1]
    assert state["reference"] == "0.3"
    assert "policy cuda makes it this" in bit_field_state(text="1000")["summary"]
    nan = bit_field_state(text="1000", policy="ml_dtypes")
    assert nan["kind"] == "nan"
    assert nan["strip"] is None


@pytest.mark.parametrize("text", ["0.3", "448", "-1000", "1e-9", "inf", "-nan", "0"])
def test_the_other_formats_hold_the_same_value_as_well_as_they_can(text):
    state = bit_field_state(text=text)
    x = parse_number(text)
    assert [other["format"] for other in state["others"]] == list(BESIDE)
    for other in state["others"]:
        code = int(encode(x, other["format"]))
        assert int(other["hex"], 16) == code
        value = float(decode(code, other["format"], dtype="float64"))
        is_exact = value == x or (math.isnan(x) and math.isnan(value))
        assert (other["error"] == "exact") == is_exact
    here = [other["format"] for other in state["others"] if other["here"]]
    assert here == ["E4M3FN"]
    assert bit_field_state("E3M4")["others"][0]["format"] == "E3M4"


@pytest.mark.parametrize("name", NAMES)
def test_the_strip_is_in_order_and_the_bin_is_the_codes_own(name):
    fmt = format_of(name)
    for code in some_codes(fmt):
        state = bit_field_state(name, code=code)
        strip = state["strip"]
        if strip is None:
            assert not math.isfinite(explain(code, fmt).value)
            continue
        places = [tick["at"] for tick in strip["ticks"]]
        assert places == sorted(places)
        texts = [tick["value"] for tick in strip["ticks"]]
        assert len(set(texts)) == len(texts)
        (here,) = (tick for tick in strip["ticks"] if tick["here"])
        assert int(here["hex"], 16) == code
        low, high = strip["bin"]
        assert 0 <= low <= here["at"] <= high <= 1
        others = [tick["at"] for tick in strip["ticks"] if not tick["here"]]
        assert not any(low < at < high for at in others)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"text": "12x"}, "hex like 0x7e, bits like 0b01111110"),
        ({"text": ""}, "An empty field is not a number"),
        ({"text": "101", "kind": "bits"}, "type 8 digits 0 or 1, like 0 1111 110"),
        ({"text": "0b012"}, "type 8 digits 0 or 1"),
        ({"text": "0x1ff"}, "type one from 0x00 to 0xff"),
        ({"text": "xyz", "kind": "hex"}, "type one from 0x00 to 0xff"),
        ({"text": "256", "kind": "code"}, "type one from 0 to 255"),
        ({"text": "-1", "kind": "code"}, "type one from 0 to 255"),
        ({"code": 256}, "E4M3FN has codes 0 to 255; got 256"),
        ({"code": 1, "text": "1"}, "both code and text are given"),
        (
            {"text": "1", "kind": "octal"},
            "unknown kind 'octal'; use one of value, bits",
        ),
        ({"format": "fp8"}, "unknown format 'fp8'"),
        ({"text": "1", "policy": "mine"}, "unknown overflow policy 'mine'"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(inputs, message):
    with pytest.raises(ValueError, match=message):
        bit_field_state(**inputs)


def test_how_long_a_state_takes(capsys):
    for name in ("E4M3FN", "FP32"):
        times = timeit.repeat(
            lambda n=name: bit_field_state(n, text="0.1"),
            timer=time.process_time,
            number=10,
        )
        with capsys.disabled():
            print(f"bit_field, {name}: {1e3 * min(times) / 10:.2f} ms a state")
