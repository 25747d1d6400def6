"""The right answers of lab 3, against `fp8lab.mma`, and against the recorded H200."""

from fractions import Fraction
from hashlib import sha256

import ml_dtypes
import numpy as np
import pytest

from fp8lab import encode, mma, scaled_mm
from fp8lab.grading.labs import task_of
from fp8lab.proof.products import CHAIN, PROMOTED
from fp8lab.prove_gemm import recorded_cases

E4M3FN = ml_dtypes.float8_e4m3fn


def right(name: str):
    return task_of("lab3", name).reference


def codes(rng: np.random.Generator, *shape: int, positive: bool = False) -> np.ndarray:
    x = rng.standard_normal(shape, dtype=np.float32) * np.float32(3)
    return encode(np.abs(x) if positive else x)


def test_scaled_mm_in_fractions() -> None:
    rng = np.random.default_rng(0)
    a, b = codes(rng, 3, 40), codes(rng, 40, 4)
    scale_a = rng.uniform(0.1, 9, (3, 1)).astype(np.float32)
    scale_b = rng.uniform(0.1, 9, (1, 4)).astype(np.float32)
    ours = right("scaled_mm")(a, b, scale_a, scale_b)
    u, v = (codes.view(E4M3FN).astype(np.float32) for codes in (a, b))
    for m in range(3):
        for n in range(4):
            exact = sum(
                Fraction(float(x)) * Fraction(float(y))
                for x, y in zip(u[m], v[:, n], strict=True)
            )
            assert Fraction(float(exact)) == exact
            wanted = np.float32(float(exact)) * scale_b[0, n] * scale_a[m, 0]
            assert ours[m, n] == wanted


@pytest.mark.parametrize("positive", [False, True])
def test_steps_and_chains_are_mma(positive: bool) -> None:
    rng = np.random.default_rng(1)
    a, b = codes(rng, 9, 500, positive=positive), codes(rng, 500, 8, positive=positive)
    start = right("chain")(a[:, :96], b[:96])
    one = right("step")(a[:, 96:128], b[96:128], start)
    assert np.array_equal(one, mma(a[:, 96:128], b[96:128], start))
    assert np.array_equal(right("chain")(a, b), mma(a, b))
    for every in (32, 64, 160, 512):
        wanted = mma(a, b, accumulator=f"hopper-{every}")
        assert np.array_equal(right("promoted")(a, b, every), wanted)


def test_a_step_over_every_code_is_mma() -> None:
    rng = np.random.default_rng(2)
    for _ in range(30):
        a, b = (
            (rng.integers(0, 127, shape) | rng.choice([0, 128], shape)).astype(np.uint8)
            for shape in ((6, 32), (32, 6))
        )
        start = mma(b.T[:, :6].copy(), a.T[:6].copy())
        assert np.array_equal(right("step")(a, b, start), mma(a, b, start))


def test_a_step_by_hand() -> None:
    """2^14 swallows what is below 2; ten times 1.75 and once 2."""
    a = np.full((1, 11), encode(np.float32(1.75)))
    a[0, -1] = encode(np.float32(2))
    b = np.full((11, 1), encode(np.float32(1)))
    start = np.float32([[2.0**14]])
    assert right("step")(a, b, start).tolist() == [[2.0**14 + 2]]
    assert right("step")(a, b, -start).tolist() == [[-(2.0**14) + 2]]


def test_block_scales_are_scaled_mm() -> None:
    """In the order of cuBLASLt, as measured; blocks of 128."""
    rng = np.random.default_rng(3)
    a, b = codes(rng, 6, 384), codes(rng, 384, 256)
    scale_a = rng.uniform(0.1, 9, (6, 3)).astype(np.float32)
    scale_b = rng.uniform(0.1, 9, (3, 2)).astype(np.float32)
    recipes = ("BlockWise1x128", "BlockWise128x128")
    wanted = scaled_mm(
        a, b, scale_a, recipes[0], scale_b, recipes[1], output_dtype="float32"
    )
    assert np.array_equal(right("block_scaled")(a, b, scale_a, scale_b, 128), wanted)


@pytest.mark.parametrize("path", [CHAIN, PROMOTED])
def test_the_recorded_h200_agrees(path: str) -> None:
    """Digests of bytes that the GPU returned: nothing of ours made them."""
    formats = ("E4M3FN", "E4M3FN")
    chosen = {
        case: digest
        for case, digest in recorded_cases()
        if (case.path, case.kind, case.starts) == (path, "positive", False)
        and (case.a_format, case.b_format) == formats
        and case.k <= 512
    }
    assert chosen
    for case, digest in chosen.items():
        a, b = case.operands()
        b = b.T
        sums = (
            right("promoted")(a, b, 128) if path == PROMOTED else right("chain")(a, b)
        )
        assert sha256(sums.tobytes()).hexdigest() == digest


def test_intervals_and_bugs_are_told_from_mma() -> None:
    rng = np.random.default_rng(4)
    a, b = codes(rng, 6, 320), codes(rng, 320, 6)
    for every in (32, 96, 288):
        output = mma(a, b, accumulator=f"hopper-{every}")
        assert right("interval_of")(a, b, output) == every
        assert right("which_bug")(a, b, every, output) == 0
    assert right("interval_of")(a, b, mma(a, b)) == 0
    assert right("which_bug")(a, b, 96, mma(a, b)) == 1
    plain = mma(a, b, accumulator="float32")
    assert right("interval_of")(a, b, plain) == -1
    assert right("which_bug")(a, b, 96, plain) == -1
