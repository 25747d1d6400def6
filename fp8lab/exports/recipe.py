"""How a quantized tensor was made, found by making it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fp8lab.arrays import as_floats
from fp8lab.metrics import first_difference
from fp8lab.quantization import quantize
from fp8lab.quantized import QuantizedTensor
from fp8lab.scales import ScaleDtype, ScaleRule

__all__ = ["Options", "recipe_of"]

Options = Mapping[str, object]

PLAIN = (str, int, float, np.integer, np.floating)
OPTIONS = ("scale_rule", "amax", "arithmetic", "rounding", "policy", "nonfinite")


def recipe_of(
    x: npt.ArrayLike, q: QuantizedTensor, options: Options | None
) -> dict[str, Any]:
    """Return the keywords with which `quantize` makes ``q`` of ``x``: it is tried.

    Besides ``options`` these may be ``scale_rule``, or ``scale``: one number, or all
    scales where no rule gives them.

    Raises
    ------
    ValueError
        No keywords do, or an option cannot be written into a script.
    """
    given = dict(options or {})
    for option, value in given.items():
        if option not in OPTIONS or not isinstance(value, PLAIN):
            raise ValueError(
                f"option {option}={value!r} cannot be written into a script; give text "
                f"or a number for {', '.join(OPTIONS)}"
            )
        # A plain one, whose repr is Python: no enumeration's, no NumPy scalar.
        given[option] = str(value) if isinstance(value, str) else float(value)
    fits = as_floats(x).shape == q.shape
    for scale in _scale_options(q, given) if fits else ():
        recipe: dict[str, Any] = {**given, **scale}
        made = quantize(x, q.fmt, q.group, scale_dtype=q.scale_dtype, **recipe)
        if _are_alike(made, q):
            return recipe
    raise ValueError(
        "quantize does not make these codes of x again; give the x they were made of, "
        "and the options that quantize was given"
    )


def _scale_options(q: QuantizedTensor, options: Options) -> Iterator[dict[str, Any]]:
    """Yield the ways in which the scales may have come about, the simplest first."""
    if q.scale_dtype is ScaleDtype.E8M0 and not {"amax", "scale_rule"} & options.keys():
        yield from ({"scale_rule": str(rule)} for rule in ScaleRule)
    else:
        yield {}
    if "amax" not in options and q.scales.size and np.isfinite(q.scales).all():
        if (q.scales == q.scales.flat[0]).all():
            yield {"scale": float(q.scales.flat[0])}
        yield {"scale": q.scales}


def _are_alike(a: QuantizedTensor, b: QuantizedTensor) -> bool:
    return not (
        first_difference(a.scales, b.scales) or first_difference(a.codes, b.codes)
    )
