"""The state of the quantizer: what FP8 does to a tensor, by three schemes at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fp8lab.formats import E4M3FN, FloatFormat
from fp8lab.granularity import GroupShape, group_of
from fp8lab.quantized import QuantizedTensor
from fp8lab.scales import (
    ElementFormat,
    ScaleDtype,
    ScaleRule,
    element_format_of,
    scale_dtype_of,
    scale_rule_of,
)
from fp8lab.states.quantizer_measure import measured, outcome
from fp8lab.states.quantizer_original import Original, checked
from fp8lab.states.quantizer_pass import Scheme
from fp8lab.states.quantizer_pictures import code_use, error_map
from fp8lab.states.quantizer_rows import (
    Comparison,
    bar_axes,
    cause_list,
    comparison_table,
    scheme_rows,
)
from fp8lab.states.quantizer_words import facts_text, sentences

__all__ = ["quantized_for", "quantizer_state"]

FORMATS = (
    *("E4M3FN", "E5M2", "E3M4", "E4M3FNUZ", "E5M2FNUZ"),
    *("E2M3FN", "E3M2FN", "E2M1FN", "INT8", "INT4"),
)
GROUPS = (
    *("per-token", "per-channel", "per-column"),
    *("1x128", "1x64", "1x32", "1x16", "128x128", "64x64", "32x32", "16x16"),
)
LOOKS = ("none", "tensor", "group")


def quantizer_state(
    x: npt.ArrayLike,
    name: str = "the tensor",
    format: str = E4M3FN.short,  # noqa: A002 - the word that the learner reads
    group: str = "1x128",
    scale_dtype: str = "float32",
    scale_rule: str = "floor",
    look: str = "group",
    note: str = "",
) -> dict[str, Any]:
    """Return everything that the quantizer draws.

    NaN and infinity are counted at their codes and left out of the scales and of the
    errors; a tensor of nothing else, or of nothing but zeros, is answered in words.
    Overflow follows the policy ``cuda``: it saturates.

    Parameters
    ----------
    x
        float64, float32, float16 or bfloat16, 1 to 2**24 elements of any shape: leading
        axes are rows, a vector is one row. It is not changed.
    name
        What the sentences call it.
    format
        A signed format of at most 8 bits, INT8 or INT4.
    group
        The granularity that is compared with no scale and with one scale.
    scale_dtype, scale_rule
        As in `fp8lab.quantize`, for one scale and for the granularity alike.
    look
        Which scheme the pictures show: ``"none"``, ``"tensor"`` or ``"group"``.
    note
        A line about how x was read, shown as it is.

    Raises
    ------
    ValueError
        An input is none of these.
    """
    schemes = _schemes(format, group, scale_dtype, scale_rule)
    _check_look(look)
    array = checked(x)
    first = measured(array)
    compared = Comparison(
        name,
        first,
        group,
        {key: outcome(array, first, scheme) for key, scheme in schemes.items()},
    )
    said = sentences(compared)
    looked, shown = schemes[look], compared.outcomes[look]
    return {
        "question": f"What does {looked.fmt} do to {name}?",
        "summary": " ".join(said),
        "sentences": said,
        "facts": facts_text(first),
        "note": note,
        "format": looked.fmt.short,
        "formats": _with(FORMATS, looked.fmt.short),
        "group": group,
        "groups": _groups(group, first),
        "scale_dtype": str(looked.scale_dtype),
        "scale_dtypes": [str(known) for known in ScaleDtype],
        "scale_rule": str(looked.scale_rule),
        "scale_rules": [str(known) for known in ScaleRule],
        "scale_rule_used": looked.scale_dtype == ScaleDtype.E8M0,
        "look": look,
        "schemes": scheme_rows(compared, look),
        "axes": bar_axes(compared),
        "causes": cause_list(compared, look),
        "causes_of": compared.scheme_name(look),
        "table": comparison_table(compared),
        "codes": code_use(shown, first, compared.scheme_name(look)),
        "map": error_map(shown, first, compared.scheme_name(look)),
    }


def quantized_for(
    x: npt.ArrayLike,
    format: str = E4M3FN.short,  # noqa: A002 - the word that the learner reads
    group: str = "1x128",
    scale_dtype: str = "float32",
    scale_rule: str = "floor",
    look: str = "group",
) -> QuantizedTensor:
    """Return the codes and scales that the picture is about; as `quantizer_state`."""
    schemes = _schemes(format, group, scale_dtype, scale_rule)
    _check_look(look)
    return schemes[look].quantize(checked(x))


def _schemes(fmt: str, group: str, dtype: str, rule: str) -> dict[str, Scheme]:
    element, shape = _element(fmt), group_of(group)
    stored, how = scale_dtype_of(dtype), scale_rule_of(rule)
    groups = {"none": None, "tensor": GroupShape(-1, -1), "group": shape}
    return {key: Scheme(element, g, stored, how) for key, g in groups.items()}


def _element(fmt: str) -> ElementFormat:
    element = element_format_of(fmt)
    if isinstance(element, FloatFormat) and (element.bits > 8 or not element.is_signed):
        raise ValueError(
            f"{element} does not hold a tensor's elements here; use one of "
            f"{', '.join(FORMATS)}"
        )
    return element


def _check_look(look: str) -> None:
    if look not in LOOKS:
        raise ValueError(f"unknown look {look!r}; use one of {', '.join(LOOKS)}")


def _with(known: tuple[str, ...], chosen: str) -> list[str]:
    """The choices of a list, which the learner's own may be missing from."""
    return [*known] if chosen in known else [chosen, *known]


def _groups(chosen: str, first: Original) -> list[dict[str, str]]:
    """Each granularity, and how many scales it makes of this tensor."""
    options = []
    for name in _with(GROUPS, chosen):
        count = int(np.prod(group_of(name).scale_shape(first.shape)))
        plural = "scale" if count == 1 else "scales"
        options.append({"value": name, "text": f"{name} ({count:,} {plural})"})
    return options
