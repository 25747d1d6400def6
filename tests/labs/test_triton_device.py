"""The device of labs 4 and 5: memory with guards, and the interpreter made strict."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("fp8lab.kernels", reason="for kernels: pip install 'fp8lab[gpu]'")

from fp8lab.grading.triton_lab import UNDEFINED, UNWRITTEN, triton_ready

triton, tl, device = triton_ready()

interpreted = pytest.mark.skipif(
    not device.interpreted, reason="what the interpreter is made to find"
)


@triton.jit
def _move(x_ptr, out_ptr, first, n, BLOCK: tl.constexpr):
    at = first + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + at, mask=at < n)
    tl.store(out_ptr + at, x, mask=at < n)


@triton.jit
def _keep_lanes(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    tl.store(out_ptr + at, tl.load(x_ptr + at, mask=at < n))


@triton.jit
def _divide(x_ptr, y_ptr, out_ptr, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    x, y = tl.load(x_ptr + at), tl.load(y_ptr + at)
    tl.store(out_ptr + at, x / y)


@triton.jit
def _dot(a_ptr, b_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    m, n, k = tl.arange(0, M), tl.arange(0, N), tl.arange(0, K)
    a = tl.load(a_ptr + m[:, None] * K + k[None, :])
    b = tl.load(b_ptr + n[None, :] * K + k[:, None])
    tl.store(out_ptr + m[:, None] * N + n[None, :], tl.dot(a, b))


ARRAYS = [
    np.arange(12, dtype=np.float32).reshape(3, 4),
    np.arange(12, dtype=np.uint8).reshape(3, 4),
    np.arange(12, dtype=np.uint16).reshape(3, 4),
    np.arange(12, dtype=np.int32).reshape(3, 4),
]


@pytest.mark.parametrize("order", ["rows", "columns", "slice"])
@pytest.mark.parametrize("x", ARRAYS, ids=lambda x: str(x.dtype))
def test_what_is_put_comes_back(x: np.ndarray, order: str) -> None:
    memory = device.put(x, order)
    got = device.get(memory)
    assert (got.dtype, got.tobytes()) == (x.dtype, x.tobytes())
    strides = {"rows": (4, 1), "columns": (1, 3), "slice": (10, 1)}
    assert memory.stride() == strides[order]


def test_memory_begins_unwritten_and_computes_nothing() -> None:
    memory = device.empty((2, 3), "float8")
    assert (device.get(memory) == UNWRITTEN).all()
    for compute in (lambda: memory + 1, lambda: memory[0], memory.clone, memory.cpu):
        with pytest.raises(TypeError, match="Compute in the kernel"):
            compute()


def test_names_that_nobody_knows() -> None:
    with pytest.raises(ValueError, match="use one of float32, bfloat16, float8"):
        device.empty(3, "float16")
    with pytest.raises(ValueError, match="an array of float64; give float32"):
        device.put(np.zeros(3))


@interpreted
def test_a_load_outside_is_told_with_its_program() -> None:
    def launch(x, out):
        _move[(1,)](x, out, 90, 200, BLOCK=64)

    arrays = device.put(np.zeros(100, np.float32)), device.empty(100, "float32")
    told = (
        r"program \(0, 0, 0\) loads 54 of 64 elements behind the end of the float32 "
        r"array of shape \(100,\), the first by 0\. Which lanes"
    )
    with pytest.raises(IndexError, match=told):
        device.run(launch, *arrays)


@interpreted
@pytest.mark.parametrize(
    ("first", "where"), [(-3, "before the float32"), (10**6, "no array of the launch")]
)
def test_wild_places_kill_nobody(first: int, where: str) -> None:
    def launch(x, out):
        _move[(1,)](x, out, first, 10**7, BLOCK=64)

    x = device.put(np.zeros(100, np.float32))
    with pytest.raises(IndexError, match=where):
        device.run(launch, x, x)


@interpreted
def test_lanes_without_other_are_undefined() -> None:
    out = device.empty(64, "float8")

    def launch(x, out):
        _keep_lanes[(1,)](x, out, 60, BLOCK=64)

    device.run(launch, device.put(np.zeros(60, np.uint8)), out)
    assert device.get(out)[60:].tolist() == [UNDEFINED] * 4


@interpreted
def test_a_slash_is_approximate_in_a_run_alone() -> None:
    x, y = np.full(32, 0.72098213, np.float32), np.full(32, 19 / 448, np.float32)
    out = device.empty(32, "float32")

    def launch(*arrays):
        _divide[(1,)](*arrays, BLOCK=32)

    arrays = device.put(x), device.put(y), out
    device.run(launch, *arrays)
    assert set(device.get(out)) == {x[0] * (np.float32(1) / y[0])} != {17}
    launch(*arrays)  # beside it the interpreter is as it was
    assert set(device.get(out)) == {17}


@interpreted
def test_the_sums_of_a_narrow_dot_are_no_tensor_cores() -> None:
    # 256 and 31 times 1/64: the tensor core drops what is small.
    a = np.zeros((64, 32), np.uint8)
    a[:] = [0x58] + 31 * [0x20]
    sums = {}
    for rows in (16, 64):
        out = device.empty((rows, 16), "float32")

        def launch(a, b, out, rows=rows):
            _dot[(1,)](a, b, out, M=rows, N=16, K=32)

        device.run(launch, device.put(a[:rows]), device.put(a[:16]), out)
        sums[rows] = set(device.get(out).flat)
    assert sums == {16: {256.484375}, 64: {256}}


@interpreted
def test_tiles_that_no_compiler_takes() -> None:
    def launch(a, b, out):
        _dot[(1,)](a, b, out, M=64, N=8, K=32)

    a = device.put(np.zeros((64, 32), np.uint8))
    with pytest.raises(ValueError, match="at least 16 rows and columns and 32 of K"):
        device.run(launch, a, a, device.empty((64, 8), "float32"))


COMPILE = """
import json
import fp8lab.kernels, triton, triton.language as tl
from fp8lab.kernels.compiled import compiling
from fp8lab.grading import triton_lab
from fp8lab.grading.triton_device import Device
# Memory of the CPU: nothing runs.
triton_lab.triton_ready = lambda: (triton, tl, Device(True))
from tests.labs.triton_notebooks import Notebook, cases_of
told = {}
for lab, names in (
    ("lab4", ("quantize_tokens", "quantize_groups")),
    ("lab5", ("one_chain", "block_scaled", "small_batch")),
):
    book = Notebook(lab)
    solved = book.run()
    for name in names:
        with compiling() as found:
            getattr(solved, name)(*cases_of(book.tasks[name])[0].inputs)
        told[name] = (found[0].count("QGMMA"), found[0].local_bytes)
    name = {"lab4": "quantize_tokens", "lab5": "tile_order"}[lab]
    stub = getattr(book.run(**{name: book.stub(name)}), name)
    with compiling():
        try:
            stub(*cases_of(book.tasks[name])[0].inputs)
        except NotImplementedError:
            told[name + " not written"] = True
print(json.dumps(told))
"""


def test_solutions_and_stubs_compile_for_hopper(repository) -> None:
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COMPILE],
        cwd=repository,
        env=os.environ | {"TRITON_INTERPRET": "0"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout.splitlines()[-1])
    quantizing = {"quantize_tokens": [0, 0], "quantize_groups": [0, 0]}
    # wgmma of e4m3: four times 32 of K, without spilled registers.
    products = {name: [4, 0] for name in ("one_chain", "block_scaled", "small_batch")}
    stubs = {"quantize_tokens not written": True, "tile_order not written": True}
    assert told == quantizing | products | stubs
