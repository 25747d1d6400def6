"""Where a figure is drawn: matplotlib, imported when it is first needed."""

from __future__ import annotations

import sys
from types import ModuleType

__all__ = ["pyplot"]


def pyplot() -> ModuleType:
    """Return ``matplotlib.pyplot``; ImportError says what to do without it."""
    try:
        from matplotlib import pyplot as module
    except ImportError:
        raise ImportError(
            f"figures are drawn by matplotlib, which is not {_remedy()}"
        ) from None
    return module


def _remedy() -> str:
    if sys.platform == "emscripten":  # Pyodide loads what a cell itself imports
        return "loaded; run a cell with: import matplotlib"
    return 'installed; run: pip install "fp8lab[notebook]"'
