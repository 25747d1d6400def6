"""Where a figure is drawn: matplotlib, imported when it is first needed."""

from __future__ import annotations

from types import ModuleType

__all__ = ["pyplot"]


def pyplot() -> ModuleType:
    """Return ``matplotlib.pyplot``; ImportError says what to install without it."""
    try:
        from matplotlib import pyplot as module
    except ImportError:
        raise ImportError(
            "figures are drawn by matplotlib, which is not installed; "
            'run: pip install "fp8lab[notebook]"'
        ) from None
    return module
