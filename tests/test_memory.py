"""Extra memory over the output: at most 4 MiB, whatever the size of the input.

NumPy reports its allocations to tracemalloc. The largest array is 8M elements, so that
any whole-array temporary, even one of a byte an element, breaks the bound.
"""

import tracemalloc
from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest

from fp8lab import decode, dequantize, encode, measure_amax, quantize, round_to

COUNT = 8 << 20
MEBIBYTE = 1 << 20
LIMIT = 4 * MEBIBYTE
DTYPE = pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])


@pytest.fixture(scope="module")
def base() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.standard_normal(COUNT, np.float32)


def typed(base: np.ndarray, dtype: str) -> np.ndarray:
    return base.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


def extra(call: Callable[[], object]) -> int:
    """Peak bytes over the start, less the bytes of the arrays that are returned."""
    call()  # tables and caches are built once and stay
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        result = call()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    held = getattr(result, "nbytes", 0)
    return peak - before - held


def test_the_meter_sees_a_whole_temporary(base):
    assert extra(lambda: (base * 2) + 1) >= base.nbytes
    assert extra(lambda: base + 1) < MEBIBYTE


@DTYPE
@pytest.mark.parametrize("short", ["E4M3FN", "E4M3FNUZ"])
def test_encode(base, dtype, short):
    x = typed(base, dtype)
    assert extra(lambda: encode(x, short)) <= LIMIT
    out = np.empty(x.shape, np.uint8)
    assert extra(lambda: encode(x, short, out=out)) + out.nbytes <= LIMIT


@pytest.mark.parametrize("short", ["FP16", "TF32"])
def test_encode_to_a_wide_format(base, short):
    x = base[: COUNT // 4]
    assert extra(lambda: encode(x, short)) <= LIMIT


@pytest.mark.parametrize("mode", ["toward-zero", "ties-away", "stochastic"])
def test_encode_in_other_modes(base, mode):
    x = base[: COUNT // 4]

    def call() -> np.ndarray:
        rng = np.random.default_rng(0) if mode == "stochastic" else None
        return encode(x, rounding=mode, rng=rng)

    assert extra(call) <= LIMIT


@DTYPE
def test_decode(dtype):
    codes = np.random.default_rng(0).integers(0, 256, COUNT, np.uint8)
    assert extra(lambda: decode(codes, dtype=dtype)) <= LIMIT


@DTYPE
def test_round_to(base, dtype):
    x = typed(base, dtype)
    assert extra(lambda: round_to(x)) <= LIMIT


def test_round_to_in_other_modes_and_formats(base):
    assert extra(lambda: round_to(base, rounding="toward-zero")) <= LIMIT
    assert extra(lambda: round_to(base, "E4M3FNUZ")) <= LIMIT


@pytest.mark.parametrize("verb", [encode, round_to])
def test_strided_input_is_not_copied_whole(base, verb):
    matrix = base.reshape(1 << 11, -1)
    assert extra(lambda: verb(matrix[::-1, ::2])) <= LIMIT
    assert extra(lambda: verb(matrix.T)) <= LIMIT


@DTYPE
@pytest.mark.parametrize("group", ["per-tensor", "per-token", "1x128", "128x128"])
def test_quantize_and_dequantize(base, dtype, group):
    x = typed(base, dtype).reshape(1 << 11, -1)
    q = quantize(x, group=group)
    # Counted are codes and scales as they lie in memory.
    assert extra(lambda: quantize(x, group=group)) <= LIMIT
    assert extra(lambda: dequantize(q)) <= LIMIT
    assert extra(lambda: measure_amax(x, group)) <= LIMIT
