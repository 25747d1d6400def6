"""The stacks: our bytes and the sentence, against the libraries themselves."""

import json
import time
import timeit

import ml_dtypes
import numpy as np
import pytest
import torch

from fp8lab import POLICIES, decode, encode, format_of
from fp8lab.states import stacks_state
from fp8lab.states.axis import border_overflows, overflow_border
from fp8lab.states.stacks import CHOICES, PRESETS, to_float32
from fp8lab.widgets.libraries import library_codes

TEXTS = [text for _, texts in PRESETS for text in texts] + ["0.1", "1e30", "-3"]


def codes_of(state, column=0):
    rows = state["rows"]
    return {row["policy"]: int(row["cells"][column]["hex"], 16) for row in rows}


@pytest.mark.parametrize("text", TEXTS)
def test_every_policy_gives_the_byte_of_encode(text):
    state = stacks_state(text, CHOICES)
    x = to_float32(text)
    for column, name in enumerate(CHOICES):
        expected = {policy: int(encode(x, name, policy=policy)) for policy in POLICIES}
        assert codes_of(state, column) == expected
    json.dumps(state, allow_nan=False)


@pytest.mark.parametrize("text", TEXTS)
def test_the_libraries_give_the_bytes_that_stand_for_them(text):
    live = library_codes(text, CHOICES)
    state = stacks_state(text, CHOICES, live)
    asked = [
        cell["live"]
        for row in state["rows"]
        for cell in row["cells"]
        if cell["live"] is not None
    ]
    # ml_dtypes has all eleven formats, torch five.
    assert len(asked) == 11 + 5
    assert all(answer["same"] for answer in asked), state["summary"]
    assert state["libraries"] == [
        f"ml_dtypes {ml_dtypes.__version__}",
        f"torch {torch.__version__.partition('+')[0]}",
    ]


def test_465_is_where_the_stacks_part():
    state = stacks_state("465")
    assert codes_of(state) == {
        **dict.fromkeys(("cuda", "torch", "onnx"), 0x7E),
        **dict.fromkeys(("torch-2.11", "ml_dtypes", "onnx-nosat"), 0x7F),
    }
    first, second = state["columns"]
    assert (first["verdict"], second["verdict"]) == ("2 bytes", "all agree")
    assert first["cause"] == "Overflow: the policy decides (overflow begins above 464)."
    assert state["summary"] == (
        "465 in E4M3FN: cuda, torch and onnx give 0x7e (448); torch-2.11, ml_dtypes "
        "and onnx-nosat give 0x7f (NaN). E5M2: every stack gives 0x5f (448)."
    )


def test_cells_of_one_group_hold_one_byte():
    state = stacks_state("-nan", CHOICES)
    for column in range(len(CHOICES)):
        cells = [row["cells"][column] for row in state["rows"]]
        assert len({(cell["group"], cell["hex"]) for cell in cells}) == len(
            {cell["hex"] for cell in cells}
        )


@pytest.mark.parametrize("name", CHOICES)
def test_overflow_begins_where_the_sentence_says(name):
    fmt = format_of(name)
    border = overflow_border(fmt)
    at_border = decode(encode(border, fmt, policy="onnx-nosat"), fmt)
    above = decode(encode(np.nextafter(border, np.inf), fmt, policy="onnx-nosat"), fmt)
    below = decode(encode(np.nextafter(border, 0), fmt, policy="onnx-nosat"), fmt)
    if fmt.nan_codes:
        assert not np.isfinite(above)
        assert np.isfinite(at_border) == (not border_overflows(fmt))
    assert below == fmt.max


def test_a_float64_is_shown_as_the_float32_that_stacks_are_given():
    assert stacks_state("0.1")["note"] == "Stacks are given float32: 0.100000001"
    assert stacks_state("0.5")["note"] == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": "12x"}, '"12x" is not a number'),
        ({"formats": []}, "no format is chosen; choose from E4M3FN"),
        ({"formats": ["FP16"]}, "FP16 has one policy only; choose from"),
        ({"formats": ["fp8"]}, "unknown format 'fp8'"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        stacks_state(**arguments)


def test_how_long_a_state_takes(capsys):
    times = timeit.repeat(stacks_state, timer=time.process_time, number=10)
    with capsys.disabled():
        print(f"stacks: {1e3 * min(times) / 10:.2f} ms a state")
