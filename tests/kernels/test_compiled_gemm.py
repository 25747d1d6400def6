"""What the kernels of `fp8lab.kernels.gemm` compile to for Hopper: read without a GPU.

Run as a module it compiles and prints; the tests read that. A process of its own,
because Triton decides once whether its kernels are interpreted.
"""

import json
import re
from typing import Any

import pytest

from tests.kernels.compiling import count, run_module

LARGE = (4096, 4096, 4096)
SMALL = (4096, 4096)
#: Rows of a, recipes, fast accumulation, slices of K.
SMALL_CASES = [
    (16, "tensor", True, 1),
    (16, "row", False, 4),
    (16, "1x128 by 128x128", False, 4),
    (32, "1x128 by 128x128", False, 1),
    (64, "row", True, 4),
    (64, "1x128 by 128x128", False, 4),
    (64, "1x128 by 1x128", False, 1),
]
#: Of a multiprocessor, and of a program; a kilobyte a program is the system's.
REGISTERS, SHARED, OF_A_PROGRAM = 65536, 228 * 1024, 227 * 1024

PLACE = re.compile(r"/\*([0-9a-f]{4,})\*/\s+(?:@!?U?P\w+\s+)?(\S+)\s*(.*?);")


def compile_all() -> dict[str, dict[str, Any]]:
    """Compile every large tile, and the small kernel as it is launched."""
    from fp8lab.kernels import gemm_config
    from fp8lab.kernels.gemm_large import large_product
    from fp8lab.kernels.gemm_small import small_product
    from tests.kernels.gemm_cases import SPECIALIZED, TILES

    read = {}
    for recipes, fast, tile in TILES:
        name = f"{recipes}, {'chain' if fast else 'promoted'}, {tile.parts}x{tile.part}"
        facts = {
            "parts": tile.parts,
            "per_thread": tile.block_m * tile.block_n // (32 * tile.warps),
            "blocks": "by" in recipes,
            "fast": fast,
        }
        found = compiled_launch(large_product, LARGE, recipes, fast, 1, tile)[0]
        read[name] = read_kernel(found) | facts
    for recipes, fast, tile in SPECIALIZED:
        kind = "chain" if fast else "promoted"
        # Sums of slices are stored as float32, which takes more shared memory.
        for split_k in (1, 4):
            case = LARGE, recipes, fast, split_k, tile
            found = compiled_launch(large_product, *case)[0]
            name = f"specialized, {recipes}, {kind}, {tile.block_n}, {split_k}"
            read[name] = read_kernel(found) | {
                "per_thread": tile.block_n // 2,
                "blocks": "by" in recipes,
                "fast": fast,
            }
    for rows, recipes, fast, split_k in SMALL_CASES:
        shape = (rows, *SMALL)
        # Four programs share a multiprocessor, or two.
        for programs, tile in zip((4, 2), gemm_config.SMALL_TILES[rows], strict=True):
            found = compiled_launch(small_product, shape, recipes, fast, split_k, tile)
            under_way = (tile.stages - 1) * 128 * (tile.block_n + rows)
            read[f"small, {rows} rows, {recipes}, {split_k}, {programs}"] = read_kernel(
                found[0]
            ) | {
                "launches": len(found),
                "split_k": split_k,
                "programs": programs,
                "under_way": under_way,
            }
    return read


def compiled_launch(launch, shape, recipes, fast, split_k, tile):
    import torch

    from fp8lab.kernels.compiled import compiling
    from fp8lab.kernels.gemm_product import Product
    from tests.kernels.gemm_cases import Case

    case = Case(*shape, recipes)
    # Only their shapes and strides count.
    scales = [
        torch.empty(recipe.group.scale_shape(sides)[::-1]).T
        for recipe, sides in zip(
            case.pair, ((shape[0], shape[2]), shape[1:]), strict=True
        )
    ]
    operands = [
        torch.empty(rows, shape[2], dtype=torch.float8_e4m3fn) for rows in shape[:2]
    ]
    rest = case.pair, fast, split_k, torch.bfloat16
    with compiling() as found:
        launch(Product(*operands, *scales, *rest), tile)
    return found


def read_kernel(kernel) -> dict[str, Any]:
    return {
        "registers": kernel.registers,
        "local": kernel.local_bytes,
        "shared": kernel.shared_bytes,
        "threads": 32 * kernel.warps,
        "instructions": dict(kernel.instructions),
        "loop": main_loop(kernel.sass),
        "waits": sum(
            name.startswith("WARPGROUP.DEPBAR")
            for _, name, _ in PLACE.findall(kernel.sass)
        ),
    }


def main_loop(sass: str) -> list[str]:
    """Return the instructions of the smallest loop around all matrix instructions."""
    lines = [(int(at, 16), name, rest) for at, name, rest in PLACE.findall(sass)]
    matrix = [at for at, name, _ in lines if name.startswith("QGMMA")]
    loops = []
    for at, name, rest in lines:
        target = re.search(r"0x([0-9a-f]+)", rest) if name == "BRA" else None
        if target and int(target[1], 16) <= matrix[0] and at >= matrix[-1]:
            loops.append((at - int(target[1], 16), int(target[1], 16), at))
    _, start, end = min(loops)
    return [f"{name} {rest}" for at, name, rest in lines if start <= at <= end]


@pytest.fixture(scope="module")
def compiled(repository):
    kernels = run_module("tests.kernels.test_compiled_gemm", repository)
    assert len(kernels) == 42
    return kernels


def small(kernels: dict[str, Any]) -> list[dict[str, Any]]:
    return [kernel for name, kernel in kernels.items() if name.startswith("small")]


def plain(kernels: dict[str, Any]) -> dict[str, Any]:
    starts = ("small", "specialized")
    return {name: k for name, k in kernels.items() if not name.startswith(starts)}


def specialized(kernels: dict[str, Any]) -> dict[str, Any]:
    return {name: k for name, k in kernels.items() if name.startswith("specialized")}


def test_nothing_is_spilled_and_all_fits(compiled):
    for name, kernel in compiled.items():
        assert kernel["local"] == 0, name
        assert kernel["shared"] <= OF_A_PROGRAM, name
        # Specialized warps have come on top, three groups of four in all.
        threads = 384 if name.startswith("specialized") else kernel["threads"]
        assert threads * kernel["registers"] <= REGISTERS, name


def test_fp8_instructions_on_tiles_that_tma_brings(compiled):
    for name, kernel in compiled.items():
        assert count(kernel, "QGMMA") > 0, name
        assert count(kernel, "HMMA") == count(kernel, "HGMMA") == 0, name
        assert count(kernel, "UTMALDG") > 0, name
        # No operand takes another way.
        assert count(kernel, "LDGSTS") == count(kernel, "LDG.E.U8") == 0, name


def test_chains_have_nothing_between_the_instructions(compiled):
    for kernel in plain(compiled).values():
        if not kernel["fast"]:
            continue
        assert count(kernel, "FADD") == 0
        # The next step's products are on their way before this one's are done.
        waits = [x for x in kernel["loop"] if x.startswith("WARPGROUP.DEPBAR")]
        assert waits[0].strip().endswith("0x1")


def test_a_promotion_is_one_instruction(compiled):
    for name, kernel in plain(compiled).items():
        if kernel["fast"]:
            continue
        adds = count(kernel, "FFMA" if kernel["blocks"] else "FADD")
        assert adds == kernel["per_thread"], name
        if "by 128x128" in name:
            # Scales are multiplied once a row, not once an element.
            assert count(kernel, "FMUL") <= 16, name


def test_ptxas_keeps_the_instructions_together(compiled):
    # Where it does not, it waits after each of the four of a step.
    for name, kernel in plain(compiled).items():
        if not kernel["fast"]:
            assert count(kernel, "WARPGROUP.DEPBAR") == kernel["parts"], name


def test_each_group_of_warps_has_its_code(compiled):
    for name, kernel in specialized(compiled).items():
        # Both multiply: two halves of a tile in turns, or half of two steps and of one.
        steps = 2 if kernel["fast"] else 3
        assert count(kernel, "QGMMA") == 2 * 4 * steps, name
        # In the loop of a step, and behind it; or one a step. ptxas adds none.
        assert kernel["waits"] == 2 * (2 if kernel["fast"] else 3), name
        assert count(kernel, "USETMAXREG") > 0, name
        assert count(kernel, "UTMASTG") > 0, name


def test_specialized_promotions_are_one_instruction(compiled):
    for name, kernel in specialized(compiled).items():
        if not kernel["fast"]:
            adds = count(kernel, "FFMA" if kernel["blocks"] else "FADD")
            assert adds == 2 * 3 * kernel["per_thread"], name


def test_small_kernels_have_enough_under_way(compiled):
    for kernel in small(compiled):
        programs = kernel["programs"]
        assert programs * (kernel["shared"] + 1024) <= SHARED
        of_a_thread = -(-kernel["registers"] // 8) * 8
        assert programs * kernel["threads"] * of_a_thread <= REGISTERS
        assert programs * kernel["under_way"] >= 128 * 1024
        assert kernel["launches"] == (1 if kernel["split_k"] == 1 else 2)
        assert count(kernel, "QGMMA") == 4
        assert count(kernel, "STG.E.128") + count(kernel, "STG.E.64") > 0


def test_small_kernels_do_not_wait_for_scales(compiled):
    found = 0
    for name, kernel in compiled.items():
        if name.startswith("small") and "by" in name:
            named = [line.split()[0].split(".")[0] for line in kernel["loop"]]
            # The next step's are asked for before this one's products.
            last = max(i for i, other in enumerate(named) if other == "LDG")
            assert last < named.index("QGMMA"), name
            found += 1
    assert found == 8


if __name__ == "__main__":
    print(json.dumps(compile_all()))
