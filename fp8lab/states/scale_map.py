"""The state of the scale map: one outlier, and who pays for it."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import numpy.typing as npt

from fp8lab.formats import E4M3FN, E5M2
from fp8lab.granularity import GroupShape, group_of
from fp8lab.integers import INT8
from fp8lab.scales import (
    ScaleDtype,
    ScaleRule,
    element_format_of,
    scale_dtype_of,
    scale_rule_of,
)
from fp8lab.states.numbers import percent, short
from fp8lab.states.outlier import (
    Damage,
    Matrix,
    Scheme,
    group_box,
    measure_damage,
)
from fp8lab.states.outlier_chart import LARGEST, outlier_chart, times_text
from fp8lab.states.outlier_words import (
    cause_shares,
    compared,
    cost_shares,
    part_list,
    summary_text,
)

__all__ = ["scale_map_state"]

FORMATS = (
    "E4M3FN",
    "E5M2",
    "E3M4",
    "E4M3FNUZ",
    "E2M3FN",
    "E3M2FN",
    "E2M1FN",
    "INT8",
    "INT4",
)
# Always side by side, whatever is chosen.
COMPARED = (E4M3FN, E5M2, INT8)
GROUPS = (
    *("per-tensor", "per-token", "per-channel", "per-column"),
    *("1x128", "1x64", "1x32", "1x16", "1x8", "128x128", "32x32", "16x16", "8x8"),
)
# Relative errors that end a colour; the last colours are for clipped and for lost.
BANDS = (0.003, 0.01, 0.03, 0.1, 0.3)
CLIPPED, ZEROED = len(BANDS) + 1, len(BANDS) + 2
LEGEND = (*(f"≤ {percent(band)}" for band in BANDS), "more", "clipped", "became zero")


def scale_map_state(
    x: npt.ArrayLike,
    name: str = "the matrix",
    row: int = 0,
    column: int = 0,
    outlier: float = 1000.0,
    format: str = E4M3FN.short,  # noqa: A002 - the word that the learner reads
    group: str = "per-tensor",
    scale_dtype: str = "float32",
    scale_rule: str = "floor",
) -> dict[str, Any]:
    """Return everything that the scale map draws.

    The element at (row, column) is given ``outlier`` times the typical magnitude (the
    root mean square of ``x``), its sign kept. NaN and infinity in ``x`` are refused.

    Parameters
    ----------
    x
        A matrix of at most 64 x 64, any float dtype.
    name
        What the sentences call it.
    row, column
        Where the outlier is; a place outside the matrix means its nearest edge.
    outlier
        1 to 10**10.
    format, group, scale_dtype, scale_rule
        As in `fp8lab.quantize`.

    Raises
    ------
    ValueError
        An input is none of these.
    """
    matrix = Matrix(x)
    row, column = _inside(row, column, matrix.values.shape)
    scheme = _scheme(format, group, scale_dtype, scale_rule)
    size = _size(outlier)
    placed = matrix.with_outlier(row, column, size)
    formats = [*COMPARED, *(f for f in (scheme.fmt,) if f not in COMPARED)]
    schemes = [
        Scheme(f, scheme.group, scheme.scale_dtype, scheme.scale_rule) for f in formats
    ]
    fmt = scheme.fmt
    damages = [measure_damage(placed, row, column, other) for other in schemes]
    chosen = damages[formats.index(fmt)]
    return {
        "question": f"Who pays for an outlier in {name}?",
        "summary": summary_text(chosen, damages[formats.index(INT8)], size),
        "row": row,
        "column": column,
        "outlier": size,
        "outlier_text": f"{times_text(size)} the typical element",
        "outlier_value": short(float(placed[row, column]), 5),
        "format": fmt.short,
        "formats": list(FORMATS),
        "group": group,
        "groups": _groups(matrix.values.shape),
        "scale_dtype": str(scheme.scale_dtype),
        "scale_dtypes": [str(known) for known in ScaleDtype],
        "scale_rule": str(scheme.scale_rule),
        "scale_rules": [str(known) for known in ScaleRule],
        "scale_rule_used": scheme.scale_dtype == ScaleDtype.E8M0,
        "map": _map(chosen, scheme.group, row, column),
        "parts": part_list(chosen),
        "causes": cause_shares(chosen),
        "cost": cost_shares(chosen),
        "comparison": [compared(d, chosen=d is chosen) for d in damages],
        "chart": outlier_chart(
            matrix,
            schemes,
            row,
            column,
            here=(size, chosen.ordinary.relative),
            chosen=fmt,
        ),
    }


def _inside(row: int, column: int, shape: tuple[int, int]) -> tuple[int, int]:
    for name, value in (("row", row), ("column", column)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise ValueError(f"{name} is {value!r}; give an integer")
    rows, columns = shape
    return min(max(int(row), 0), rows - 1), min(max(int(column), 0), columns - 1)


def _scheme(fmt: str, group: str, dtype: str, rule: str) -> Scheme:
    element = element_format_of(fmt)
    if element.short not in FORMATS:
        raise ValueError(
            f"{element} is not compared here; use one of {', '.join(FORMATS)}"
        )
    return Scheme(element, group_of(group), scale_dtype_of(dtype), scale_rule_of(rule))


def _size(outlier: float) -> float:
    if isinstance(outlier, bool) or not isinstance(outlier, (int, float)):
        raise ValueError(f"outlier is {outlier!r}; give a number such as 1000.0")
    if not 1 <= outlier <= LARGEST:
        raise ValueError(
            f"outlier is {outlier}; give 1 to {LARGEST:g} times the typical element"
        )
    return float(outlier)


def _groups(shape: tuple[int, int]) -> list[dict[str, str]]:
    """Each granularity, and how many scales it makes of this matrix."""
    options = []
    for name in GROUPS:
        rows, columns = group_of(name).scale_shape(shape)
        plural = "scale" if rows * columns == 1 else "scales"
        options.append({"value": name, "text": f"{name} ({rows * columns:,} {plural})"})
    return options


def _map(chosen: Damage, group: GroupShape, row: int, column: int) -> dict[str, Any]:
    errors = chosen.errors
    levels = np.searchsorted(BANDS, errors.relative).astype(np.uint8)
    levels[errors.clipped > 0] = CLIPPED
    levels[errors.zeroed > 0] = ZEROED
    rows, columns = levels.shape
    down, across = group.sides((rows, columns))
    box = group_box(group, (rows, columns), row, column)
    return {
        "rows": rows,
        "columns": columns,
        "levels": base64.b64encode(levels.tobytes()).decode(),
        "legend": list(LEGEND),
        "row_borders": list(range(down, rows, down)),
        "column_borders": list(range(across, columns, across)),
        "box": [box[1].start, box[0].start, box[1].stop, box[0].stop],
    }
