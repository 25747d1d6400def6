"""What the kernels of `decode_attention` compile to for Hopper: read without a GPU.

Run as a module it compiles and prints; the tests read that. A process of its own,
because Triton decides once whether its kernels are interpreted.
"""

import json
from typing import Any

import pytest

from tests.kernels.compiling import count, loop_length, run_module

#: Name: dtype of the cache, D, query heads a KV head, page size (0: contiguous).
CASES: dict[str, tuple[str, int, int, int]] = {
    "e4m3": ("float8_e4m3fn", 128, 4, 0),
    "e5m2": ("float8_e5m2", 128, 4, 0),
    "e4m3, 64 wide": ("float8_e4m3fn", 64, 8, 0),
    "e4m3, 256 wide": ("float8_e4m3fn", 256, 4, 0),
    "e4m3, 32 heads": ("float8_e4m3fn", 128, 32, 0),
    "e4m3, 64 heads": ("float8_e4m3fn", 128, 64, 0),
    "e4m3, 64 heads, 256 wide": ("float8_e4m3fn", 256, 64, 0),
    "e4m3, pages of 16": ("float8_e4m3fn", 128, 4, 16),
    "e4m3, pages of 128": ("float8_e4m3fn", 128, 4, 128),
    "bfloat16": ("bfloat16", 128, 4, 0),
    "bfloat16, pages of 16": ("bfloat16", 128, 4, 16),
    "bfloat16, 64 heads": ("bfloat16", 128, 64, 0),
}
FP8 = [name for name in CASES if name.startswith("e")]
SIXTEEN_BITS = [name for name in CASES if name not in FP8]
FEW_HEADS = [name for name in CASES if CASES[name][2] <= 16]


def compile_all() -> dict[str, dict[str, Any]]:
    """Compile each case as `decode_attention` launches it."""
    import torch

    from fp8lab.kernels.attention import decode_attention, plan_for
    from fp8lab.kernels.compiled import compiling

    read = {}
    for name, (dtype, width, group, page) in CASES.items():
        q = torch.empty(2, 8 * group, width, dtype=torch.bfloat16)
        shape = (512, page) if page else (2, 4096)
        cache = torch.empty(*shape, 8, width, dtype=getattr(torch, dtype))
        table = torch.zeros(2, 256, dtype=torch.int32) if page else None
        lengths = torch.zeros(2, dtype=torch.int32)
        plan = plan_for(width, group, cache.dtype, page or 0)
        with compiling() as found:
            decode_attention(q, cache, cache, lengths, block_table=table)
        split, combine = found
        read[name] = {
            "names": [split.name, combine.name],
            "registers": split.registers,
            "local": [split.local_bytes, combine.local_bytes],
            "shared": split.shared_bytes,
            "instructions": dict(split.instructions),
            "loop": loop_length(split.sass),
            "threads": 32 * plan.warps,
            # Of K and V together, in one iteration.
            "elements": 2 * plan.block * width // (32 * plan.warps),
            "bytes": cache.itemsize,
            "stages": plan.stages,
            "programs": plan.programs,
            "overlap": [
                {text: kernel.count(text) for text in ("ACQBULK", "PREEXIT")}
                for kernel in found
            ],
        }
    return read


@pytest.fixture(scope="module")
def compiled(repository):
    return run_module("tests.kernels.test_compiled_attention", repository)


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_spilled(name, compiled):
    assert compiled[name]["names"] == ["_split_kernel", "_combine_kernel"]
    assert compiled[name]["local"] == [0, 0]


@pytest.mark.parametrize("name", CASES)
def test_the_cache_comes_by_16_bytes_asynchronously(name, compiled):
    kernel = compiled[name]
    copies = kernel["elements"] * kernel["bytes"] // 16
    # One set in the loop, and one for every tile that is under way before it.
    assert count(kernel, "LDGSTS.E.BYPASS.128") == copies * kernel["stages"]
    if "pages" not in name:
        assert count(kernel, "LDGSTS") == copies * kernel["stages"]
    # Neither bytes one by one, nor a transposition by shuffling them.
    assert count(kernel, "LDS.U") == count(kernel, "LDG.E.U8") == 0
    assert count(kernel, "PRMT") < kernel["elements"] * 3 / 4


@pytest.mark.parametrize("name", FP8)
def test_one_instruction_converts_two_codes(name, compiled):
    kernel = compiled[name]
    assert count(kernel, "F2F.") == 0
    assert count(kernel, "F2FP.F16.E") == kernel["elements"] // 2


@pytest.mark.parametrize("name", [name for name in FP8 if name in FEW_HEADS])
def test_pairs_of_codes_are_turned_on_the_way_out_of_shared_memory(name, compiled):
    kernel = compiled[name]
    # V is half of the elements, and a thread gets 16 with one instruction.
    assert count(kernel, "LDSM.16.MT88.4") == kernel["elements"] // 2 // 16


@pytest.mark.parametrize("name", SIXTEEN_BITS)
def test_the_twin_converts_nothing(name, compiled):
    assert count(compiled[name], "F2FP.F16.E") == 0
    assert count(compiled[name], "HMMA") + count(compiled[name], "HGMMA") > 0


@pytest.mark.parametrize("name", FP8)
def test_instructions_an_element(name, compiled):
    # An H200 reads 18.7 bytes a clock and multiprocessor, which issues 128: 6.8.
    kernel = compiled[name]
    most = 4.5 if name in FEW_HEADS else 9
    assert 2 * kernel["elements"] < kernel["loop"] < most * kernel["elements"]
    assert count(kernel, "QGMMA") == 0


@pytest.mark.parametrize("name", CASES)
def test_programs_share_a_multiprocessor(name, compiled):
    # It has 228 KB, of which 1 KB a program is the system's, and 64 K registers.
    kernel = compiled[name]
    programs = kernel["programs"]
    assert programs * (kernel["shared"] + 1024) <= 228 * 1024
    of_a_thread = -(-kernel["registers"] // 8) * 8
    assert programs * kernel["threads"] * of_a_thread <= 65536


@pytest.mark.parametrize("name", CASES)
def test_both_kernels_can_overlap_what_runs_before_them(name, compiled):
    # Each says that the next may start, and waits for the one before it.
    assert compiled[name]["overlap"] == [{"ACQBULK": 1, "PREEXIT": 1}] * 2


if __name__ == "__main__":
    print(json.dumps(compile_all()))
