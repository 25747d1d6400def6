"""`NumberLine`: a real number among the values of a format."""

from __future__ import annotations

from collections.abc import Sequence

from fp8lab.states.number_line import Window, number_line_state
from fp8lab.states.numbers import parse_number, value_text
from fp8lab.widgets.base import ViewWidget

__all__ = ["NumberLine"]


class NumberLine(ViewWidget):
    """A real number among the values of a format: see where it goes.

    Drag the number along the line and watch it fall into a rounding bin.

    Parameters
    ----------
    x
        The number to start with, or text such as ``"2^-9"``.
    format
        A format of at most 16 bits.
    beside
        More formats on the same axis, for example ``("E5M2", "BF16")``.
    scale
        ``"linear"`` or ``"log"``.
    window
        ``"near"`` x, the ``"whole"`` format, or the two ends as numbers.
    rounding, policy
        As in `fp8lab.encode`.

    Examples
    --------
    >>> NumberLine(17)  # doctest: +SKIP
    >>> NumberLine(0.3, beside=("E5M2", "E2M1FN"), scale="log")  # doctest: +SKIP
    """

    view = "number_line"
    compute = staticmethod(number_line_state)

    def __init__(
        self,
        x: str | float = 17,
        format: str = "E4M3FN",  # noqa: A002 - the word that the learner reads
        *,
        beside: Sequence[str] = (),
        scale: str = "linear",
        window: Window = "near",
        rounding: str = "nearest-even",
        policy: str = "cuda",
    ) -> None:
        super().__init__(
            x=x if isinstance(x, str) else value_text(x),
            format=format,
            beside=list(beside),
            scale=scale,
            window=window
            if isinstance(window, str)
            else [float(end) for end in window],
            rounding=str(rounding),
            policy=policy,
        )

    @property
    def x(self) -> float:
        """The number now shown."""
        return parse_number(self.state["x"])
