"""quantize and dequantize to the bit, against a loop over groups (tests/oracles.py)."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from fp8lab import (
    GROUPS,
    GroupShape,
    dequantize,
    encode,
    group_of,
    quantize,
)
from tests.oracles import (
    SIGNED_NAMES,
    every_float16,
    limit_of,
    midpoints,
    quantize_slowly,
    random_float32,
    tensor,
    values_of,
)

ELEMENTS = (*SIGNED_NAMES, "int8", "int4")
STORED = [("float32", "floor"), ("bfloat16", "floor")]
STORED += [("e8m0", rule) for rule in ("floor", "ceil", "even", "rceil")]
SHAPES = [(1, 1), (4, 64), (37, 101), (131, 257), (5, 3, 40), (200,), (3, 66_000)]
GROUP_SHAPES = [*dict.fromkeys(GROUPS.values()), GroupShape(3, 50), GroupShape(2, -1)]


def check(x: np.ndarray, name: str, group: GroupShape, **options: str):
    """Codes, scales and dequantized values, all to the bit."""
    codes, scales = quantize_slowly(x, name, (group.rows, group.cols), **options)
    names = {"stored": "scale_dtype", "rule": "scale_rule"}
    given = {names.get(key, key): value for key, value in options.items()}
    before = x.tobytes()
    q = quantize(x, name, group, **given)
    assert x.tobytes() == before
    assert q.scales.dtype == np.float32
    assert q.codes.dtype == codes.dtype
    assert np.array_equal(q.scales, scales)
    assert np.array_equal(q.codes, codes)
    values = codes if name.startswith("int") else values_of(name)[codes]
    product = values.astype(np.float32) * group.expand(scales, x.shape)
    assert np.array_equal(dequantize(q), product)
    assert np.array_equal(np.signbit(dequantize(q)), np.signbit(product))


# ------------------------------------------------------------ against the slow loop
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("group", GROUP_SHAPES, ids=str)
@pytest.mark.parametrize("arithmetic", ["divide", "reciprocal"])
def test_every_group_shape(shape, group, arithmetic):
    x = tensor(shape)
    if np.prod(group.scale_shape(shape)) > 7000:
        x = x[..., :500]
    check(x, "float8_e4m3fn", group, arithmetic=arithmetic)


@pytest.mark.parametrize("sides", [(1000, -1), (7, 2), (40_000, 1), (-1, 2)])
def test_a_tall_tensor_whose_tiles_hold_many_groups_of_rows(sides):
    group = GroupShape(*sides)
    x = tensor((14_003 if sides[0] == 7 else 100_003, 3))
    check(x, "float8_e4m3fn", group)


@pytest.mark.parametrize("name", ELEMENTS)
@pytest.mark.parametrize(("stored", "rule"), STORED)
@pytest.mark.parametrize("arithmetic", ["divide", "reciprocal"])
def test_every_element_format_and_scale(name, stored, rule, arithmetic):
    options = {"stored": stored, "rule": rule, "arithmetic": arithmetic}
    for group in (GroupShape(-1, -1), GroupShape(1, 32), GroupShape(16, 24)):
        check(tensor((33, 70)), name, group, **options)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, "bfloat16"])
@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2fnuz", "int8"])
@pytest.mark.parametrize("arithmetic", ["divide", "reciprocal"])
def test_every_input_dtype(dtype, name, arithmetic):
    x = tensor((19, 70), dtype)
    for group in (GroupShape(-1, -1), GroupShape(1, 32), GroupShape(7, 33)):
        for stored in ("float32", "bfloat16", "e8m0"):
            check(x, name, group, arithmetic=arithmetic, stored=stored)
            if dtype == "bfloat16":
                raw, typed = quantize(x.view(np.uint16), name), quantize(x, name)
                assert np.array_equal(raw.codes, typed.codes)


def test_divide_and_reciprocal_differ_next_to_ties():
    scale = np.random.default_rng(0).uniform(1, 2, 1000).astype(np.float32)[:, None]
    x = midpoints("float8_e4m3fn").astype(np.float32) * scale
    divided = quantize(x, group="per-token", scale=scale)
    multiplied = quantize(x, group="per-token", scale=scale, arithmetic="reciprocal")
    assert np.array_equal(divided.codes, encode(x / scale))
    assert np.array_equal(multiplied.codes, encode(x * (1 / scale)))
    assert (divided.codes != multiplied.codes).any()


def test_special_elements_in_every_group():
    """NaN, infinity, -0 and whole groups of zeros, in all dtypes."""
    for dtype in (np.float64, np.float32, np.float16, "bfloat16"):
        x = tensor((12, 64), dtype)
        x[0, 3], x[1, 40], x[2, 5], x[3, 6] = np.nan, -np.nan, np.inf, -np.inf
        x[4, :32], x[5] = 0, -0.0
        x[6, 32:] = np.nan
        for name in ELEMENTS:
            codes, scales = quantize_slowly(x, name, (1, 32))
            q = quantize(x, name, "1x32")
            assert np.array_equal(q.scales, scales)
            assert np.array_equal(q.codes, codes)


def test_float16_of_every_pattern_and_random_float32():
    half = every_float16().reshape(256, 256)
    single = random_float32(1 << 16).reshape(256, 256)
    for x in (half, single):
        for group in (GroupShape(-1, -1), GroupShape(1, 64)):
            for name in ("float8_e4m3fn", "float8_e5m2", "int8"):
                with np.errstate(all="ignore"):
                    codes, scales = quantize_slowly(x, name, (group.rows, group.cols))
                q = quantize(x, name, group)
                assert np.array_equal(q.scales, scales)
                assert np.array_equal(q.codes, codes)


# -------------------------------------------------------------- against a library
@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_per_token_is_three_lines_of_torch(name):
    """As vLLM and torchao write it: amax, divide, clamp, cast."""
    x = tensor((64, 256))
    limit, dtype = limit_of(name), getattr(torch, name)
    t = torch.from_numpy(x)
    scale = t.abs().amax(dim=-1, keepdim=True) / limit
    codes = (t / scale).clamp(-limit, limit).to(dtype)
    q = quantize(x, name, "per-token")
    assert np.array_equal(q.scales, scale.numpy())
    assert np.array_equal(q.codes, codes.view(torch.uint8).numpy())
    assert np.array_equal(q.dequantize(), (codes.float() * scale).numpy())


# ----------------------------------------------------------------- layouts, shapes
@pytest.mark.parametrize("group", ["per-tensor", "per-token", "1x32", "128x128"])
@pytest.mark.parametrize("element", ["E4M3FN", "INT8"])
def test_any_layout_gives_the_codes_of_a_plain_copy(group, element):
    base = tensor((6, 50, 70))
    views = {
        "fortran": np.asfortranarray(base),
        "transposed": base.transpose(2, 0, 1),
        "reversed": base[::-1, :, ::-1],
        "step": base[:, ::3, ::2],
        "stride-0": np.broadcast_to(base[:1], base.shape),
        "big-endian": base.astype(">f4"),
    }
    for name, x in views.items():
        before = x.tobytes()
        plain = quantize(np.array(x, np.float32, order="C"), element, group)
        q = quantize(x, element, group)
        assert np.array_equal(q.codes, plain.codes), name
        assert np.array_equal(q.scales, plain.scales), name
        assert np.array_equal(q.dequantize(), plain.dequantize()), name
        assert x.tobytes() == before


@pytest.mark.parametrize("shape", [(0,), (0, 5), (5, 0), (2, 0, 3)], ids=str)
@pytest.mark.parametrize("group", GROUP_SHAPES, ids=str)
def test_an_empty_tensor_stays_empty(shape, group):
    for element in ("E4M3FN", "INT4"):
        q = quantize(np.empty(shape, np.float32), element, group)
        assert q.shape == q.dequantize().shape == q[...].shape == shape
        assert q.scales.shape == group.scale_shape(shape)
        assert q.nbytes == 4 * q.scales.size
        assert repr(q).startswith("<QuantizedTensor ")


def test_one_number():
    q = quantize(np.float32(3.0))
    assert q.shape == ()
    assert q.dequantize() == q[()] == q[...] == np.asarray(q) == 3
    assert repr(q).startswith("<QuantizedTensor scalar E4M3FN")


def test_lists_and_numbers_are_float64():
    assert np.array_equal(quantize([[1, 2], [3, 4]]).codes, [[110, 118], [122, 126]])
    assert quantize(2).codes == 126


def test_threads_agree():
    inputs = [tensor((100 + i, 300)) for i in range(16)]

    def work(x: np.ndarray) -> bytes:
        q = quantize(x, "E4M3FN", "1x32")
        return q.codes.tobytes() + q.scales.tobytes() + q.dequantize().tobytes()

    expected = [work(x) for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, inputs)) == expected


def test_no_float_exception_whatever_the_input():
    rng = np.random.default_rng(3)
    inputs = [
        every_float16().reshape(256, 256),
        np.arange(1 << 16, dtype=np.uint16).reshape(256, 256),
        random_float32(1 << 16).reshape(256, 256),
        np.full((4, 64), 1e-42, np.float32),
    ]
    spread = rng.integers(0, 1 << 64, 1 << 12, np.uint64).view(np.float64)
    inputs.append(np.where(np.abs(spread) < 1e30, spread, 1.0).reshape(64, 64))
    with np.errstate(all="raise"):
        for x in inputs:
            for element in ("E4M3FN", "E5M2", "E2M1FN", "INT8"):
                for stored, rule in STORED:
                    q = quantize(
                        x, element, "1x32", scale_dtype=stored, scale_rule=rule
                    )
                    for dtype in (np.float32, np.float64, np.float16, "bfloat16"):
                        q.dequantize(dtype)
                    assert q[0].shape == (x.shape[1],)


# -------------------------------------------------------- a given scale or amax
@pytest.mark.parametrize("group", ["per-tensor", "per-token", "1x32"])
def test_a_given_amax_makes_the_scale(group):
    x = tensor((8, 96))
    wanted = group_of(group).scale_shape(x.shape)
    amax = np.full(wanted, 12.5, np.float32)
    q = quantize(x, group=group, amax=amax)
    assert np.array_equal(q.scales, amax / np.float32(448))
    one = quantize(x, group=group, amax=12.5)
    assert np.array_equal(one.codes, q.codes)
    assert np.array_equal(one.scales, q.scales)
    by_scale = quantize(x, group=group, scale=amax / np.float32(448))
    assert np.array_equal(by_scale.codes, q.codes)
    assert np.array_equal(by_scale.scales, q.scales)
    expected = encode(x / np.float32(12.5 / 448))
    assert np.array_equal(q.codes, expected)  # what is larger clips


def test_a_given_scale_of_each_dtype():
    x = tensor((8, 96))
    for stored in ("float32", "bfloat16", "e8m0"):
        q = quantize(x, scale=0.25, scale_dtype=stored)
        assert np.array_equal(q.codes, encode(x * 4))
        assert q.scales.tolist() == [[0.25]]
    q = quantize(x, scale=np.full(8, 2.0)[:, None], group="per-token")
    assert np.array_equal(q.codes, encode(x / 2))


def test_scales_do_not_alias_the_callers():
    given = np.ones((8, 1), np.float32)
    q = quantize(tensor((8, 96)), group="per-token", scale=given)
    given[:] = 7
    assert (q.scales == 1).all()
    q.scales[0] = 2  # and each has memory of its own, though one number was given
    q = quantize(tensor((8, 96)), group="per-token", scale=1.0)
    q.scales[0] = 2
    assert (q.scales[1:] == 1).all()


# -------------------------------------------------------------- rounding and policy
@pytest.mark.parametrize("mode", ["toward-zero", "ties-away"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_rounding_is_that_of_encode(mode, dtype):
    x = tensor((40, 64), dtype)
    q = quantize(x, "E5M2", "1x32", rounding=mode)
    work = x.astype(np.float64 if dtype == np.float64 else np.float32)
    scaled = work / q.group.expand(q.scales, x.shape)
    assert np.array_equal(q.codes, encode(scaled, "E5M2", rounding=mode))


@pytest.mark.parametrize("shape", [(40, 64), (3, 70_001), (5, 6, 33)], ids=str)
@pytest.mark.parametrize("group", ["per-tensor", "1x32", "128x128"])
def test_stochastic_draws_an_element_at_a_time_in_c_order(shape, group):
    x = tensor(shape)
    q = quantize(x, group=group, rounding="stochastic", rng=np.random.default_rng(4))
    scaled = x / q.group.expand(q.scales, x.shape)
    rng = np.random.default_rng(4)
    assert np.array_equal(q.codes, encode(scaled, rounding="stochastic", rng=rng))
    again = quantize(
        x, group=group, rounding="stochastic", rng=np.random.default_rng(4)
    )
    assert np.array_equal(again.codes, q.codes)


def test_policy_is_that_of_encode():
    x = np.array([[1.0, 1000.0, -1000.0, np.inf, -np.inf, np.nan, -np.nan]], np.float32)
    for element in ("E4M3FN", "E5M2", "E4M3FNUZ"):
        for policy in ("cuda", "torch", "torch-2.11", "ml_dtypes", "onnx-nosat"):
            q = quantize(x * 100, element, scale=1.0, policy=policy)
            assert np.array_equal(q.codes, encode(x * 100, element, policy=policy))
            options = {"rounding": "stochastic", "policy": policy}
            rngs = [np.random.default_rng(1) for _ in range(2)]
            q = quantize(x * 100, element, scale=1.0, rng=rngs[0], **options)
            codes = encode(x * 100, element, rng=rngs[1], **options)
            assert np.array_equal(q.codes, codes)
