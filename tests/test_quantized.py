"""QuantizedTensor and dequantize: indexing, sizes, limits, output dtypes, layouts."""

import ml_dtypes
import numpy as np
import pytest

from fp8lab import INT8, QuantizedTensor, decode, dequantize, quantize
from tests.oracles import tensor, values_of


def make(shape: tuple[int, ...], group: str | tuple[int, int]) -> QuantizedTensor:
    return quantize(tensor(shape), group=group)


KEYS = [
    0,
    -1,
    np.s_[1:3],
    np.s_[::-2],
    np.s_[:, 0],
    np.s_[..., 5],
    np.s_[2, 7],
    np.s_[1:3, ::-3],
    np.s_[None, 1],
    ...,
    np.s_[:, [0, 3, 3]],
    np.array([2, 0]),
    (np.array([[0], [1]]), np.array([1, 2])),
    np.s_[5:2],
]


@pytest.mark.parametrize("group", ["per-tensor", "per-token", "per-column", (2, 5)])
@pytest.mark.parametrize("shape", [(4, 17), (6, 9, 17), (4, 8, 5, 9)], ids=str)
def test_indexing_is_indexing_of_the_values(shape, group):
    q = make(shape, group)
    values = q.dequantize()
    for key in [*KEYS, values > 0, np.s_[values[..., 0] > 0]]:
        part = q[key]
        assert part.dtype == np.float32
        assert part.shape == values[key].shape
        assert np.array_equal(part, values[key])


def test_indexing_of_a_vector_and_of_integers():
    q = make((70,), "1x32")
    values = q.dequantize()
    for key in (0, -1, np.s_[30:40], [1, 69], values > 0, ..., None, np.s_[::-1]):
        assert np.array_equal(q[key], values[key])
    q = quantize(tensor((4, 70)), INT8, "1x32")
    assert np.array_equal(q[1:, 40:], q.dequantize()[1:, 40:])
    assert q[2, 3] == q.dequantize()[2, 3]


def test_indexing_beyond_the_end_is_an_index_error():
    q = make((4, 17), "per-token")
    for key in (4, (0, 17), (0, 0, 0)):
        with pytest.raises(IndexError):
            q[key]
    assert len(q) == 4
    assert np.array_equal(list(q), q.dequantize())  # so iteration ends


def test_as_a_numpy_array():
    q = make((4, 70), "1x32")
    values = q.dequantize()
    assert np.array_equal(np.asarray(q), values)
    assert np.asarray(q).dtype == np.float32
    assert np.array_equal(np.asarray(q, np.float64), dequantize(q, np.float64))
    assert np.array_equal(np.array(q, copy=True), values)
    assert np.array_equal(np.abs(q), np.abs(values))
    with pytest.raises(ValueError, match="copy cannot be False"):
        np.asarray(q, copy=False)


@pytest.mark.parametrize(
    ("element", "group", "stored", "nbytes"),
    [
        ("E4M3FN", "per-tensor", "float32", 1000 + 4),
        ("E4M3FN", "per-token", "bfloat16", 1000 + 2 * 10),
        ("E5M2", "1x32", "e8m0", 1000 + 10 * 4),
        ("E2M1FN", "1x32", "e8m0", 500 + 10 * 4),
        ("E3M2FN", "per-tensor", "float32", 750 + 4),
        ("INT4", "1x128", "float32", 500 + 40),
        ("INT8", "128x128", "float32", 1000 + 4),
    ],
)
def test_sizes(element, group, stored, nbytes):
    q = quantize(tensor((10, 100)), element, group, scale_dtype=stored)
    assert q.nbytes == nbytes
    assert q.bits_per_element == 8 * nbytes / 1000
    assert q.scale_nbytes == q.scale_codes.nbytes
    text = repr(q)
    assert f"10x100 {q.fmt.short}" in text
    assert f"{group} scales: {q.scales.size} {stored}" in text
    assert f"{nbytes:,} bytes" in text


def test_scales_as_stored():
    x = tensor((10, 100))
    q = quantize(x, group="1x32", scale_dtype="e8m0")
    assert q.scale_codes.dtype == np.uint8
    assert np.array_equal(np.exp2(q.scale_codes.astype(float) - 127), q.scales)
    q = quantize(x, group="1x32", scale_dtype="bfloat16")
    typed = q.scale_codes.view(ml_dtypes.bfloat16)
    assert np.array_equal(typed.astype(np.float32), q.scales)
    q = quantize(x, group="1x32")
    assert np.array_equal(q.scale_codes, q.scales)


def test_limits_are_where_each_element_clips():
    x = tensor((10, 100))
    for element, threshold in (("E4M3FN", 464), ("E5M2", 61440), ("INT8", 127.5)):
        for group in ("per-tensor", "per-token", "1x32", (3, 7)):
            q = quantize(x, element, group, amax=1.5)
            limits = q.limits()
            assert limits.shape == x.shape
            expected = q.group.expand(q.scales * np.float32(threshold), x.shape)
            assert np.array_equal(limits, expected)
            inside = np.abs(x) <= limits
            half_step = np.abs(limits) / threshold * (threshold - q.fmt.max)
            error = np.abs(x - q.dequantize())
            assert (error[inside] <= half_step[inside] * 1.00001).all()
            assert (error[~inside] > half_step[~inside] * 0.99999).all()


def test_limits_of_the_largest_numbers_raise_no_warning():
    q = quantize(np.array([3.4e38, 1.0], np.float32))
    assert (q.limits() > 3.3e38).all()


# ------------------------------------------------------------------------ dequantize
def test_every_output_dtype():
    q = make((40, 70), "1x32")
    scales = q.group.expand(q.scales, q.shape)
    values = values_of("float8_e4m3fn")[q.codes]
    single = values.astype(np.float32) * scales
    assert np.array_equal(q.dequantize(), single)
    assert np.array_equal(q.dequantize(np.float64), values * scales.astype(np.float64))
    with np.errstate(all="ignore"):
        half = single.astype(np.float16)
        narrow = single.astype(ml_dtypes.bfloat16)
    assert np.array_equal(q.dequantize(np.float16), half)
    for spelled in ("bfloat16", ml_dtypes.bfloat16):
        patterns = q.dequantize(spelled)
        assert patterns.dtype == np.uint16
        assert np.array_equal(patterns, narrow.view(np.uint16))


@pytest.mark.parametrize("shape", [(40, 70), (4, 10, 70), (70,)], ids=str)
@pytest.mark.parametrize("group", ["per-token", "1x32"])
def test_out_of_any_layout_is_filled_and_returned(shape, group):
    q = make(shape, group)
    expected = q.dequantize()
    outs = {
        "plain": np.zeros(shape, np.float32),
        "fortran": np.zeros(shape, np.float32, order="F"),
        "transposed": np.zeros(shape[::-1], np.float32).transpose(),
        "step": np.zeros((*shape[:-1], 2 * shape[-1]), np.float32)[..., ::2],
        "reversed": np.zeros(shape, np.float32)[::-1],
    }
    for name, out in outs.items():
        assert dequantize(q, out=out) is out, name
        assert np.array_equal(out, expected), name


def test_codes_in_any_layout_dequantize():
    q = make((6, 8, 70), "1x32")
    for codes in (np.asfortranarray(q.codes), np.repeat(q.codes, 2, -1)[..., ::2]):
        twin = QuantizedTensor(codes, q.scales, q.fmt, q.group, q.scale_dtype)
        assert np.array_equal(twin.dequantize(), q.dequantize())
        assert np.array_equal(twin[2, 3:], q[2, 3:])


def test_overflow_of_float16_is_infinity_without_a_warning():
    q = quantize(np.array([1e5, -1e5, 1.0], np.float32))
    assert q.dequantize(np.float16)[:2].tolist() == [np.inf, -np.inf]
    huge = quantize(np.array([400.0, 1.0], np.float32), scale=1.0)
    far = QuantizedTensor(
        huge.codes, np.float32([[1e38]]), huge.fmt, huge.group, huge.scale_dtype
    )
    assert np.isinf(far.dequantize()[0])
    assert np.isinf(far[0])
    assert np.isinf(far[:1]).all()


def test_a_quantized_tensor_of_float64_is_never_nan_or_infinite():
    """A float64 tensor beyond float32 is refused, or scaled as far as a scale goes."""
    for largest in (1e30, 1e60, 1e300):
        x = np.array([largest, 1.0, 0.0])
        try:
            q = quantize(x)
        except ValueError:
            continue
        assert not np.isnan(q.dequantize(np.float64)).any()


def test_decode_of_the_codes_times_the_scale():
    q = make((40, 70), "per-column")
    assert np.array_equal(q.dequantize(), decode(q.codes) * q.scales)
