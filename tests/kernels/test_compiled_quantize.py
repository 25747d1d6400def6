"""What the quantize kernels compile to for Hopper: wide loads, no spills, few steps.

An H200 moves some 4.2 TB in a second, which is 6.3 elements of 3 bytes a clock and
multiprocessor at 1.7 GHz; it issues 4 x 32 lanes a clock, 20 instructions an element.
"""

import pytest

from tests.kernels.compiling import Kernel, compiled

SCRIPT = """
import torch
from fp8lab import kernels as k
x = torch.zeros(512, 8192, dtype=torch.bfloat16)
w = torch.zeros(8192, dtype=torch.bfloat16)
report(
    group=lambda: k.quantize(x, "E4M3FN", "1x128"),
    mx=lambda: k.quantize(x, "E4M3FN", "1x32", scale_dtype="e8m0"),
    token=lambda: k.quantize(x, "E5M2", "per-token"),
    block=lambda: k.quantize(x, "E4M3FN", "128x128"),
    static=lambda: k.quantize(x, "E4M3FN", "per-tensor", scale=0.5),
    dynamic=lambda: k.quantize(x, "E4M3FN", "per-tensor"),
    norm=lambda: k.rms_norm_quantize(x, w, "E4M3FN", "1x128"),
    silu=lambda: k.silu_mul_quantize(x, "E4M3FN", "1x128"),
)
"""
ELEMENTS_A_THREAD = 32
#: The most instructions an element may take. Some 3 of those counted belong to the slow
#: path of a division, which runs for subnormals alone; of norm's, 17 are its loop.
#: Memory leaves time for 20, and for 33 of the 5 bytes of silu.
LIMITS = {
    "group": 15,
    "mx": 18,
    "token": 13,
    "block": 14,
    "static": 18,
    "norm": 28,
    "silu": 39,
}


@pytest.fixture(scope="module")
def kernels() -> dict[str, list[Kernel]]:
    return compiled(SCRIPT)


def test_one_launch_but_for_a_dynamic_scale(kernels) -> None:
    assert [k.name for k in kernels.pop("dynamic")] == [
        "_amax_kernel",
        "_scale_kernel",
        "_apply_kernel",
    ]
    assert {name: len(found) for name, found in kernels.items()} == dict.fromkeys(
        LIMITS, 1
    )


def test_nothing_is_spilled_and_everything_is_wide(kernels) -> None:
    for name, found in kernels.items():
        for kernel in found:
            assert kernel.local_bytes == 0, name
            if kernel.name != "_scale_kernel":
                loads = kernel.count("LDG")
                wide = sum(
                    n
                    for i, n in kernel.instructions.items()
                    if "LDG" in i and ".128" in i
                )
                # 32 bfloat16 a thread are four loads of 16 bytes; a scale is short.
                assert wide >= 4, (name, kernel.instructions)
                assert loads - wide <= 1, (name, kernel.instructions)


def test_codes_are_stored_16_bytes_a_thread(kernels) -> None:
    for name in LIMITS:
        (kernel,) = kernels[name]
        assert kernel.instructions["STG.E.128"] == 2, (name, kernel.instructions)


def test_conversions_come_two_at_a_time(kernels) -> None:
    for name in LIMITS:
        (kernel,) = kernels[name]
        assert kernel.count("F2FP.SATFINITE") == ELEMENTS_A_THREAD // 2, name


@pytest.mark.parametrize("name", LIMITS)
def test_instructions_an_element(name, kernels) -> None:
    (kernel,) = kernels[name]
    assert kernel.total / ELEMENTS_A_THREAD <= LIMITS[name]
