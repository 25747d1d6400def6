"""The quantizer: sums against error_split and ml_dtypes, sentences, limits, timings."""

import base64
import json
import timeit
import tracemalloc

import ml_dtypes
import numpy as np
import pytest

from fp8lab import quantize, relative_rms, sqnr_db, underflow_rate
from fp8lab.errors import error_split, outlier_mask
from fp8lab.granularity import group_of
from fp8lab.integers import INT8
from fp8lab.scales import element_format_of, scale_dtype_of, scale_rule_of
from fp8lab.states import quantizer_grid, quantizer_measure, quantizer_state, scale_map
from fp8lab.states.quantizer import FORMATS, GROUPS, quantized_for
from fp8lab.states.quantizer_measure import measured, outcome
from fp8lab.states.quantizer_original import LARGEST, checked
from fp8lab.states.quantizer_pass import CAUSES, Scheme
from fp8lab.states.quantizer_pictures import (
    BANDS,
    CLIPPED,
    EMPTY,
    LEGEND,
    ZEROED,
)

rng = np.random.default_rng(0)


def gaussian(shape=(64, 96), dtype=np.float32):
    return np.random.default_rng(1).normal(size=shape).astype(dtype)


def adversarial():
    """Twenty orders of magnitude, zeros, both zeros, subnormals, NaN and infinities."""
    made = np.random.default_rng(2)
    x = made.normal(size=(90, 101)) * np.exp(8 * made.normal(size=(90, 101)))
    x = x.astype(np.float32)
    x[3, 4], x[0, 0], x[9, 9] = np.nan, np.inf, -np.inf
    x[5], x[6, :9], x[:, 50] = 0, -0.0, 1e-42
    return x


def with_outliers():
    x = gaussian((128, 256))
    x[:, 17] *= 3e5
    x[40:60] *= 1e-4
    return x


TENSORS = {
    "gaussian": gaussian(),
    "tiny": gaussian() * np.float32(1e-3),
    "huge": gaussian() * np.float32(3e3),
    "float64": gaussian((31, 7), np.float64),
    "float16": gaussian((70, 130), np.float16),
    "bfloat16": gaussian((5, 3, 40)).astype(ml_dtypes.bfloat16),
    "vector": gaussian((3000,)),
    "column": gaussian((500, 1)),
    "number": np.float32(0.3),
    "outliers": with_outliers(),
    "adversarial": adversarial(),
    "transposed": with_outliers().T,
}
SCHEMES = [
    (None, "float32", "floor"),
    ("per-tensor", "float32", "floor"),
    ("per-column", "float32", "floor"),
    ("1x16", "e8m0", "floor"),
    ("16x16", "bfloat16", "floor"),
    ("per-token", "e8m0", "rceil"),
]


def scheme(fmt, group, dtype="float32", rule="floor"):
    shape = None if group is None else group_of(group)
    parts = element_format_of(fmt), shape, scale_dtype_of(dtype), scale_rule_of(rule)
    return Scheme(*parts)


def found(x, how):
    array = checked(x)
    return outcome(array, measured(array), how)


def kept(how, x):
    """What a scheme keeps of a tensor, and its limits."""
    quantized = how.quantize(x)
    wide = np.asarray(x).dtype == np.float64
    return quantized.dequantize(np.float64 if wide else np.float32), quantized.limits()


@pytest.mark.parametrize(
    "fmt", ["E4M3FN", "E5M2", "E2M1FN", "E4M3FNUZ", "INT8", "INT4"]
)
@pytest.mark.parametrize("tensor", TENSORS)
@pytest.mark.parametrize("how", SCHEMES)
def test_the_sums_are_those_of_error_split(fmt, tensor, how):
    x, how = TENSORS[tensor], scheme(fmt, *how)
    got = found(x, how)
    y, limits = kept(how, x)
    with np.errstate(all="ignore"):
        split = error_split(x, y, limit=limits)
    assert got.whole.relative == pytest.approx(split.total.relative, rel=1e-6)
    assert got.ordinary.relative == pytest.approx(split.ordinary.relative, rel=1e-6)
    if split.outliers.count:
        assert got.outliers.relative == pytest.approx(split.outliers.relative, rel=1e-6)
    assert got.elements["underflow"] == split.underflow.count
    assert got.elements["clipping"] == split.clipping.count
    zeros = np.count_nonzero(np.asarray(x, np.float64) == 0)
    rounded = got.elements["normals"] + got.elements["subnormals"]
    assert rounded == split.rounding.count - zeros
    if got.whole.total:
        shares = {cause: got.whole.noise[cause] / got.whole.total for cause in CAUSES}
        assert shares["underflow"] == pytest.approx(split.underflow.of_error, abs=1e-9)
        assert shares["clipping"] == pytest.approx(split.clipping.of_error, abs=1e-9)


def test_subnormals_are_told_from_normals():
    x = gaussian() * np.float32(0.01)
    codes = quantize(x, scale=1.0).codes & 0x7F
    y = quantize(x, scale=1.0).dequantize(np.float64)
    small = (codes > 0) & (codes < 8)
    got = found(x, scheme("E4M3FN", None))
    assert got.elements["subnormals"] == small.sum() > 1000
    noise = ((y - x) ** 2)[small].sum() / (x.astype(np.float64) ** 2).sum()
    assert got.whole.noise["subnormals"] == pytest.approx(noise, rel=1e-6)


def test_no_scale_is_the_cast_of_ml_dtypes():
    x = gaussian() * np.float32(0.03)
    y = x.astype(ml_dtypes.float8_e4m3fn)
    got = found(x, scheme("E4M3FN", None))
    counts = np.bincount(y.view(np.uint8).reshape(-1), minlength=256)
    assert (got.counts == counts).all()
    values = y.astype(np.float64)
    assert got.whole.sqnr_db == pytest.approx(sqnr_db(x, values))
    assert got.whole.relative == pytest.approx(relative_rms(x, values))
    assert got.elements["underflow"] / x.size == underflow_rate(x, values)
    assert (got.bits, got.scales) == (8, 0)


def test_bits_include_the_scales():
    assert found(gaussian((128, 128)), scheme("E4M3FN", "1x32")).bits == 9
    assert found(gaussian((128, 128)), scheme("INT4", "1x32", "e8m0")).bits == 4.25


@pytest.mark.parametrize("tensor", TENSORS)
def test_outliers_are_those_of_the_mask(tensor):
    x = TENSORS[tensor]
    first = measured(checked(x))
    wide = np.asarray(x, np.float64)
    finite = np.isfinite(wide)
    assert first.outliers == (outlier_mask(x) & finite).sum()
    assert first.nan == np.isnan(wide).sum()
    assert (first.finite, first.zeros) == (finite.sum(), (wide == 0).sum())
    assert first.amax == np.abs(wide[finite]).max()
    assert first.rms == pytest.approx(np.sqrt(np.mean(wide[finite] ** 2)), rel=1e-6)


def test_the_median_is_exact_and_a_tie_is_ordinary():
    for numbers, outliers in (
        ([1, 1, 3, 25], 1),  # the median is 2
        ([1, 1, 1, 10], 0),
        ([1, 1, 1, np.nextafter(np.float32(10), np.float32(11))], 1),
        ([0, 0, 0, 0, 1, 10.5], 0),  # of the non-zero ones
    ):
        x = np.array(numbers, np.float32)
        assert measured(checked(x)).outliers == outlier_mask(x).sum() == outliers


@pytest.mark.parametrize("how", [(None,), ("4x8", "e8m0")])
@pytest.mark.parametrize("chunk", [7, 64, 1000, 1 << 16])
@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (500, 3), (65, 129), (200, 70)])
def test_the_map_holds_the_error_of_each_cell(monkeypatch, chunk, shape, how):
    monkeypatch.setattr(quantizer_grid, "CHUNK", chunk)
    quantizer_measure._results.clear()
    x = np.random.default_rng(5).standard_t(2, shape).astype(np.float32) * 100
    how = scheme("E4M3FN", *how)
    y, limits = kept(how, x)
    got, grid = found(x, how), measured(checked(x)).grid
    down, across = grid.cell
    assert max(grid.sides) <= 64
    squared, signal = (y - x.astype(np.float64)) ** 2, x.astype(np.float64) ** 2
    lost, cut = (y == 0) & (x != 0), np.abs(x) > limits
    for i in range(grid.sides[0]):
        for j in range(grid.sides[1]):
            part = np.s_[i * down : (i + 1) * down, j * across : (j + 1) * across]
            whole = signal[part].sum()
            for cells, mask in ((got.cells, 1), (got.zeroed, lost), (got.clipped, cut)):
                expected = (squared * mask)[part].sum() / whole
                assert cells[i, j] == pytest.approx(expected, rel=1e-6, abs=1e-30)


def test_the_colours_of_the_map():
    assert BANDS == scale_map.BANDS
    x = np.ones((4, 4), np.float32)
    x[0, 0], x[1, 1], x[2, 2], x[3] = 1000, 1e-5, 1.06, 0
    state = quantizer_state(x, look="none")["map"]
    levels = np.frombuffer(base64.b64decode(state["levels"]), np.uint8).reshape(4, 4)
    assert (levels[0, 0], levels[1, 1], levels[3, 0]) == (CLIPPED, ZEROED, EMPTY)
    assert levels[0, 1] == 0
    assert BANDS[levels[2, 2] - 1] < 0.06 / 1.06 < BANDS[levels[2, 2]]
    counts = {entry["text"]: entry["count"] for entry in state["legend"]}
    assert counts["mostly clipped"] == counts["mostly became zero"] == "1"
    assert counts["nothing but 0 or NaN"] == "4"
    assert state["table"][1] == ["row 1", "column 1", "100 %", LEGEND[ZEROED]]


def test_a_cell_is_red_from_half_of_its_energy_on():
    # A cell is three columns; the tie 2**-10 between zero and 2**-9 is in between.
    lost, held = 0.00097, 0.00098
    x = np.ones((1, 192), np.float32)
    x[0, :9] = [lost, lost, lost, lost, lost, held, lost, held, held]
    state = quantizer_state(x, look="none")["map"]
    levels = base64.b64decode(state["levels"])
    assert [level == ZEROED for level in levels[:4]] == [True, True, False, False]


def test_borders_where_a_group_is_large_enough():
    def borders(group, shape):
        state = quantizer_state(gaussian(shape), group=group)["map"]
        return state["row_borders"], state["column_borders"]

    assert borders("16x16", (64, 40)) == ([16, 32, 48], [16, 32])
    # A cell is 10 x 2 elements: 1 row is less than one, 128 columns are 64.
    assert borders("1x128", (640, 128)) == ([], [])
    assert borders("1x32", (640, 128)) == ([], [16, 32, 48])
    assert borders("64x64", (100, 100)) == ([32], [32])
    # Two cells are too few to stand between two lines, three are enough.
    assert borders("16x16", (512, 64)) == ([], [16, 32, 48])
    assert len(borders("32x32", (640, 64))[0]) == 19
    assert quantizer_state(gaussian(), look="none")["map"]["row_borders"] == []


@pytest.mark.parametrize("fmt", FORMATS)
def test_the_codes_are_counted(fmt):
    x = gaussian()
    state = quantizer_state(x, format=fmt, look="tensor")["codes"]
    codes = quantized_for(x, format=fmt, look="tensor").codes
    counts = [int(text.replace(",", "")) for text in state["counts"]]
    mask = len(counts) - 1
    assert (
        np.bincount(codes.reshape(-1).astype(int) & mask, minlength=len(counts))
        == counts
    ).all()
    values = [float(state["values"][code]) for code in state["order"]]
    assert values == sorted(values)
    assert max(state["bars"]) == 1
    tallest = state["order"][state["bars"].index(1)]
    assert counts[tallest] == max(counts)
    assert f"{np.count_nonzero(counts)} of {len(state['order'])} " in state["summary"]


def test_integers_are_two_s_complement():
    x = np.array([-127.0, -1, 0, 1, 127], np.float32)
    state = quantizer_state(x, format="INT8", look="none")["codes"]
    used = [code for code, text in enumerate(state["counts"]) if text == "1"]
    assert [state["values"][code] for code in used] == ["0", "1", "127", "-127", "-1"]
    assert state["hex"][used[-1]] == "0xff"
    assert len(state["order"]) == 255


def sentences(x, **inputs):
    return quantizer_state(x, **inputs)["summary"].replace("\xa0", " ")


def test_finer_scales_often_do_not_help_and_it_says_so():
    said = sentences(gaussian())
    assert said.startswith("Finer scales do not help here: the error is 2.5")
    assert "at any scale" in said
    assert "Cast as it is, without a scale, it is as good" in said
    small = sentences(gaussian() * np.float32(0.004))
    assert "Finer scales do not help here" in small
    assert "of all elements are subnormal" in small


def test_the_norm_hides_what_the_ordinary_elements_lose():
    x = with_outliers()
    state = quantizer_state(x, group="per-column")
    said = state["summary"].replace("\xa0", " ")
    assert said.startswith("per-column beats one scale: the ordinary elements have an")
    assert "of all elements are subnormal" in said or "become zero" in said
    assert "hides this: the outliers carry nearly all of its weight" in said
    assert "but the outliers have an error of" in said
    assert "are clipped to ±448" in said
    assert [axis["kind"] for axis in state["axes"]] == ["ordinary", "outliers"]
    ranks = {row["key"]: row["rank"] for row in state["schemes"]}
    assert ranks == {"none": "", "tensor": "", "group": "best"}


def test_half_a_decibel_decides():
    def ranks(group):
        rows = quantizer_state(gaussian(), group=group)["schemes"]
        return [row["rank"] for row in rows]

    assert ranks("16x16") == ["equally good"] * 3
    # 1.5 dB: a small group's largest element is exact.
    assert ranks("1x16") == ["", "", "best"]


def test_outliers_alone_may_gain():
    x = gaussian((128, 512))
    x[:, 100] *= 100
    said = sentences(x, group="1x128")
    assert said.startswith("Finer scales help the outliers alone: ")
    assert "The ordinary elements gain nothing" in said


def test_integers_gain_from_finer_scales():
    said = sentences(gaussian((128, 512)), format="INT8")
    assert said.startswith("1x128 beats one scale: the error is 0.6")
    assert "One scale makes every step as coarse as the largest element needs" in said
    assert "dB better for 0.25 bits more an element" in said


def test_finer_scales_may_harm():
    # amax 1.9 in all groups but one: floor cuts those to 1.75 times a power of two.
    x = np.full((4, 128), 1.9, np.float32)
    x[:, ::2] *= 0.5
    x[0, 0] = 3.5
    said = sentences(x, group="1x32", scale_dtype="e8m0", format="E4M3FN")
    assert said.startswith("Finer scales do harm here")
    assert "are clipped" in said


def test_one_group_is_one_scale():
    state = quantizer_state(gaussian((1, 100)), group="per-token", name="this row")
    said = state["summary"].replace("\xa0", " ")
    assert said.startswith("per-token and one scale are the same here: the error is ")
    assert "All of this row is in one group" in said


def test_zeros_nan_and_exact_numbers_are_answered_in_words():
    assert "all zero" in sentences(np.zeros((4, 4)))
    nothing = quantizer_state(np.array([np.nan, np.inf]), name="broken")
    assert "no finite number in broken (1 NaN and 1 infinity)" in nothing["summary"]
    assert [row["error"] for row in nothing["schemes"]] == ["–"] * 3
    assert "1 NaN (33.3 %) is left out" in sentences(np.array([1.7, 2.5, np.nan]))
    assert "3 infinities (75 %) are left out" in sentences(
        np.array([1.7, *[np.inf] * 3])
    )
    exact = quantizer_state(np.array([[1.0, 448.0, -0.5]]), look="none")
    assert "Nothing to speak of is lost" in exact["summary"]
    assert exact["schemes"][0]["sqnr"] == "exact"


def test_bars_are_the_errors_and_share_an_axis():
    state = quantizer_state(with_outliers(), group="1x16")
    for kind in (0, 1):
        lengths = [
            sum(part["length"] for part in row["bars"][kind]["parts"])
            for row in state["schemes"]
        ]
        assert max(lengths) == pytest.approx(1, abs=1e-3)
        texts = [row["bars"][kind]["text"] for row in state["schemes"]]
        longest = texts[int(np.argmax(lengths))]
        assert state["axes"][kind]["full"] == f"full bar: {longest}"
    noscale = state["schemes"][0]["bars"][1]["parts"]
    assert noscale[CAUSES.index("clipping")]["length"] > 0.99


@pytest.mark.parametrize("tensor", TENSORS)
@pytest.mark.parametrize("look", ["none", "tensor", "group"])
def test_every_state_is_json(tensor, look):
    for fmt in ("E4M3FN", "E5M2", "E2M1FN", "INT4"):
        x = TENSORS[tensor]
        state = quantizer_state(x, format=fmt, look=look, note="a note", group="1x16")
        assert json.loads(json.dumps(state, allow_nan=False)) == json.loads(
            json.dumps(state)
        )
        assert state["note"] == "a note"
        assert [row["looked"] for row in state["schemes"]].count(True) == 1


@pytest.mark.parametrize("size", [1e300, 1e-300, 3.4e38, 1e-44])
def test_numbers_at_the_edge_of_their_dtype(size):
    for dtype in (np.float64, np.float32):
        with np.errstate(over="ignore"):
            x = (gaussian((8, 8), np.float64) * size).astype(dtype)
        json.dumps(quantizer_state(x, group="1x16"), allow_nan=False)
    wild = quantizer_state(np.array([1e300, 1e-300, 3.0]))
    json.dumps(wild, allow_nan=False)


def test_the_learners_own_choices_are_in_the_lists():
    state = quantizer_state(gaussian(), format="E4M3", group="2x4")
    assert state["formats"][0] == "E4M3"
    assert state["groups"][0] == {"value": "2x4", "text": "2x4 (768 scales)"}
    assert [group["value"] for group in state["groups"][1:]] == list(GROUPS)


def test_what_is_downloaded_is_what_is_seen():
    x = gaussian()
    for look, group in (("none", None), ("tensor", "per-tensor"), ("group", "16x16")):
        q = quantized_for(x, format="INT8", group="16x16", look=look)
        expected = quantize(x, INT8, scale=1.0) if group is None else None
        expected = expected or quantize(x, INT8, group)
        assert (q.codes == expected.codes).all()
        assert (q.scales == expected.scales).all()


def test_a_tensor_changed_in_place_is_a_new_one_and_little_is_kept():
    x = gaussian()
    before = quantizer_state(x)["schemes"]
    assert quantizer_state(x)["schemes"] == before
    x[:] = np.roll(x, 1)
    x[0, 0] = 1e4
    assert quantizer_state(x)["schemes"] != before
    copy = x.copy()
    for group in GROUPS:
        quantizer_state(x, group=group)
    assert (x == copy).all()
    assert len(quantizer_measure._results) <= quantizer_measure.REMEMBERED
    # The same bytes in another shape.
    assert quantizer_state(x.reshape(32, -1))["facts"].startswith("32 × 192")


def test_memory_stays_below_four_copies():
    x = gaussian((1024, 1024))
    quantizer_state(gaussian((64, 64)))
    quantizer_measure._results.clear()
    tracemalloc.start()
    quantizer_state(x, group="1x128")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * x.nbytes


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"x": np.ones((0, 4))}, "empty; give at least one number"),
        (
            {"x": np.broadcast_to(np.float32(1), (LARGEST + 1,))},
            "give at most 16,777,216",
        ),
        ({"x": np.ones(3, complex)}, "dtype complex128"),
        ({"x": [["a"]]}, "give float64"),
        ({"format": "BF16"}, "does not hold a tensor's elements here"),
        ({"format": "E8M0FNU"}, "does not hold a tensor's elements here"),
        ({"format": "fp8"}, "unknown format"),
        ({"group": "per-row"}, "unknown group"),
        ({"scale_dtype": "fp4"}, "unknown scale_dtype"),
        ({"scale_rule": "up"}, "unknown scale_rule"),
        ({"look": "both"}, "unknown look 'both'; use one of none, tensor, group"),
    ],
)
def test_bad_inputs_are_refused_in_a_sentence(inputs, message):
    with pytest.raises(ValueError, match=message):
        quantizer_state(**{"x": np.ones((2, 2)), **inputs})


def test_a_widget_shows_another_tensor_as_the_learner_left_it():
    pytest.importorskip("anywidget")
    from fp8lab.widgets import Quantizer

    shown = Quantizer(gaussian(), name="this weight", format=INT8, group="16x16")
    shown.update(look="tensor", scale_dtype="e8m0")
    shown.show(gaussian((8, 8)), "another", "the first 8 rows")
    assert "another" in shown.state["question"]
    assert (shown.state["look"], shown.state["group"]) == ("tensor", "16x16")
    assert (shown.state["note"], shown.state["format"]) == ("the first 8 rows", "INT8")
    with pytest.raises(ValueError, match="empty"):
        shown.show([])


@pytest.mark.parametrize("side", [64, 256, 1024])
def test_time(side, capsys):
    x = gaussian((side, side))

    def cold():
        quantizer_measure._results.clear()
        quantizer_state(x)

    def look():
        quantizer_state(x, look="none")

    for name, call in (("cold", cold), ("another look", look)):
        best = min(timeit.repeat(call, number=1, repeat=5))
        with capsys.disabled():
            print(f"quantizer_state, {x.size:,} elements, {name}: {best * 1e3:.1f} ms")
