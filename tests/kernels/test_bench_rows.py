"""What the kernel benchmark runs, on a few elements: its checks find a wrong kernel."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch

from fp8lab.bench.kernel_catalogue import Row, catalogue
from fp8lab.bench.kernel_rows import (
    WrongError,
    attention,
    gemm,
    prepare,
    quantize,
    weight_only,
)
from fp8lab.bench.kernel_rows.numbers import Numbers
from fp8lab.bench.tune_candidates import SOURCES, candidates

#: Where the rows take their kernels from.
KERNELS: dict[ModuleType, tuple[str, ...]] = {
    quantize: ("quantize", "dequantize", "rms_norm_quantize", "silu_mul_quantize"),
    gemm: ("scaled_mm",),
    weight_only: ("weight_only_mm",),
    attention: ("decode_attention",),
}


def shrunk(row: Row) -> Row:
    """The same kernel on a few elements."""
    small = dict(row.arguments)
    if "shape" in small:
        small["shape"] = (128, 256)
    if "size" in small:
        small["size"] = (min(small["size"][0], 80), 128, 512)
    if "tokens" in small:
        small |= {"tokens": 128, "batch": 2}
    return Row(row.family, row.kernel, "", row.unit, row.must, row.aim, small)


def first_of_each_kernel() -> Sequence[Row]:
    found = {(row.family, row.kernel): row for row in catalogue()}
    return [row for row in found.values() if "E5M2" not in row.kernel]


@pytest.mark.parametrize("row", first_of_each_kernel(), ids=lambda row: row.name)
def test_a_row_finds_its_kernel_right_and_a_wrong_one_wrong(
    row: Row, device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare(shrunk(row), Numbers(device))
    assert prepared.check()
    assert prepared.ours.work > 0
    break_kernels(monkeypatch)
    with pytest.raises(WrongError):
        prepare(shrunk(row), Numbers(device)).check()


@pytest.mark.parametrize("family", SOURCES)
def test_what_the_tuner_tries_is_right_too(
    family: str, device: torch.device, native: bool
) -> None:
    if family in ("gemm", "gemm-block") and not native:
        pytest.skip("specialized warps need a Hopper GPU")
    row = next(row for row in catalogue() if row.family == family)
    tried = candidates(row)
    for config in (tried[0], tried[-1]):
        assert prepare(shrunk(row), Numbers(device), config).check()


def break_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let kernels return one element in a hundred wrong: doubled, or another code."""

    def broken(plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: object, **options: object) -> object:
            result = plain(*args, **options)
            if isinstance(result, torch.Tensor):
                result.view(-1)[::100] *= 2
                return result
            codes = result.codes.view(torch.uint8).clone()
            codes.view(-1)[::100] ^= 8
            return replace(result, codes=codes.view(result.codes.dtype))

        return call

    for module, names in KERNELS.items():
        for name in names:
            monkeypatch.setattr(module, name, broken(getattr(module, name)))
