"""`fp8lab labs`: copy the labs, as students get them, to a folder."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from fp8lab.grading.course import find_labs, our_course
from fp8lab.grading.journal import write_whole
from fp8lab.grading.release import parse_notebook, released

__all__ = ["copy_labs", "main"]

BAD_USAGE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Copy the labs; 2 where there are none to copy.

    Parameters
    ----------
    argv
        The arguments of `fp8lab labs`.
    """
    parser = argparse.ArgumentParser(
        prog="fp8lab labs",
        description="Copy the labs to a folder. What is there already is left alone.",
    )
    parser.add_argument(
        "destination", nargs="?", type=Path, default=Path("my-labs"), help="a folder"
    )
    parser.add_argument(
        "--course", type=Path, default=our_course(), help="default: that of fp8lab"
    )
    given = parser.parse_args(argv)
    names = list(find_labs(given.course))
    if not names:
        print(
            f"fp8lab labs: no labs in {given.course}; they come with a checkout of "
            "fp8lab, or from your instructor: name the folder with --course",
            file=sys.stderr,
        )
        return BAD_USAGE
    for name, new in copy_labs(given.course, given.destination).items():
        path = given.destination / name / f"{name}.ipynb"
        print(f"{path}{'' if new else ' is there already: left as it is'}")
    return 0


def copy_labs(course: Path, destination: Path) -> dict[str, bool]:
    """Copy every lab, without solutions; say for each whether it is new there.

    Parameters
    ----------
    course
        Has `release`, made by nbgrader, or at least `source`.
    destination
        Gets a folder for each lab, and keeps what it has.
    """
    done = {}
    for name in find_labs(course):
        target = destination / name / f"{name}.ipynb"
        done[name] = not target.exists()
        if done[name]:
            write_whole(target, _release(course, name))
    return done


def _release(course: Path, name: str) -> str:
    made = course / "release" / name / f"{name}.ipynb"
    if made.is_file():
        return made.read_text(encoding="utf-8")
    source = (course / "source" / name / f"{name}.ipynb").read_text(encoding="utf-8")
    notebook = released(parse_notebook(source), lab=name)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
