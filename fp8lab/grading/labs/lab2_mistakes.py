"""Known-wrong answers of lab 2: scales."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fp8lab.grading.labs.lab2_groups import (
    expand,
    group_amax,
    group_scales,
    scale_of,
    sides,
    tensor_scale,
)
from fp8lab.grading.tasks import Mistake

__all__ = ["GROUP_SCALES", "TENSOR_SCALE"]

INVERTED = (
    "Your scale is the wrong way round: x ~ decode(code) * scale has to hold. "
    "Transformer Engine calls yours the scale; this lab never does."
)

TENSOR_SCALE = (
    Mistake("scale inverted", INVERTED, partial(tensor_scale, inverted=True)),
    Mistake(
        "largest instead of largest magnitude",
        "The largest number is not the largest magnitude: what about -1000?",
        partial(tensor_scale, magnitude="max"),
    ),
    Mistake(
        "mean instead of maximum",
        "amax is the largest magnitude, not the mean.",
        partial(tensor_scale, magnitude="mean"),
    ),
    Mistake(
        "maximum of another format",
        "You divide by 240: the maximum of AMD's FNUZ variant and of an IEEE-style "
        "E4M3. What is E4M3FN's?",
        partial(tensor_scale, largest=240.0),
    ),
    Mistake(
        "INT8's maximum",
        "You divide by 127: that is INT8's maximum.",
        partial(tensor_scale, largest=127.0),
    ),
    Mistake(
        "next to the maximum",
        "You divide by 480. The code that would be 480 is the NaN.",
        partial(tensor_scale, largest=480.0),
    ),
    Mistake(
        "scale 0 for zeros",
        "A tensor of zeros got scale 0; then x / scale is 0 / 0.",
        partial(tensor_scale, zero=0.0, smallest=0.0),
    ),
    Mistake(
        "smallest scale for zeros",
        "A tensor of zeros got the smallest scale. Its codes would be right, but this "
        "task asks for another scale there.",
        partial(tensor_scale, zero=2.0**-126),
    ),
    Mistake(
        "an epsilon",
        "Small numbers got too large a scale: an amax is clamped somewhere (libraries "
        "use 1e-12, DeepGEMM 1e-4). This task has a rule of its own for tiny scales.",
        partial(tensor_scale, eps=1e-12),
    ),
    Mistake(
        "tiny scales not clamped",
        "For tiny numbers amax / 448 falls below 2**-126, where 1 / scale overflows.",
        partial(tensor_scale, smallest=0.0),
    ),
    Mistake(
        "NaN spreads",
        "One NaN or infinity among the numbers decides about the scale of all. Here "
        "they do not count.",
        partial(tensor_scale, nonfinite="propagate"),
    ),
    Mistake(
        "infinity counts",
        "NaN is left out as it should be, infinity is not.",
        partial(tensor_scale, nonfinite="infinity counts"),
    ),
    Mistake(
        "infinity becomes a number",
        "`np.nan_to_num` makes the largest float32 of an infinity, and that becomes "
        "your amax.",
        partial(tensor_scale, nonfinite="clip"),
    ),
    Mistake(
        "times 1 / 448",
        "amax * (1 / 448) rounds twice and differs from amax / 448 in the last bit, "
        "more often than not.",
        partial(tensor_scale, reciprocal=True),
    ),
    Mistake(
        "by way of bfloat16",
        "The scale has been rounded to bfloat16; here it is a float32.",
        partial(tensor_scale, detour="BF16"),
    ),
)


def _shaped(how: str) -> Any:
    def answer(x: np.ndarray, rows: int, cols: int) -> np.ndarray:
        scales = group_scales(x, rows, cols)
        if how == "transposed":
            return np.ascontiguousarray(scales.T)
        if how == "flat":
            return scales.reshape(-1)
        return expand(scales, x.shape, rows, cols)

    return answer


def _swapped(x: np.ndarray, rows: int, cols: int) -> np.ndarray:
    return group_scales(x, cols, rows)


def _one_for_all(x: np.ndarray, rows: int, cols: int) -> np.ndarray:
    scales = group_scales(x, rows, cols)
    return np.full_like(scales, scales.max())


def _whole_groups(x: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """Forget what is left at the edges; a matrix smaller than a group keeps one."""
    high, wide = sides(x.shape, rows, cols)
    whole = x[: max(1, x.shape[0] // high) * high, : max(1, x.shape[1] // wide) * wide]
    return group_scales(whole, rows, cols)


def _edge_of_zeros(x: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """Scales of ragged groups as if they were zeros."""
    scales = group_scales(x, rows, cols)
    high, wide = sides(x.shape, rows, cols)
    if x.shape[0] % high:
        scales[-1] = 1
    if x.shape[1] % wide:
        scales[:, -1] = 1
    return scales


def _merged_edge(x: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """Ragged groups share the scale of the last whole one."""
    amax = group_amax(x, rows, cols)
    high, wide = sides(x.shape, rows, cols)
    for axis, side in ((0, high), (1, wide)):
        if x.shape[axis] % side and amax.shape[axis] > 1:
            moved = np.moveaxis(amax, axis, 0)
            moved[-2:] = moved[-2:].max(axis=0)
    return scale_of(amax)


def _minus_one_is_one(x: np.ndarray, rows: int, cols: int) -> np.ndarray:
    return group_scales(x, max(rows, 1), max(cols, 1))


GROUP_SCALES = (
    Mistake("scale inverted", INVERTED, partial(group_scales, inverted=True)),
    Mistake(
        "rows and columns swapped",
        "Your groups lie on their side: `rows` counts rows of a group, `cols` columns.",
        _swapped,
    ),
    Mistake(
        "scales transposed",
        "The scales are right and stand in the wrong shape: one row of scales for each "
        "row of groups.",
        _shaped("transposed"),
    ),
    Mistake(
        "scales without axes",
        "The scales are right and have one axis; they need two also where one of them "
        "is 1 (`keepdims`).",
        _shaped("flat"),
    ),
    Mistake(
        "one scale an element",
        "Your scales are spread over the matrix already. Asked for is one for each "
        "group.",
        _shaped("spread"),
    ),
    Mistake(
        "one scale for all",
        "All groups have the same scale, that of the whole matrix.",
        _one_for_all,
    ),
    Mistake(
        "largest instead of largest magnitude",
        "The largest number of a group is not its largest magnitude.",
        lambda x, rows, cols: scale_of(group_amax(x, rows, cols, signed=True)),
    ),
    Mistake(
        "ragged edges forgotten",
        "The groups at the edges, which are smaller, have no scale: round the number "
        "of groups up.",
        _whole_groups,
    ),
    Mistake(
        "ragged edges are zeros",
        "The groups at the edges have scale 1, as if there were nothing in them.",
        _edge_of_zeros,
    ),
    Mistake(
        "ragged edges share",
        "A smaller group at an edge is a group of its own; yours shares the scale of "
        "its neighbour.",
        _merged_edge,
    ),
    Mistake(
        "-1 read as 1",
        "-1 is the whole extent: one group along this axis, not one for each element.",
        _minus_one_is_one,
    ),
    Mistake(
        "scale 0 for zeros",
        "A group of zeros got scale 0; its scale is 1.",
        partial(group_scales, zero=0.0),
    ),
    Mistake(
        "times 1 / 448",
        "amax * (1 / 448) rounds twice and differs from amax / 448 in the last bit, "
        "more often than not.",
        partial(group_scales, reciprocal=True),
    ),
)
