"""`Stacks`: one input through every overflow and NaN policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fp8lab.states.numbers import value_text
from fp8lab.states.stacks import stacks_state
from fp8lab.widgets.base import ViewWidget
from fp8lab.widgets.libraries import library_codes

__all__ = ["Stacks"]


def _compute(
    text: str, formats: Sequence[str], *, ask_libraries: bool
) -> dict[str, Any]:
    live = library_codes(text, formats) if ask_libraries else None
    return stacks_state(text, formats, live)


class Stacks(ViewWidget):
    """One number through every stack: which gives which byte.

    Parameters
    ----------
    value
        The input to start with, a number or text such as ``"-nan"`` or ``"2^-10"``.
    formats
        The columns; any formats of at most 8 bits.
    live
        Whether to ask ml_dtypes and torch, where they are installed, and show their
        bytes beside ours. The first picture then waits for torch to be imported.

    Examples
    --------
    >>> Stacks(465, live=True)  # doctest: +SKIP
    """

    view = "stacks"
    compute = staticmethod(_compute)

    def __init__(
        self,
        value: str | float = 465,
        formats: Sequence[str] = ("E4M3FN", "E5M2"),
        *,
        live: bool = False,
    ) -> None:
        super().__init__(
            data={"ask_libraries": bool(live)},
            text=value if isinstance(value, str) else value_text(value),
            formats=list(formats),
        )
