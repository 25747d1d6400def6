"""The number line: where x lands, its bins and ties, against encode and ml_dtypes."""

import json
import math
import time
import timeit

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fp8lab import decode, encode, format_of
from fp8lab.states import number_line_state
from fp8lab.states.axis import Axis, cell, finite_values
from fp8lab.states.number_line import CHOICES

FP8 = ("E4M3FN", "E5M2", "E4M3FNUZ", "E2M1FN")
NUMBERS = st.floats(-2000, 2000, allow_nan=False)


def facts(state):
    return dict(state["facts"])


@pytest.mark.parametrize("name", CHOICES)
def test_the_line_has_every_finite_value_once(name):
    fmt = format_of(name)
    values, codes = finite_values(fmt)
    theirs = np.arange(fmt.code_count, dtype=fmt.code_dtype)
    if fmt.bits <= 8:
        dtype = getattr(ml_dtypes, fmt.name)
        theirs = theirs.view(dtype).astype(np.float64)
    else:
        theirs = decode(theirs, fmt, dtype="float64")
    assert np.array_equal(values, np.unique(theirs[np.isfinite(theirs)]))
    assert np.array_equal(decode(codes, fmt, dtype="float64"), values)


@given(x=NUMBERS, name=st.sampled_from(FP8))
def test_x_lands_where_ml_dtypes_puts_it(x, name):
    fmt = format_of(name)
    state = number_line_state(x, name, policy="ml_dtypes")
    dtype = getattr(ml_dtypes, fmt.name)
    # Through the scalar constructor, which rounds a float64 once.
    code = int(np.asarray(dtype(x)).view(np.uint8))
    (outcome,) = state["main"]["outcomes"]
    assert int(outcome["code"], 16) == code
    json.dumps(state, allow_nan=False)


@given(x=NUMBERS, name=st.sampled_from(CHOICES))
def test_the_neighbours_are_the_nearest_values_on_either_side(x, name):
    fmt = format_of(name)
    values, _ = finite_values(fmt)
    if x < values[0] and not fmt.is_signed:
        return  # nothing of the format lies there
    start, gap = cell(x, fmt)
    assert start <= x < start + gap
    if values[0] <= x < values[-1]:
        assert start == values[values <= x].max()
        assert start + gap == values[values > x].min()


@pytest.mark.parametrize("rounding", ["nearest-even", "toward-zero", "ties-away"])
@pytest.mark.parametrize("name", ["E4M3FN", "E5M2", "E2M1FN", "E3M2FN"])
@pytest.mark.parametrize("window", ["near", "whole"])
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_bin_holds_the_numbers_that_round_to_its_even_code(
    name, rounding, window, scale
):
    state = number_line_state(1.3, name, rounding=rounding, window=window, scale=scale)
    axis = Axis(scale, *state["window"])
    assert state["main"]["shaded"]
    for start, end in state["main"]["shaded"]:
        inside = [axis.value(start + (end - start) * t) for t in (0.01, 0.5, 0.99)]
        codes = encode(np.array(inside), name, rounding=rounding)
        assert len(set(decode(codes, name).tolist())) == 1
        assert codes[0] % 2 == 0


def test_each_tie_mark_is_a_midpoint():
    state = number_line_state(17)
    axis = Axis("linear", *state["window"])
    for at in state["main"]["ties"]:
        x = axis.value(at)
        fmt = format_of("E4M3FN")
        assert x == pytest.approx(sum(cell(x, fmt)[:1]) + cell(x, fmt)[1] / 2, rel=1e-3)


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"x": 17}, "17 is a tie between 16 and 18: it goes to 16 (0x58), the "
                    "neighbour with the even code."),
        ({"x": 17, "rounding": "ties-away"}, "it goes to 18 (0x59), the neighbour "
                                             "farther from zero."),
        ({"x": -17.7, "rounding": "toward-zero"}, "-17.7 is cut to -16 (0xd8)"),
        ({"x": 16}, "16 is a value of E4M3FN (0x58): no error."),
        ({"x": 464}, "464 is a tie between 448 and 480: it goes to 448 (0x7e)"),
        ({"x": 465, "policy": "ml_dtypes"}, "465 is past 464, where overflow begins: "
                                            "policy ml_dtypes makes it NaN (0x7f)."),
        ({"x": 61440, "format": "E5M2"}, "policy cuda makes it 57344 (0x7b)."),
        ({"x": 464, "rounding": "ties-away"}, "where overflow begins"),
        ({"x": "2^-10"}, "is a tie between 0 and 0.00195312: it goes to 0 (0x00)"),
        ({"x": 3, "format": "E8M0FNU"}, "it goes to 4 (0x81), up, as all ties do"),
    ],
)  # fmt: skip
def test_the_sentence_says_what_is_seen(inputs, sentence):
    assert sentence in number_line_state(**inputs)["summary"]


def test_past_the_ends_there_is_one_neighbour():
    names = ("lower neighbour", "upper neighbour")
    for x, expected in (
        (17, ("16", "18")),
        (16, ("16", "16")),
        (1e30, ("448", "none")),
        (-450, ("none", "-448")),
    ):
        readings = facts(number_line_state(x))
        assert tuple(readings[name] for name in names) == expected


def test_stochastic_rounding_shows_both_neighbours_and_their_odds():
    state = number_line_state(17.5, rounding="stochastic")
    first, second = state["main"]["outcomes"]
    assert (first["value"], first["share"]) == ("18", "75 %")
    assert (second["value"], second["share"]) == ("16", "25 %")
    assert facts(state)["error"] == "–"
    over = number_line_state(450, rounding="stochastic", policy="ml_dtypes")
    assert [o["value"] for o in over["main"]["outcomes"]] == ["448", "NaN"]
    saturated = number_line_state(450, rounding="stochastic", policy="cuda")
    assert [o["share"] for o in saturated["main"]["outcomes"]] == [""]


@given(x=st.floats(-500, 500, allow_nan=False))
def test_the_odds_are_those_of_encode(x):
    state = number_line_state(x, rounding="stochastic")
    bits = np.random.default_rng(0).integers(0, 1 << 32, 4096, dtype=np.uint32)
    codes = encode(np.full(4096, x), rounding="stochastic", random_bits=bits)
    outcomes = {int(o["code"], 16): o["share"] for o in state["main"]["outcomes"]}
    assert {int(code) for code in codes} <= set(outcomes)
    for code, share in outcomes.items():
        expected = float(share.removesuffix(" %") or 100) / 100
        assert np.mean(codes == code) == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("x", ["17", "0.3", "-0.3", "2^-10", "448", "464", "1000", "0"])
@pytest.mark.parametrize("name", ["E4M3FN", "E5M2", "E2M1FN", "BF16"])
def test_the_keys_go_to_the_nearest_step_value_and_tie(x, name):
    fmt = format_of(name)
    here = float(number_line_state(x, name)["x"])
    moves = {k: float(v) for k, v in number_line_state(x, name)["moves"].items()}
    assert moves["tie_before"] < here < moves["tie_after"]
    assert moves["previous"] <= moves["left"] < here < moves["right"] <= moves["next"]
    values, _ = finite_values(fmt)
    if abs(here) < fmt.max:
        assert moves["next"] == values[values > here].min()
        assert moves["previous"] == values[values < here].max()
    tie = number_line_state(repr(moves["tie_after"]), name)
    assert tie["main"]["tie"] or abs(moves["tie_after"]) > fmt.max


def test_dragging_snaps_so_that_ties_and_values_can_be_hit():
    shown = {"window": [10.0, 26.0], "x": "17"}
    xs = {number_line_state(at=at, **shown)["x"] for at in np.linspace(0, 1, 800)}
    assert {"16", "17", "18", "21", "24"} <= xs
    assert number_line_state(at=7.0, **shown)["x"] == "26"
    negative = number_line_state("-17", scale="log", window=[1.0, 64.0], at=0.5)
    assert float(negative["x"]) == pytest.approx(-8, rel=0.01)


def test_a_window_follows_a_number_that_leaves_it():
    state = number_line_state(100, window=[0.0, 10.0])
    assert state["window"] == [95.0, 105.0]
    assert state["at"] == 0.5
    state = number_line_state(17, window="whole")
    assert state["zoom"]["out"] is None
    closer = number_line_state(17, window=state["zoom"]["in"])
    assert closer["at"] == pytest.approx(state["at"], abs=1e-4)


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("x", [17, -0.3, 0, 1000, 2.0**-9])
def test_zooming_ends_on_either_side(scale, x):
    for way in ("in", "out"):
        state, clicks = number_line_state(x, scale=scale), 0
        while (window := state["zoom"][way]) is not None:
            state = number_line_state(x, scale=scale, window=window)
            clicks += 1
            assert clicks < 40


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"x": "12x"}, '"12x" is not a number'),
        ({"x": "nan"}, "NaN has no place on the line; type a finite number"),
        ({"x": "-inf"}, "-Inf has no place on the line"),
        ({"x": -3, "format": "E8M0FNU"}, "E8M0FNU has neither zero nor a sign"),
        ({"format": "FP32"}, "FP32 has too many values to list; choose from E4M3FN"),
        ({"beside": ["fp9"]}, "unknown format 'fp9'"),
        ({"scale": "cubic"}, "unknown scale 'cubic'; use one of linear, log"),
        ({"rounding": "up"}, "unknown rounding 'up'"),
        ({"policy": "mine"}, "unknown overflow policy 'mine'"),
        (
            {"window": "far"},
            "the window is 'far'; give 'near', 'whole', or two numbers",
        ),
        ({"window": [2, 1]}, "low < high"),
        ({"window": [1, math.inf]}, "low < high"),
        ({"window": [0, 1], "scale": "log"}, "greater than 0 on a log scale"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(inputs, message):
    with pytest.raises(ValueError, match=message):
        number_line_state(**inputs)


def test_a_figure_draws_what_the_state_says():
    from fp8lab.figures import draw_number_line

    state = number_line_state(0.3, beside=["E5M2", "BF16"], window="whole")
    axes = draw_number_line(state)
    assert axes.get_title(loc="left") == state["summary"]
    texts = [text.get_text() for text in axes.texts]
    assert "E4M3FN: 0.3125 (0x2a)" in texts
    assert "BF16: 0.300781 (0x3e9a)" in texts
    axes.figure.clear()


def test_how_long_a_state_takes(capsys):
    cases = {
        "near": {},
        "whole, three formats beside": {
            "beside": ["E5M2", "BF16", "FP16"],
            "window": "whole",
        },
    }
    for name, inputs in cases.items():
        times = timeit.repeat(
            lambda i=inputs: number_line_state(0.3, **i),
            timer=time.process_time,
            number=10,
        )
        with capsys.disabled():
            print(f"number_line, {name}: {1e3 * min(times) / 10:.2f} ms a state")
