"""256 dot products to add up: made data, their exact sums, and the float32 ones.

They are the outputs of a 16 x K by K x 16 product, K first, in steps of 32. What does
not depend on the accumulator is computed once for each choice of data and formats.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fp8lab.codec import decode, encode
from fp8lab.formats import E4M3FN, E5M2, FloatFormat, format_of

__all__ = [
    "DATA",
    "DEPTHS",
    "GROUP",
    "LARGEST_K",
    "NO_PRODUCT",
    "Sums",
    "from_codes",
    "sums_of",
]

Floats = npt.NDArray[np.float64]
Pair = tuple[Floats, Floats]

LARGEST_K = 16384
GROUP = 32
#: The lengths of a menu: each twice the one before.
DEPTHS = tuple(GROUP << i for i in range((LARGEST_K // GROUP).bit_length()))
SIDE = 16
#: The exponent of a zero product: below that of any other, -32 to 30.
NO_PRODUCT = -64
OPERANDS = (E4M3FN, E5M2)


@dataclass(frozen=True)
class Sums:
    """The products of 256 outputs, and what their sums should be.

    Attributes
    ----------
    a, b
        uint8 codes, [16, K] and [K, 16].
    products
        float32 [steps, 32, 256], exact.
    largest
        int32 [steps, 256]: the largest exponent of a step's products, not normalised.
    exact, float32
        [steps, 256]: the sums after each step, in float64 (exact for this data) and
        with one float32 addition after the other.
    """

    a_format: FloatFormat
    b_format: FloatFormat
    a: npt.NDArray[np.uint8]
    b: npt.NDArray[np.uint8]
    products: npt.NDArray[np.float32]
    largest: npt.NDArray[np.int32]
    exact: Floats
    float32: npt.NDArray[np.float32]


@lru_cache(maxsize=2)
def sums_of(data: str, seed: int, a_format: str, b_format: str) -> Sums:
    """Return the sums of one kind of data.

    Raises
    ------
    ValueError
        No such data, a seed that is no whole number from 0, or a format that Hopper's
        FP8 instruction does not take.
    """
    if data not in DATA:
        raise ValueError(f"unknown data {data!r}; use one of {', '.join(DATA)}")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"the seed is {seed!r}; give a whole number from 0")
    left, right = _operand(a_format, "a_format"), _operand(b_format, "b_format")
    a, b = DATA[data][1](np.random.default_rng(seed), left, right)
    return from_codes(encode(a, left), encode(b, right), left, right)


def from_codes(
    a: npt.NDArray[np.uint8],
    b: npt.NDArray[np.uint8],
    a_format: FloatFormat,
    b_format: FloatFormat,
) -> Sums:
    """Return the sums of codes of finite numbers, [M, K] and [K, N], K whole steps."""
    left, right = decode(a, a_format).T, decode(b, b_format)
    depth = len(right)
    products = (left[:, :, None] * right[:, None, :]).reshape(depth, -1)
    steps = products.reshape(-1, GROUP, products.shape[1])
    running = np.add.accumulate(products, axis=0, dtype=np.float32)
    return Sums(
        *(a_format, b_format, a, b, steps),
        largest=_largest(left, a_format, right, b_format),
        exact=np.cumsum(steps.sum(axis=1, dtype=np.float64), axis=0),
        float32=running[GROUP - 1 :: GROUP].copy(),
    )


def _largest(
    left: npt.NDArray[np.float32],
    a_format: FloatFormat,
    right: npt.NDArray[np.float32],
    b_format: FloatFormat,
) -> npt.NDArray[np.int32]:
    rows, columns = _exponents(left, a_format), _exponents(right, b_format)
    sums = (rows[:, :, None] + columns[:, None, :]).reshape(len(rows) // GROUP, 32, -1)
    return np.maximum(sums.max(axis=1), NO_PRODUCT).astype(np.int32)


def _exponents(
    values: npt.NDArray[np.float32], fmt: FloatFormat
) -> npt.NDArray[np.int8]:
    exponents = np.maximum(np.frexp(values)[1] - 1, fmt.emin)
    return np.where(values == 0, NO_PRODUCT, exponents).astype(np.int8)


def _operand(name: str, what: str) -> FloatFormat:
    fmt = format_of(name)
    if fmt not in OPERANDS:
        raise ValueError(
            f"{what} is {fmt}; Hopper's FP8 instruction takes E4M3FN and E5M2"
        )
    return fmt


def _gaussian(rng: np.random.Generator, *_: FloatFormat) -> Pair:
    return (
        rng.standard_normal((SIDE, LARGEST_K)),
        rng.standard_normal((LARGEST_K, SIDE)),
    )


def _positive(rng: np.random.Generator, *_: FloatFormat) -> Pair:
    return rng.random((SIDE, LARGEST_K)), rng.random((LARGEST_K, SIDE))


def _outlier(rng: np.random.Generator, *_: FloatFormat) -> Pair:
    a = rng.uniform(0.5, 4, (SIDE, LARGEST_K))
    b = rng.uniform(0.5, 4, (LARGEST_K, SIDE))
    a[:, 4] = b[4] = 256
    return a, b


def _cancellation(rng: np.random.Generator, *_: FloatFormat) -> Pair:
    a, b = _gaussian(rng)
    steps = LARGEST_K // GROUP
    first, second = (np.s_[place::GROUP] for place in (7, 20))
    a[:, first] = rng.uniform(64, 128, (SIDE, steps))
    b[first] = rng.uniform(32, 64, (steps, SIDE))
    a[:, second], b[second] = -a[:, first], b[first]
    return a, b


def _subnormals(
    rng: np.random.Generator, a_format: FloatFormat, _: FloatFormat
) -> Pair:
    parts = 1 << a_format.mantissa_bits
    a = rng.integers(1 - parts, parts, (SIDE, LARGEST_K)) * a_format.smallest_subnormal
    size = np.exp2(rng.uniform(-6, 8, (LARGEST_K, SIDE)))
    return a.astype(np.float64), size * rng.choice([-1.0, 1.0], size.shape)


#: Each kind of data: what a menu calls it, and how it is made.
DATA: dict[str, tuple[str, Callable[..., Pair]]] = {
    "gaussian": ("gaussian", _gaussian),
    "positive": ("all positive", _positive),
    "outlier": ("one large, many small", _outlier),
    "cancellation": ("large ones that cancel", _cancellation),
    "subnormals": ("subnormal operands", _subnormals),
}
