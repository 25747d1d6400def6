"""Lab 5's known mistakes as kernels: what to change in the right one to make each.

task: mistake: (old, new), ... A mistake that is not here is no change of a line or two.
"""

STEPS = "range(0, K, DEPTH)"
B_PLACE = "n[None, :] * K + k[:, None]"
OUT = "out_ptr + m[:, None] * N + n[None, :]"
GRID = "(triton.cdiv(M, TILE), triton.cdiv(N, TILE))"
ROUNDED = ".to(tl.bfloat16).to(tl.float32)"


def layout(name: str) -> dict:
    """Return what all kernels of one loop share; ``name`` is its sum's."""
    return {
        "reinterpreted": ((B_PLACE, "k[:, None] * N + n[None, :]"),),
        "last block": ((STEPS, "range(0, K // DEPTH * DEPTH, DEPTH)"),),
        "first block": ((STEPS, "range(0, DEPTH, DEPTH)"),),
        "b stands still": ((B_PLACE, "n[None, :] * K + (k - step)[:, None]"),),
        "by columns": ((OUT, "out_ptr + n[None, :] * M + m[:, None]"),),
        "bf16": ((f", {name}, mask=out_mask", f", {name}{ROUNDED}, mask=out_mask"),),
    }


SUMS = {
    "chain": (("total += tl.dot(a, b)", "total = tl.dot(a, b, total)"),),
    "doubled": (("total += tl.dot(a, b)", "total += tl.dot(a, b, total)"),),
    "every 64": (("DEPTH=DEPTH", "DEPTH=64"),),
    "every 32": (("DEPTH=DEPTH", "DEPTH=32"),),
    "every 256": (("DEPTH=DEPTH", "DEPTH=256"),),
}
RIGHT, LEFT = "(total * right[None, :]) * left[:, None]", "tl.load(scale_a_ptr)"
BOTH = f"({LEFT} * tl.load(scale_b_ptr))"
SCALED_STEP = """if ROWWISE:
            left = tl.load(scale_a_ptr + m, mask=m < M, other=1.0)
            right = tl.load(scale_b_ptr + n, mask=n < N, other=1.0)
        else:
            left = tl.load(scale_a_ptr) + tl.zeros((TILE,), tl.float32)
            right = tl.load(scale_b_ptr) + tl.zeros((TILE,), tl.float32)
        total += tl.dot(a, b) * right[None, :] * left[:, None]"""
CAST = "total.to(out_ptr.dtype.element_ty)"
TRUNCATE = """total
    if out_ptr.dtype.element_ty == tl.bfloat16:
        bits = total.to(tl.int32, bitcast=True) & -65536
        out = bits.to(tl.float32, bitcast=True).to(tl.bfloat16)"""
FMA = "tl.fma(tl.dot(a, b), (left * right)[:, None], total)"

ORDER = "first + place % rows, place // rows"
SMALL_DOT = (
    ("tl.zeros((TILE, BATCH)", "tl.zeros((BATCH, TILE)"),
    ("tl.dot(b, a)", "tl.dot(a.T, b.T)"),
    (
        "out_ptr + m[None, :] * N + n[:, None], total, mask=out_mask",
        "out_ptr + m[:, None] * N + n[None, :], total, "
        "mask=(m < M)[:, None] & (n < N)[None, :]",
    ),
)
REPAIRED = {
    "operands": (("b.stride(0), b.stride(1)", "b.stride(1), b.stride(0)"),),
    "scales": ((", total, mask=out_mask", ", total * left[:, None], mask=out_mask"),),
    "sums": SUMS["chain"],
}

FAULTS = {
    "one_chain": {
        **layout("acc"),
        "promoted": (("acc = tl.dot(a, b, acc)", "acc += tl.dot(a, b)"),),
        "grid swapped": ((GRID, "(triton.cdiv(N, TILE), triton.cdiv(M, TILE))"),),
        "first tile": ((GRID, "(1, 1)"),),
        "e5m2": (
            (
                "tl.dot(a, b, acc)",
                "tl.dot(a.to(tl.float8e5, bitcast=True), "
                "b.to(tl.float8e5, bitcast=True), acc)",
            ),
        ),
    },
    "promoted": {**layout("total"), **SUMS},
    "scaled": {
        "sides swapped": ((RIGHT, "(total * left[:, None]) * right[None, :]"),),
        "multiplied first": ((RIGHT, "total * (left[:, None] * right[None, :])"),),
        "one by one": ((BOTH, f"tl.load(scale_b_ptr) * {LEFT}"),),
        "divided": (
            (RIGHT, "(total * (1 / right)[None, :]) * (1 / left)[:, None]"),
            (BOTH, f"((1 / {LEFT}) * (1 / tl.load(scale_b_ptr)))"),
        ),
        "a alone": ((RIGHT, "total * left[:, None]"), (BOTH, LEFT)),
        "in the loop": (
            (RIGHT, "total"),
            (f"total * {BOTH}", "total"),
            ("total += tl.dot(a, b)", SCALED_STEP),
        ),
        "rounded first": (
            ("    if ROWWISE:", f"    total = total{ROUNDED}\n    if ROWWISE:"),
        ),
        "truncated": ((CAST, TRUNCATE),),
        "ignored": ((RIGHT, "total"), (f"total * {BOTH}", "total")),
        "chain": SUMS["chain"],
    },
    "block_scaled": {
        "no fma": ((FMA, "total + tl.dot(a, b) * (left * right)[:, None]"),),
        "one by one": ((FMA, "tl.fma(tl.dot(a, b) * left[:, None], right, total)"),),
        "first scales": (
            ("+ block * a_step", ""),
            ("block_row * blocks + block)", "block_row * blocks)"),
        ),
        "at the end": (
            ("+ block * a_step", ""),
            ("block_row * blocks + block)", "block_row * blocks)"),
            (FMA, "total + tl.dot(a, b)"),
            (
                "    out_mask =",
                "    total = total * (left * right)[:, None]\n    out_mask =",
            ),
        ),
        "first columns": (("block_row * blocks + block", "block"),),
        "by rows": (("scale_a.stride(0), scale_a.stride(1)", "scale_a.shape[1], 1"),),
        "into the chain": ((FMA, "tl.dot(a, b, total) * (left * right)[:, None]"),),
        "divided": (
            (FMA, "tl.fma(tl.dot(a, b), (1 / (left * right))[:, None], total)"),
        ),
        "b alone": ((FMA, "tl.fma(tl.dot(a, b), right, total)"),),
        "last block": (("range(blocks)", "range(0, K // DEPTH)"),),
    },
    "tile_order": {
        "row by row": ((ORDER, "program // tiles_n, program % tiles_n"),),
        "column by column": ((ORDER, "program % tiles_m, program // tiles_m"),),
        "last group": (("tl.minimum(tiles_m - first, GROUP)", "GROUP"),),
        "group too large": (
            ("group = program", "GROUP = GROUP + 1\n    group = program"),
        ),
        "swapped": ((ORDER, "place // rows, first + place % rows"),),
        "first forgotten": ((ORDER, "place % rows, place // rows"),),
        "backwards": (
            (
                f"return {ORDER}",
                "col = place // rows\n    row = place % rows\n"
                "    row = tl.where(col % 2 == 1, rows - 1 - row, row)\n"
                "    return first + row, col",
            ),
        ),
    },
    "small_batch": {
        "16 rows of a": SMALL_DOT,
        "not turned": (("m[None, :] * N + n[:, None]", "m[None, :] + n[:, None] * M"),),
        "chain": (("total += tl.dot(b, a)", "total = tl.dot(b, a, total)"),),
        "doubled": (("total += tl.dot(b, a)", "total += tl.dot(b, a, total)"),),
        "first tile": (("(triton.cdiv(N, TILE),)", "(1,)"),),
        "last block": ((STEPS, "range(0, K // DEPTH * DEPTH, DEPTH)"),),
        "reinterpreted": (
            ("n[:, None] * K + k[None, :]", "k[None, :] * N + n[:, None]"),
        ),
        "b stands still": (
            ("n[:, None] * K + k[None, :]", "n[:, None] * K + (k - step)[None, :]"),
        ),
        "every 64": (("DEPTH=DEPTH", "DEPTH=64"),),
        "bf16": ((", total, mask", f", total{ROUNDED}, mask"),),
    },
    "roofline": {
        "no two": (("2 * m * n * k", "m * n * k"),),
        "no output": ((" + 2 * m * n", ""),),
        "narrow output": (("+ 2 * m * n", "+ width * m * n"),),
        "wide output": (("+ 2 * m * n", "+ 4 * m * n"),),
        "added": (("max(of_arithmetic, of_memory)", "(of_arithmetic + of_memory)"),),
        "shorter": (("max(of_arithmetic", "min(of_arithmetic"),),
        "upside down": (("operations / traffic", "traffic / operations"),),
        "bound swapped": (("1 if of", "0 if of"), ("else 0", "else 1")),
        "bits": (("n * k) * width", "n * k) * width * 8"),),
        "no weight": (("(m * k + n * k)", "(m * k)"),),
        "microseconds": (("1e9", "1e6"),),
    },
    "repaired": {
        "operands left": REPAIRED["operands"],
        "scales left": REPAIRED["scales"],
        "sums left": REPAIRED["sums"],
        "operands and scales left": REPAIRED["operands"] + REPAIRED["scales"],
        "operands and sums left": REPAIRED["operands"] + REPAIRED["sums"],
        "scales and sums left": REPAIRED["scales"] + REPAIRED["sums"],
        "a's scale gone": (("    total = total * left[:, None]\n", ""),),
        "promoted too often": (("DEPTH=128", "DEPTH=64"),),
    },
}
