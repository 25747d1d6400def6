"""Lab 1 from the instructor's notebook to a student's feedback, by real commands.

`nbgrader generate_assignment`, a student's work, `fp8lab grade`, and nbgrader again for
what it makes of the gradebook.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fp8lab.grading.course import our_course
from fp8lab.grading.release import parse_notebook

pytest.importorskip("nbgrader", reason='needs nbgrader: pip install "fp8lab[grade]"')

ANSWER = "Go through float32 once: *no detour*."


def command(course: Path, *arguments: str) -> str:
    """Run one in the course's folder, as an instructor does."""
    scripts = str(Path(sys.executable).parent)
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=course,
        env={
            **os.environ,
            "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HOME": str(course),
            "JUPYTER_DATA_DIR": str(course / "jupyter"),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def solved(release: dict, source: dict, but: str) -> dict:
    """Fill a release in with the instructor's solutions, but for one task."""
    for cell, right in zip(release["cells"], source["cells"], strict=True):
        marks = cell["metadata"].get("nbgrader", {})
        if marks.get("solution") and marks["grade_id"] != but:
            written = cell["cell_type"] == "markdown"
            cell["source"] = ANSWER if written else right["source"]
    return release


def test_a_lab_goes_all_the_way(tmp_path: Path) -> None:
    course = tmp_path / "course"
    shutil.copytree(our_course() / "source" / "lab1", course / "source" / "lab1")
    (course / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'fp8'\n"
    )
    command(course, "nbgrader", "generate_assignment", "lab1", "--create")
    name = Path("lab1") / "lab1.ipynb"
    release = (course / "release" / name).read_text()
    assert "BEGIN SOLUTION" not in release
    source = parse_notebook((course / "source" / name).read_text())
    checks = {
        cell["metadata"]["nbgrader"]["grade_id"]: cell["metadata"]["nbgrader"]["points"]
        for cell in source["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade")
        and cell["cell_type"] == "code"
    }
    for student, but in (("ada", ""), ("bob", "encode")):
        path = course / "submitted" / student / name
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(solved(json.loads(release), source, but)))
    told = command(course, "fp8lab", "grade", "submitted")
    assert "lab1: 2 submissions, 2 graded now" in told
    command(course, "nbgrader", "export")
    command(course, "nbgrader", "generate_feedback", "lab1", "--force")
    lines = (course / "grades.csv").read_text().splitlines()
    heads = lines[0].split(",")
    scores = {
        row["student_id"]: float(row["score"])
        for row in (
            dict(zip(heads, line.split(","), strict=True)) for line in lines[1:]
        )
    }
    everything = sum(checks.values())
    assert scores["ada"] == everything
    lost = everything - scores["bob"]
    assert 0 < lost < everything
    feedback = (course / "feedback" / "bob" / "lab1" / "lab1.html").read_text()
    assert "<em>no detour</em>" in feedback
    assert "It is not written yet." in feedback
