"""The code map in a notebook."""

from __future__ import annotations

import numpy.typing as npt

from fp8lab.formats import E4M3FN, FloatFormat, format_of
from fp8lab.states.code_map import code_map_state
from fp8lab.widgets.base import ViewWidget

__all__ = ["CodeMap"]


class CodeMap(ViewWidget):
    """All codes of a format on one screen, and how often your tensor uses each.

    Click a cell, drag over the cells or use the arrow keys to take a code apart.

    Parameters
    ----------
    x
        Your tensor: any shape, float64, float32, float16 or bfloat16. It stays in
        Python. Without it the map shows the format alone.
    name
        What the picture calls it, for example ``"this weight"``.
    format
        A signed format of at most 8 bits, by record or name.
    scale
        ``"amax"`` divides by one decode scale, amax / format.max, first; ``"none"``
        encodes the numbers as they are.
    colour
        ``"kind"`` of code, or ``"usage"`` by your tensor.
    code
        The code selected at first; by default the one of the largest number.

    Examples
    --------
    >>> CodeMap(weight, name="this weight", scale="amax", colour="usage")
    """

    view = "code_map"
    compute = staticmethod(code_map_state)

    def __init__(
        self,
        x: npt.ArrayLike | None = None,
        *,
        name: str = "the tensor",
        format: FloatFormat | str = E4M3FN,  # noqa: A002 - the word on the screen
        scale: str = "none",
        colour: str | None = None,
        code: int | None = None,
    ) -> None:
        shown = colour or ("kind" if x is None else "usage")
        super().__init__(
            data={"x": x, "name": name},
            format=format_of(format).short,
            scale=scale,
            colour=shown,
            code=code,
        )

    def show(self, x: npt.ArrayLike, name: str = "the tensor") -> None:
        """Show another tensor, for example from an ipywidgets menu."""
        self._replace(x=x, name=name)
