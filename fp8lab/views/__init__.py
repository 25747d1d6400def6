"""The pictures: one ES module and one style sheet each, drawn from a state, no maths.

A host (the notebook, the web page) asks here for a view's text and loads it from a Blob
URL, where imports and relative paths fail. So `module` joins the shared helpers and the
view into one self-contained text, and `style` does the same for the style sheets.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["VIEWS", "module", "style"]

VIEWS = (
    *("bit_field", "code_map", "number_line", "stacks", "scale_map", "quantizer"),
    *("quick_check", "accumulator"),
)


@cache
def module(name: str) -> str:
    """Return the ES module of a view, whose default export is ``{render}``."""
    return _text("common.js") + _text(f"{_known(name)}.js")


@cache
def style(name: str) -> str:
    """Return the style sheet of a view."""
    return _text("common.css") + _text(f"{_known(name)}.css")


def _known(name: str) -> str:
    if name not in VIEWS:
        raise ValueError(f"unknown view {name!r}; use one of {', '.join(VIEWS)}")
    return name


def _text(file: str) -> str:
    return files(__name__).joinpath(file).read_text(encoding="utf-8")
