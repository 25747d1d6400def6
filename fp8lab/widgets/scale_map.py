"""The scale map in a notebook."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fp8lab.formats import E4M3FN
from fp8lab.scales import ElementFormat, element_format_of
from fp8lab.states.outlier import LARGEST_SIDE
from fp8lab.states.scale_map import scale_map_state
from fp8lab.widgets.base import ViewWidget

__all__ = ["ScaleMap"]


class ScaleMap(ViewWidget):
    """A matrix with one outlier: drag it, make it grow, and see who pays.

    Drag the ring over the map (or use the arrow keys) to move the outlier, and the
    slider or the chart to change its size.

    Parameters
    ----------
    x
        Your matrix, float64, float32, float16 or bfloat16. It stays in Python. Of a
        matrix larger than 64 x 64 a part of that size is taken.
    name
        What the picture calls it, for example ``"this weight"``.
    corner
        Row and column where the part begins.
    row, column
        Where the outlier is, counted in that part; by default its middle.
    outlier
        Its size in typical elements (the root mean square of the part), 1 to 10**10.
    format, group, scale_dtype, scale_rule
        As in `fp8lab.quantize`; small groups such as ``"1x8"`` and ``"8x8"`` are there
        because the picture is small.

    Examples
    --------
    >>> ScaleMap(weight, name="this weight", outlier=1e5, group="per-token")
    """

    view = "scale_map"
    compute = staticmethod(scale_map_state)

    def __init__(
        self,
        x: npt.ArrayLike,
        *,
        name: str = "the matrix",
        corner: tuple[int, int] = (0, 0),
        row: int | None = None,
        column: int | None = None,
        outlier: float = 1000.0,
        format: ElementFormat | str = E4M3FN,  # noqa: A002 - the word on the screen
        group: str = "per-tensor",
        scale_dtype: str = "float32",
        scale_rule: str = "floor",
    ) -> None:
        part = _part(x, corner)
        super().__init__(
            data={"x": part, "name": name},
            row=part.shape[0] // 2 if row is None else row,
            column=part.shape[1] // 2 if column is None else column,
            outlier=float(outlier),
            format=element_format_of(format).short,
            group=group,
            scale_dtype=str(scale_dtype),
            scale_rule=str(scale_rule),
        )

    def show(
        self,
        x: npt.ArrayLike,
        name: str = "the matrix",
        corner: tuple[int, int] = (0, 0),
    ) -> None:
        """Show another matrix, for example from an ipywidgets menu.

        The outlier, the format and the scales stay as the learner set them.
        """
        self._replace(x=_part(x, corner), name=name)


def _part(x: npt.ArrayLike, corner: tuple[int, int]) -> np.ndarray:
    whole = np.asarray(x)
    if whole.ndim != 2:
        raise ValueError(f"x has shape {whole.shape}; give a matrix of two axes")
    top, left = corner
    return whole[top : top + LARGEST_SIDE, left : left + LARGEST_SIDE]
