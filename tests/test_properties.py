"""Laws that hold for any numbers: Hypothesis looks for the exception."""

import ml_dtypes
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fp8lab import (
    ALL_FORMATS,
    GROUPS,
    POLICIES,
    GroupShape,
    decode,
    encode,
    error_split,
    explain,
    first_difference,
    group_of,
    measure_amax,
    quantize,
    round_to,
    ulp_distance,
)
from tests.oracles import exact_codes, quantize_slowly

NARROW = tuple(fmt for fmt in ALL_FORMATS if fmt.bits <= 8)
ELEMENTS = tuple(fmt for fmt in NARROW if fmt.is_signed)
FORMAT = st.sampled_from(ALL_FORMATS)
ELEMENT = st.sampled_from(ELEMENTS)
POLICY = st.sampled_from(tuple(POLICIES))
MODE = st.sampled_from(("nearest-even", "toward-zero", "ties-away"))
DTYPE = st.sampled_from((np.float64, np.float32, np.float16))
SHAPE = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=9)
GROUP = st.one_of(
    st.sampled_from(tuple(GROUPS.values())),
    st.builds(
        GroupShape, st.sampled_from((-1, 1, 2, 3)), st.sampled_from((-1, 1, 4, 5))
    ),
)


@st.composite
def arrays(draw, shape=SHAPE, finite: bool = False, dtype=DTYPE):
    kind = draw(dtype)
    width = 8 * np.dtype(kind).itemsize
    floats = st.floats(width=width, allow_nan=not finite, allow_infinity=not finite)
    usual = st.floats(-600, 600, width=width)
    return draw(hnp.arrays(kind, shape, elements=st.one_of(usual, floats), fill=usual))


def tensors():
    """Float32 of two or three axes that no scale takes out of the normal range."""
    shape = hnp.array_shapes(min_dims=2, max_dims=3, max_side=12)
    size = st.floats(2.0**-20, 2.0**20, width=32)
    elements = st.one_of(st.just(0.0), size, size.map(lambda v: -v))
    return hnp.arrays(np.float32, shape, elements=elements)


# ----------------------------------------------------------------------------- codec
@given(arrays(), FORMAT, POLICY, MODE)
def test_rounding_twice_is_rounding_once(x, fmt, policy, mode):
    once = round_to(x, fmt, rounding=mode, policy=policy)
    twice = round_to(once, fmt, rounding=mode, policy=policy)
    assert np.array_equal(once, twice, equal_nan=True)


@given(arrays(), FORMAT, POLICY, MODE)
def test_shape_and_dtype_and_input_are_kept(x, fmt, policy, mode):
    before = x.tobytes()
    codes = encode(x, fmt, rounding=mode, policy=policy)
    values = decode(codes, fmt, dtype=np.float64)
    assert codes.shape == values.shape == x.shape
    assert codes.dtype == fmt.code_dtype
    assert np.all(codes < fmt.code_count)
    rounded = round_to(x, fmt, rounding=mode, policy=policy)
    assert np.array_equal(rounded.astype(np.float64), values, equal_nan=True)
    assert x.tobytes() == before


@given(st.lists(st.floats(allow_nan=False), min_size=2), FORMAT, MODE)
def test_rounding_keeps_the_order(numbers, fmt, mode):
    if not fmt.is_signed:
        numbers = [abs(number) for number in numbers]
    x = np.sort(np.array(numbers))
    values = round_to(x, fmt, rounding=mode)
    assert (values[:-1] <= values[1:]).all()


@given(
    arrays(finite=True), st.sampled_from([f for f in ALL_FORMATS if f.is_signed]), MODE
)
def test_a_sign_is_a_sign(x, fmt, mode):
    plus = round_to(x, fmt, rounding=mode)
    assert np.array_equal(round_to(-x, fmt, rounding=mode), -plus)


@given(arrays(finite=True), ELEMENT, MODE)
def test_any_number_is_rounded_as_rational_arithmetic_says(x, fmt, mode):
    flat = x.astype(np.float64).reshape(-1)
    exact = exact_codes(flat, fmt.name, mode).reshape(x.shape)
    assert np.array_equal(encode(x, fmt, rounding=mode), exact)


@given(arrays(finite=True), ELEMENT)
def test_the_error_is_at_most_half_an_ulp_inside_the_range(x, fmt):
    wide = np.clip(x.astype(np.float64), -fmt.max, fmt.max)
    values = round_to(wide, fmt)
    for number, value in zip(wide.flat, values.flat, strict=True):
        ulp = explain(int(encode(value, fmt)), fmt).ulp
        assert abs(number - value) <= ulp / 2
    truncated = round_to(wide, fmt, rounding="toward-zero")
    assert (np.abs(truncated) <= np.abs(wide)).all()


@given(arrays(finite=True), ELEMENT, st.integers(0, 2**32 - 1))
def test_stochastic_gives_a_neighbour(x, fmt, bits):
    wide = np.clip(x.astype(np.float64), -fmt.max, fmt.max)
    random_bits = np.full(wide.shape, bits, np.uint32)
    codes = encode(wide, fmt, rounding="stochastic", random_bits=random_bits)
    below = encode(wide, fmt, rounding="toward-zero")
    steps = ulp_distance(codes, below, fmt)
    exact = decode(below, fmt, dtype=np.float64) == wide
    assert ((steps == 0) | ((steps == 1) & ~exact)).all()


@given(st.data(), arrays(shape=hnp.array_shapes(min_dims=1, max_dims=3)), FORMAT)
def test_a_view_has_the_codes_of_its_copy(data, x, fmt):
    key = data.draw(hnp.basic_indices(x.shape, allow_newaxis=True))
    order = data.draw(st.permutations(range(x.ndim)))
    view = x.transpose(order)[data.draw(hnp.basic_indices(x.transpose(order).shape))]
    for part in (x[key], view):
        part = np.asarray(part)
        expected = encode(np.array(part, order="C"), fmt)
        assert np.array_equal(encode(part, fmt), expected)
        out = np.empty(part.shape, fmt.code_dtype, order="F")
        assert np.array_equal(encode(part, fmt, out=out), expected)


@given(hnp.arrays(np.uint16, SHAPE), FORMAT, POLICY)
def test_raw_bfloat16_is_the_typed_array(patterns, fmt, policy):
    typed = encode(patterns.view(ml_dtypes.bfloat16), fmt, policy=policy)
    assert np.array_equal(encode(patterns, fmt, policy=policy), typed)


@given(st.data(), FORMAT)
def test_a_code_comes_back_from_its_value(data, fmt):
    code = data.draw(st.integers(0, fmt.code_count - 1))
    value = decode(fmt.code_dtype.type(code), fmt, dtype=np.float64)
    back = int(encode(value, fmt, policy="ml_dtypes"))
    assert back == code or (np.isnan(value) and fmt.is_nan_code(back))
    assert explain(code, fmt).value == value or np.isnan(value)


# --------------------------------------------------------------------------- quantize
@settings(max_examples=60)
@given(tensors(), ELEMENT, GROUP)
def test_quantize_is_the_slow_loop(x, fmt, group):
    codes, scales = quantize_slowly(x, fmt.name, (group.rows, group.cols))
    q = quantize(x, fmt, group)
    assert np.array_equal(q.codes, codes)
    assert np.array_equal(q.scales, scales)


@given(tensors(), ELEMENT, GROUP, st.integers(-20, 20))
def test_a_power_of_two_moves_into_the_scale(x, fmt, group, power):
    q = quantize(x, fmt, group)
    moved = quantize(np.ldexp(x, power), fmt, group)
    assert np.array_equal(moved.codes, q.codes)
    nonzero = measure_amax(x, group) > 0
    assert np.array_equal(moved.scales[nonzero], np.ldexp(q.scales, power)[nonzero])
    assert (moved.scales[~nonzero] == 1).all()


@given(tensors(), ELEMENT, GROUP)
def test_the_amax_of_a_group_is_the_largest_code(x, fmt, group):
    q = quantize(x, fmt, group)
    largest = measure_amax(np.abs(q.dequantize()), group)
    limit = np.float32(fmt.max) * q.scales
    nonzero = measure_amax(x, group) > 0
    assert np.array_equal(largest[nonzero], limit[nonzero])
    assert not largest[~nonzero].any()


@given(tensors(), ELEMENT, st.sampled_from(("per-token", "1x32", (1, 4))))
def test_rows_do_not_know_each_other(x, fmt, group):
    q = quantize(x, fmt, group)
    turned = quantize(x[::-1], fmt, group)
    assert np.array_equal(turned.codes, q.codes[::-1])
    one = quantize(x[0], fmt, group)
    assert np.array_equal(one.codes, q.codes[0])


@given(st.data(), tensors(), GROUP)
def test_any_key_indexes_the_values(data, x, group):
    q = quantize(x, group=group)
    values = q.dequantize()
    keys = (
        hnp.basic_indices(x.shape, allow_newaxis=True),
        hnp.integer_array_indices(x.shape),
        hnp.arrays(bool, x.shape),
    )
    key = data.draw(st.one_of(*keys))
    assert np.array_equal(q[key], values[key])
    assert q[key].shape == values[key].shape


@given(tensors(), ELEMENT, GROUP)
def test_the_error_splits_without_rest(x, fmt, group):
    q = quantize(x, fmt, group)
    limit = group_of(group).expand(q.scales, x.shape) * fmt.max
    split = error_split(x, q, limit=limit)
    causes = (split.rounding, split.underflow, split.clipping)
    for parts in (causes, (split.ordinary, split.outliers)):
        assert sum(part.count for part in parts) == x.size
        total = sum(part.of_error for part in parts)
        assert total == 0 or abs(total - 1) < 1e-9
    # A scale that was rounded down leaves amax less than an ulp above the limit.
    assert split.clipping.of_error <= split.total.of_error


@given(st.data(), hnp.arrays(np.float32, hnp.array_shapes(max_dims=3)))
def test_the_first_difference_is_where_it_was_put(data, x):
    assert first_difference(x, x.copy()) is None
    index = tuple(data.draw(st.integers(0, side - 1)) for side in x.shape)
    bits = x.view(np.uint32).copy()
    bits[index] ^= 1 << data.draw(st.integers(0, 31))
    found = first_difference(x, bits.view(np.float32))
    assert (found.count, found.index) == (1, index)
