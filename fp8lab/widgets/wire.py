"""None on its way between Python and a view, where the kernel is Pyodide.

A Jupyter server sends JSON, in which None is null. JupyterLite's kernel hands over
JavaScript objects instead: Pyodide turns None into undefined there, and null into an
object of its own here. A view would draw a place that is not given, and a state
function would take `code=null` for a code.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["received", "sent"]


def _null() -> Any:
    """Return what stands for null: None itself, except in Pyodide."""
    try:
        return getattr(import_module("pyodide.ffi"), "jsnull", None)
    except ImportError:
        return None


_NULL = _null()


def sent(value: Any) -> Any:
    """Return a state in the form in which its None becomes null in the view."""
    return value if _NULL is None else _swap(value, None, _NULL)


def received(message: Any) -> Any:
    """Return a message of the view with None where the view wrote null."""
    return message if _NULL is None else _swap(message, _NULL, None)


def _swap(value: Any, old: Any, new: Any) -> Any:
    if value is old:
        return new
    if isinstance(value, dict):
        return {key: _swap(entry, old, new) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_swap(entry, old, new) for entry in value]
    return value
