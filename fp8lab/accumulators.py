"""How the products of a matrix product are added up: small records with names."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

__all__ = [
    "EXACT",
    "FLOAT32",
    "HOPPER",
    "HOPPER_PROMOTED",
    "Accumulator",
    "accumulator_of",
]

LARGEST_GROUP = 1024
FLOAT32_FRACTION_BITS = 23


def _check(what: str, value: object, largest: int, also: str = "") -> None:
    if also and value is None:
        return
    if (
        not isinstance(value, int)
        or isinstance(value, bool)
        or not 1 <= value <= largest
    ):
        or_none = f", or {also}" if also else ""
        raise ValueError(f"{what} is {value!r}; give 1 to {largest}{or_none}")


@dataclass(frozen=True)
class Accumulator:
    """How products are added up.

    Attributes
    ----------
    name
        What `accumulator_of` knows it by.
    fraction_bits
        Fraction bits that every addend is cut to, relative to the largest, 1 to 23.
        None: nothing is cut, each product is added in ``dtype``, nearest even.
    group
        Products that are added at once; without ``fraction_bits`` it has no meaning.
    promote
        After so many of K the sum is added to a float32 total (nearest even) and begins
        again at zero; None: never.
    dtype
        Of the running sum, float32; float64 only without ``fraction_bits``.

    Raises
    ------
    ValueError
        A number outside its range, or fields that do not go together.
    """

    name: str
    fraction_bits: int | None = None
    group: int = 32
    promote: int | None = None
    dtype: str = "float32"

    def __post_init__(self) -> None:
        _check("fraction_bits", self.fraction_bits, FLOAT32_FRACTION_BITS, "None")
        _check("group", self.group, LARGEST_GROUP)
        if self.dtype not in ("float32", "float64"):
            raise ValueError(f"dtype is {self.dtype!r}; use 'float32' or 'float64'")
        if self.fraction_bits is not None and self.dtype != "float32":
            raise ValueError("a sum with fraction_bits is kept in float32, not float64")
        if self.promote is None:
            return
        if self.fraction_bits is None:
            raise ValueError(
                f"promote is {self.promote}, but {self.name} cuts nothing that a "
                "promotion could save; give fraction_bits, or promote=None"
            )
        whole = isinstance(self.promote, int) and self.promote >= self.group
        if not whole or self.promote % self.group:
            raise ValueError(
                f"promote is {self.promote!r}; give a multiple of the group, "
                f"{self.group}"
            )

    def promoted(self, every: int | None) -> Accumulator:
        """Return this accumulator, promoted to float32 every so many of K."""
        base = self.name.partition("-")[0]
        name = base if every is None else f"{base}-{every}"
        return replace(self, name=name, promote=every)


#: Sums in float64, the yardstick of every error: exact for E4M3FN up to K = 2^17 (448^2
#: on a grid of 2^-18); the products of E5M2 span 64 bits, of which 53 are kept.
EXACT = Accumulator("exact", dtype="float64")
#: One float32 addition after the other, nearest even, as a CUDA core would do it.
FLOAT32 = Accumulator("float32", group=1)
#: One chain over the whole of K: cuBLASLt and torch with ``use_fast_accum=True``.
HOPPER = Accumulator("hopper", fraction_bits=13)
#: Promoted every 128 of K: ``use_fast_accum=False``, DeepSeek-V3, ``acc += tl.dot``.
HOPPER_PROMOTED = HOPPER.promoted(128)

_NAMED = {a.name: a for a in (EXACT, FLOAT32, HOPPER)}


def accumulator_of(accumulator: Accumulator | str) -> Accumulator:
    """Return a record by its name: exact, float32, hopper, hopper-128 or another N.

    Raises
    ------
    ValueError
        There is none of this name; the number is a multiple of 32.
    """
    if isinstance(accumulator, Accumulator):
        return accumulator
    name = str(accumulator)
    if name in _NAMED:
        return _NAMED[name]
    if found := re.fullmatch(r"hopper-(\d+)", name):
        return HOPPER.promoted(int(found[1]))
    raise ValueError(
        f"unknown accumulator {accumulator!r}; use one of {', '.join(_NAMED)}, "
        "hopper-N (promoted every N of K), or an Accumulator"
    )
