"""What a row of the kernel benchmark runs: one module a family; they need PyTorch.

Each module has ``prepare(row, numbers, config)``, which makes operands and calls. The
operands are random numbers: on zeros a GPU draws less power, and is faster than it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fp8lab.bench.kernel_catalogue import Row

if TYPE_CHECKING:
    from fp8lab.bench.kernel_rows.numbers import Numbers

__all__ = ["Candidate", "Prepared", "WrongError", "prepare"]

MODULES = {
    "quantize": "quantize",
    "gemm": "gemm",
    "gemm-block": "gemm",
    "gemm-small": "gemm",
    "weight-only": "weight_only",
    "attention": "attention",
}


class WrongError(Exception):
    """A kernel's result is not what it has to be; the text says by how much."""


@dataclass(frozen=True)
class Candidate:
    """The calls of one function, one for each set of operands.

    Attributes
    ----------
    calls
        Functions without arguments.
    work
        Bytes that a call moves, or its floating-point operations.
    """

    calls: Sequence[Callable[[], object]]
    work: float


@dataclass(frozen=True)
class Prepared:
    """Everything that a row needs to be measured.

    Attributes
    ----------
    ours
        The kernel.
    peers
        The yardsticks, by name; none where no peer is right.
    check
        Says how the result compares with what it has to be; else raises `WrongError`.
    beside
        ``"copy"``: the rates of work are compared, with that of a copy; ``"fastest"``:
        the times, with the fastest peer's; ``"each"``: with each peer, in rows of
        their own.
    note
        What the reader of the row has to know.
    """

    ours: Candidate
    peers: Mapping[str, Candidate]
    check: Callable[[], str]
    beside: str = "fastest"
    note: str = ""


def prepare(
    row: Row, numbers: Numbers, config: dict[str, Any] | None = None
) -> Prepared:
    """Make the operands of a row, and its calls.

    Parameters
    ----------
    row
        What to run.
    numbers
        Makes the operands.
    config
        A configuration of the kernel, for the tuner; by default the kernel's own.
    """
    module = import_module(f"{__name__}.{MODULES[row.family]}")
    prepared: Prepared = module.prepare(row, numbers, config)
    return prepared
