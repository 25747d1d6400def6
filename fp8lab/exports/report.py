"""What was done to a tensor and what it cost, in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

import fp8lab
from fp8lab.arrays import as_floats, widen_bfloat16
from fp8lab.errors import error_split
from fp8lab.exports.recipe import Options, recipe_of
from fp8lab.formats import FloatFormat
from fp8lab.granularity import matrix_shape
from fp8lab.metrics import sqnr_db
from fp8lab.quantization import Arithmetic
from fp8lab.quantized import QuantizedTensor
from fp8lab.rounding import Rounding
from fp8lab.scales import ScaleDtype, ScaleRule

__all__ = ["code_span", "plain", "report", "report_text"]

LONGEST_NAME = 200

_PARTS = {
    "rounding": "rounding",
    "underflow": "underflow (became zero)",
    "clipping": "clipping (above the largest value)",
    "ordinary": "ordinary elements",
    "outliers": "outliers (above 10 times the median magnitude)",
    "total": "all",
}
_STORED_SCALES = {
    ScaleDtype.FLOAT32: "float32",
    ScaleDtype.BFLOAT16: "uint16, the bits of bfloat16",
    ScaleDtype.E8M0: "uint8, E8M0 codes: 2**(code - 127)",
}


def report(
    x: npt.ArrayLike,
    name: str,
    quantized: QuantizedTensor,
    *,
    note: str = "",
    options: Options | None = None,
) -> str:
    """Return the report of `fp8lab.exports.archive` alone, with its arguments.

    NaN and infinity in x are counted, and left out of the errors. Whatever characters
    ``name`` and ``note`` hold, they stay text.
    """
    recipe = recipe_of(x, quantized, options)
    return report_text(x, name, quantized, note, recipe)


def report_text(
    x: npt.ArrayLike,
    name: str,
    q: QuantizedTensor,
    note: str,
    recipe: Mapping[str, Any],
) -> str:
    """Return the report for a recipe that is known."""
    array = as_floats(x)
    sections = (
        ("Given", _bullets(_given(array, note))),
        ("Scheme", _bullets(_scheme(q, recipe))),
        ("Error", _error(array, q)),
        ("Size", _bullets(_size(array, q))),
        ("Files", _bullets(_files(q))),
    )
    parts = [
        f"# {code_span(name)} in {q.fmt}",
        f"Made by fp8lab {fp8lab.__version__}.",
        *(f"## {title}\n\n{text}" for title, text in sections),
    ]
    return "\n\n".join(parts) + "\n"


def code_span(text: str) -> str:
    """Text as a Markdown code span, in which nothing is markup: cut, on one line."""
    shown = _one_line(text)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if not shown or "`" in (shown[0], shown[-1]) else ""
    return f"{fence}{pad}{shown or ' '}{pad}{fence}"


def plain(text: str) -> str:
    """Text as Markdown that says just this: nothing in it is markup."""
    escaped = re.sub(r"([\\`*_{}\[\]()#|~!$])", r"\\\1", _one_line(text, None))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _one_line(text: str, longest: int | None = LONGEST_NAME) -> str:
    """Without control characters, which are written as Python writes them."""
    shown = "".join(
        char if char.isprintable() else ascii(char)[1:-1] for char in text[:longest]
    )
    return shown + ("..." if longest is not None and len(text) > longest else "")


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _sides(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{side:,}" for side in shape) or "one number"


def _given(x: np.ndarray, note: str) -> list[str]:
    is_bfloat16 = x.dtype == np.uint16
    dtype = "bfloat16" if is_bfloat16 else x.dtype.name
    numbers = widen_bfloat16(x) if is_bfloat16 else x
    lines = [f"{_sides(x.shape)}, {x.size:,} elements of {dtype}"]
    bad = int(np.count_nonzero(~np.isfinite(numbers)))
    if bad:
        lines.append(f"{bad:,} of them NaN or infinite: left out of the errors below")
    return [*lines, plain(note)] if note else lines


def _scheme(q: QuantizedTensor, recipe: Mapping[str, Any]) -> list[str]:
    fmt = q.fmt
    fields = f"{fmt.layout}, " if isinstance(fmt, FloatFormat) else f"{fmt.bits} bits, "
    rows, cols = q.group.sides(matrix_shape(q.shape))
    arithmetic = Arithmetic(recipe.get("arithmetic", Arithmetic.DIVIDE))
    how = "x / scale" if arithmetic is Arithmetic.DIVIDE else "x * (1 / scale)"
    rounding = Rounding(recipe.get("rounding", Rounding.NEAREST_EVEN))
    policy = (
        recipe.get("policy", "cuda") if isinstance(fmt, FloatFormat) else "saturate"
    )
    return [
        f"format: {fmt} ({fields}largest value {fmt.max:g})",
        f"granularity: {q.group}, one scale for {rows:,} x {cols:,} elements",
        f"scales: {q.scale_dtype}, {_scale_rule(q, recipe)}",
        "a scale is the decode scale: x ~ decode(code) * scale; a library that "
        "multiplies by its scale to encode wants 1 / scale",
        f"arithmetic: code = encode({how}), rounding: {rounding}",
        f"overflow policy: {policy}",
        f"NaN and infinity, for the scale: {recipe.get('nonfinite', 'ignore')}",
    ]


def _scale_rule(q: QuantizedTensor, recipe: Mapping[str, Any]) -> str:
    if "scale" in recipe:
        scale = recipe["scale"]
        return "given" + ("" if isinstance(scale, np.ndarray) else f" as {scale!r}")
    amax = f"amax ({recipe['amax']!r})" if "amax" in recipe else "the group's amax"
    if q.scale_dtype is ScaleDtype.E8M0:
        rule = ScaleRule(recipe.get("scale_rule", ScaleRule.FLOOR))
        return f"a power of two from {amax} by the rule {rule}"
    return f"{amax} / {q.fmt.max:g}"


def _error(x: np.ndarray, q: QuantizedTensor) -> str:
    y = q.dequantize(np.float64 if x.dtype == np.float64 else np.float32)
    with np.errstate(all="ignore"):  # the largest float64 squared is infinite
        split = error_split(x, y, limit=q.limits())
        lines = [
            f"- SQNR: {sqnr_db(x, y):.2f} dB",
            f"- relative error, norm(x - y) / norm(x): {split.total.relative:.4%}",
            "",
            "| part | elements | share of the squared error | relative error |",
            "|---|---:|---:|---:|",
        ]
    for key, words in _PARTS.items():
        share = getattr(split, key)
        lines.append(
            f"| {words} | {share.count:,} "
            f"| {share.of_error:.2%} | {share.relative:.4%} |"
        )
    return "\n".join(lines)


def _size(x: np.ndarray, q: QuantizedTensor) -> list[str]:
    return [
        f"x: {x.nbytes:,} bytes",
        f"codes: {q.nbytes - q.scale_nbytes:,} bytes at {q.fmt.bits} bits",
        f"scales: {q.scale_nbytes:,} bytes",
        f"together {q.nbytes:,} bytes, {q.bits_per_element:.4g} bits an element",
    ]


def _files(q: QuantizedTensor) -> list[str]:
    rows, cols = q.group.sides(matrix_shape(q.shape))
    return [
        f"codes.npy: {q.codes.dtype}, {_sides(q.shape)}, in C order, a code an element",
        f"scales.npy: {_STORED_SCALES[q.scale_dtype]}, {_sides(q.scales.shape)}",
        "leading axes count as rows; element \\[r, c\\] has "
        f"scale \\[r // {rows}, c // {cols}\\]",
        "reproduce.py: makes both again and compares every byte",
    ]
