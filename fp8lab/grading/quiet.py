"""Modules that draw and show, as nothing: a sandbox has no screen.

A solution that imports matplotlib to look at its numbers is not wrong, so such modules
are there in the sandbox, and whatever is called in them does nothing.
"""

from __future__ import annotations

import sys
import types
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any

__all__ = ["SHOWING", "be_quiet"]

SHOWING = ("IPython", "ipywidgets", "anywidget", "matplotlib", "fp8lab.widgets")


class _Nothing(types.ModuleType):
    """Has every attribute; each can be called, entered, indexed and gone through."""

    def __getattr__(self, name: str) -> _Nothing:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing(name)

    def __call__(self, *_: Any, **__: Any) -> _Nothing:
        return _Nothing("nothing")

    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __getitem__(self, _: object) -> _Nothing:
        return self

    def __setitem__(self, *_: object) -> None:
        return None

    def __iter__(self) -> Any:
        # `figure, axes = plt.subplots()`
        return iter((_Nothing("nothing"), _Nothing("nothing")))


class _Finder(MetaPathFinder, Loader):
    """Finds what shows something, and makes nothing of it."""

    def find_spec(
        self, name: str, path: Any = None, target: Any = None
    ) -> ModuleSpec | None:
        del path, target
        if any(name == each or name.startswith(each + ".") for each in SHOWING):
            return ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> _Nothing:
        return _Nothing(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        del module


def be_quiet() -> None:
    """Put the empty modules in the place of the real ones, for this process."""
    sys.meta_path.insert(0, _Finder())
