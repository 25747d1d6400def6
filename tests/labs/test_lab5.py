"""Lab 5: its kernels, its known mistakes, and what its notebook says."""

import numpy as np
import pytest

pytest.importorskip(
    "fp8lab.kernels", reason="lab 5 is about Triton: pip install 'fp8lab[gpu]'"
)

from fp8lab.grading import triton_records
from fp8lab.grading.labs import lab5_wrong
from fp8lab.kernels import INTERPRETED
from tests.labs.lab5_faults import FAULTS
from tests.labs.triton_notebooks import (
    Notebook,
    answer,
    bits,
    cases_of,
    check_cells,
    failed_aspects,
    faulty_kernels,
)

BOOK = Notebook("lab5")
TASKS = BOOK.tasks
#: Known mistakes that are no change of a line or two.
NO_KERNEL = {
    ("one_chain", "exact"),
    ("promoted", "exact"),
    ("scaled", "twice"),
    ("tile_order", "groups of columns"),
    ("tile_order", "one group"),
    ("repaired", "operands and scales and sums left"),
}


@pytest.mark.skipif(not INTERPRETED, reason="a GPU gives a faulty kernel its own bytes")
def test_known_mistakes_are_those_of_kernels() -> None:
    kernels = list(faulty_kernels(BOOK, FAULTS))
    assert [found for found in kernels if found[2]] == []
    made = {(task.name, fault) for task, fault, _ in kernels}
    known = {(t.name, m.name) for t in TASKS.values() for m in t.mistakes}
    assert known - made == NO_KERNEL


def test_the_broken_kernel_of_the_bug_hunt() -> None:
    (broken,) = ["".join(c["source"]) for c in BOOK.cells if "their_" in str(c)]
    source = broken.removeprefix("```python\n").removesuffix("```")
    untouched = BOOK.run(repaired=source.replace("their_launch", "launch_repaired"))
    task = TASKS["repaired"]
    for case in cases_of(task):
        assert bits(answer(untouched.repaired, case)) == bits(
            answer(task.mistakes[0].answer, case)
        )
    # The test that it passed: a symmetric b, scales of 1, 128 of K.
    (case,) = [c for c in cases_of(task) if c.aspect == "scales"]
    a, b, *_ = case.inputs
    assert np.array_equal(b, b.T)
    ones = [np.ones((len(each), 1), np.float32) for each in (a, b)]
    right = task.reference(a, b, *ones)
    assert np.array_equal(untouched.repaired(a, b, *ones), right)


@pytest.mark.parametrize("left", ["operands", "scales", "sums"])
def test_a_bug_that_is_left_costs_its_own_points(left: str) -> None:
    task = TASKS["repaired"]
    (known,) = [m for m in task.mistakes if m.name == f"{left} left"]
    for seed in range(4):
        assert failed_aspects(task, known.answer, seed) == {left}


def test_nothing_changed_is_right() -> None:
    for name, function in (
        ("promoted", lab5_wrong.product),
        ("scaled", lab5_wrong.scaled),
        ("block_scaled", lab5_wrong.block_scaled),
    ):
        for case in cases_of(TASKS[name], 2):
            assert bits(answer(function, case)) == bits(TASKS[name].expected(case))


def tutorial_order(tiles_m: int, tiles_n: int, group: int) -> np.ndarray:
    """The grouped order of Triton's tutorial on matrix multiplication, as it has it."""
    order = np.full((tiles_m, tiles_n), -1, np.int32)
    for pid in range(tiles_m * tiles_n):
        num_pid_in_group = group * tiles_n
        group_id = pid // num_pid_in_group
        first_pid_m = group_id * group
        group_size_m = min(tiles_m - first_pid_m, group)
        pid_m = first_pid_m + ((pid % num_pid_in_group) % group_size_m)
        order[pid_m, (pid % num_pid_in_group) // group_size_m] = pid
    return order


@pytest.mark.parametrize("sizes", [(5, 3, 2), (8, 8, 8), (7, 2, 3), (1, 4, 4)])
def test_the_order_is_the_tutorials(sizes: tuple[int, int, int]) -> None:
    expected = tutorial_order(*sizes)
    assert np.array_equal(lab5_wrong.order_of(*sizes), expected)
    assert sorted(expected.flat) == list(range(expected.size))


def test_a_roofline_by_hand() -> None:
    # 2 x 10 x 20 x 30 operations; 30 x (10 + 20) + 2 x 10 x 20 bytes.
    intensity, bound, time = lab5_wrong.roofline(10, 20, 30, 1, 1e9, 1e9)
    assert (intensity, bound, time) == (12_000 / 1_300, 1, 12_000)
    assert lab5_wrong.roofline(10, 20, 30, 1, 1e12, 1e8)[1:] == (0, 13_000)


@pytest.mark.parametrize(("width", "turns"), [(1, 277), (2, 260)])
def test_where_the_answer_says_memory_stops(width: int, turns: int) -> None:
    def bound(m: int) -> int:
        machine = width, 1.979e15 / width, 4.3e12
        return lab5_wrong.roofline(m, 4096, 4096, *machine)[1]

    assert [bound(turns - 1), bound(turns)] == [0, 1]
    assert f"M = {turns}" in BOOK.written.answer


def test_a_record_is_shown_beside_the_roofline(monkeypatch, capsys) -> None:
    rows = [
        {"family": "gemm", "shape": "4096x4096x4096 (x)", "seconds": 1e-4},
        {"family": "gemm", "shape": "4096x4096x4096 (x)", "seconds": 2e-4},
        {"family": "gemm-small", "shape": "1x4096x4096", "seconds": 1e-5},
        {"family": "gemm-small", "shape": "2x4096x4096", "failure": "no memory"},
        {"family": "quantize", "shape": "16384x8192", "seconds": 1e-4},
    ]
    record = {"machine": {"gpu": "H200"}, "date": "2026-12-01", "rows": rows}
    record["copy_bytes_per_second"] = 4e12
    monkeypatch.setattr("fp8lab.records.load_records", lambda _: [record])
    table = triton_records.beside_measured(lab5_wrong.roofline)
    assert [row[:2] for row in table.rows] == [
        ("4096x4096x4096", "arithmetic"),
        ("1x4096x4096", "memory"),
    ]
    assert table.rows[0][2:] == ("69.4", "100.0", "69%")

    def stub(*_: object) -> tuple[float, int, int]:
        raise NotImplementedError

    assert triton_records.beside_measured(stub) is None
    assert capsys.readouterr().out == triton_records.UNWRITTEN + "\n"

    def absent(_: str) -> list:
        raise ValueError

    monkeypatch.setattr("fp8lab.records.load_records", absent)
    assert triton_records.beside_measured(lab5_wrong.roofline) is None
    assert capsys.readouterr().out == triton_records.ABSENT + "\n"


def test_cells_and_points() -> None:
    check_cells(BOOK)
