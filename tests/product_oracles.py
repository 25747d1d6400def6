"""Sums of FP8 products in Python's integers: slow, and written from the rule's text.

Nothing here calls the code under test, NumPy's arithmetic or a table. Every finite
number is an integer multiple of 2^-149, the smallest float32: FP8 products (2^-32 and
up), accumulators, and the grid that addends are cut to.
"""

from collections.abc import Iterable
from fractions import Fraction

import numpy as np

UNIT = -149
"""Exponent of what an integer below counts."""
EMIN, EMAX = -126, 127
"""Of float32: the smallest and the largest exponent."""
FORMATS = {"E4M3FN": (4, 3, 7), "E5M2": (5, 2, 15)}
"""Exponent bits, fraction bits and bias, from the OCP 8-bit specification."""
PAIRS = [(a, b) for a in FORMATS for b in FORMATS]
NAN, PLUS, MINUS = "nan", "+inf", "-inf"
NAN_BITS, INF_BITS = 0x7FFFFFFF, 0x7F800000

Number = tuple[int, int] | str
"""A finite number as (units, exponent), or one of NAN, PLUS, MINUS."""


def fp8(code: int, fmt: str) -> tuple[int, int, int] | str:
    """Sign, significand as an integer, and its unit's exponent; or a special."""
    exponent_bits, fraction_bits, bias = FORMATS[fmt]
    sign = -1 if code >> 7 else 1
    field = (code >> fraction_bits) & ((1 << exponent_bits) - 1)
    fraction = code & ((1 << fraction_bits) - 1)
    if fmt == "E4M3FN" and code & 0x7F == 0x7F:
        return NAN
    if fmt == "E5M2" and field == 31:
        return NAN if fraction else (PLUS if sign > 0 else MINUS)
    hidden = 1 << fraction_bits if field else 0
    return sign, hidden | fraction, max(field, 1) - bias - fraction_bits


def product(a: int, b: int, a_format: str, b_format: str) -> Number:
    """Multiply two codes: step 1 of the rule, with the exponent not normalised."""
    x, y = fp8(a, a_format), fp8(b, b_format)
    if isinstance(x, str) or isinstance(y, str):
        return _special_product(x, y)
    units = x[0] * y[0] * x[1] * y[1] << (x[2] + y[2] - UNIT)
    return units, x[2] + y[2] + FORMATS[a_format][1] + FORMATS[b_format][1]


def _special_product(x: tuple[int, int, int] | str, y: tuple[int, int, int] | str):
    signs = []
    for z in (x, y):
        if z == NAN or (not isinstance(z, str) and z[1] == 0):
            return NAN
        signs.append(z[0] == "-" if isinstance(z, str) else z[0] < 0)
    return MINUS if signs[0] != signs[1] else PLUS


def float32_number(bits: int) -> Number:
    """What 32 bits mean: units and exponent, or a special."""
    sign = -1 if bits >> 31 else 1
    field, fraction = (bits >> 23) & 0xFF, bits & 0x7FFFFF
    if field == 255:
        return NAN if fraction else (PLUS if sign > 0 else MINUS)
    significand = fraction | (0x800000 if field else 0)
    return sign * significand << (max(field, 1) - 1), max(field, 1) - 127


def toward_zero(units: int, bit: int) -> int:
    """Drop what is below a power of two, whatever the sign."""
    kept = abs(units) >> bit << bit
    return kept if units >= 0 else -kept


def step(addends: Iterable[tuple[int, int]], accumulator: int, bits: int) -> int:
    """Steps 2 to 5 of the rule: one group of products and the accumulator, in units."""
    present = [(units, exponent) for units, exponent in addends if units]
    present.append((accumulator, max(accumulator.bit_length() - 1 + UNIT, EMIN)))
    emax = max(exponent for _, exponent in present)
    total = sum(toward_zero(units, emax - bits - UNIT) for units, _ in present)
    return toward_zero(total, max(abs(total).bit_length() - bits - 1, 0))


def float32_of(x: Fraction) -> Fraction | str:
    """Round to float32, nearest even, once: Python's round() does the ties."""
    if not x:
        return x
    top = abs(x.numerator).bit_length() - x.denominator.bit_length()
    if Fraction(2) ** top > abs(x):
        top -= 1
    quantum = Fraction(2) ** (max(top, EMIN) - 23)
    rounded = round(x / quantum) * quantum
    if abs(rounded) >= Fraction(2) ** (EMAX + 1):
        return PLUS if x > 0 else MINUS
    return rounded


def nearest(units: int) -> int:
    """Units rounded to float32, for sums that do not overflow."""
    rounded = float32_of(Fraction(units, 1 << -UNIT))
    assert not isinstance(rounded, str), "this is too large for float32"
    return int(rounded * (1 << -UNIT))


def bits_of(units: int) -> int:
    """The bits of a float32 that so many units are; zero is +0."""
    magnitude = abs(units)
    shift = max(magnitude.bit_length() - 24, 0)
    assert magnitude >> shift << shift == magnitude, "this is no float32"
    significand = magnitude >> shift
    field = (shift + 1) if significand >> 23 else 0
    assert field < 255, "this is too large for float32"
    return (0x80000000 if units < 0 else 0) | field << 23 | (significand & 0x7FFFFF)


def chain(
    products: list[Number],
    start: Number = (0, EMIN),
    bits: int = 13,
    group: int = 32,
    promote: int | None = None,
) -> int:
    """The bits of one output element of a matrix product."""
    specials = {x for x in (*products, start) if isinstance(x, str)}
    if specials:
        return special_bits(specials)
    total = start[0] if promote else 0
    accumulator = 0 if promote else start[0]
    for k in range(0, len(products), group):
        accumulator = step(products[k : k + group], accumulator, bits)
        ends = k + group >= len(products) or (k + group) % (promote or 1) == 0
        if promote and ends:
            total, accumulator = nearest(total + accumulator), 0
    return bits_of(total if promote else accumulator)


def special_bits(specials: set[str]) -> int:
    if len(specials) > 1 or NAN in specials:
        return NAN_BITS
    return INF_BITS if specials == {PLUS} else INF_BITS | 0x80000000


def products_of(row: np.ndarray, column: np.ndarray, a_format: str, b_format: str):
    pairs = zip(row.tolist(), column.tolist(), strict=True)
    return [product(a, b, a_format, b_format) for a, b in pairs]


def mma_slowly(a, b, c=None, a_format="E4M3FN", b_format="E4M3FN", **rule):
    """Every element of a @ b + c, as float32."""
    out = np.empty((len(a), b.shape[1]), np.uint32)
    for i, j in np.ndindex(out.shape):
        products = products_of(a[i], b[:, j], a_format, b_format)
        start = (0, EMIN) if c is None else float32_number(int(c[i, j].view("u4")))
        out[i, j] = chain(products, start, **rule)
    return out.view(np.float32)


# ------------------------------------------------------------ operands to try it on
KINDS = ("random bits", "finite", "subnormal", "spread", "mostly zero", "cancelling")


def operands(kind: str, sides: tuple[int, int, int], pair: tuple[str, str], seed: int):
    """Codes of a [M, K] and b [K, N]; "random bits" alone has NaN and infinity."""
    m, n, k = sides
    rng = np.random.default_rng(seed)
    a, b = (
        _codes(kind, s, f, rng) for s, f in zip([(m, k), (n, k)], pair, strict=True)
    )
    if kind == "cancelling":
        # Terms in pairs, x y and -x y but for a bit here and there, in any order.
        a[:, k // 2 : k // 2 * 2] = a[:, : k // 2] ^ 0x80
        b[:, k // 2 : k // 2 * 2] = b[:, : k // 2]
        order = rng.permutation(k)
        a, b = a[:, order] ^ (rng.random((m, k)) < 0.02), b[:, order]
    return a, b.T


def _codes(
    kind: str, shape: tuple[int, int], fmt: str, rng: np.random.Generator
) -> np.ndarray:
    fraction_bits = FORMATS[fmt][1]
    sign = rng.integers(0, 2, shape, np.uint8) << 7
    # The last bit of these can be flipped, and they stay finite.
    finite = rng.integers(0, 0x7E if fmt == "E4M3FN" else 0x7C, shape, np.uint8)
    if kind == "random bits":
        return rng.integers(0, 256, shape, np.uint8)
    if kind == "subnormal":
        return sign | rng.integers(0, 2 << fraction_bits, shape, np.uint8)
    if kind == "spread":
        small = rng.integers(0, 1 << fraction_bits, shape, np.uint8)
        return sign | np.where(rng.random(shape) < 0.15, finite, small)
    if kind == "mostly zero":
        return sign | np.where(rng.random(shape) < 0.04, finite, np.uint8(0))
    assert kind in ("finite", "cancelling")
    return sign | finite


def starts(kind: str, shape: tuple[int, int], seed: int) -> np.ndarray | None:
    """Accumulators to begin with: None, any bits, of the products' own size, tiny."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 1 << 32, shape, np.uint32)
    fields = {"near": (92, 147), "tiny": (0, 60)}
    if kind == "none":
        return None
    if kind in fields:
        exponent = rng.integers(*fields[kind], shape, np.uint32)
        bits = (bits & np.uint32(0x807FFFFF)) | exponent << np.uint32(23)
    return bits.view(np.float32)


STARTS = ("none", "any", "near", "tiny")
