"""The accumulator in sentences: what this addend, this step and the sum lose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fp8lab.states.accumulator_bits import fate
from fp8lab.states.accumulator_curve import Curve
from fp8lab.states.accumulator_step import Addend, Fixed, Step, bit_length
from fp8lab.states.accumulator_sums import GROUP
from fp8lab.states.numbers import percent, short, superscript

__all__ = [
    "KNOWN_BITS",
    "chain_sentence",
    "promotion_text",
    "step_sentence",
    "term_text",
]

#: Where a number of fraction bits is known from.
KNOWN_BITS = {7: "bfloat16's", 10: "float16's", 13: "Hopper's", 23: "float32's"}
#: Bias that makes up so much of the RMS error is the story.
MOSTLY = 0.7
#: Promotion that leaves more of the error than this is no cure.
NO_CURE = 0.8


def term_text(step: Step, term: int, first_k: int) -> str:
    """What happens where the cursor stands."""
    if term > len(step.addends) - 1:
        return _normalised(step)
    addend = step.addends[term]
    what = _what(addend, first_k + term - 1)
    if addend.exponent is None:
        return f"{what}: it adds nothing, and has no say in the largest exponent."
    said = _fate(step, term)
    if addend.exponent == step.emax:
        said += f" It has the largest exponent, 2{superscript(step.emax)}: the window "
        said += f"begins there and ends at 2{superscript(step.grid)}."
    return f"{what}: {said}{_subnormal(addend)}"


def _what(addend: Addend, k: int) -> str:
    value = short(addend.number.value, 7)
    if addend.factors is None:
        return f"The accumulator begins with {value}"
    a, b = (short(operand.number.value, 4) for operand in addend.factors)
    return f"Product k = {k}, {a} × {b} = {value}"


def _fate(step: Step, term: int) -> str:
    kind = fate(step, term)
    if kind == "whole":
        return "all of it is inside the window, nothing is lost."
    edge = f"2{superscript(step.grid)}"
    if kind == "gone":
        return f"all of it is below {edge}, so all of it is lost."
    lost = short(abs(step.lost(term).value), 4)
    return f"what is below {edge} is cut off; {lost} is lost."


def _subnormal(addend: Addend) -> str:
    """A product of a subnormal is placed by an exponent that is too large for it."""
    top = addend.number.top
    if addend.factors is None or top is None or addend.exponent is None:
        return ""
    if top >= addend.exponent or not any(o.subnormal for o in addend.factors):
        return ""
    return (
        f" An operand is subnormal: the product counts as 2"
        f"{superscript(addend.exponent)}, though its first 1 is at 2{superscript(top)}."
    )


def _normalised(step: Step) -> str:
    total, result = step.sums[-1], step.result
    value, bits = short(result.value, 7), step.fraction_bits + 1
    if not total.digits:
        return "The kept bits cancel: the accumulator becomes 0."
    has = bit_length(total.digits)
    if has > bits:
        lost = total.minus(result)
        less = short(abs(lost.value), 4) if lost.digits else "nothing"
        return (
            f"The sum has {has} bits and the accumulator {bits}: cutting off the "
            f"lowest {has - bits} loses {less}. The accumulator becomes {value}."
        )
    said = f"The sum has {has} bits and the accumulator {bits}: nothing more is cut."
    cut = any(fate(step, i) in ("cut", "gone") for i in range(len(step.addends)))
    if has < bits and cut:
        said += f" There is room for {_count(bits - has, 'bit')} more, but what was "
        said += "cut before does not come back."
    return f"{said} The accumulator becomes {value}."


def step_sentence(step: Step, number: int, count: int) -> str:
    """What the step loses, all its addends together."""
    fates = Counter(fate(step, i) for i in range(1, len(step.addends)))
    lost = step.exact[-1].minus(step.result)
    start = f"Step {number} of {count}"
    whose = []
    if fate(step, 0) in ("cut", "gone"):
        whose.append("the accumulator loses bits")
    if cut := fates["cut"]:
        whose.append(
            "1 product loses bits" if cut == 1 else f"{cut} products lose bits"
        )
    if gone := fates["gone"]:
        whose.append("1 product vanishes" if gone == 1 else f"{gone} products vanish")
    if not lost.digits and not whose:
        return f"{start} loses nothing: every bit is inside the window."
    parts = f": {', '.join(whose)}" if whose else ""
    return f"{start} loses {loss_text(lost, step.exact[-1])} in all{parts}."


def loss_text(lost: Fixed, exact: Fixed) -> str:
    """Return a loss, and its share of the sum."""
    amount = short(abs(lost.value), 4)
    if not lost.digits or not exact.digits:
        return amount
    return f"{amount} ({percent(abs(lost.value / exact.value))} of the sum)"


def chain_sentence(
    k: int, fraction_bits: int, never: Curve, promoted: Curve, every: int
) -> str:
    """What is lost over the whole of K, and whether promotion mends it."""
    at = k // GROUP - 1
    ends = [(float(c.rms[at]), float(c.bias[at])) for c in (never, promoted)]
    start = f"Over K = {k:,} with {fraction_bits} fraction bits"
    if ends[0][0] == 0:
        return f"{start} nothing is lost in any of 256 sums."
    if abs(ends[0][1]) > MOSTLY * ends[0][0]:
        sizes = [percent(abs(bias)) for _, bias in ends]
        way = "small" if ends[0][1] < 0 else "large"
        said = f"{start} the sums come out {sizes[0]} too {way} without promotion"
        said += f", {sizes[1]} promoted every {every:,}."
    else:
        sizes = [percent(rms) for rms, _ in ends]
        said = f"{start} the sums have an error of {sizes[0]} without promotion"
        said += f", {sizes[1]} promoted every {every:,}."
    if k > every and ends[1][0] > NO_CURE * ends[0][0]:
        said += " Promotion is no cure here: the bits are lost inside each step."
    return said


def promotion_text(before: float, register: float, after: float, every: int) -> str:
    """Say what a promotion adds to what."""
    numbers: Sequence[str] = [short(v, 7) for v in (before, register, after)]
    return (
        f"Promotion, every {every:,} of K: the float32 total {numbers[0]} + "
        f"{numbers[1]} becomes {numbers[2]}, and the accumulator begins again at 0."
    )


def _count(count: int, word: str) -> str:
    return f"{count} {word}" + "s" * (count != 1)
