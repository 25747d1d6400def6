"""`AccumulatorView`: a tensor core's sum, bit by bit and along K."""

from __future__ import annotations

from fp8lab.formats import E4M3FN, FloatFormat, format_of
from fp8lab.states.accumulator import LAST_TERM, accumulator_state
from fp8lab.widgets.base import ViewWidget

__all__ = ["AccumulatorView"]


class AccumulatorView(ViewWidget):
    """What the tensor core loses in a sum: the bits of one step, and the error along K.

    Step through the addends with the arrow keys; drag the number of bits that are kept
    and the promotion interval.

    Parameters
    ----------
    data, seed
        What is added up, all of it made: ``"gaussian"``, ``"positive"``, ``"outlier"``
        (one large, many small), ``"cancellation"`` or ``"subnormals"``.
    k
        Length of the sums: a multiple of 32 up to 16384.
    step
        Which 32 products are shown: 1 to K/32; None: the last.
    term
        Where the cursor stands: 0 the accumulator, 1 to 32 its products, 33 the result.
    fraction_bits
        4 to 23; 13 is Hopper's.
    promote
        Into float32 every so many of K, a multiple of 32; None: never.
    a_format, b_format
        E4M3FN or E5M2, by record or name.
    running
        What the chart of this one sum shows: the ``"sum"``, or its ``"error"``.

    Examples
    --------
    >>> AccumulatorView("positive")  # doctest: +SKIP
    >>> AccumulatorView("outlier", step=1, term=0, promote=128)  # doctest: +SKIP
    """

    view = "accumulator"
    compute = staticmethod(accumulator_state)

    def __init__(
        self,
        data: str = "gaussian",
        *,
        seed: int = 0,
        k: int = 4096,
        step: int | None = None,
        term: int = LAST_TERM,
        fraction_bits: int = 13,
        promote: int | None = None,
        a_format: FloatFormat | str = E4M3FN,
        b_format: FloatFormat | str = E4M3FN,
        running: str = "sum",
    ) -> None:
        super().__init__(
            # `data` is the base class's word for what stays in Python; the learner's
            # choice from the menu replaces what is held there.
            data={"data": data},
            seed=seed,
            k=k,
            step=step,
            term=term,
            fraction_bits=fraction_bits,
            promote=promote,
            a_format=format_of(a_format).short,
            b_format=format_of(b_format).short,
            running=running,
        )
