"""Memory for a student's kernels, and their launches.

A launch gets `Memory`: an address, a shape and strides, and no arithmetic. What has to
be computed has to be computed in the kernel. Every array lies between two guards, and
all that nobody has written yet is `UNWRITTEN`: bytes that no right answer has.
"""

from __future__ import annotations

import ast
import platform
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import torch
from triton.compiler.errors import CompilationError, UnsupportedLanguageConstruct
from triton.runtime.errors import InterpreterError
from triton.runtime.jit import TensorWrapper

from fp8lab.grading.triton_lab import UNWRITTEN
from fp8lab.grading.triton_watch import watching

__all__ = ["Device", "Memory"]

#: Bytes before and behind each array; a multiple of what loads want to be aligned to.
GUARD = 4096
#: Columns on each side of a matrix that is stored with ``order="slice"``.
SLICE_MARGIN = 3

#: By the name that a lab uses: NumPy's dtype for the bytes, and torch's for the kernel.
DTYPES: dict[str, tuple[type[np.generic], torch.dtype]] = {
    "float32": (np.float32, torch.float32),
    "bfloat16": (np.uint16, torch.bfloat16),
    "float8": (np.uint8, torch.float8_e4m3fn),
    "int32": (np.int32, torch.int32),
}
#: Of the same width, and moved as they are: no conversion can happen on the way.
RAW = {1: torch.uint8, 2: torch.int16, 4: torch.int32}
ORDERS = ("rows", "columns", "slice")


class Memory(TensorWrapper):  # type: ignore[misc]
    """An array on the device: what a kernel is given of it.

    Attributes
    ----------
    shape
        Sizes; ``stride(i)`` gives the strides, in elements.
    dtype
        What ``pointer.dtype.element_ty`` is in the kernel.
    """

    def __init__(self, whole: torch.Tensor, view: torch.Tensor, name: str) -> None:
        super().__init__(view, DTYPES[name][1])
        self.shape = tuple(view.shape)
        self.whole, self.name = whole, name

    @property
    def span(self) -> tuple[int, int]:
        """Addresses of the first byte, and of the one behind the last."""
        size = self.base.element_size()
        last = sum(
            (n - 1) * s for n, s in zip(self.shape, self.base.stride(), strict=True)
        )
        start = self.base.data_ptr()
        return start, start + (last + 1) * size if self.base.numel() else start

    def numel(self) -> int:
        """Return the number of elements."""
        return int(self.base.numel())

    def __str__(self) -> str:
        return f"the {self.name} array of shape {self.shape}"

    __repr__ = __str__

    def _refuse(self, *_: object) -> NoReturn:
        raise TypeError(
            "what a launch gets is memory of the device: an address, a shape and "
            "strides. Compute in the kernel"
        )

    clone = to = cpu = new_empty = copy_ = _refuse
    __add__ = __sub__ = __mul__ = __truediv__ = __getitem__ = __setitem__ = _refuse


class Device:
    """A Hopper GPU, or the interpreter.

    Parameters
    ----------
    interpreted
        Whether kernels run in Triton's interpreter.
    """

    def __init__(self, interpreted: bool) -> None:
        self.interpreted = interpreted
        self._place = torch.device("cpu" if interpreted else "cuda")

    def says(self) -> str:
        """Return one sentence about where kernels run."""
        if self.interpreted:
            return (
                f"Kernels run in Triton's interpreter on this {platform.machine()} "
                "CPU: slowly, with the bytes of a Hopper GPU."
            )
        return f"Kernels run on {torch.cuda.get_device_name()}."

    def put(self, x: npt.ArrayLike, order: str = "rows") -> Memory:
        """Copy an array to the device.

        Parameters
        ----------
        x
            float32, int32, uint16 (bfloat16 bits) or uint8 (FP8 codes).
        order
            ``"rows"``: contiguous. ``"columns"``: a matrix stored column by column.
            ``"slice"``: a matrix in the middle of a wider one, rows not contiguous.
        """
        array = np.asarray(x)
        name = next((n for n, (kind, _) in DTYPES.items() if kind == array.dtype), None)
        if name is None:
            raise ValueError(
                f"an array of {array.dtype}; give float32, int32, uint16 (bfloat16 "
                "bits) or uint8 (FP8 codes)"
            )
        memory = self.empty(array.shape, name, order)
        raw = np.array(array).view(f"i{array.itemsize}")
        memory.base.copy_(torch.from_numpy(raw).view(memory.base.dtype))
        return memory

    def empty(
        self, shape: tuple[int, ...] | int, dtype: str, order: str = "rows"
    ) -> Memory:
        """Return memory that holds nothing yet: every byte is `UNWRITTEN`.

        Parameters
        ----------
        shape
            Sizes.
        dtype
            ``"float32"``, ``"bfloat16"``, ``"float8"`` (E4M3FN) or ``"int32"``.
        order
            As in `put`.
        """
        sizes = (shape,) if isinstance(shape, int) else tuple(shape)
        if dtype not in DTYPES or order not in ORDERS:
            raise ValueError(
                f"dtype {dtype!r}, order {order!r}; use one of {', '.join(DTYPES)}, "
                f"and of {', '.join(ORDERS)}"
            )
        itemsize = np.dtype(DTYPES[dtype][0]).itemsize
        strides, offset, count = _layout(sizes, order)
        size = 2 * GUARD + count * itemsize
        whole = torch.full((size,), UNWRITTEN, dtype=torch.uint8, device=self._place)
        start = GUARD // itemsize + offset
        view = torch.as_strided(whole.view(RAW[itemsize]), sizes, strides, start)
        return Memory(whole, view, dtype)

    def zeros(self, shape: tuple[int, ...] | int, dtype: str) -> Memory:
        """Return memory that holds zeros."""
        memory = self.empty(shape, dtype)
        memory.base.zero_()
        return memory

    def run(self, launch: Callable[..., object], *arguments: Any) -> None:
        """Call a launch, watched in the interpreter.

        Raises
        ------
        IndexError
            A kernel loads or stores outside of its arrays (in the interpreter).
        NotImplementedError
            A kernel is not written yet.
        Exception
            Whatever the kernel raised, without the interpreter's wrapping.
        """
        arrays = [each for each in arguments if isinstance(each, Memory)]
        watch = watching(arrays, GUARD) if self.interpreted else nullcontext()
        try:
            with watch:
                launch(*arguments)
        except InterpreterError as error:
            cause: BaseException = error
            while isinstance(cause, InterpreterError) and cause.__cause__ is not None:
                cause = cause.__cause__
            raise cause from None
        except CompilationError as error:
            if _raises(error):
                raise NotImplementedError from None
            raise

    def get(self, memory: Memory) -> np.ndarray:
        """Return an array of the device as NumPy has it; FP8 as codes.

        Raises
        ------
        IndexError
            Something was stored before or behind the array.
        """
        whole = memory.whole.cpu().numpy()
        for side, guard in (("before", whole[:GUARD]), ("behind", whole[-GUARD:])):
            touched = np.count_nonzero(guard != UNWRITTEN)
            if touched:
                raise IndexError(
                    f"a kernel stored {touched} bytes {side} {memory}: mask them off"
                )
        raw = memory.base.cpu().contiguous().numpy()
        return np.array(raw.view(DTYPES[memory.name][0]))


def _raises(error: BaseException | None) -> bool:
    """Say whether the compiler met a ``raise``: that of a task not written yet."""
    while error is not None:
        if isinstance(error, UnsupportedLanguageConstruct):
            return isinstance(error.node, ast.Raise)
        error = error.__cause__
    return False


def _layout(sizes: tuple[int, ...], order: str) -> tuple[tuple[int, ...], int, int]:
    """Return strides, the first element's place, and how many elements to allocate."""
    if order == "rows" or len(sizes) != 2:
        strides = tuple(int(np.prod(sizes[i + 1 :])) for i in range(len(sizes)))
        return strides, 0, int(np.prod(sizes))
    rows, cols = sizes
    if order == "columns":
        return (1, rows), 0, rows * cols
    width = cols + 2 * SLICE_MARGIN
    return (width, 1), SLICE_MARGIN, rows * width
