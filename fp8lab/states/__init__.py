"""One pure function per picture: what the learner chose in, a JSON-safe dict out.

The hosts (the notebook, the web page) call these and send the dict to the view, which
draws it and computes nothing. Each module is imported when its function is first used:
a page that shows one picture should not wait for the other five.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from fp8lab.views import VIEWS

_FUNCTIONS = {f"{view}_state": view for view in VIEWS}

__all__ = [
    "accumulator_state",
    "bit_field_state",
    "code_map_state",
    "number_line_state",
    "quantizer_state",
    "quick_check_state",
    "scale_map_state",
    "stacks_state",
]


def __getattr__(name: str) -> Callable[..., dict[str, Any]]:
    if name not in _FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    function: Callable[..., dict[str, Any]]
    function = getattr(import_module(f"{__name__}.{_FUNCTIONS[name]}"), name)
    return function
