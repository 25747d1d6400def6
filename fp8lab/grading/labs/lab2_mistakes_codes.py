"""Known-wrong answers of lab 2: codes, values, and what is lost."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fp8lab.grading.labs.lab2_groups import dequantize, lost, quantize
from fp8lab.grading.tasks import Mistake

__all__ = ["DEQUANTIZE", "LOST", "QUANTIZE"]


def _spread(function: Any) -> tuple[Mistake, ...]:
    """Ways of spreading the scales wrongly, the same for both directions."""
    return (
        Mistake(
            "scales tiled",
            "The scales are repeated as a whole, like wallpaper. Each has to cover its "
            "own group: `np.repeat` or an index, not `np.tile`.",
            partial(function, groups="tiled"),
        ),
        Mistake(
            "the first scale for all",
            "Every element has the scale of the first group.",
            partial(function, groups="first"),
        ),
        Mistake(
            "groups along one axis (rows)",
            "Along a row all elements have the same scale; groups have columns too.",
            partial(function, groups="rows alone"),
        ),
        Mistake(
            "groups along one axis (columns)",
            "Along a column all elements have the same scale; groups have rows too.",
            partial(function, groups="columns alone"),
        ),
        Mistake(
            "one row late",
            "A group begins one row too late.",
            partial(function, groups="one late"),
        ),
        Mistake(
            "groups of equal size",
            "You divide the matrix evenly. Groups have the size that is asked for, and "
            "only the last one may be smaller.",
            partial(function, groups="evenly"),
        ),
    )


QUANTIZE = (
    Mistake(
        "multiplied by the scale",
        "x ~ decode(code) * scale: then what is decode(code)?",
        partial(quantize, arithmetic="multiply"),
    ),
    Mistake(
        "not scaled",
        "The scales have no effect on your codes.",
        partial(quantize, arithmetic="none"),
    ),
    Mistake(
        "times the reciprocal",
        "x * (1 / scale) rounds twice, x / scale once. Near a tie the codes differ: a "
        "few in a million, but here bytes count.",
        partial(quantize, arithmetic="reciprocal"),
    ),
    Mistake(
        "a quotient in bfloat16",
        "The quotient has been rounded to bfloat16 on the way: two roundings.",
        partial(quantize, detour="BF16"),
    ),
    Mistake(
        "a quotient in float16",
        "The quotient has been rounded to float16 on the way: two roundings.",
        partial(quantize, detour="FP16"),
    ),
    Mistake(
        "truncation",
        "The quotient is cut instead of rounded; `encode` rounds by itself.",
        partial(quantize, rounding="toward-zero"),
    ),
    *_spread(quantize),
)

DEQUANTIZE = (
    Mistake(
        "divided by the scale",
        "Our scale is the decode scale: x ~ decode(code) * scale.",
        partial(dequantize, divide=True),
    ),
    Mistake(
        "codes taken as numbers",
        "A code is not its value: 0x38 is 1, not 56.",
        partial(dequantize, integers=True),
    ),
    Mistake(
        "another format",
        "Your values are those of E5M2 codes.",
        partial(dequantize, fmt="E5M2"),
    ),
    Mistake(
        "values in bfloat16",
        "The values have been rounded to bfloat16; asked for is float32.",
        partial(dequantize, detour="BF16"),
    ),
    Mistake(
        "sign of zero lost",
        "-0 has lost its sign.",
        lambda codes, scales, rows, cols: (
            dequantize(codes, scales, rows, cols) + np.float32(0)
        ),
    ),
    Mistake(
        "NaN dropped",
        "A NaN code has to give a NaN.",
        lambda codes, scales, rows, cols: np.nan_to_num(
            dequantize(codes, scales, rows, cols)
        ),
    ),
    *_spread(dequantize),
)


def _always(rows: int, cols: int) -> Any:
    return lambda x, *_: lost(x, rows, cols)


LOST = (
    Mistake(
        "INT8 with FP8's maximum",
        "INT8's amax is mapped to INT8's own maximum.",
        partial(lost, int_max=448.0),
    ),
    Mistake(
        "INT8 to 128",
        "The codes of symmetric INT8 are -127 to 127.",
        partial(lost, int_max=128.0),
    ),
    Mistake(
        "INT8 over 255 steps",
        "255 is the number of steps, not the largest code.",
        partial(lost, int_max=255.0),
    ),
    Mistake(
        "INT8 truncated",
        "A number becomes zero in INT8 if it *rounds* to zero: half a step or less.",
        partial(lost, int_cut=True),
    ),
    Mistake(
        "zeros counted",
        "What was zero before is not lost.",
        partial(lost, zeros=True),
    ),
    Mistake(
        "the counts swapped",
        "INT8 comes first, then E4M3.",
        partial(lost, swapped=True),
    ),
    Mistake(
        "subnormals counted as lost",
        "E4M3 numbers below 2**-6 are not zero yet: they are subnormal.",
        partial(lost, threshold=2.0**-6),
    ),
    Mistake(
        "half a step forgotten",
        "A number below the smallest subnormal can still round up to it.",
        partial(lost, threshold=2.0**-9),
    ),
    Mistake(
        "always one scale",
        "`rows` and `cols` have no effect: the whole matrix shares a scale.",
        _always(-1, -1),
    ),
    Mistake(
        "always a scale a row",
        "`rows` and `cols` have no effect: every row has its scale.",
        _always(1, -1),
    ),
    Mistake(
        "rows and columns swapped",
        "Your groups lie on their side.",
        lambda x, rows, cols: lost(x, cols, rows),
    ),
)
