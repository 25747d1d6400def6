"""The quantizer in sentences: which scheme wins, by how much, and why it does not."""

from __future__ import annotations

from fp8lab.formats import FloatFormat
from fp8lab.granularity import matrix_shape
from fp8lab.states.numbers import percent, short
from fp8lab.states.quantizer_original import Original
from fp8lab.states.quantizer_pass import Damage, Outcome
from fp8lab.states.quantizer_rows import (
    EXACT_DB,
    SAME_DB,
    Comparison,
    decibels,
    error_text,
    gap,
)

__all__ = ["facts_text", "sentences"]

# Causes with a smaller share of the error explain nothing.
WORTH_SAYING = 0.05
# A share of the error that is the story by itself.
NEARLY_ALL = 0.9
# Of squared errors: a norm below a third of the ordinary elements' own hides it.
HIDDEN = 0.1
# What 1 scale for 1600 elements costs in float32.
FREE_BITS = 0.02


def sentences(compared: Comparison) -> list[str]:
    """What is seen now: the verdict, and what stands behind it."""
    first, outcomes = compared.first, compared.outcomes
    name, fmt = compared.name, outcomes["none"].scheme.fmt
    if first.finite == 0:
        held = _and(_nonfinite(first))
        said = [f"There is no finite number in {name} ({held}): no error to measure."]
    elif first.amax == 0:
        said = [
            f"Nothing is lost: {name} is all zero.",
            f"Zero is exact in every format, whatever the scale.{_left_out(first)}",
        ]
    elif all(found.whole.sqnr_db >= EXACT_DB for found in outcomes.values()):
        said = [
            f"Nothing to speak of is lost, with or without a scale.{_left_out(first)}",
            f"Every element of {name} is a number of {fmt}, or within 0.001 % of one.",
        ]
    else:
        said = [*_finer(compared), f"{_bare(compared)}{_left_out(first)}"]
    # A number and its unit stay on one line.
    for unit in ("%", "dB"):
        said = [part.replace(f" {unit}", f"\xa0{unit}") for part in said]
    return [part.strip() for part in said if part]


def facts_text(first: Original) -> str:
    """What the tensor is: shape, dtype, size and spread."""
    if len(first.shape) > 1:
        text = f"{' × '.join(f'{side:,}' for side in first.shape)} {first.dtype}"
        if len(first.shape) > 2:
            rows, columns = matrix_shape(first.shape)
            text += f", read as {rows:,} × {columns:,}"
    else:
        text = f"{_count(first.size, 'element')}, {first.dtype}"
    if not first.amax:
        return text
    text += f"; amax {short(first.amax, 4)}, {short(first.amax / first.rms, 3)} × RMS"
    if first.outliers:
        share = percent(first.outliers / first.finite)
        text += (
            f"; {_count(first.outliers, 'outlier')} ({share}) beyond 10 × the median"
        )
    return text


def _finer(compared: Comparison) -> list[str]:
    """The chosen granularity against one scale: the verdict, and why."""
    group, outliers = compared.group, bool(compared.first.outliers)
    one, fine = compared.outcomes["tensor"], compared.outcomes["group"]
    error, with_one = _error(fine.ordinary), _error(one.ordinary)
    start = "the ordinary elements have an error of" if outliers else "the error is"
    if fine.scales == one.scales:
        return [
            f"{group} and one scale are the same here: {start} {error}.",
            f"All of {compared.name} is in one group.",
        ]
    gain, beyond = gap(fine.ordinary, one.ordinary), gap(fine.outliers, one.outliers)
    pair = f"{start} {error} with {group} and {with_one} with one scale"
    if gain >= SAME_DB:
        return [
            f"{group} beats one scale: {start} {error} instead of {with_one}, "
            f"{decibels(gain)} better for {_bits(fine.bits - one.bits)} an element.",
            f"{_why(compared, one)}{_hidden(compared, one)}",
        ]
    if gain <= -SAME_DB or (outliers and beyond <= -SAME_DB):
        return [f"Finer scales do harm here: {pair}{_harm(compared, fine, gain)}."]
    if outliers and beyond >= SAME_DB:
        return [
            f"Finer scales help the outliers alone: {_error(fine.outliers)} with "
            f"{group} instead of {_error(one.outliers)}.",
            f"The ordinary elements gain nothing: {error} with {group}, {with_one} "
            f"with one scale.{_why_not(one)}",
        ]
    return [f"Finer scales do not help here: {pair}.", _why_not(one)]


def _why_not(one: Outcome) -> str:
    """Why finer scales change nothing."""
    fmt, damage = one.scheme.fmt, one.ordinary
    if not isinstance(fmt, FloatFormat):
        return " The groups' largest elements are alike, and so are their steps."
    if damage.noise["normals"] > NEARLY_ALL * damage.total:
        return (
            f" Nearly all of it is the rounding of normal numbers, and {fmt} rounds "
            "those by the same percentage at any scale."
        )
    return ""


def _why(compared: Comparison, one: Outcome) -> str:
    """What finer scales repair."""
    if not isinstance(one.scheme.fmt, FloatFormat):
        return " One scale makes every step as coarse as the largest element needs it."
    said = _shares(compared, one, [one.ordinary])
    return f" With one scale {said}." if said else ""


def _hidden(compared: Comparison, one: Outcome) -> str:
    """The warning about the one number that everybody prints."""
    if not compared.first.outliers or one.whole.total > HIDDEN * one.ordinary.total:
        return ""
    return (
        f" The error of the whole tensor, {_error(one.whole)}, hides this: the "
        "outliers carry nearly all of its weight."
    )


def _harm(compared: Comparison, fine: Outcome, gain: float) -> str:
    said = "" if gain <= -SAME_DB else f"; the outliers have {_error(fine.outliers)}"
    clipped = fine.elements["clipping"]
    return f"{said}; {compared.share(clipped)} are clipped" if clipped else said


def _bare(compared: Comparison) -> str:
    """The cast without a scale against the better of the others."""
    bare, found = compared.outcomes["none"], compared.outcomes
    own = compared.payers(bare)
    others = [compared.payers(found[key]) for key in ("tensor", "group")]
    behind = {kind: max(gap(o[kind], own[kind]) for o in others) for kind in own}
    worse = [kind for kind in own if behind[kind] >= SAME_DB]
    error, start = _error(bare.ordinary), "Cast as it is, without a scale,"
    if not worse:
        better = any(gap_ <= -SAME_DB for gap_ in behind.values())
        return f"{start} it is {'better' if better else 'as good'}: {error}."
    said = _shares(compared, bare, [own[kind] for kind in worse])
    why = f": {said}" if said else ""
    if worse == ["outliers"]:
        return (
            f"{start} the ordinary elements are as good ({error}), but the outliers "
            f"have an error of {_error(bare.outliers)}{why}."
        )
    if len(own) == 1:
        return f"{start} the error is {error}{why}."
    also = f", the outliers {_error(bare.outliers)}" if "outliers" in worse else ""
    return f"{start} the ordinary elements have an error of {error}{also}{why}."


def _shares(compared: Comparison, found: Outcome, damages: list[Damage]) -> str:
    """How many elements suffer what, where it matters to one of the errors."""
    words = {
        "subnormals": "are subnormal",
        "underflow": "become zero",
        "clipping": f"are clipped to ±{short(found.scheme.fmt.max)}",
    }
    if found.scheme.group is not None:
        words["clipping"] = "are clipped"
    of, said = " of all elements", []
    for cause, word in words.items():
        if any(d.noise[cause] > WORTH_SAYING * d.total for d in damages):
            said.append(f"{compared.share(found.elements[cause])}{of} {word}")
            of = ""
    return _and(said)


def _bits(more: float) -> str:
    if more < FREE_BITS:
        return "hardly a bit more"
    said = short(more, 2)
    return f"{said} bit{'s' * (said != '1')} more"


def _error(damage: Damage) -> str:
    return error_text(damage.relative)


def _count(count: int, word: str) -> str:
    return f"{count:,} {word}" + "s" * (count != 1)


def _left_out(first: Original) -> str:
    bad = first.nan + first.infinite
    if not bad:
        return ""
    verb = "is" if bad == 1 else "are"
    held = f"{_and(_nonfinite(first))} ({percent(bad / first.size)})"
    return f" {held} {verb} left out of the scales and the errors."


def _nonfinite(first: Original) -> list[str]:
    said = [f"{first.nan:,} NaN"] if first.nan else []
    if first.infinite:
        plural = "infinity" if first.infinite == 1 else "infinities"
        said.append(f"{first.infinite:,} {plural}")
    return said


def _and(texts: list[str]) -> str:
    return ", ".join(texts[:-1]) + " and " * (len(texts) > 1) + "".join(texts[-1:])
