"""The notebook that students get, made of the instructor's by nbgrader's rules."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["cleared", "parse_notebook", "released"]

BEGIN, END = "BEGIN SOLUTION", "END SOLUTION"
RAISE, UNWRITTEN = "raise NotImplementedError()", "is yours to write"
#: nbgrader's own stubs, for a solution cell that has no marked region.
STUBS = {
    "code": f"# YOUR CODE HERE\n{RAISE}",
    "markdown": "YOUR ANSWER HERE",
}


def parse_notebook(text: str) -> dict[str, Any]:
    """Return a notebook of the instructor's as JSON."""
    notebook: dict[str, Any] = json.loads(text)
    return notebook


def cleared(source: str, kind: str = "code") -> str:
    """Return a cell without its solution, by nbgrader's rules.

    Parameters
    ----------
    source
        The instructor's cell.
    kind
        ``"code"`` or ``"markdown"``.
    """
    stub, lines, inside = STUBS[kind].split("\n"), [], False
    found = False
    for line in source.split("\n"):
        if BEGIN in line:
            inside = found = True
            indent = re.match(r"\s*", line)
            space = indent[0] if indent else ""
            lines += [space + each for each in stub]
        elif END in line:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines) if found else STUBS[kind]


def released(
    notebook: Mapping[str, Any],
    answers: Mapping[str, str] | None = None,
    lab: str = "",
) -> dict[str, Any]:
    """Return the notebook that students get, or with a student's answers put in.

    Parameters
    ----------
    notebook
        The source.
    answers
        By the names of the cells.
    lab
        Its name, for stubs that say whose they are, as the course's nbgrader_config.py
        has them; without it they are nbgrader's own.
    """
    result = copy.deepcopy(dict(notebook))
    for cell in result["cells"]:
        nbgrader = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
        if nbgrader:
            cell["metadata"]["deletable"] = False
        if nbgrader.get("solution"):
            name = nbgrader.get("grade_id", "")
            source = cleared("".join(cell["source"]), cell["cell_type"])
            if lab:
                source = source.replace(
                    RAISE, f'{RAISE[:-1]}"{lab}: {name} {UNWRITTEN}")'
                )
            cell["source"] = (answers or {}).get(name, source)
        elif nbgrader.get("grade") or nbgrader.get("locked"):
            cell["metadata"]["editable"] = False
    return result
