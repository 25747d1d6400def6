"""Triton's interpreter as strict as a GPU, for the kernels of students.

What a GPU does wrong with a wrong kernel, the interpreter does right, or fatally:

=============================  ======================  ===============================
a kernel                       interpreter             here
=============================  ======================  ===============================
loads or stores outside        the process dies        IndexError, with the program and
                                                       the distance
loads masked, without `other`  zeros                   `UNDEFINED`, as on a GPU
divides with ``/``             exactly                 x * (1 / y): a GPU's ``/`` is
                                                       approximate, up to 2 units off
`tl.dot` of FP8, M < 64        Hopper's 14 bits        float32: wgmma takes 64 rows, so
                                                       a GPU takes another instruction
`tl.dot` of a tile too small   a result                ValueError, as the compiler
=============================  ======================  ===============================

The third row has the size of a GPU's error, not its bits, and so has the fourth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from triton.runtime import interpreter as shipped

from fp8lab.codec import decode
from fp8lab.formats import E4M3FN, E5M2
from fp8lab.grading.triton_lab import UNDEFINED

__all__ = ["watching"]

#: The rows of a wgmma instruction, and the smallest tiles that the compiler takes.
WGMMA_ROWS = 64
SMALLEST_SIDE, SMALLEST_FP8_DEPTH = 16, 32

FORMATS = {"fp8e4nv": E4M3FN, "fp8e5": E5M2}


class Array(Protocol):
    """An array on the device."""

    @property
    def span(self) -> tuple[int, int]:
        """Addresses of the first byte, and of the one behind the last."""
        ...


@contextmanager
def watching(arrays: Sequence[Array], guard: int) -> Iterator[None]:
    """Watch all kernels that run inside.

    Parameters
    ----------
    arrays
        What they may load from and store to.
    guard
        Bytes around an array that belong to nobody.
    """
    builder = shipped.InterpreterBuilder
    watch = _Watch(arrays, guard)
    strict: dict[str, Callable[..., Any]] = {
        "create_masked_load": watch.load,
        "create_masked_store": watch.store,
        "create_atomic_rmw": watch.atomic,
        "create_fdiv": _divide,
        "create_approx_divf": _divide,
        "create_dot": _dot,
    }
    plain = {name: getattr(builder, name) for name in strict if hasattr(builder, name)}
    for name, operation in plain.items():
        setattr(builder, name, _method(strict[name], operation))
    try:
        yield
    finally:
        for name, operation in plain.items():
            setattr(builder, name, operation)


def _method(
    strict: Callable[..., Any], plain: Callable[..., Any]
) -> Callable[..., Any]:
    return lambda builder, *arguments, **options: strict(
        plain, builder, *arguments, **options
    )


class _Watch:
    """Knows the arrays, and looks at each access."""

    def __init__(self, arrays: Sequence[Array], guard: int) -> None:
        self._arrays = [(*array.span, str(array)) for array in arrays]
        self._guard = guard

    def load(
        self, plain: Any, builder: Any, pointers: Any, mask: Any, other: Any, *rest: Any
    ) -> Any:
        self._check(builder, pointers, mask, "loads")
        loaded = plain(builder, pointers, mask, other, *rest)
        if other is None and not mask.data.all():
            words = loaded.data.view(np.uint8).reshape(*loaded.data.shape, -1)
            words[~np.broadcast_to(mask.data, loaded.data.shape)] = UNDEFINED
        return loaded

    def store(
        self, plain: Any, builder: Any, pointers: Any, value: Any, mask: Any, *rest: Any
    ) -> Any:
        self._check(builder, pointers, mask, "stores")
        return plain(builder, pointers, value, mask, *rest)

    def atomic(
        self, plain: Any, builder: Any, kind: Any, pointers: Any, value: Any, mask: Any,
        *rest: Any,
    ) -> Any:  # fmt: skip
        self._check(builder, pointers, mask, "updates")
        return plain(builder, kind, pointers, value, mask, *rest)

    def _check(self, builder: Any, pointers: Any, mask: Any, does: str) -> None:
        places = pointers.data[np.broadcast_to(mask.data, pointers.data.shape)]
        outside = np.ones(places.shape, bool)
        for start, end, _ in self._arrays:
            outside &= (places < start) | (places >= end)
        if not outside.any():
            return
        wrong = places[outside]
        program = ", ".join(str(int(i)) for i in builder.grid_idx)
        size = pointers.get_element_ty().primitive_bitwidth // 8
        raise IndexError(
            f"program ({program}) {does} {len(wrong)} of {len(places)} elements "
            f"{self._where(int(wrong[0]), size)}. Which lanes should the mask switch "
            "off?"
        )

    def _where(self, place: int, size: int) -> str:
        for start, end, name in self._arrays:
            if end <= place < end + self._guard:
                return f"behind the end of {name}, the first by {(place - end) // size}"
            if start - self._guard <= place < start:
                return f"before {name}, the first by {-(-(start - place) // size)}"
        return "from addresses that belong to no array of the launch"


def _divide(plain: Any, builder: Any, x: Any, y: Any) -> Any:
    if x.data.dtype != np.float32:
        return plain(builder, x, y)
    with np.errstate(all="ignore"):
        return shipped.TensorHandle(x.data * (np.float32(1) / y.data), x.dtype.scalar)


def _dot(
    plain: Any, builder: Any, a: Any, b: Any, total: Any, *rest: Any, **options: Any
) -> Any:
    formats = [FORMATS.get(str(each.dtype.scalar)) for each in (a, b)]
    if None in formats:
        return plain(builder, a, b, total, *rest, **options)
    rows, depth = a.data.shape
    smallest = min(rows, b.data.shape[1])
    if smallest < SMALLEST_SIDE or depth < SMALLEST_FP8_DEPTH:
        raise ValueError(
            f"tl.dot of [{rows}, {depth}] by {list(b.data.shape)}; the compiler takes "
            f"FP8 tiles of at least {SMALLEST_SIDE} rows and columns and "
            f"{SMALLEST_FP8_DEPTH} of K"
        )
    if rows >= WGMMA_ROWS:
        return plain(builder, a, b, total, *rest, **options)
    left, right = (
        decode(np.ascontiguousarray(each.data), fmt).astype(np.float64)
        for each, fmt in zip((a, b), formats, strict=True)
        if fmt is not None
    )
    wide = (left @ right + total.data).astype(np.float32)
    return shipped.TensorHandle(wide, total.dtype.scalar)
