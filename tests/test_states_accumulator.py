"""The accumulator: each step against mma, its bits, its numbers, its words."""

import json
import math
import time

import numpy as np
import pytest

from fp8lab.accumulators import EXACT, FLOAT32, Accumulator
from fp8lab.codec import decode
from fp8lab.formats import format_of
from fp8lab.states import accumulator_state
from fp8lab.states.accumulator_bits import addition
from fp8lab.states.accumulator_chain import chain_of
from fp8lab.states.accumulator_step import step_of
from fp8lab.states.accumulator_sums import DATA, GROUP, from_codes, sums_of
from fp8lab.tensorcore import mma

PAIRS = [(a, b) for a in ("E4M3FN", "E5M2") for b in ("E4M3FN", "E5M2")]
BITS = range(1, 24)


def random_codes(rng, shape, fmt):
    """Any bits but NaN and infinity."""
    codes = rng.integers(0, 256, shape).astype(np.uint8)
    return np.where(np.isfinite(decode(codes, fmt)), codes, np.uint8(0x01))


def small_codes(rng, shape, fmt):
    """Subnormals, zeros and the numbers next above them."""
    codes = rng.integers(0, 3 << fmt.mantissa_bits, shape)
    return (codes | rng.choice([0, 0x80], shape)).astype(np.uint8)


def same_bits(ours, theirs):
    ours, theirs = (np.asarray(x, np.float32) for x in (ours, theirs))
    return np.array_equal(ours.view(np.uint32), theirs.view(np.uint32))


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("bits", BITS)
def test_a_step_is_that_of_mma(pair, bits):
    rng = np.random.default_rng(bits)
    formats = [format_of(name) for name in pair]
    rule = Accumulator("tested", bits)
    for trial in range(12):
        make = small_codes if trial % 2 else random_codes
        a, b = (make(rng, GROUP, fmt) for fmt in formats)
        # From far below the products to far above them.
        start = np.float32(rng.normal() * 2.0 ** rng.integers(-149, 90))
        start = np.float32(0) if trial < 3 else start
        step = step_of(a, b, float(start), *formats, bits)
        (theirs,) = mma(
            *(a[None], b[:, None], np.array([[start]])),
            a_format=pair[0],
            b_format=pair[1],
            accumulator=rule,
        )
        assert same_bits([step.result.value], theirs)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("bits", BITS)
def test_every_value_along_k_is_that_of_mma(pair, bits):
    rng = np.random.default_rng(100 + bits)
    left, right = (format_of(name) for name in pair)
    depth = 12 * GROUP
    a, b = random_codes(rng, (3, depth), left), random_codes(rng, (depth, 2), right)
    a[1], b[:, 1] = small_codes(rng, depth, left), small_codes(rng, depth, right)
    a[2, ::3] = 0
    sums = from_codes(a, b, left, right)
    formats = {"a_format": left, "b_format": right}
    for promote in (None, 32, 128, 160, 4096):
        chain = chain_of(sums, bits, promote)
        rule = Accumulator("tested", bits, promote=promote)
        for k in range(GROUP, depth + 1, GROUP):
            theirs = mma(a[:, :k], b[:k], accumulator=rule, **formats)
            assert same_bits(chain.values[k // GROUP - 1], theirs.ravel())


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("data", DATA)
def test_the_yardsticks_are_what_they_say(pair, data):
    sums = sums_of(data, 0, *pair)
    for output in (0, 77, 255):
        products = sums.products[:, :, output].astype(np.float64)
        for step in (0, 5, 511):
            whole = math.fsum(products[: step + 1].ravel())
            assert sums.exact[step, output] == whole
    formats = {"a_format": pair[0], "b_format": pair[1]}
    theirs = mma(sums.a[:2, :1024], sums.b[:1024], accumulator=FLOAT32, **formats)
    assert same_bits(sums.float32[31, :32], theirs.ravel())


@pytest.mark.parametrize("data", DATA)
def test_a_step_begins_with_what_the_chain_left(data):
    sums = sums_of(data, 3, "E4M3FN", "E5M2")
    inputs = {"data": data, "seed": 3, "b_format": "E5M2"}
    for promote in (None, 96):
        rule = Accumulator("tested", 13, promote=promote)
        for step in (1, 2, 3, 4, 5, 6, 128):
            state = accumulator_state(step=step, term=33, promote=promote, **inputs)
            begin = 0 if promote is None else (step - 1) // 3 * 96
            part = slice(begin, 32 * step)
            register = mma(
                *(sums.a[:1, part], sums.b[part, :1]),
                b_format="E5M2",
                accumulator=Accumulator("tested", 13),
            ).item()
            assert dict(state["here"])["kept so far"] == f"{register:.7g}"
            whole = mma(
                *(sums.a[:1, : 32 * step], sums.b[: 32 * step, :1]),
                b_format="E5M2",
                accumulator=rule,
            ).item()
            ends = promote and (step % 3 == 0 or step == 128)
            assert bool(state["promotion"]) == bool(ends)
            assert not ends or f"becomes {whole:.7g}," in state["promotion"]


def number(row, columns, cut_at, low):
    """The value of a row's digits: kept and lost."""
    digits = row["kept"] + row["lost"]
    top = low + columns - 1 - row["at"]
    parts = [int(bit) * 2.0 ** (top - i) for i, bit in enumerate(digits)]
    kept = len(row["kept"])
    assert row["kept"] == "" or top - kept + 1 >= cut_at
    assert row["lost"] == "" or top - kept < cut_at
    sign = -1 if row["sign"] == "-" else 1
    return sign * sum(parts[:kept]), sign * sum(parts[kept:])


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("bits", [4, 13, 23])
def test_the_bits_are_the_numbers(data, bits):
    sums = sums_of(data, 0, "E4M3FN", "E4M3FN")
    for at in (0, 7):
        part = slice(GROUP * at, GROUP * at + GROUP)
        codes = sums.a[0, part], sums.b[part, 0]
        start = float(chain_of(sums, bits, None).registers[at - 1, 0]) if at else 0.0
        formats = (sums.a_format, sums.b_format)
        step = step_of(*codes, start, *formats, bits)
        for term in range(34):
            drawn = addition(step, 0, term)
            low = step.emax + drawn["window"][0] - drawn["columns"] + 1
            assert drawn["window"][1] - drawn["window"][0] == bits + 1
            assert drawn["columns"] <= 40
            done = min(term, 32)
            exact = number(drawn["sums"][3], drawn["columns"], step.grid, low)
            if not drawn["sums"][3]["more"]:
                assert sum(exact) == step.exact[done].value
            kept = number(drawn["sums"][2], drawn["columns"], step.grid, low)
            want = step.result if term == 33 else step.sums[done]
            assert kept == (want.value, 0)
        for row, addend, cut in zip(
            drawn["rows"], step.addends, step.kept, strict=True
        ):
            kept, lost = number(row, drawn["columns"], step.grid, low)
            assert kept == cut.value
            assert row["more"] or kept + lost == addend.number.value


def fates(**inputs):
    return [row["fate"] for row in accumulator_state(**inputs)["addition"]["rows"]]


def test_the_data_shows_what_it_is_for():
    swamped = fates(data="outlier", step=1)
    assert swamped.count("gone") > 20
    assert swamped[5] == "whole"  # the large one
    cancelled = accumulator_state(data="cancellation", step=4)
    assert cancelled["addition"]["rows"][8]["value"] == (
        cancelled["addition"]["rows"][21]["value"].removeprefix("-")
    )
    assert "does not come back" in cancelled["summary"]
    assert "Promotion is no cure" in cancelled["summary"]
    assert fates(data="subnormals").count("zero") > 0
    assert set(fates(data="gaussian", step=1, fraction_bits=23)) == {"zero", "whole"}


def test_a_product_of_a_subnormal_stands_where_its_exponent_says():
    state = accumulator_state(data="subnormals", step=2)
    rows = state["addition"]["rows"][1:]
    # Digits of an E4M3FN product begin with zeros: it was not normalised.
    assert sum(row["kept"].startswith("0") for row in rows) > 10
    term = 1 + next(i for i, r in enumerate(rows) if r["kept"].startswith("00"))
    said = accumulator_state(data="subnormals", step=2, term=term)["sentences"][0]
    assert "An operand is subnormal: the product counts as 2" in said


def test_the_famous_numbers_come_out():
    rng = np.random.default_rng(0)
    for data in ("gaussian", "positive"):
        sums = sums_of(data, 0, "E4M3FN", "E4M3FN")
        exact = mma(sums.a[:, :4096], sums.b[:4096], accumulator=EXACT)
        ends = {e["key"]: e["cells"] for e in accumulator_state(data)["ends"]}
        for key, name in (("never", "hopper"), ("promoted", "hopper-128")):
            got = mma(sums.a[:, :4096], sums.b[:4096], accumulator=name)
            bias = (np.abs(got) - np.abs(exact)).sum() / np.abs(exact).sum()
            assert float(ends[key][2].removesuffix(" %")) == pytest.approx(
                100 * bias, rel=0.01
            )
    assert -6.7 < float(ends["never"][2].removesuffix(" %")) < -6.5
    assert -0.06 < float(ends["promoted"][2].removesuffix(" %")) < -0.04
    # Another draw says the same.
    seed = int(rng.integers(1, 1000))
    state = accumulator_state("positive", seed=seed)
    assert "6.6" in state["sentences"][2]
    gaussian = {e["key"]: e["cells"] for e in accumulator_state()["ends"]}
    assert 0.1 < float(gaussian["never"][3].removesuffix(" %")) < 0.16
    assert 0.01 < float(gaussian["promoted"][3].removesuffix(" %")) < 0.014


def test_the_sentence_says_what_is_lost():
    said = accumulator_state("positive", step=128, term=9)["sentences"]
    assert "is cut off; " in said[0]
    assert said[1].startswith("Step 128 of 128 loses ")
    assert "too small without promotion" in said[2]
    start = accumulator_state(step=1, term=0)["sentences"][0]
    assert start.startswith("The accumulator begins with 0: ")
    gone = accumulator_state("outlier", step=1, term=2)["sentences"][0]
    assert "all of it is lost" in gone
    largest = accumulator_state("outlier", step=1, term=5)["sentences"][0]
    assert "It has the largest exponent, 2¹⁶" in largest
    nothing = accumulator_state("subnormals", k=32, step=1, fraction_bits=23)
    assert "Step 1 of 1 loses nothing" in nothing["summary"]


def test_of_nothing_but_zeros_nothing_is_lost():
    zeros, fmt = np.zeros(GROUP, np.uint8), format_of("E4M3FN")
    step = step_of(zeros, zeros, 0.0, fmt, fmt, 13)
    assert step.result.value == 0
    assert {row["fate"] for row in addition(step, 0, 33)["rows"]} == {"zero"}


def test_the_charts_stay_on_their_axes():
    for data in DATA:
        for bits in (4, 13, 23):
            for running in ("sum", "error"):
                state = accumulator_state(
                    data, fraction_bits=bits, k=16384, running=running
                )
                for chart in (state["values"], state["errors"]):
                    for line in chart["lines"]:
                        places = np.array(line["points"])
                        assert ((places >= 0) & (places <= 1)).all()
    state = accumulator_state(k=4096)
    assert [depth for _, depth in state["errors"]["depths"]] == state["choices"]["k"]
    assert dict(map(reversed, state["errors"]["depths"]))[4096] == state["errors"]["at"]
    row = next(r for r in state["curve"] if r[0] == "4,096")
    assert row[1:] == [e["cells"][3] for e in state["ends"][:3]]


@pytest.mark.parametrize("data", DATA)
def test_a_state_is_json_and_always_the_same(data):
    inputs = {"data": data, "seed": 5, "k": 96, "promote": 64, "a_format": "e5m2"}
    first = json.dumps(accumulator_state(**inputs), allow_nan=False)
    sums_of.cache_clear()
    assert json.dumps(accumulator_state(**inputs), allow_nan=False) == first
    assert json.dumps(accumulator_state(**{**inputs, "seed": 6})) != first


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"data": "uniform"}, "unknown data 'uniform'; use one of gaussian, positive"),
        ({"seed": -1}, "the seed is -1; give a whole number from 0"),
        ({"seed": 0.5}, "the seed is 0.5"),
        ({"k": 100}, "k is 100; give a multiple of 32, up to 16,384"),
        ({"k": 32768}, "k is 32768; give a whole number 32 to 16,384"),
        ({"k": "4096"}, "k is '4096'"),
        ({"step": 129}, "step is 129; give a whole number 1 to 128"),
        ({"step": 0}, "step is 0"),
        ({"term": 34}, "term is 34; give a whole number 0 to 33"),
        ({"term": True}, "term is True"),
        ({"fraction_bits": 3}, "fraction_bits is 3; give a whole number 4 to 23"),
        ({"promote": 100}, "promote is 100; give a multiple of the group, 32"),
        ({"promote": "never"}, "promote is 'never'"),
        ({"a_format": "E3M4"}, "a_format is E3M4; Hopper's FP8 instruction takes"),
        ({"b_format": "fp9"}, "unknown format 'fp9'"),
        ({"running": "both"}, "unknown running 'both'; use one of sum, error"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(inputs, message):
    with pytest.raises(ValueError, match=message):
        accumulator_state(**inputs)


def test_a_figure_draws_the_lines_of_the_state():
    from fp8lab.figures import draw_accumulator

    state = accumulator_state("subnormals", promote=64, a_format="E5M2")
    axes = draw_accumulator(state)
    assert state["sentences"][-1] in axes.get_title(loc="left").replace("\n", " ")
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["never promoted", "promoted every 64", "float32, one by one"]
    (line,) = (line for line in axes.lines if line.get_label() == texts[1])
    points = next(x["points"] for x in state["errors"]["lines"] if x["key"] != "never")
    assert line.get_xydata().tolist() == points
    axes.figure.clear()


def test_how_long_a_state_takes(capsys):
    def fastest(changes):
        times = []
        for change in changes:
            begin = time.process_time()
            accumulator_state(**change)
            times.append(time.process_time() - begin)
        return f"{1e3 * min(times):.1f} ms"

    fresh = [{"data": "positive", "seed": seed} for seed in (11, 12, 13)]
    cases = {
        "new data": fresh,
        "another number of bits": [
            {**fresh[-1], "fraction_bits": bits} for bits in (9, 10, 11, 20, 21, 22)
        ],
        "another interval": [{**fresh[-1], "promote": n} for n in (32, 256, 512)],
        "the cursor": [{**fresh[-1], "term": term} for term in range(33)],
    }
    for name, changes in cases.items():
        with capsys.disabled():
            print(f"accumulator, {name}: {fastest(changes)} a state")
