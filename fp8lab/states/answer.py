"""What every host does with a state function: compute, or refuse in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["answer"]

State = dict[str, Any]


def answer(
    compute: Callable[..., State], arguments: Mapping[str, Any], last: State
) -> State:
    """Return the state for these arguments, or the last one with why they are refused.

    Parameters
    ----------
    compute
        A state function.
    arguments
        Its keyword arguments: what the host holds and what the learner chose.
    last
        The state that is on the screen: it stays there, with an ``error`` sentence.
    """
    try:
        return compute(**arguments)
    except (ValueError, TypeError) as refused:
        return {**last, "error": str(refused)}
    except MemoryError:
        sentence = "there is not enough memory for this; choose a smaller tensor"
        return {**last, "error": sentence}
