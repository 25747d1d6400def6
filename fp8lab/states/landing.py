"""Where one real number lands in a format, and how to say it in a sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fp8lab.codec import decode, encode
from fp8lab.formats import FloatFormat
from fp8lab.policies import special_codes
from fp8lab.rounding import Rounding
from fp8lab.states.axis import border_overflows, cell, overflow_border
from fp8lab.states.numbers import code_text, percent, ratio_text, short, signed_short

__all__ = ["Landing", "Outcome", "land"]


@dataclass(frozen=True)
class Outcome:
    """One code that x can become, and how likely that is."""

    code: int
    value: float
    probability: float
    fmt: FloatFormat

    @property
    def code_text(self) -> str:
        """The code in hexadecimal."""
        return code_text(self.code, self.fmt)

    @property
    def share_text(self) -> str:
        """The probability, or nothing where it is 1."""
        return "" if self.probability == 1 else percent(self.probability, 4)

    def __str__(self) -> str:
        return f"{short(self.value)} ({self.code_text})"


@dataclass(frozen=True)
class Landing:
    """What becomes of x: one outcome, or two under stochastic rounding.

    Attributes
    ----------
    x, fmt, rounding, policy
        What was asked.
    start, gap
        The value of the format at or below x, and the distance to the next one. Past
        the largest value both go on as if the format did.
    outcomes
        The codes that x can become, likeliest first.
    """

    x: float
    fmt: FloatFormat
    rounding: Rounding
    policy: str
    start: float
    gap: float
    outcomes: tuple[Outcome, ...]

    @property
    def is_exact(self) -> bool:
        """Whether x is a value of the format."""
        return self.outcomes[0].value == self.x

    @property
    def is_tie(self) -> bool:
        """Whether x lies exactly between two values, and nearest rounding decides."""
        nearest = self.rounding in (Rounding.NEAREST_EVEN, Rounding.TIES_AWAY)
        return nearest and self.x - self.start == self.gap / 2

    @property
    def overflows(self) -> bool:
        """Whether the policy, not rounding, chose the code."""
        if self.rounding is Rounding.TOWARD_ZERO:
            return False
        border = overflow_border(self.fmt)
        if abs(self.x) != border:
            return abs(self.x) > border
        # The border is a tie between max and what would come next.
        return self.rounding is Rounding.TIES_AWAY or border_overflows(self.fmt)

    @property
    def error(self) -> float:
        """Signed error of the only outcome; NaN where there are two or no number."""
        if len(self.outcomes) > 1 or not math.isfinite(self.outcomes[0].value):
            return math.nan
        return self.outcomes[0].value - self.x

    @property
    def relative_text(self) -> str:
        """The error as a percentage of x."""
        return ratio_text(self.error, self.x)

    def facts(self) -> list[list[str]]:
        """Return the readings beside the picture: [name, value]."""
        known = not math.isnan(self.error)
        low = -self.fmt.max if self.fmt.is_signed else self.fmt.smallest_subnormal
        high = self.fmt.max
        upper = self.start if self.is_exact else self.start + self.gap
        return [
            [
                "lower neighbour",
                short(min(self.start, high)) if self.x >= low else "none",
            ],
            ["upper neighbour", short(max(upper, low)) if self.x <= high else "none"],
            ["gap (1 ulp)", short(self.gap)],
            ["becomes", " or ".join(map(str, self.outcomes))],
            ["error", signed_short(self.error, 4) if known else "–"],
            ["error in ulp", signed_short(self.error / self.gap, 4) if known else "–"],
            ["relative error", self.relative_text],
        ]

    def sentence(self) -> str:
        """Say in one sentence what is seen."""
        first = self.outcomes[0]
        x = short(self.x, 9)
        if self.is_exact:
            return f"{x} is a value of {self.fmt} ({first.code_text}): no error."
        if len(self.outcomes) > 1:
            second = self.outcomes[1]
            known = math.isfinite(first.value + second.value)
            average = "; on average it stays what it is" if known else ""
            return (
                f"{x} becomes {first} with probability {first.share_text} and {second} "
                f"with {second.share_text}{average}."
            )
        if self.overflows:
            border = short(overflow_border(self.fmt), 9)
            return (
                f"{x} is past {border}, where overflow begins: policy {self.policy} "
                f"makes it {first}."
            )
        if self.is_tie:
            return self._tie_sentence(x, first)
        verb = "is cut to" if self.rounding is Rounding.TOWARD_ZERO else "rounds to"
        return (
            f"{x} {verb} {first}: error {signed_short(self.error)}, "
            f"{signed_short(self.error / self.gap)} ulp ({self.relative_text})."
        )

    def _tie_sentence(self, x: str, first: Outcome) -> str:
        why = "the neighbour with the even code"
        if self.rounding is Rounding.TIES_AWAY:
            why = "the neighbour farther from zero"
        elif not self.fmt.mantissa_bits:
            why = "up, as all ties do without a mantissa"
        between = f"{short(self.start)} and {short(self.start + self.gap)}"
        return f"{x} is a tie between {between}: it goes to {first}, {why}."


def land(x: float, fmt: FloatFormat, rounding: Rounding, policy: str) -> Landing:
    """Round one finite number, and keep what is needed to explain it."""
    start, gap = cell(x, fmt)
    if rounding is Rounding.STOCHASTIC:
        outcomes = _stochastic(x, fmt, policy, start, gap)
    else:
        code = int(encode(x, fmt, rounding=rounding, policy=policy))
        outcomes = (Outcome(code, float(decode(code, fmt)), 1.0, fmt),)
    return Landing(x, fmt, rounding, policy, start, gap, outcomes)


def _stochastic(
    x: float, fmt: FloatFormat, policy: str, start: float, gap: float
) -> tuple[Outcome, ...]:
    """Both ends of x's gap; past the largest value the policy replaces an end."""
    up = (x - start) / gap
    shares: dict[int, float] = {}
    for value, share in ((start, 1 - up), (start + gap, up)):
        if share > 0:
            code = _code(value, x, fmt, policy)
            shares[code] = shares.get(code, 0.0) + share
    ordered = sorted(shares.items(), key=lambda pair: -pair[1])
    return tuple(
        Outcome(code, float(decode(code, fmt)), share, fmt) for code, share in ordered
    )


def _code(value: float, x: float, fmt: FloatFormat, policy: str) -> int:
    if fmt.is_signed and abs(value) > fmt.max:
        return special_codes(fmt, policy).overflow[int(x < 0)]
    # copysign: a negative number that rounds to zero keeps its sign.
    return int(encode(math.copysign(value, x), fmt, policy=policy))
