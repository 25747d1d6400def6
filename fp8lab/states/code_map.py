"""The state of the code map: which of a format's codes a tensor uses."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import numpy.typing as npt

from fp8lab.codec import encode
from fp8lab.explain import Anatomy, explain
from fp8lab.formats import ALL_FORMATS, E4M3FN, FloatFormat, format_of
from fp8lab.states.code_use import CodeUse, count_codes
from fp8lab.states.numbers import code_parts, code_text, percent, short

__all__ = ["code_map_state"]

# E8M0 holds scales; no element is ever stored in it.
FORMATS = tuple(f for f in ALL_FORMATS if f.bits <= 8 and f.is_signed)
SCALES = {"none": "no scale", "amax": "scale = amax / max"}
COLOURS = {"kind": "kind of code", "usage": "elements using it"}
KINDS = {
    "zero": "zero",
    "subnormal": "subnormal",
    "normal": "normal",
    "infinity": "infinity",
    "nan": "NaN",
}
COLUMNS = 16


def code_map_state(
    x: npt.ArrayLike | None = None,
    name: str = "the tensor",
    format: str = E4M3FN.short,  # noqa: A002 - the word that the learner reads
    scale: str = "none",
    colour: str = "kind",
    code: int | None = None,
) -> dict[str, Any]:
    """Return everything that the code map draws.

    NaN elements are counted at their code and nowhere else; infinities are saturated
    and left out of amax. Overflow follows the policy ``cuda``.

    Parameters
    ----------
    x
        Numbers of any shape and any float dtype, or None for the map alone.
    name
        What the sentences call them.
    format
        A signed format of at most 8 bits.
    scale
        ``"none"``: the elements are encoded as they are. ``"amax"``: they are divided
        by the decode scale amax / format.max first.
    colour
        ``"kind"`` or ``"usage"``.
    code
        The selected code; by default, and where a format has no such code, the one of
        the largest number.

    Raises
    ------
    ValueError
        An input is none of these.
    """
    fmt = _element_format(format)
    _one_of(scale, SCALES, "scale")
    _one_of(colour, COLOURS, "colour")
    # The learner may have come from a format with more codes.
    if code is None or (isinstance(code, int) and code >= fmt.code_count):
        code = fmt.max_code
    selected = explain(code, fmt)
    use = None if x is None else count_codes(x, fmt, scaled=scale == "amax")
    return {
        "question": _question(fmt, name, use),
        "summary": _summary(fmt, name, use),
        "format": fmt.short,
        "formats": [f.short for f in FORMATS],
        "scale": scale,
        "scales": list(SCALES.items()),
        "colour": colour if use else "kind",
        "colours": list(COLOURS.items()),
        "code": selected.code,
        **_codes_of(fmt),
        "usage": None if use is None else _usage(fmt, use),
        "selected": _selected(selected, use),
    }


@cache
def _codes_of(fmt: FloatFormat) -> dict[str, Any]:
    """The part of the state that depends on the format alone."""
    parts = [explain(code, fmt) for code in range(fmt.code_count)]
    names = list(KINDS)
    kinds = bytes(names.index(part.kind) for part in parts)
    # -0 comes before +0: their values alone would leave the order to chance.
    numbers = [part for part in parts if part.kind != "nan"]
    order = [p.code for p in sorted(numbers, key=lambda p: (p.value, -p.sign))]
    return {
        "columns": COLUMNS,
        "hex": [code_text(part.code, fmt) for part in parts],
        "bits": [part.bits for part in parts],
        "values": [short(part.value, 9) for part in parts],
        "kinds": base64.b64encode(kinds).decode(),
        "kind_names": list(KINDS.items()),
        "kind_counts": [kinds.count(index) for index in range(len(KINDS))],
        "order": order,
        "ticks": _ticks(fmt, order),
    }


def _ticks(fmt: FloatFormat, order: list[int]) -> list[dict[str, Any]]:
    """Marks under the strip: the ends, one, zero."""
    marks = {fmt.max_code: short(fmt.max), int(encode(1.0, fmt)): "1"}
    ticks = [{"at": order.index(0), "text": "0"}]
    for code, text in marks.items():
        ticks.append({"at": order.index(code), "text": text})
        ticks.append({"at": order.index(code | fmt.sign_mask), "text": f"−{text}"})
    return sorted(ticks, key=lambda tick: tick["at"])


def _usage(fmt: FloatFormat, use: CodeUse) -> dict[str, Any]:
    bars = use.counts[_codes_of(fmt)["order"]]
    top = int(bars.max())
    return {
        "counts": [f"{count:,}" for count in use.counts.tolist()],
        "shares": [percent(share) for share in (use.counts / use.total).tolist()],
        "heat": base64.b64encode(use.heat.tobytes()).decode(),
        "heat_legend": use.heat_legend,
        "bars": (bars / max(top, 1)).round(4).tolist(),
        "bar_top": percent(top / use.total),
        "numbers": _numbers(fmt, use),
    }


def _numbers(fmt: FloatFormat, use: CodeUse) -> list[dict[str, str]]:
    return [
        {
            "name": "codes used",
            "value": f"{_used(fmt, use)} of {len(_finite(fmt))}",
            "note": "finite codes that hold an element",
        },
        {
            "name": "underflow",
            "value": percent(use.underflow),
            "note": "elements that became zero",
        },
        {
            "name": "saturated",
            "value": percent(use.saturated),
            "note": f"elements cut to ±{short(fmt.max)}",
        },
        {
            "name": "effective bits",
            "value": f"{use.entropy:.2f} of {fmt.bits}",
            "note": "entropy of the codes",
        },
    ]


def _question(fmt: FloatFormat, name: str, use: CodeUse | None) -> str:
    if use is None:
        return f"What do the {fmt.code_count} codes of {fmt} stand for?"
    return f"Which of the {fmt.code_count} codes does {name} use?"


def _summary(fmt: FloatFormat, name: str, use: CodeUse | None) -> str:
    if use is None:
        counts = zip(KINDS.values(), _codes_of(fmt)["kind_counts"], strict=True)
        kinds = ", ".join(f"{count} {kind}" for kind, count in counts if count)
        return f"{fmt} has {fmt.code_count} codes: {kinds}."
    scaled = "no scale" if use.scale == 1 else f"scale {short(use.scale, 4)}"
    damage = [
        f"{percent(share)} of the elements {what}"
        for share, what in (
            (use.underflow, "underflow to zero"),
            (use.saturated, "saturate"),
        )
        if share
    ]
    return (
        f"{name[:1].upper()}{name[1:]} in {fmt} with {scaled}: {_used(fmt, use)} of "
        f"{len(_finite(fmt))} finite codes are used; "
        f"{' and '.join(damage) or 'no element underflows or saturates'}."
    )


def _selected(part: Anatomy, use: CodeUse | None) -> dict[str, Any]:
    state: dict[str, Any] = {
        "hex": code_text(part.code, part.fmt),
        "fields": code_parts(part.code, part.fmt),
        "kind": KINDS[part.kind],
        "value": short(part.value, 9),
        "formula": part.formula,
        "use": "",
        "stands_for": "",
    }
    if use is not None:
        count = int(use.counts[part.code])
        plural = "element" if use.total == 1 else "elements"
        state["use"] = (
            f"{count:,} of {use.total:,} {plural} ({percent(count / use.total)})"
        )
        if use.scale != 1 and part.ulp is not None:
            state["stands_for"] = short(part.value * use.scale, 5)
    return state


def _finite(fmt: FloatFormat) -> list[int]:
    infinities = {fmt.infinity_code, (fmt.infinity_code or 0) | fmt.sign_mask}
    numbers: list[int] = _codes_of(fmt)["order"]
    if fmt.infinity_code is None:
        return numbers
    return [code for code in numbers if code not in infinities]


def _used(fmt: FloatFormat, use: CodeUse) -> int:
    return int((use.counts[_finite(fmt)] > 0).sum())


def _element_format(name: str) -> FloatFormat:
    fmt = format_of(name)
    if fmt not in FORMATS:
        known = ", ".join(f.short for f in FORMATS)
        raise ValueError(f"{fmt} has no map of elements; use one of {known}")
    return fmt


def _one_of(given: str, known: dict[str, str], what: str) -> None:
    if given not in known:
        raise ValueError(f"unknown {what} {given!r}; use one of {', '.join(known)}")
