"""The right answers of labs 1 and 2, against casts and sums that are not ours."""

from collections.abc import Callable
from itertools import product

import ml_dtypes
import numpy as np
import pytest
import torch

from fp8lab.grading.labs import task_of

E4M3FN, E5M2 = ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2
CODES = np.arange(256, dtype=np.uint8)


def right(lab: str, name: str) -> Callable[..., np.ndarray]:
    return task_of(lab, name).reference


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal bytes, but a NaN is a NaN."""
    nan = np.isnan(b)
    kept = [np.where(nan, 0, each).astype(np.float32) for each in (a, b)]
    return np.array_equal(np.isnan(a), nan) and kept[0].tobytes() == kept[1].tobytes()


def hard_numbers() -> np.ndarray:
    """Every bfloat16 pattern, and each tie of E4M3FN with its neighbours."""
    patterns = (np.arange(1 << 16, dtype=np.uint32) << 16).view(np.float32)
    values = CODES[:127].view(E4M3FN).astype(np.float32)
    ties = ((values[1:] + values[:-1]) / 2).view(np.uint32)
    near = np.concatenate([ties - 1, ties, ties + 1, ties + (1 << 14)])
    return np.concatenate([patterns, near.view(np.float32), -near.view(np.float32)])


def saturated(x: np.ndarray, dtype: type, largest: float) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.clip(x, -largest, largest).astype(dtype).view(np.uint8)


@pytest.mark.parametrize(("name", "dtype"), [("decode", E4M3FN), ("decode_e5m2", E5M2)])
def test_decode_is_ml_dtypes(name: str, dtype: type) -> None:
    wanted = CODES.view(dtype).astype(np.float32)
    assert same(right("lab1", name)(CODES), wanted)


def test_decode_by_hand() -> None:
    codes = np.array([0x00, 0x80, 0x01, 0x08, 0x38, 0x2D, 0x7E, 0xFE], np.uint8)
    table = [0.0, -0.0, 2**-9, 2**-6, 1.0, 0.40625, 448.0, -448.0]
    assert same(right("lab1", "decode")(codes), np.float32(table))


@pytest.mark.parametrize(
    ("bits", "emin", "dtype", "largest"),
    [
        (3, -6, E4M3FN, 448),
        (2, -14, E5M2, 57344),
        (10, -14, np.float16, 65504),
        (7, -126, ml_dtypes.bfloat16, 1e38),
    ],
)
def test_round_to_is_a_cast_and_back(
    bits: int, emin: int, dtype: type, largest: float
) -> None:
    x = hard_numbers()
    x = x[np.abs(x) <= largest]
    wanted = x.astype(dtype).astype(np.float32)
    assert same(right("lab1", "round_to")(x, bits, emin), wanted)


@pytest.mark.parametrize("name", ["encode", "encode_bits"])
def test_encode_saturates_ml_dtypes_and_is_torch(name: str) -> None:
    x = hard_numbers()
    codes = right("lab1", name)(x)
    numbers = ~np.isnan(x)
    wanted = saturated(x, E4M3FN, 448)
    assert np.array_equal(codes[numbers], wanted[numbers])
    assert set(codes[~numbers]) == {0x7F}
    by_torch = torch.from_numpy(x).to(torch.float8_e4m3fn).view(torch.uint8).numpy()
    assert np.array_equal(codes[numbers], by_torch[numbers])


@pytest.mark.parametrize(
    ("fmt", "dtype", "largest"), [("E4M3FN", E4M3FN, 448), ("E5M2", E5M2, 57344)]
)
def test_policies_are_ml_dtypes(fmt: str, dtype: type, largest: float) -> None:
    x = hard_numbers()
    encode = right("lab1", "encode_by_policy")
    numbers = ~np.isnan(x)
    wanted = {
        "overflow": saturated(x, dtype, np.inf),
        "saturate": saturated(x, dtype, largest),
    }
    for policy, codes in wanted.items():
        ours = encode(x, fmt, policy)
        assert np.array_equal(ours[numbers], codes[numbers])
        signs = np.signbit(x[~numbers]).astype(np.uint8) << 7
        assert np.array_equal(ours[~numbers], 0x7F | signs)


def test_libraries_are_those_of_the_table() -> None:
    which, x = right("lab1", "which_library"), hard_numbers()
    x = x[np.abs(x) <= 440]
    ways = [
        x.astype(E4M3FN),
        x.astype(ml_dtypes.bfloat16).astype(np.float32).astype(E4M3FN),
        x.astype(np.float16).astype(np.float32).astype(E4M3FN),
    ]
    assert [which(x, way.view(np.uint8)) for way in ways] == [0, 1, 2]
    shifted = ways[0].view(np.uint8) ^ 1
    assert which(x, shifted) == -1


def matrices(rng: np.random.Generator, *shape: int) -> np.ndarray:
    x = rng.standard_normal(shape) * np.exp2(rng.uniform(-8, 8, (shape[0], 1)))
    return x.astype(np.float32)


def test_tensor_scale_is_torch() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        x = matrices(rng, 5, 9)
        amax, scale = right("lab2", "tensor_scale")(x)
        by_torch = torch.from_numpy(x).abs().max()
        assert amax == by_torch.numpy()
        assert scale == (by_torch / 448).numpy()
        assert (amax.dtype, scale.dtype) == (np.float32, np.float32)


def test_groups_are_torch_and_ragged_ones_by_hand() -> None:
    rng = np.random.default_rng(1)
    x = matrices(rng, 12, 20)
    blocks = torch.from_numpy(x).reshape(3, 4, 5, 4).abs().amax(dim=(1, 3)) / 448
    scales = right("lab2", "group_scales")
    assert np.array_equal(scales(x, 4, 4), blocks.numpy())
    ragged = np.float32([[448, 1, -896], [2, 4, 8], [0, 0, -1792]])
    assert scales(ragged, 2, 2).tolist() == [[1, 2], [1, 4]]
    row = np.float32([4, 8]) / np.float32(448)
    assert np.array_equal(scales(ragged, 1, 2), np.float32([[1, 2], row, [1, 4]]))


@pytest.mark.parametrize(("rows", "cols"), [(-1, -1), (1, -1), (-1, 1), (4, 5)])
def test_quantize_and_back_are_torch(rows: int, cols: int) -> None:
    rng = np.random.default_rng(2)
    x = matrices(rng, 8, 30)
    scales = right("lab2", "group_scales")(x, rows, cols)
    sides = (x.shape[0] if rows < 0 else rows, x.shape[1] if cols < 0 else cols)
    full = torch.from_numpy(np.kron(scales, np.ones(sides, np.float32)))
    codes = (torch.from_numpy(x) / full).to(torch.float8_e4m3fn)
    ours = right("lab2", "quantize")(x, scales, rows, cols)
    assert np.array_equal(ours, codes.view(torch.uint8).numpy())
    values = (codes.float() * full).numpy()
    assert same(right("lab2", "dequantize")(ours, scales, rows, cols), values)
    int8 = torch.round(torch.from_numpy(x) / (full * 448 / 127))
    lost = right("lab2", "lost")(x, rows, cols)
    assert abs(lost[0] - int((int8 == 0).sum())) <= 1  # the scale's last bit
    assert lost[1] == int((codes.float() == 0).sum())


def test_choose_is_dynamic_programming() -> None:
    """Another algorithm: the least loss for each number of bytes spent."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        lost = rng.integers(0, 50, (4, 4))
        nbytes = rng.integers(1, 9, (4, 4))
        budget = int(rng.integers(nbytes.min(axis=1).sum(), 36))
        least = {0: 0}
        for row, price in zip(lost, nbytes, strict=True):
            reached: dict[int, int] = {}
            for (spent, loss), c in product(least.items(), range(4)):
                if (total := spent + int(price[c])) <= budget:
                    reached[total] = min(
                        reached.get(total, 1 << 60), loss + int(row[c])
                    )
            least = reached
        best, spent = min((loss, spent) for spent, loss in least.items())
        choice = right("lab2", "choose")(lost, nbytes, budget)
        rows = np.arange(4)
        assert lost[rows, choice].sum() == best
        assert nbytes[rows, choice].sum() == spent


def test_quantize_rows_is_torch_in_bfloat16() -> None:
    x = torch.from_numpy(matrices(np.random.default_rng(4), 20, 40))
    x[3] = 0
    scale = (x.abs().amax(dim=1, keepdim=True) / 448).bfloat16().float()
    scale[3] = 1
    codes = (x / scale).to(torch.float8_e4m3fn).view(torch.uint8)
    ours = right("lab2", "quantize_rows")(x.numpy())
    assert np.array_equal(ours[0], codes.numpy())
    assert np.array_equal(ours[1], scale.numpy())
