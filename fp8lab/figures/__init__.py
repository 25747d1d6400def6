"""Static twins of the pictures, for print and for hosts without widgets.

Each function draws a state, the same dict that the view draws, with matplotlib, which
is imported when one is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "draw_accumulator": "accumulator",
    "draw_code_map": "code_map",
    "draw_number_line": "number_line",
    "draw_scale_map": "scale_map",
}

__all__ = [
    "draw_accumulator",
    "draw_code_map",
    "draw_number_line",
    "draw_scale_map",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
