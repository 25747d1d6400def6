"""The pictures in a notebook: ``from fp8lab.widgets import BitField; BitField()``.

Each class is imported when it is first asked for, so that this module can say what to
install where the notebook packages are missing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "AccumulatorView": "accumulator",
    "BitField": "bit_field",
    "CodeMap": "code_map",
    "NumberLine": "number_line",
    "Option": "quick_check",
    "Quantizer": "quantizer",
    "QuickCheck": "quick_check",
    "ScaleMap": "scale_map",
    "Stacks": "stacks",
}
_NOTEBOOK_PACKAGES = ("anywidget", "ipywidgets", "traitlets")

__all__ = [
    "AccumulatorView",
    "BitField",
    "CodeMap",
    "NumberLine",
    "Option",
    "Quantizer",
    "QuickCheck",
    "ScaleMap",
    "Stacks",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _NOTEBOOK_PACKAGES:
            raise
        raise ImportError(
            f"{name} is shown by {missing.name}, which is not installed; "
            'run: pip install "fp8lab[notebook]"'
        ) from None


def __dir__() -> list[str]:
    return sorted(__all__)
