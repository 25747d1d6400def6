"""Any array will do: shapes, strides, memory order, alignment, ``out``, threads.

Every call runs with all NumPy float exceptions raising: the codec is quiet.
"""

from concurrent.futures import ThreadPoolExecutor

import ml_dtypes
import numpy as np
import pytest
import torch

from fp8lab import decode, encode, format_of, round_to
from tests.oracles import (
    SIGNED_NAMES,
    assert_same_bits,
    boundaries,
    every_bfloat16,
    ml_dtypes_codes,
    values_of,
)


@pytest.fixture(autouse=True)
def _no_float_exceptions():
    with np.errstate(all="raise"):
        yield


@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (0, 3), (3, 0, 2), (2, 3, 5)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.uint16])
@pytest.mark.parametrize("short", ["E4M3FN", "E5M2FNUZ", "BF16"])
def test_any_shape_comes_back(shape, dtype, short):
    flat = np.linspace(-3, 3, max(1, int(np.prod(shape)))).astype(dtype)
    x = flat[: int(np.prod(shape))].reshape(shape)
    codes = encode(x, short)
    assert (
        codes.shape == decode(codes, short).shape == round_to(x, short).shape == shape
    )
    expected = encode(flat, short)[: x.size].reshape(shape)
    assert np.array_equal(codes, expected)
    assert codes.dtype == format_of(short).code_dtype


def test_a_number_gives_a_number():
    assert isinstance(encode(1.0), np.uint8)
    assert isinstance(decode(np.uint8(56)), np.float32)
    assert isinstance(round_to(np.float16(0.3)), np.float16)
    assert encode(1) == encode(np.float32(1)) == encode([1])[0] == encode([[1.0]])[0, 0]


def layouts(base: np.ndarray) -> dict[str, np.ndarray]:
    """Views with awkward memory, by name."""
    doubled = np.repeat(base, 2, axis=-1)
    raw = np.zeros(base.nbytes + 1, np.uint8)
    unaligned = raw[1:].view(base.dtype).reshape(base.shape)
    unaligned[...] = base
    return {
        "contiguous": base,
        "fortran": np.asfortranarray(base),
        "transposed": base.transpose(2, 0, 1),
        "reversed": base[::-1, :, ::-1],
        "step": doubled[..., ::2],
        "offset": base[1:, 3:, 1:],
        "stride-0": np.broadcast_to(base[:1, :, :1], base.shape),
        "one-number": np.broadcast_to(base[0, 0, 0], base.shape),
        "unaligned": unaligned,
        "big-endian": base.astype(base.dtype.newbyteorder(">")),
        "read-only": np.frombuffer(base.tobytes(), base.dtype).reshape(base.shape),
    }


LAYOUTS = tuple(layouts(np.zeros((2, 4, 2), np.float32)))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.uint16])
@pytest.mark.parametrize("short", ["E4M3FN", "E4M3FNUZ", "E2M1FN", "FP16"])
def test_any_layout_gives_the_codes_of_a_plain_copy(layout, dtype, short):
    base = np.random.default_rng(1).normal(0, 60, (5, 37, 501))
    x = layouts(base.astype(dtype) if dtype != np.uint16 else ml_bfloat16(base))[layout]
    before = x.tobytes()
    plain = np.array(x, dtype, order="C")
    codes = encode(x, short)
    assert np.array_equal(codes, encode(plain, short))
    assert np.array_equal(codes.reshape(-1)[:99], encode(plain.reshape(-1)[:99], short))
    assert_same_bits(round_to(x, short), round_to(plain, short))
    assert_same_bits(decode(codes, short), decode(np.array(codes, order="C"), short))
    assert x.tobytes() == before


def ml_bfloat16(x: np.ndarray) -> np.ndarray:
    return x.astype(ml_dtypes.bfloat16).view(np.uint16)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_of_codes_decodes(layout):
    base = np.random.default_rng(1).integers(0, 256, (5, 37, 501)).astype(np.uint8)
    codes = layouts(base)[layout]
    before = codes.tobytes()
    plain = np.array(codes, order="C")
    for dtype in (np.float32, np.float64, np.float16):
        expected = decode(plain, dtype=dtype)
        assert_same_bits(decode(codes, dtype=dtype), expected)
        assert_same_bits(decode(codes.astype(np.int64), dtype=dtype), expected)
    typed = plain.view(ml_dtypes.float8_e4m3fn)
    assert_same_bits(decode(typed), decode(plain))
    assert codes.tobytes() == before


@pytest.mark.parametrize("length", [1, 2, 65535, 65536, 65537, 131071, 200_003])
def test_no_seam_shows_between_chunks(length):
    x = np.random.default_rng(length).normal(0, 100, length).astype(np.float32)
    assert_same_bits(encode(x, policy="ml_dtypes"), ml_dtypes_codes(x, "float8_e4m3fn"))
    codes = np.random.default_rng(length).integers(0, 256, length).astype(np.uint8)
    theirs = values_of("float8_e4m3fn")[codes].astype(np.float32)
    assert np.array_equal(decode(codes), theirs, equal_nan=True)


# ------------------------------------------------------------------------- out=
def outs(shape: tuple[int, ...], dtype: type) -> dict[str, np.ndarray]:
    wide = np.zeros((*shape[:-1], 2 * shape[-1]), dtype)
    raw = np.zeros(int(np.prod(shape)) * np.dtype(dtype).itemsize + 1, np.uint8)
    return {
        "plain": np.zeros(shape, dtype),
        "fortran": np.zeros(shape, dtype, order="F"),
        "transposed": np.zeros(shape[::-1], dtype).transpose(),
        "step": wide[..., ::2],
        "reversed": np.zeros(shape, dtype)[::-1, ::-1],
        "unaligned": raw[1:].view(dtype).reshape(shape),
    }


@pytest.mark.parametrize("layout", list(outs((1, 1), np.uint8)))
@pytest.mark.parametrize("short", ["E4M3FN", "E4M3FNUZ", "BF16"])
def test_out_of_any_layout_is_filled_and_returned(layout, short):
    x = np.random.default_rng(2).normal(0, 9, (301, 407)).astype(np.float32)
    expected = encode(x, short)
    out = outs(x.shape, expected.dtype)[layout]
    assert encode(x, short, out=out) is out
    assert np.array_equal(out, expected)
    values = outs(x.shape, np.float32)[layout]
    assert decode(expected, short, out=values) is values
    assert np.array_equal(values, decode(expected, short))
    values = outs(x.shape, np.float32)[layout]
    assert round_to(x, short, out=values) is values
    assert np.array_equal(values, round_to(x, short))
    stepped = outs(x.shape, np.uint8)["step"]
    assert not stepped.base[..., 1::2].any()


def test_out_of_one_number_is_an_array_of_no_axes():
    out = np.zeros((), np.uint8)
    assert encode(1.0, out=out) is out
    assert out == 0x38


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.uint16])
@pytest.mark.parametrize("short", ["E4M3FN", "E4M3FNUZ"])
def test_round_to_may_work_in_place(dtype, short):
    base = np.random.default_rng(4).normal(0, 9, 100_001)
    with np.errstate(all="ignore"):
        x = base.astype(dtype) if dtype != np.uint16 else ml_bfloat16(base)
    expected = round_to(x, short)
    assert round_to(x, short, out=x) is x
    assert_same_bits(x, expected)


@pytest.mark.parametrize("shift", [1, -1, 70_000])
def test_out_that_overlaps_the_input_is_right_all_the_same(shift):
    memory = np.random.default_rng(5).normal(0, 9, 200_000).astype(np.float32)
    n = memory.size - abs(shift)
    x, out = (memory[:n], memory[-n:]) if shift > 0 else (memory[-n:], memory[:n])
    expected = round_to(x.copy())
    assert_same_bits(round_to(x, out=out), expected)
    x = np.random.default_rng(5).normal(0, 9, 200_000).astype(np.float32)
    expected = encode(x.copy())
    assert np.array_equal(encode(x, out=x.view(np.uint8)[: x.size]), expected)
    x = np.random.default_rng(5).normal(0, 9, (300, 300)).astype(np.float32)
    expected = round_to(x.copy().T)
    assert_same_bits(round_to(x.T, out=x), expected)


# ---------------------------------------------------------------------- threads
def test_eight_threads_give_the_bytes_of_one():
    rng = np.random.default_rng(6)
    inputs = [rng.normal(0, 99, 150_000 + i).astype(np.float32) for i in range(16)]

    def work(x: np.ndarray) -> bytes:
        codes = encode(x, "E5M2", policy="torch")
        values = decode(codes, "E5M2", dtype=np.float16)
        return codes.tobytes() + values.tobytes() + round_to(x, "E3M4").tobytes()

    expected = [work(x) for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, inputs)) == expected


def test_values_may_overwrite_the_memory_of_their_codes():
    memory = np.zeros(100_000, np.float32)
    codes = np.random.default_rng(7).integers(0, 127, memory.size).astype(np.uint8)
    for start in (0, 3 * memory.size, 50_001):
        inside = memory.view(np.uint8)[start : start + memory.size]
        inside[:] = codes
        assert np.array_equal(decode(inside, out=memory), decode(codes))


def test_codes_of_either_byte_order_decode():
    codes = np.arange(0x7C00, dtype=np.uint16)
    expected = codes.view(np.float16)
    assert np.array_equal(decode(codes.astype(">u2"), "FP16"), expected)


# --------------------------------------------------------------------- flush to zero
def test_a_thread_that_flushes_subnormals_gets_the_same_bytes():
    """PyTorch users may set this for speed; it changes every float32 addition."""
    x = np.concatenate([boundaries(name) for name in SIGNED_NAMES])
    x = np.concatenate([x, every_bfloat16()])

    def work() -> bytes:
        parts = []
        for name in SIGNED_NAMES:
            codes = encode(x, name)
            parts += [codes, decode(codes, name), round_to(x, name)]
            parts.append(encode(x, name, rounding="toward-zero"))
        return b"".join(part.tobytes() for part in parts)

    def flushed() -> bytes:
        if not torch.set_flush_denormal(True):
            pytest.skip("this processor cannot flush subnormals")
        assert np.float32(1e-40) * np.float32(1) == 0
        return work()

    with ThreadPoolExecutor(1) as pool:  # the setting dies with the thread
        assert pool.submit(flushed).result() == work()
