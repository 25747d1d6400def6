"""`BitField`: one code, bit by bit."""

from __future__ import annotations

from fp8lab.states.bit_field import bit_field_state
from fp8lab.states.numbers import parse_number, value_text
from fp8lab.widgets.base import ViewWidget

__all__ = ["BitField"]


class BitField(ViewWidget):
    """One code bit by bit: what number it is, and what surrounds it.

    Click bits, drag over them, or type a value, bits or hex: everything else follows.

    Parameters
    ----------
    value
        The number to start with: a Python number, or text such as ``"2^-9"``,
        ``"-nan"``, ``"0x7e"`` or ``"0b01111110"``.
    format
        A format's name.
    code
        The code to start with, instead of a value.
    policy
        What a value past the format's range becomes; see `fp8lab.policies`.

    Examples
    --------
    >>> BitField(0.3)  # doctest: +SKIP
    >>> BitField(code=0x7E, format="E5M2")  # doctest: +SKIP
    """

    view = "bit_field"
    compute = staticmethod(bit_field_state)

    def __init__(
        self,
        value: str | float | None = None,
        format: str = "E4M3FN",  # noqa: A002 - the word that the learner reads
        *,
        code: int | None = None,
        policy: str = "cuda",
    ) -> None:
        # JSON has no NaN and no infinity: a number travels as text.
        text = value if value is None or isinstance(value, str) else value_text(value)
        super().__init__(
            format=format,
            code=None if code is None else int(code),
            text=text,
            kind="value",
            policy=policy,
        )

    @property
    def code(self) -> int:
        """The code now shown."""
        return int(self.state["code"])

    @property
    def value(self) -> float:
        """The value of the code now shown."""
        return parse_number(self.state["value"])
