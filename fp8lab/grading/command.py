"""`fp8lab grade`: grade a class, and write its gradebook, feedback and reports."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fp8lab.grading.collect import nbgraders_files
from fp8lab.grading.course import Lab, find_labs, load_lab, our_course
from fp8lab.grading.feedback import feedback_html
from fp8lab.grading.gradebook import enter
from fp8lab.grading.journal import BusyError, write_whole
from fp8lab.grading.limits import MIB, Limits
from fp8lab.grading.pool import default_jobs
from fp8lab.grading.report import class_csv, class_html
from fp8lab.grading.run import ClassResult, Progress, Settings, grade_class, printable
from fp8lab.grading.sandbox import walls
from fp8lab.grading.sitting import SandboxError

__all__ = ["main", "write_results"]

FAILED, BAD_USAGE = 1, 2
AROUND = "default: the folder around SUBMISSIONS"
OPTIONS: dict[str, dict[str, Any]] = {
    "lab": {"action": "append", "metavar": "NAME", "help": "only this; repeatable"},
    "course": {
        "type": Path,
        "metavar": "DIR",
        "help": f"has source/LAB/LAB.ipynb; {AROUND}, or else the labs of fp8lab",
    },
    "results": {
        "type": Path,
        "metavar": "DIR",
        "help": f"where everything is written; {AROUND}",
    },
    "gradebook": {
        "default": "",
        "metavar": "URL",
        "help": "of nbgrader's gradebook; default: gradebook.db in the results",
    },
    "jobs": {"type": int, "metavar": "N", "help": "at once; default: all cores"},
    "dask": {
        "default": "",
        "metavar": "ADDRESS",
        "help": "spread over this Dask cluster",
    },
    "seed": {"type": int, "help": "of the cases; default: drawn for each run"},
    "again": {"action": "store_true", "help": "grade also what was graded before"},
    "seconds": {"type": float, "metavar": "S", "help": "for one call of a function"},
    "memory": {"type": int, "metavar": "MB", "help": "for one submission"},
}


def main(argv: Sequence[str] | None = None) -> int:
    """Grade; 0 if all was graded, 1 if something was not, 2 for wrong usage.

    Parameters
    ----------
    argv
        The arguments of `fp8lab grade`.
    """
    given = _parser().parse_args(argv)
    try:
        course, settings = _settings(given)
        labs = [load_lab(course, name) for name in _labs(given, course)]
    except ValueError as error:
        print(f"fp8lab grade: {error}", file=sys.stderr)
        return BAD_USAGE
    if not given.dask:
        print(walls().says(), file=sys.stderr)
    code = 0
    for lab in labs:
        try:
            result = grade_class(lab, settings, Progress())
            entered = write_results(result, settings, given.gradebook)
        except (BusyError, SandboxError, OSError, ValueError) as error:
            print(f"fp8lab grade: {lab.name}: {error}", file=sys.stderr)
            return FAILED
        except KeyboardInterrupt:
            text = "\nWhat was graded is kept; the same command goes on."
            print(text, file=sys.stderr)
            raise
        print(_summary(result, entered, settings))
        code = max(code, FAILED if result.failures else 0)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fp8lab grade",
        description="Grade submissions, each in a sandbox of its own. Interrupted, it "
        "goes on where it stopped when it is called again.",
    )
    parser.add_argument("submissions", type=Path, help="has STUDENT/LAB/LAB.ipynb")
    for name, options in OPTIONS.items():
        parser.add_argument(f"--{name}", **options)
    return parser


def _settings(given: argparse.Namespace) -> tuple[Path, Settings]:
    submissions: Path = given.submissions
    if not submissions.is_dir():
        raise ValueError(f"{submissions} is no folder; give the one with the students'")
    results = given.results or submissions.resolve().parent
    course = given.course or results
    if given.course is None and not any(find_labs(course)):
        course = our_course()
    limits = Limits()
    if given.seconds:
        limits = replace(limits, case=given.seconds, task=3 * given.seconds)
    if given.memory:
        limits = replace(limits, memory=given.memory * MIB)
    if given.jobs is not None and given.jobs < 1:
        raise ValueError(f"--jobs {given.jobs}: at least 1")
    jobs = given.jobs or default_jobs(limits)
    return course, Settings(
        submissions, results, jobs, given.dask, given.seed, given.again, limits
    )


def _labs(given: argparse.Namespace, course: Path) -> list[str]:
    """Return the labs to grade: those named, or all that somebody handed in."""
    if given.lab:
        return list(given.lab)
    handed_in = {
        folder.name
        for student in given.submissions.iterdir()
        if student.is_dir() and not student.is_symlink()
        for folder in student.iterdir()
    }
    labs = [name for name in find_labs(course) if name in handed_in]
    if not labs:
        known = ", ".join(find_labs(course)) or "none"
        raise ValueError(
            f"nobody handed in a lab of {course} (they are: {known}); a submission is "
            f"{given.submissions}/STUDENT/LAB/LAB.ipynb"
        )
    return labs


def write_results(result: ClassResult, settings: Settings, gradebook: str = "") -> int:
    """Write feedback, CSV, report and gradebook; return how many entries are new.

    Parameters
    ----------
    result
        What was graded.
    settings
        Where to.
    gradebook
        URL, or nothing for the usual place.
    """
    lab, place = result.lab, settings.results
    title = lab_title(lab)
    by_hand = int(sum(cell.points for cell in lab.plan.of("written")))
    for record in result.records:
        if not record.failure:
            folder = place / "feedback" / record.student / lab.name
            page = folder / f"{lab.name}.html"
            write_whole(page, feedback_html(record, title, by_hand))
            # nbgrader hands a page out as readable as it is here.
            page.chmod(0o644)
            theirs = settings.submissions, record.student, lab.name
            for name, text in nbgraders_files(*theirs).items():
                write_whole(folder / name, text)
    write_whole(place / "reports" / f"{lab.name}.csv", class_csv(result))
    write_whole(place / "reports" / f"{lab.name}.html", class_html(result, title))
    journal = settings.journal(lab.name)
    return enter(lab, result.records, journal, place, gradebook)


def lab_title(lab: Lab) -> str:
    """Return a lab's title, or its name."""
    return str(getattr(lab.module, "TITLE", lab.name))


def _summary(result: ClassResult, entered: int, settings: Settings) -> str:
    name = result.lab.name
    lines = [
        f"{name}: {len(result.records)} submissions, {result.new} graded now in "
        f"{result.seconds:.1f} s; {entered} entered in the gradebook.",
        f"  {settings.results / 'reports' / name}.html and .csv, "
        f"{settings.results / 'feedback'}",
    ]
    weaker = {r.isolation for r in result.records} - {"bubblewrap", ""}
    lines += [f"  Weaker isolation: {each}" for each in sorted(weaker)]
    lines += [
        f"  NOT GRADED: {printable(record.student)}: {record.failure}"
        for record in result.failures
    ]
    return "\n".join(lines)
