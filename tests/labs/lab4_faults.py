"""Lab 4's known mistakes as kernels: what to change in the right one to make each.

task: mistake: (old, new), ... A mistake that is not here is no change of a line or two.
"""

CAST = ".to(tl.float8e4nv)"
QUOTIENT = "tl.div_rn(x, scale)"
AMAX = "tl.max(tl.abs(x), axis=1)"
SCALE = "tl.maximum(tl.div_rn(amax, 448.0), 2.0**-126)"
ZERO = "tl.where(amax == 0, 1.0, scale)"
BY_448 = "tl.div_rn(amax, 448.0)"
MASK = "mask = (row < rows)[:, None] & (col < cols)[None, :]"
GRID = "(triton.cdiv(rows, TILE_ROWS), "
#: amax of a whole row, for the kernels that see one group of it.
WHOLE_ROW = """tl.zeros((TILE_ROWS,), tl.float32)
    for g in range(0, tl.cdiv(cols, GROUP)):
        c = g * GROUP + tl.arange(0, GROUP)
        m = (row < rows)[:, None] & (c < cols)[None, :]
        y = tl.load(x_ptr + row[:, None] * cols + c[None, :], mask=m, other=0.0)
        amax = tl.maximum(amax, tl.max(tl.abs(y), axis=1))"""

SCALES = {
    "scale by reciprocal": ((BY_448, "amax * (1.0 / 448.0)"),),
    "zeros": ((SCALE, BY_448), (ZERO, "scale")),
    "zeros floored": ((ZERO, "scale"),),
}
REPAIRED = {
    "division left": (("tl.div_rn(x, scale[:, None])", "(x / scale[:, None])"),),
    "edges left": (
        (
            "tl.load(x_ptr + place, mask=mask,",
            "tl.load(x_ptr + place, mask=place < rows * cols,",
        ),
    ),
    "scales left": ((BY_448, "amax * (1.0 / 448.0)"),),
}

FAULTS = {
    "copy": {
        "first block": (("tl.program_id(0) * BLOCK", "0"),),
        "whole blocks": (("triton.cdiv(n, BLOCK)", "n // BLOCK"),),
        "not multiplied": (("tl.program_id(0) * BLOCK", "tl.program_id(0)"),),
        "every second": (("tl.program_id(0) * BLOCK", "tl.program_id(0) * 2 * BLOCK"),),
        "starts at 1": (("tl.arange(0, BLOCK)", "tl.arange(0, BLOCK) + 1"),),
        "mask too short": (("offsets < n", "offsets < n - 1"),),
        "shifted": (
            (
                "out_ptr + offsets, x, mask=mask",
                "out_ptr + offsets + 1, x, mask=offsets < n - 1",
            ),
        ),
        "offsets": (("offsets, x, mask", "offsets, offsets, mask"),),
        "rounded": ((", x, mask", ", x.to(tl.bfloat16).to(tl.float32), mask"),),
        "added": ((", x, mask", ", x + 0.0, mask"),),
    },
    "group_amax": {
        "signed": ((AMAX, "tl.max(x, axis=1)"),),
        "next row": (
            (MASK, "mask = row[:, None] * cols + col[None, :] < rows * cols"),
        ),
        "no other": ((", other=0.0", ""),),
        "other is 1": (("other=0.0", "other=1.0"),),
        "tile": ((AMAX, f"tl.max({AMAX}, axis=0)"),),
        "row": ((AMAX, WHOLE_ROW),),
        "sum": ((AMAX, "tl.sum(tl.abs(x), axis=1)"),),
        "last group": ((f"{GRID}groups)", f"{GRID}cols // GROUP)"),),
        "first tile": ((GRID, "(1, "),),
        "columns": (("row * groups + group", "group * rows + row"),),
        "scale": (("group, amax, mask", "group, tl.div_rn(amax, 448.0), mask"),),
    },
    "quantize_static": {
        "reciprocal": ((QUOTIENT, "(x / scale)"),),
        "multiplied": ((QUOTIENT, "(x * scale)"),),
        "ignored": ((QUOTIENT, "x"),),
        "rtz": ((CAST, '.to(tl.float8e4nv, fp_downcast_rounding="rtz")'),),
        "bf16": ((CAST, f".to(tl.bfloat16){CAST}"),),
        "fp16": ((CAST, f".to(tl.float16){CAST}"),),
        "e5m2": ((CAST, f".to(tl.float8e5).to(tl.float32){CAST}"),),
        "clamped first": (
            (QUOTIENT, "tl.div_rn(tl.minimum(tl.maximum(x, -448.0), 448.0), scale)"),
        ),
        "240": ((QUOTIENT, f"tl.minimum(tl.maximum({QUOTIENT}, -240.0), 240.0)"),),
        "magnitude": ((QUOTIENT, f"tl.abs({QUOTIENT})"),),
        "whole blocks": (("triton.cdiv(n, BLOCK)", "n // BLOCK"),),
    },
    "quantize_tokens": {
        **SCALES,
        "reciprocal": ((QUOTIENT, "(x * (1.0 / scale))"),),
        "encode sense": ((BY_448, "tl.div_rn(448.0, amax)"), (QUOTIENT, "(x * scale)")),
        "no floor": ((SCALE, BY_448),),
        "epsilon": (
            (BY_448, "tl.div_rn(tl.maximum(amax, 1e-4), 448.0)"),
            (ZERO, "scale"),
        ),
        "240": (("448.0", "240.0"),),
        "57344": (("448.0", "57344.0"),),
        "power of two": ((BY_448, f"tl.exp2(tl.ceil(tl.log2({BY_448})))"),),
        "bf16": ((CAST, f".to(tl.bfloat16){CAST}"),),
        "scale rounded late": (
            ("+ row, scale)", "+ row, scale.to(tl.bfloat16).to(tl.float32))"),
        ),
        "no other": ((", other=0.0", ""),),
    },
    "quantize_groups": {
        **SCALES,
        "scales by row": (
            ("scales.stride(0), scales.stride(1)", "scales.shape[1], 1"),
        ),
        "strides ignored": (("x.stride(0), x.stride(1)", "cols, 1"),),
        "column stride ignored": (("x.stride(0), x.stride(1)", "x.stride(0), 1"),),
        "next row": (
            (
                "x_ptr + place, mask=mask",
                "x_ptr + place, mask=row[:, None] * cols + col[None, :] < rows * cols",
            ),
        ),
        "no other": ((", other=0.0", ""),),
        "tile": ((AMAX, f"{AMAX} * 0 + tl.max({AMAX}, axis=0)"),),
        "row": (
            (
                AMAX,
                WHOLE_ROW.replace("* cols +", "* x_row +").replace(
                    "c[None, :],", "c[None, :] * x_col,"
                ),
            ),
        ),
        "signed": ((AMAX, "tl.max(x, axis=1)"),),
        "reciprocal": (("tl.div_rn(x, scale[:, None])", "(x / scale[:, None])"),),
        "encode sense": (
            (BY_448, "tl.div_rn(448.0, amax)"),
            ("tl.div_rn(x, scale[:, None])", "(x * scale[:, None])"),
        ),
        "last group": (("scales.shape[1])", "cols // GROUP)"),),
        "first tile": ((GRID, "(1, "),),
    },
    "repaired": {
        **REPAIRED,
        "division and edges left": (
            *REPAIRED["division left"],
            *REPAIRED["edges left"],
        ),
        "division and scales left": (
            *REPAIRED["division left"],
            *REPAIRED["scales left"],
        ),
        "edges and scales left": (*REPAIRED["edges left"], *REPAIRED["scales left"]),
        "poisoned": ((", other=0.0", ""),),
        "inverted": (("tl.div_rn(x, scale[:, None])", "(x * scale[:, None])"),),
        "one program a group": (
            ("TILE_ROWS=16", "TILE_ROWS=1"),
            ("triton.cdiv(rows, 16)", "rows"),
        ),
    },
}
