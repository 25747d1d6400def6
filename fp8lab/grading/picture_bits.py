"""Two codes or two floats, bit above bit, with the bits that differ marked."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

import numpy as np

from fp8lab.grading.words import FORMATS, format_words

__all__ = ["Part", "bits_part", "text"]

#: By field; a page may set its own.
COLOURS = {
    "sign": "var(--sign, #b3261e)",
    "exponent": "var(--exponent, #0b5cad)",
    "mantissa": "var(--mantissa, #1d6b34)",
}
LABELS, GAP = 78, 7
RIGHT, WRONG = "var(--right, #2e7d32)", "var(--wrong, #c62828)"


class Part(NamedTuple):
    """A piece of a picture: its drawing from (0, 0) on, its size, and its words."""

    drawing: str
    width: float
    height: float
    words: str


def text(
    x: float, y: float, words: str, *, anchor: str = "start", how: str = ""
) -> str:
    """An SVG text in the page's colour."""
    style = f'text-anchor="{anchor}" font-size="12" fill="currentColor" {how}'
    return f'<text x="{x:g}" y="{y:g}" {style}>{escape(words)}</text>'


def bits_part(expected: np.generic, got: np.generic, kind: str) -> Part | None:
    """Draw both numbers as bits; None for numbers that are no codes and no floats.

    Parameters
    ----------
    expected, got
        Scalars of one dtype.
    kind
        The format whose codes they are, or nothing.
    """
    fields = _fields(expected, kind)
    if fields is None:
        return None
    width = 20.0 if sum(fields) <= 8 else 13.0
    rows = [_bits(each) for each in (expected, got)]
    drawing, places = _head(fields, width)
    names = (("expected", RIGHT), ("yours", WRONG))
    for y, (name, colour), bits, value in zip(
        (22.0, 52.0), names, rows, (expected, got), strict=True
    ):
        drawing += text(0, y + 16, name, how=f'font-weight="600" style="fill:{colour}"')
        for i, (x, field) in enumerate(places):
            differs = rows[0][i] != rows[1][i]
            drawing += _cell(x, y, width, bits[i], field, differs)
        told = format_words(value, kind)
        end = places[-1][0] + width + 10
        drawing += text(end, y + 16, told, how='class="mono"')
    differing = [i for i in range(len(places)) if rows[0][i] != rows[1][i]]
    words = (
        f"Bits: expected {rows[0]}, yours {rows[1]}; {len(differing)} "
        f"bit{'s' * (len(differing) != 1)} differ{'s' * (len(differing) == 1)}."
    )
    longest = max(len(format_words(value, kind)) for value in (expected, got))
    return Part(drawing, places[-1][0] + width + 16 + 7.6 * longest, 80, words)


def _fields(value: np.generic, kind: str) -> tuple[int, int, int] | None:
    """Widths of sign, exponent and mantissa."""
    if kind in FORMATS:
        fmt = FORMATS[kind]
        return 1, fmt.exponent_bits, fmt.mantissa_bits
    return {"float32": (1, 8, 23), "float16": (1, 5, 10)}.get(value.dtype.name)


def _bits(value: np.generic) -> str:
    size = value.dtype.itemsize
    word = int(np.asarray(value).reshape(1).view(f"u{size}")[0])
    return f"{word:0{8 * size}b}"


def _head(
    fields: tuple[int, int, int], width: float
) -> tuple[str, list[tuple[float, str]]]:
    """The names of the fields, and where each bit stands."""
    drawing, places, x = "", [], float(LABELS)
    for name, many in zip(COLOURS, fields, strict=True):
        middle = x + many * width / 2
        short = name if many * width > 50 else name[0]
        colour = f'style="fill:{COLOURS[name]}"'
        drawing += text(middle, 13, short, anchor="middle", how=colour)
        for _ in range(many):
            places.append((x, name))
            x += width
        x += GAP
    return drawing, places


def _cell(x: float, y: float, width: float, bit: str, field: str, differs: bool) -> str:
    colour = COLOURS[field]
    ground = f"fill:color-mix(in srgb, {colour} 14%, transparent)"
    frame = f"stroke:{WRONG};stroke-width:2" if differs else f"stroke:{colour}"
    opacity = "" if differs else 'stroke-opacity="0.35"'
    inner = 1 if differs else 0.5
    box = (
        f'<rect x="{x + inner:g}" y="{y + inner:g}" width="{width - 2 * inner:g}" '
        f'height="{24 - 2 * inner:g}" rx="2" style="{ground};{frame}" {opacity}/>'
    )
    weight = 'font-weight="700"' if differs else ""
    mono = f'class="mono" {weight} style="fill:{colour}"'
    return box + text(x + width / 2, y + 16, bit, anchor="middle", how=mono)
