"""Numbers, codes and places in words, for the messages of the checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module

import numpy as np

from fp8lab.codec import decode
from fp8lab.formats import E4M3FN, E5M2, FloatFormat
from fp8lab.grading.tasks import Case, Task

__all__ = [
    "Shown",
    "element_words",
    "format_words",
    "listed",
    "place_words",
    "shape_words",
    "shown_of",
]

FORMATS: dict[str, FloatFormat] = {"E4M3FN": E4M3FN, "E5M2": E5M2}
Index = tuple[int, ...]


@dataclass(frozen=True)
class Shown:
    """How a task's numbers are told and drawn.

    Attributes
    ----------
    outputs
        What an element of each output is: ``"E4M3FN"`` and ``"E5M2"`` are codes, ``""``
        is a number.
    input
        Which input has an element for each element of the outputs; None: none has.
    kind
        What an element of that input is, as in ``outputs``.
    note
        Says more about the place: called with the case and the index.
    format
        The format of code outputs where it is one of the inputs: called with the case.
    number
        The number that is encoded at a place, where it is not simply the input's
        element: called with the case and the index.
    """

    outputs: tuple[str, ...] = ("",)
    input: int | None = None
    kind: str = ""
    note: Callable[[Case, Index], str] | None = None
    format: Callable[[Case], str] | None = None
    number: Callable[[Case, Index], float] | None = None

    def output_kind(self, case: Case, number: int) -> str:
        """What an element of one output is, in this case."""
        kind = self.outputs[number] if number < len(self.outputs) else ""
        return self.format(case) if kind == "code" and self.format else kind

    def number_at(self, case: Case, index: Index, shape: tuple[int, ...]) -> float:
        """The number that is encoded at a place; NaN where none is."""
        if self.number is not None:
            return float(self.number(case, index))
        value = None if self.input is None else case.inputs[self.input]
        if self.kind or not isinstance(value, np.ndarray) or value.shape != shape:
            return float("nan")
        return float(value[index])


@dataclass
class _Cache:
    shown: dict[tuple[str, str], Shown] = field(default_factory=dict)


_CACHE = _Cache()


def shown_of(task: Task) -> Shown:
    """How a task is told: the entry of ``SHOWN`` in its lab's module, or plainly."""
    key = (task.lab, task.name)
    if key not in _CACHE.shown:
        try:
            module = import_module(f"fp8lab.grading.labs.{task.lab}")
        except ImportError:
            module = None
        table = getattr(module, "SHOWN", {})
        _CACHE.shown[key] = table.get(task.name, Shown())
    return _CACHE.shown[key]


def element_words(
    task: Task,
    case: Case,
    output: int,
    index: Index,
    right: np.ndarray,
    yours: np.ndarray,
) -> str:
    """Say what stands at one place, what should, and for which input."""
    shown = shown_of(task)
    kind = shown.output_kind(case, output)
    parts = [f"first differing element: {place_words(index)}"] if index else []
    at_input = input_words(shown, case, index, right.shape)
    if at_input:
        parts.append(at_input)
    before = ", ".join(parts) + ": " if parts else ""
    told = (
        f"yours {format_words(yours[index], kind)}, "
        f"expected {format_words(right[index], kind)}"
    )
    note = shown.note(case, index) if shown.note else ""
    return f"{before}{told}" + (f" ({note})" if note else "")


def input_words(shown: Shown, case: Case, index: Index, shape: tuple[int, ...]) -> str:
    """Say which input element belongs to an output element, if one does."""
    if shown.input is None:
        return ""
    value = case.inputs[shown.input]
    if not isinstance(value, np.ndarray) or value.shape != shape:
        return ""
    return f"input {format_words(value[index], shown.kind)}"


def format_words(value: np.generic, kind: str = "") -> str:
    """Write a code as ``0x39 = 1.125``, a float as ``1.0625 (0x3f880000)``."""
    if kind in FORMATS:
        number = decode(np.asarray(value), FORMATS[kind])
        return f"0x{int(value):02x} = {_short(number)}"
    array = np.asarray(value)
    if array.dtype.kind == "f":
        word = array.reshape(1).view(f"u{array.itemsize}")[0]
        return f"{_short(value)} (0x{word:0{2 * array.itemsize}x})"
    return str(array[()])


def _short(value: object) -> str:
    return str(np.asarray(value)[()])


def place_words(index: Index) -> str:
    """``index 17`` on one axis, ``index [2, 5]`` on more."""
    return f"index {index[0] if len(index) == 1 else list(index)}"


def shape_words(shape: Sequence[int]) -> str:
    """A shape in brackets."""
    return f"[{', '.join(map(str, shape))}]"


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
