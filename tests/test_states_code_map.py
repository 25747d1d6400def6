"""The code map: counts and order against ml_dtypes, the numbers against the metrics."""

import base64
import json
import timeit

import ml_dtypes
import numpy as np
import pytest

from fp8lab import encode, format_of
from fp8lab.figures import draw_code_map
from fp8lab.metrics import underflow_rate
from fp8lab.states import code_map_state
from fp8lab.states.code_map import FORMATS
from tests.oracles import SIGNED_NAMES, ml_dtype

NAMES = [fmt.name for fmt in FORMATS]


def gaussian(size=4096, scale=1.0, seed=0):
    return np.random.default_rng(seed).normal(0, scale, size).astype(np.float32)


def raw(text):
    return np.frombuffer(base64.b64decode(text), np.uint8)


def counts_of(state):
    return [int(count.replace(",", "")) for count in state["usage"]["counts"]]


def number(state, name):
    return {n["name"]: n["value"] for n in state["usage"]["numbers"]}[name]


def values_of(name):
    fmt = format_of(name)
    codes = np.arange(fmt.code_count, dtype=np.uint8)
    return codes.view(ml_dtype(name)).astype(np.float64)


def test_every_signed_format_of_8_bits_has_a_map():
    assert sorted(NAMES) == sorted(SIGNED_NAMES)


@pytest.mark.parametrize("name", SIGNED_NAMES)
def test_counts_are_those_of_ml_dtypes(name):
    fmt = format_of(name)
    # In range: outside, the stacks differ and the map follows CUDA.
    x = np.clip(gaussian(scale=fmt.max / 8), -fmt.max, fmt.max)
    expected = np.bincount(
        x.astype(ml_dtype(name)).view(np.uint8), minlength=fmt.code_count
    )
    assert counts_of(code_map_state(x, format=name)) == expected.tolist()


@pytest.mark.parametrize("name", SIGNED_NAMES)
def test_kinds_values_and_order_are_those_of_ml_dtypes(name):
    state = code_map_state(format=name)
    values, info = values_of(name), ml_dtypes.finfo(ml_dtype(name))
    magnitude = np.abs(values)
    kinds = np.select(
        [
            np.isnan(values),
            np.isinf(values),
            values == 0,
            magnitude < float(info.smallest_normal),
        ],
        [4, 3, 0, 1],
        2,
    )
    assert raw(state["kinds"]).tolist() == kinds.tolist()
    assert state["kind_counts"] == [int((kinds == kind).sum()) for kind in range(5)]
    assert [float(text) for text in state["values"]] == pytest.approx(
        values.tolist(), nan_ok=True
    )
    in_order = values[state["order"]]
    assert (np.diff(in_order) >= 0).all()
    assert len(in_order) == (kinds != 4).sum()
    zeros = np.flatnonzero(in_order == 0)
    # -0, where there is one, comes first.
    assert np.signbit(in_order[zeros]).tolist() == [True, False][-len(zeros) :]
    assert state["hex"][-1] == {256: "0xff", 64: "0x3f", 16: "0xf"}[len(values)]


@pytest.mark.parametrize("name", SIGNED_NAMES)
def test_underflow_is_that_of_the_metrics(name):
    x = gaussian(scale=format_of(name).smallest_subnormal)
    state = code_map_state(x, format=name)
    rate = underflow_rate(x, x.astype(ml_dtype(name)).astype(np.float32))
    assert number(state, "underflow") == f"{100 * rate:.3g} %"
    assert rate > 0.1


def test_saturation_begins_past_the_last_rounding_bin():
    x = np.float32([464, np.nextafter(np.float32(464), np.float32(465)), -1000, np.inf])
    assert number(code_map_state(x), "saturated") == "75 %"
    assert number(code_map_state(x[:1]), "saturated") == "0 %"


def test_an_amax_scale_saturates_nothing():
    for seed in range(50):
        x = gaussian(64, scale=10.0**seed / 1e25, seed=seed)
        state = code_map_state(x, scale="amax")
        assert number(state, "saturated") == "0 %"
        assert int(np.abs(values_of("float8_e4m3fn")[state["code"]])) == 448
        assert counts_of(state)[0x7E] + counts_of(state)[0xFE] >= 1


def test_nan_is_counted_at_its_code_alone():
    state = code_map_state(np.float32([np.nan, 1, 0, -0.0]))
    counts = counts_of(state)
    assert (counts[0x7F], counts[0x38], counts[0], counts[0x80]) == (1, 1, 1, 1)
    assert number(state, "underflow") == number(state, "saturated") == "0 %"
    # NaN is no number: three of the 254.
    assert number(state, "codes used") == "3 of 254"


def test_effective_bits_are_the_entropy():
    assert number(code_map_state(np.ones(7)), "effective bits") == "0.00 of 8"
    every = values_of("float8_e4m3fn")
    state = code_map_state(every[np.isfinite(every)])
    assert number(state, "effective bits") == f"{np.log2(254):.2f} of 8"
    assert number(state, "codes used") == "254 of 254"


@pytest.mark.parametrize("size", [1, 3, 100, 4096, 300_000])
def test_every_count_lies_in_the_range_its_colour_names(size):
    state = code_map_state(gaussian(size), scale="amax")
    ranges = {}
    for level, text in state["usage"]["heat_legend"]:
        low, _, high = text.replace(",", "").partition("–")
        ranges[level] = (int(low), int(high or low))
    counts = counts_of(state)
    for count, level in zip(counts, raw(state["usage"]["heat"]), strict=True):
        low, high = ranges[level]
        assert low <= count <= high
    assert ranges[max(ranges)][1] == max(counts)


def test_bars_follow_the_order_of_the_values():
    state = code_map_state(gaussian(), scale="amax")
    counts, bars = counts_of(state), state["usage"]["bars"]
    in_order = np.array(counts)[state["order"]]
    assert np.allclose(bars, in_order / in_order.max(), atol=1e-4)


def test_bfloat16_counts_as_the_float32_it_is():
    x = gaussian().astype(ml_dtypes.bfloat16)
    for given in (x, x.view(np.uint16)):
        for scale in ("none", "amax"):
            state = code_map_state(given, scale=scale)
            assert state == code_map_state(x.astype(np.float32), scale=scale)


def test_a_code_that_a_smaller_format_lacks_gives_way():
    assert code_map_state(format="E2M1FN", code=200)["code"] == 7
    assert code_map_state(format="E2M1FN", code=9)["selected"]["value"] == "-0.5"


@pytest.mark.parametrize("name", SIGNED_NAMES)
def test_the_state_is_json(name):
    fmt = format_of(name)
    for code in (0, fmt.code_count - 1, fmt.max_code):
        state = code_map_state(gaussian(), format=name, code=code, colour="usage")
        assert json.loads(json.dumps(state, allow_nan=False))["code"] == code


def test_the_selected_code_says_what_it_stands_for():
    x = np.float32([1, 2, 3, 4])
    selected = code_map_state(x, scale="amax", code=0x7E)["selected"]
    assert selected["fields"] == [
        ["sign", "0"],
        ["exponent", "1111"],
        ["mantissa", "110"],
    ]
    assert selected["stands_for"] == "4"
    assert selected["use"] == "1 of 4 elements (25 %)"
    assert int(encode(x / np.float32(4 / 448))[-1]) == 0x7E


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"format": "fp8"}, "unknown format 'fp8'"),
        ({"format": "E8M0FNU"}, "no map of elements"),
        ({"format": "BF16"}, "no map of elements"),
        ({"scale": "big"}, "unknown scale 'big'; use one of none, amax"),
        ({"colour": "red"}, "unknown colour 'red'; use one of kind, usage"),
        ({"code": -1}, "codes 0 to 255"),
        ({"code": 1.5}, "give an integer"),
        ({"x": []}, "empty"),
        ({"x": [1j]}, "dtype complex128"),
    ],
)
def test_bad_inputs_are_refused_in_a_sentence(inputs, message):
    with pytest.raises(ValueError, match=message):
        code_map_state(**{"x": [1.0], **inputs})


@pytest.mark.parametrize("name", ["E4M3FN", "E5M2", "E3M2FN", "E2M1FN"])
@pytest.mark.parametrize("colour", ["kind", "usage"])
def test_the_figure_draws_every_code(name, colour):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    state = code_map_state(gaussian(), format=name, colour=colour)
    axes = draw_code_map(state)
    assert [text.get_text() for text in axes.texts] == [h[2:] for h in state["hex"]]
    entries = [text.get_text() for text in axes.get_legend().get_texts()]
    if colour == "usage":
        assert entries == [text for _, text in state["usage"]["heat_legend"]]
    else:
        assert entries[1].startswith("subnormal (")
    axes.figure.canvas.draw()
    given = pyplot.figure().subplots()
    assert draw_code_map(state, given) is given
    pyplot.close("all")


def test_time_of_a_state():
    x = gaussian().reshape(64, 64)
    runs = timeit.repeat(lambda: code_map_state(x, scale="amax"), number=20, repeat=9)
    print(f"code_map_state, 64 x 64: {1000 * np.median(runs) / 20:.2f} ms")
