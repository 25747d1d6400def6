"""The course: `nbgrader generate_assignment lab1`, run in this folder."""

import os
import sys
from pathlib import Path

from nbgrader.preprocessors import ClearSolutions, NbGraderPreprocessor

c = get_config()  # noqa: F821 (nbgrader runs this file with it)

c.CourseDirectory.course_id = "fp8lab"
c.CourseDirectory.root = str(Path(__file__).parent)

# nbgrader calls `alembic`, which lies beside this Python, active or not.
os.environ["PATH"] = os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
)

STUB = "raise NotImplementedError()"


class NameStubs(NbGraderPreprocessor):
    """Let each stub say which task it is: "lab1: decode is yours to write"."""

    def preprocess_cell(self, cell, resources, cell_index):
        """Name the stub of a solution cell, by the cell's name."""
        mine = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and mine.get("solution"):
            lab = resources["nbgrader"]["assignment"]
            words = f'"{lab}: {mine["grade_id"]} is yours to write"'
            cell.source = cell.source.replace(STUB, STUB.replace("()", f"({words})"))
        return cell, resources


def _with_named_stubs():
    """Return nbgrader's own steps, with ours after the one that clears solutions."""
    from nbgrader.converters import GenerateAssignment

    steps = list(GenerateAssignment.class_traits()["preprocessors"].default())
    steps.insert(steps.index(ClearSolutions) + 1, NameStubs)
    return steps


c.GenerateAssignment.preprocessors = _with_named_stubs()
