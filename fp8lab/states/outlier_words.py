"""A damage as text and shares: what stands around the scale map."""

from __future__ import annotations

from typing import Any

from fp8lab.integers import INT8
from fp8lab.states.numbers import percent
from fp8lab.states.outlier import Damage, Part
from fp8lab.states.outlier_chart import times_text

__all__ = ["cause_shares", "compared", "cost_shares", "part_list", "summary_text"]


def summary_text(chosen: Damage, int8: Damage, size: float) -> str:
    """What is seen now, in two or three plain sentences."""
    fmt, mates, others = chosen.quantized.fmt, chosen.mates, chosen.others
    if mates.count:
        lost = f", {_count(mates.zeroed, mates)} become zero" if mates.zeroed else ""
        sentences = [
            f"An outlier {times_text(size)} the typical element shares its scale with "
            f"{mates.count:,} elements: their error in {fmt} is "
            f"{percent(mates.relative)}{lost}."
        ]
    else:
        sentences = ["The outlier shares its scale with no other element."]
    if others.count:
        sentences.append(f"The other {others.count:,} keep {percent(others.relative)}.")
    if mates.count and fmt is not INT8:
        same = f"the same {mates.count:,} have {percent(int8.mates.relative)}"
        sentences.append(f"In INT8 {same}.")
    return " ".join(sentences)


def part_list(chosen: Damage) -> list[dict[str, str]]:
    """Who pays: the outlier, its group, the rest, and the norm that hides it all."""
    named = (
        ("outlier", "the outlier", chosen.outlier),
        ("pays", "share its scale", chosen.mates),
        ("rest", "have other scales", chosen.others),
        ("whole", "everything in one norm", chosen.whole),
    )
    return [
        {
            "kind": kind,
            "name": name,
            "error": _error(part.relative) if part.count else "–",
            "note": _note(part),
        }
        for kind, name, part in named
    ]


def cause_shares(chosen: Damage) -> list[dict[str, Any]]:
    """The ordinary elements' squared error by cause."""
    whole = sum(noise for _, noise in chosen.causes.values())
    shares = {
        name: noise / whole if whole else 0.0
        for name, (_, noise) in chosen.causes.items()
    }
    return [
        {"name": name, "share": share, "text": f"{name} {_error(share)}"}
        for name, share in shares.items()
    ]


def cost_shares(chosen: Damage) -> list[dict[str, Any]]:
    """Bytes of codes and of scales."""
    q = chosen.quantized
    codes = q.nbytes - q.scale_nbytes
    count = f"{q.scales.size:,} × {q.scale_dtype}"
    return [
        {"name": "codes", "share": codes / q.nbytes, "text": f"codes {codes:,} bytes"},
        {
            "name": "scales",
            "share": q.scale_nbytes / q.nbytes,
            "text": f"scales {q.scale_nbytes:,} bytes ({count})",
        },
    ]


def compared(damage: Damage, *, chosen: bool) -> dict[str, Any]:
    """One format's row of the table."""
    q, ordinary = damage.quantized, damage.ordinary
    share = (count / max(ordinary.count, 1) for count, _ in damage.causes.values())
    _, underflow, clipping = (percent(part) for part in share)
    return {
        "format": q.fmt.short,
        "chosen": chosen,
        "error": percent(ordinary.relative),
        "bar": min(1.0, ordinary.relative),
        "underflow": underflow,
        "clipping": clipping,
        "outlier": _error(damage.outlier.relative),
        "bits": f"{q.bits_per_element:.4g}",
    }


def _error(share: float) -> str:
    """A relative error as text; the rounding of a float32 scale is not spelt out."""
    return "< 0.001 %" if 0 < share < 1e-5 else percent(share)


def _note(part: Part) -> str:
    text = f"{part.count:,} element" + "s" * (part.count != 1)
    return f"{text}, {_count(part.zeroed, part)} became zero" if part.zeroed else text


def _count(count: int, part: Part) -> str:
    return f"{count:,} ({percent(count / part.count)})"
