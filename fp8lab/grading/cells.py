"""Reads a submitted notebook, inside the sandbox, before any of its code runs.

Standard library alone. A notebook is somebody else's bytes: here a broken or monstrous
one costs its own sandbox and nothing more.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any, NamedTuple

__all__ = ["Contents", "SubmittedCell", "python", "read_cells"]

#: Names that no solution needs: worth a look by a person.
UNUSUAL = {
    "__builtins__", "__import__", "builtins", "ctypes", "eval", "exec", "gc",
    "importlib", "inspect", "multiprocessing", "os", "shutil", "signal", "socket",
    "subprocess", "sys", "threading",
}  # fmt: skip
#: A line for IPython, not for Python.
_MAGIC = re.compile(r"^(\s*)(?:[%!].*|.*\?\s*)$")


class SubmittedCell(NamedTuple):
    """A cell with a name in nbgrader's metadata."""

    name: str
    kind: str
    source: str
    imports: tuple[str, ...] = ()
    unusual: tuple[str, ...] = ()


class Contents(NamedTuple):
    """What a notebook holds.

    Attributes
    ----------
    cells
        Those with nbgrader's names, in order.
    helpers
        Names that other code cells define: these cells are not graded.
    trouble
        Why it cannot be read, as a sentence; empty if it can.
    """

    cells: tuple[SubmittedCell, ...] = ()
    helpers: tuple[str, ...] = ()
    trouble: str = ""


def read_cells(raw: bytes) -> Contents:
    """Return the cells of a notebook, or why there are none.

    Parameters
    ----------
    raw
        The file.
    """
    try:
        notebook = json.loads(raw)
    except MemoryError:
        return Contents(trouble="The notebook needs more memory than is allowed.")
    except (ValueError, RecursionError):
        return Contents(trouble="The file is no notebook: it is not JSON.")
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        return Contents(
            trouble="The file is no notebook of format 4: it has no list of cells."
        )
    named, helpers = [], []
    for cell in cells:
        found = _named(cell)
        if found is not None:
            named.append(found)
        elif isinstance(cell, dict) and cell.get("cell_type") == "code":
            helpers += _defined(_source(cell))
    return Contents(tuple(named), tuple(helpers))


def _named(cell: Any) -> SubmittedCell | None:
    if not isinstance(cell, dict):
        return None
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    if not isinstance(name, str):
        return None
    kind, source = str(cell.get("cell_type")), _source(cell)
    if kind != "code":
        return SubmittedCell(name, kind, source)
    tree = _tree(python(source))
    return SubmittedCell(name, kind, source, _imports(tree), _unusual(tree))


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    lines = source if isinstance(source, list) else [source]
    return "".join(line for line in lines if isinstance(line, str))


def python(source: str) -> str:
    """Return a cell as Python: lines for IPython become `pass`, all others stay.

    Parameters
    ----------
    source
        The cell.
    """
    if _tree(source) is not None:
        return source
    lines = [_MAGIC.sub(r"\1pass", line) for line in source.split("\n")]
    return "\n".join(lines)


def _tree(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _unusual(tree: ast.Module | None) -> tuple[str, ...]:
    """Return what no solution needs: a way out, or a change to a module."""
    found: dict[str, None] = {}
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Name) and node.id in UNUSUAL:
            found[node.id] = None
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            target = ast.unparse(node)
            if target.startswith(("np.", "numpy.")):
                found[f"{target} ="] = None
    return tuple(found)


def _imports(tree: ast.Module | None) -> tuple[str, ...]:
    """Return every module that the code says it imports, with what it takes of it."""
    found: list[str] = []
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(found)


def _defined(source: str) -> list[str]:
    """Return the names that a cell defines at its top."""
    tree = _tree(python(source))
    found: list[str] = []
    for node in tree.body if tree else ():
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign):
            found += [name.id for name in node.targets if isinstance(name, ast.Name)]
    return found
