"""Lab 4: its kernels, its known mistakes, and what its notebook says."""

import numpy as np
import pytest

pytest.importorskip(
    "fp8lab.kernels", reason="lab 4 is about Triton: pip install 'fp8lab[gpu]'"
)

import torch

from fp8lab import decode, encode, round_to
from fp8lab.grading.labs.lab4_wrong import quantized
from fp8lab.kernels import INTERPRETED
from tests.labs.lab4_faults import FAULTS
from tests.labs.triton_notebooks import (
    Notebook,
    answer,
    bits,
    cases_of,
    check_cells,
    failed_aspects,
    faulty_kernels,
)

BOOK = Notebook("lab4")
TASKS = BOOK.tasks


@pytest.mark.skipif(not INTERPRETED, reason="a GPU gives a faulty kernel its own bytes")
def test_known_mistakes_are_those_of_kernels() -> None:
    kernels = list(faulty_kernels(BOOK, FAULTS))
    assert [found for found in kernels if found[2]] == []
    made = {(task.name, fault) for task, fault, _ in kernels}
    known = {(t.name, m.name) for t in TASKS.values() for m in t.mistakes}
    assert known - made == {("quantize_tokens", "one scale"), ("repaired", "untouched")}


def test_the_broken_kernel_of_the_bug_hunt() -> None:
    (broken,) = ["".join(c["source"]) for c in BOOK.cells if "their_" in str(c)]
    source = broken.removeprefix("```python\n").removesuffix("```")
    untouched = BOOK.run(repaired=source.replace("their_launch", "launch_repaired"))
    task = TASKS["repaired"]
    (known,) = [m for m in task.mistakes if m.name == "untouched"]
    if INTERPRETED:  # a GPU gives a division that is not exact its own bytes
        for case in cases_of(task):
            assert bits(answer(untouched.repaired, case)) == bits(
                answer(known.answer, case)
            )
    every = {aspect.name for aspect in task.aspects}
    assert failed_aspects(task, untouched.repaired, 7) == every


@pytest.mark.parametrize(
    ("left", "costs"),
    [
        ("division left", {"division"}),
        ("edges left", {"edges"}),
        ("scales left", {"scales"}),
        ("one program a group", {"programs"}),
        ("division and scales left", {"division", "scales"}),
    ],
)
def test_a_bug_that_is_left_costs_its_own_points(left: str, costs: set[str]) -> None:
    task = TASKS["repaired"]
    (known,) = [m for m in task.mistakes if m.name == left]
    for seed in range(4):
        assert failed_aspects(task, known.answer, seed) == costs


def of_torch(x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Codes as PyTorch computes them."""
    quotient = torch.from_numpy(np.ascontiguousarray(x)) / torch.from_numpy(scale)
    cast = quotient.clamp(-448, 448).to(torch.float8_e4m3fn)
    return cast.view(torch.uint8).numpy()


@pytest.mark.parametrize("name", ["quantize_static", "quantize_tokens"])
def test_the_right_codes_are_pytorchs(name: str) -> None:
    for case in cases_of(TASKS[name], 3):
        x = case.inputs[0]
        x = decode(x, "BF16") if x.dtype == np.uint16 else x
        codes, *scales = TASKS[name].expected(case)
        scale = scales[0] if scales else case.inputs[1]
        assert np.array_equal(codes, of_torch(x, scale))


def test_the_right_groups_are_pytorchs() -> None:
    task = TASKS["quantize_groups"]
    for case in cases_of(task, 3):
        x = torch.from_numpy(case.inputs[0])
        codes, scales = task.expected(case)
        for group, part in enumerate(x.split(128, dim=1)):
            amax = part.abs().amax(dim=1)
            scale = torch.where(amax == 0, 1.0, amax / 448).clamp(2.0**-126).numpy()
            assert np.array_equal(scales[:, group], scale)
            columns = codes[:, 128 * group : 128 * (group + 1)]
            assert np.array_equal(columns, of_torch(part.numpy(), scale[:, None]))


def test_nothing_changed_is_right() -> None:
    for case in cases_of(TASKS["quantize_groups"], 2):
        assert bits(quantized(case.inputs[0])) == bits(
            TASKS["quantize_groups"].expected(case)
        )


def test_what_the_text_says_about_the_bugs() -> None:
    x = round_to(np.random.default_rng(0).standard_normal((4096, 1024)), "BF16")
    x = x.astype(np.float32)
    amax = np.abs(x).max(axis=1, keepdims=True)
    scale, one = amax / np.float32(448), np.float32(1)
    differ = np.mean(encode(x / scale) != encode(x * (one / scale)))
    assert 5e-4 < differ < 7e-4
    assert np.mean(amax * (one / np.float32(448)) != scale) > 0.5
    # The tie of task 3.
    scale, x = np.float32(19) / np.float32(448), np.float32(0.72098213)
    assert (x / scale, str(x * (one / scale))) == (17, "17.000002")
    assert (encode(x / scale), encode(x * (one / scale))) == (0x58, 0x59)
    assert str(scale) == "0.042410713"


def test_cells_and_points() -> None:
    check_cells(BOOK)
