"""The quantizer in a notebook."""

from __future__ import annotations

import numpy.typing as npt

from fp8lab.formats import E4M3FN
from fp8lab.scales import ElementFormat, element_format_of
from fp8lab.states.quantizer import quantizer_state
from fp8lab.widgets.base import ViewWidget

__all__ = ["Quantizer"]


class Quantizer(ViewWidget):
    """What FP8 does to your tensor: no scale, one scale, and a granularity to choose.

    Click a row to see which codes it uses and where its error is.

    Parameters
    ----------
    x
        Your tensor: any shape, up to 2**24 elements, float64, float32, float16 or
        bfloat16. It stays in Python.
    name
        What the picture calls it, for example ``"this weight"``.
    format
        A signed format of at most 8 bits, INT8 or INT4, by record or name.
    group, scale_dtype, scale_rule
        As in `fp8lab.quantize`.
    look
        Which scheme the two pictures show at first: ``"none"``, ``"tensor"`` or
        ``"group"``.
    note
        A line under the picture, for example how the tensor was cut from a larger one.

    Examples
    --------
    >>> Quantizer(weight, name="this weight", group="128x128")
    """

    view = "quantizer"
    compute = staticmethod(quantizer_state)

    def __init__(
        self,
        x: npt.ArrayLike,
        *,
        name: str = "the tensor",
        format: ElementFormat | str = E4M3FN,  # noqa: A002 - the word on the screen
        group: str = "1x128",
        scale_dtype: str = "float32",
        scale_rule: str = "floor",
        look: str = "group",
        note: str = "",
    ) -> None:
        super().__init__(
            data={"x": x, "name": name, "note": note},
            format=element_format_of(format).short,
            group=group,
            scale_dtype=str(scale_dtype),
            scale_rule=str(scale_rule),
            look=look,
        )

    def show(self, x: npt.ArrayLike, name: str = "the tensor", note: str = "") -> None:
        """Show another tensor, for example from an ipywidgets menu.

        The format, the scales and the row that is looked at stay as the learner set
        them.
        """
        self._replace(x=x, name=name, note=note)
