"""Every value that an accumulator has on its way along K, of many outputs at once.

`fp8lab.tensorcore.mma` returns where the way ends; a curve over K needs each step of
it. The rule is the same, and the tests hold the two together bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fp8lab.states.accumulator_sums import GROUP, NO_PRODUCT, Sums

__all__ = ["Chain", "chain_of"]

Floats = npt.NDArray[np.float32]

#: Chains between promotions that are worked on together: their products fit a cache.
TOGETHER = 8
#: 32 addends and the accumulator, each below 2^(emax + 2): bits above the fraction.
HEADROOM = 9


@dataclass(frozen=True)
class Chain:
    """The accumulator after each step, float32 [steps, outputs].

    Attributes
    ----------
    registers
        What the tensor core holds, before a promotion empties it.
    values
        What has been added up so far: the float32 total and the register.
    """

    registers: Floats
    values: Floats


def chain_of(sums: Sums, fraction_bits: int, promote: int | None) -> Chain:
    """Return the values of the accumulator along K.

    Parameters
    ----------
    sums
        Finite operands.
    fraction_bits, promote
        As in `fp8lab.accumulators.Accumulator`, already checked.
    """
    steps = len(sums.products)
    length = steps if promote is None else min(promote // GROUP, steps)
    whole = steps - steps % length
    registers = np.empty(sums.largest.shape, np.float32)
    for first, last in ((0, whole), (whole, steps)):
        if first < last:
            each = length if last == whole else last - first
            products, largest = sums.products[first:last], sums.largest[first:last]
            chains = _chains(
                products.reshape(-1, each, *products.shape[1:]),
                largest.reshape(-1, each, largest.shape[1]),
                fraction_bits,
            )
            registers[first:last] = chains.reshape(-1, largest.shape[1])
    # Each promotion is one addition in float32; accumulate() does them in their order.
    ends = registers[length - 1 : whole : length]
    totals = np.add.accumulate(ends, axis=0, dtype=np.float32)
    before = np.repeat(np.vstack([np.zeros_like(ends[:1]), totals]), length, axis=0)
    return Chain(registers, before[:steps] + registers)


def _chains(
    products: Floats, largest: npt.NDArray[np.int32], fraction_bits: int
) -> Floats:
    """Run chains that begin at zero: [chains, steps, 32, outputs]."""
    count, length, _, outputs = products.shape
    result = np.empty((count, length, outputs), np.float32)
    for first in range(0, count, TOGETHER):
        part = slice(first, min(first + TOGETHER, count))
        step = _Step((part.stop - first, GROUP, outputs), fraction_bits)
        accumulator = np.zeros((part.stop - first, outputs), np.float32)
        for i in range(length):
            accumulator = step.run(products[part, i], largest[part, i], accumulator)
            result[part, i] = accumulator
    return result


class _Step:
    """Steps 2 to 5 of the rule in `fp8lab.tensorcore`, on products in memory."""

    def __init__(self, shape: tuple[int, ...], fraction_bits: int) -> None:
        narrow = fraction_bits + HEADROOM <= np.finfo(np.float32).nmant + 1
        dtype = np.float32 if narrow else np.float64
        self._words = np.int32 if narrow else np.int64
        self._mask = self._words(-1 << (np.finfo(dtype).nmant - fraction_bits))
        self._bits, self._one = fraction_bits, dtype(1)
        self._aligned = np.empty(shape, dtype)

    def run(
        self, products: Floats, largest: npt.NDArray[np.int32], accumulator: Floats
    ) -> Floats:
        field = (accumulator.view(np.int32) >> 23) & 0xFF
        # Where all addends are zero any exponent will do.
        emax = np.maximum(np.maximum(largest, field - 127), NO_PRODUCT)
        scale = np.ldexp(self._one, self._bits - emax)
        np.multiply(products, scale[:, None], out=self._aligned)
        np.trunc(self._aligned, out=self._aligned)
        total = self._aligned.sum(axis=1)
        total += np.trunc(accumulator * scale)
        total.view(self._words)[...] &= self._mask
        result: Floats = (total / scale).astype(np.float32)
        return result
