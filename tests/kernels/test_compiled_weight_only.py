"""What the kernels of `weight_only_mm` compile to for Hopper: read without a GPU.

Run as a module it compiles and prints; the tests read that. A process of its own,
because Triton decides once whether its kernels are interpreted.
"""

import json
from typing import Any

import pytest

from tests.kernels.compiling import count, loop_length, run_module

ROW, TILE = "_row_kernel", "_tile_kernel"

#: Name: rows of x, [N, K], types of x and of the codes, group.
CASES: dict[str, tuple[Any, ...]] = {
    "row": (1, (8192, 8192), "bfloat16", "float8_e4m3fn", "per-channel"),
    "row, 1x128": (1, (8192, 8192), "bfloat16", "float8_e4m3fn", "1x128"),
    "row, 128x128": (1, (8192, 8192), "bfloat16", "float8_e4m3fn", "128x128"),
    "row, e5m2": (1, (8192, 8192), "bfloat16", "float8_e5m2", "per-channel"),
    "row, float16": (1, (8192, 8192), "float16", "float8_e4m3fn", "per-channel"),
    "row, float32": (1, (8192, 8192), "float32", "float8_e4m3fn", "per-channel"),
    "row, K in steps": (1, (8192, 7168), "bfloat16", "float8_e4m3fn", "per-channel"),
    "row, small N": (1, (1024, 8192), "bfloat16", "float8_e4m3fn", "1x128"),
    "rows of float32": (4, (8192, 8192), "float32", "float8_e4m3fn", "1x128"),
    "tile": (16, (28672, 8192), "bfloat16", "float8_e4m3fn", "per-channel"),
    "tile, 1x128": (16, (28672, 8192), "bfloat16", "float8_e4m3fn", "1x128"),
    "tile, float16": (16, (28672, 8192), "float16", "float8_e4m3fn", "128x128"),
    "tile, e5m2": (16, (28672, 8192), "bfloat16", "float8_e5m2", "1x128"),
    "tile, small N": (2, (4096, 4096), "bfloat16", "float8_e4m3fn", "1x128"),
    "tile, 64 rows": (64, (28672, 8192), "bfloat16", "float8_e4m3fn", "1x128"),
}
ROWS = [name for name in CASES if name.startswith("row")]
TILES = [name for name in CASES if name.startswith("tile")]


def compile_all() -> dict[str, dict[str, Any]]:
    """Compile each case as `weight_only_mm` launches it."""
    import torch

    import fp8lab
    from fp8lab.kernels.compiled import compiling
    from fp8lab.kernels.tensors import QuantizedTensor, fp8_format
    from fp8lab.kernels.weight_only import plan_for, weight_only_mm

    read = {}
    for name, (rows, shape, x_type, code_type, group) in CASES.items():
        x = torch.empty(rows, shape[1], dtype=getattr(torch, x_type))
        codes = torch.empty(shape, dtype=getattr(torch, code_type))
        rectangle = fp8lab.group_of(group)
        scales = torch.empty(rectangle.scale_shape(shape)[::-1]).T
        stored = fp8lab.ScaleDtype.FLOAT32
        fmt = fp8_format(codes, "codes")
        weight = QuantizedTensor(codes, scales, fmt, rectangle, stored)
        plan = plan_for(rows, shape, x.dtype, 132)
        with compiling() as found:
            weight_only_mm(x, weight)
        first = found[0]
        read[name] = {
            "name": first.name,
            "launches": len(found),
            "registers": first.registers,
            "local": first.local_bytes,
            "shared": first.shared_bytes,
            "instructions": dict(first.instructions),
            "loop": loop_length(first.sass),
            "codes": plan.block_n * plan.block_k // (32 * plan.warps),
            "threads": 32 * plan.warps,
            "plan": [plan.block_m, plan.block_n, plan.split_k],
        }
    return read


@pytest.fixture(scope="module")
def compiled(repository):
    return run_module("tests.kernels.test_compiled_weight_only", repository)


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_spilled_or_converted_slowly(name, compiled):
    kernel = compiled[name]
    assert kernel["name"] == (ROW if name in ROWS else TILE)
    assert kernel["local"] == 0
    assert count(kernel, "F2F.") == 0
    # One instruction decodes two codes.
    unpacked = count(kernel, "F2FP.F16.E")
    assert 0 < unpacked <= kernel["codes"]
    assert 2 * unpacked % kernel["codes"] == 0


@pytest.mark.parametrize("name", CASES)
def test_instructions_a_code(name, compiled):
    # An H200 reads 18.7 bytes a clock and multiprocessor, which issues 128.
    kernel = compiled[name]
    if name == "rows of float32":
        assert kernel["loop"] < 9 * kernel["codes"]
    else:
        assert 2 * kernel["codes"] < kernel["loop"] < 5 * kernel["codes"]


@pytest.mark.parametrize("name", ROWS)
def test_rows_are_read_by_16_bytes_into_registers(name, compiled):
    kernel = compiled[name]
    block_m, block_n, split = kernel["plan"]
    of_x = block_m * (4 if "float32" in name else 2)
    assert count(kernel, "LDG.E.128") == block_n + of_x
    assert count(kernel, "LDG.E.U8") == count(kernel, "LDGSTS") == 0
    # Shared memory is for the meeting of the warps alone.
    assert kernel["shared"] <= 4 * block_m * block_n * kernel["threads"] // 32
    assert kernel["launches"] == (1 if split == 1 else 2)


@pytest.mark.parametrize("name", [name for name in ROWS if name != "rows of float32"])
def test_rows_have_64_kilobytes_in_flight(name, compiled):
    kernel = compiled[name]
    # Registers go to a warp by 256; a multiprocessor has 65,536, and 64 warps. The
    # small weight, 8 MB, does not have 64 KB for each.
    of_a_warp = -(-32 * kernel["registers"] // 256) * 256
    warps = min(65536 // of_a_warp, 64)
    warps -= warps % (kernel["threads"] // 32)
    assert warps * 32 * kernel["codes"] >= 65536 * (0.5 if "small" in name else 1)


@pytest.mark.parametrize("name", TILES)
def test_tiles_use_wgmma_on_converted_registers(name, compiled):
    kernel = compiled[name]
    assert count(kernel, "HGMMA") == kernel["codes"] // 8
    assert count(kernel, "HMMA") == 0
    assert count(kernel, "LDGSTS") > 0
    assert count(kernel, "LDG.E.U8") == count(kernel, "LDG.E.128") == 0
    # A multiprocessor has 228 KB, 1 KB a program is the system's, and 64 K registers.
    programs = 1 if kernel["plan"][0] == 64 else 2
    assert programs * (kernel["shared"] + 1024) <= 228 * 1024
    of_a_thread = -(-kernel["registers"] // 8) * 8
    assert programs * kernel["threads"] * of_a_thread <= 65536


if __name__ == "__main__":
    print(json.dumps(compile_all()))
