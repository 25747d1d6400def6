"""The bytes that the installed libraries themselves give for one number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from fp8lab.formats import FloatFormat, format_of
from fp8lab.states.stacks import to_float32

__all__ = ["library_codes"]


def library_codes(
    text: str | float, formats: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return what ml_dtypes and torch make of a number, as far as they are installed.

    Parameters
    ----------
    text
        A number, or what the learner typed; the libraries are given it as float32.
    formats
        Names of formats; those that a library lacks are left out.

    Returns
    -------
    dict
        The argument ``live`` of `fp8lab.states.stacks_state`: under the policy that
        stands for each library, its name with its version and its codes.

    Raises
    ------
    ValueError
        The text is not a number, or a format is unknown.
    """
    x = np.array([to_float32(text)])
    wanted = [format_of(name) for name in formats]
    found: dict[str, dict[str, Any]] = {}
    for name, ask in (("ml_dtypes", _ask_ml_dtypes), ("torch", _ask_torch)):
        try:
            library = import_module(name)
        except ImportError:
            continue
        version = str(library.__version__).partition("+")[0]
        found[_policy(name, version)] = {
            "library": f"{name} {version}",
            "codes": _codes(x, wanted, library, ask),
        }
    return found


def _codes(
    x: np.ndarray,
    formats: Sequence[FloatFormat],
    library: Any,
    ask: Callable[[np.ndarray, FloatFormat, Any], int],
) -> dict[str, int]:
    known = [fmt for fmt in formats if hasattr(library, fmt.name)]
    # Casting a NaN or an infinity warns on some machines: here it is the question.
    with np.errstate(all="ignore"):
        return {fmt.short: ask(x, fmt, library) for fmt in known}


def _ask_ml_dtypes(x: np.ndarray, fmt: FloatFormat, library: Any) -> int:
    return int(x.astype(getattr(library, fmt.name)).view(np.uint8)[0])


def _ask_torch(x: np.ndarray, fmt: FloatFormat, library: Any) -> int:
    codes = library.from_numpy(x).to(getattr(library, fmt.name))
    return int(codes.view(library.uint8)[0])


def _policy(name: str, version: str) -> str:
    """Return the policy that stands for a library: torch changed its mind in 2.12."""
    if name != "torch":
        return name
    major, minor = (int(part) for part in version.split(".")[:2])
    return "torch" if (major, minor) >= (2, 12) else "torch-2.11"
