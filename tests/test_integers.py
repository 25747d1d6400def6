"""INT8 and INT4 against torch's round and clamp."""

import numpy as np
import pytest
import torch

from fp8lab import INT4, INT8, quantize
from tests.oracles import every_bfloat16, every_float16, random_float32

FORMATS = pytest.mark.parametrize(("fmt", "top"), [(INT8, 127), (INT4, 7)], ids=str)


def torch_codes(x: np.ndarray, top: int) -> np.ndarray:
    tensor = torch.from_numpy(np.nan_to_num(x, nan=0.0, posinf=np.inf, neginf=-np.inf))
    return torch.clamp(torch.round(tensor), -top, top).to(torch.int8).numpy()


def halves(top: int) -> np.ndarray:
    """Every tie and its neighbours."""
    ties = np.arange(-top - 2, top + 2) + 0.5
    near = [np.nextafter(ties, np.inf), np.nextafter(ties, -np.inf)]
    return np.concatenate([ties, *near])


@FORMATS
def test_encode_is_torch_round_and_clamp(fmt, top):
    with np.errstate(all="ignore"):
        single = halves(top).astype(np.float32)
        inputs = (
            halves(top),
            single,
            every_float16().astype(np.float32),
            every_bfloat16(),
            random_float32(1 << 16),
        )
    for x in inputs:
        before = x.tobytes()
        assert np.array_equal(fmt.encode(x), torch_codes(x, top))
        assert fmt.encode(x).dtype == np.int8
        assert x.tobytes() == before


@FORMATS
def test_encode_of_16_bit_inputs_is_that_of_the_same_numbers(fmt, top):
    x = every_bfloat16()
    raw = (x.view(np.uint32) >> 16).astype(np.uint16)
    assert np.array_equal(fmt.encode(raw), torch_codes(x, top))
    half = every_float16()
    with np.errstate(invalid="ignore"):
        wide = half.astype(np.float32)
    assert np.array_equal(fmt.encode(half), torch_codes(wide, top))


@FORMATS
def test_special_inputs(fmt, top):
    x = np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0], np.float32)
    assert fmt.encode(x).tolist() == [0, 0, top, -top, 0]


@FORMATS
def test_codes_are_symmetric_and_decode_to_themselves(fmt, top):
    codes = np.arange(-top, top + 1, dtype=np.int8)
    assert fmt.decode(codes).dtype == np.float32
    assert np.array_equal(fmt.decode(codes), codes)
    assert np.array_equal(fmt.encode(fmt.decode(codes)), codes)
    assert fmt.encode(np.array([-1e9, 1e9])).tolist() == [-top, top]


def test_records():
    assert (INT8.bits, INT8.max, INT8.code_dtype) == (8, 127.0, np.int8)
    assert (INT4.bits, INT4.max, INT4.code_dtype) == (4, 7.0, np.int8)
    assert (INT8.overflow_threshold, INT4.overflow_threshold) == (127.5, 7.5)
    assert INT8.smallest_subnormal == INT4.smallest_subnormal == 1.0
    assert (str(INT8), str(INT4)) == ("INT8", "INT4")
    assert repr(INT8) == "<INT8: 8 bits, whole numbers -127 to 127, ulp 1>"
    with pytest.raises(AttributeError):
        INT8.bits = 4
    assert len({INT8, INT4}) == 2


@pytest.mark.parametrize(("name", "nbytes"), [("int8", 15), ("INT4", 8)])
def test_sizes_count_four_bits_as_four_bits(name, nbytes):
    q = quantize(np.ones((3, 5), np.float32), name, "per-token")
    assert q.codes.dtype == np.int8
    assert q.nbytes == nbytes + 3 * 4
    assert q.scale_nbytes == 12


@FORMATS
def test_the_same_interface_as_the_float_formats(fmt, top):
    x = np.linspace(-3, 3, 600, dtype=np.float32).reshape(3, -1)
    for spelled in (fmt, fmt.name, fmt.short):
        q = quantize(x, spelled, "per-token")
        assert q.fmt == fmt
        assert np.abs(q.codes.astype(int)).max() == top
    assert np.abs(q.dequantize() - x).max() <= q.scales.max() * 0.5000001
