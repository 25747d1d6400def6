"""A run killed from outside, by kill -9 or Ctrl-C, loses nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.grading import toy
from tests.grading.toy_class import SQUARED, graded, points

COMMAND = """
import sys
from tests.grading import judging
from fp8lab.grading import record, run
from fp8lab.grading.pool import grade_here
run.grade_here = lambda jobs, workers: grade_here(jobs, workers, judging.slow)
from fp8lab.grading.command import main
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


def start(course: Path, script: Path) -> subprocess.Popen[bytes]:
    """Grade in a process of its own, slowly."""
    script.write_text(COMMAND)
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, str(script), str(course / "submitted"), "--jobs=2"],
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def wait_for_records(course: Path, count: int) -> None:
    until = time.monotonic() + 60
    folder = course / "journal" / "toy" / "records"
    while len(list(folder.glob("*.json"))) < count:
        assert time.monotonic() < until, "no records in time"
        time.sleep(0.02)


@pytest.mark.parametrize(
    "hand", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"]
)
def test_a_run_killed_midway_loses_nothing(
    course: Path, tmp_path: Path, hand: signal.Signals
) -> None:
    for number in range(8):
        wrong = {"double-solution": SQUARED} if number % 2 else {}
        toy.hand_in(course, f"student{number}", toy.raw(wrong))
    running = start(course, tmp_path / "slow_grade.py")
    wait_for_records(course, 3)
    # Ctrl-C reaches the whole group, as in a terminal; kill -9 the parent alone.
    send: Callable[[int, int], None] = os.killpg if hand is signal.SIGINT else os.kill
    send(running.pid, hand)
    _, told = running.communicate(timeout=60)
    assert running.returncode != 0
    assert no_judges_left(running.pid)
    if hand is signal.SIGINT:
        assert b"the same command goes on" in told
    folder = course / "journal" / "toy" / "records"
    kept = {path.name: path.read_text() for path in folder.glob("*.json")}
    assert 3 <= len(kept) < 8
    result = graded(course)
    assert result.new == 8 - len(kept)
    assert points(result) == {f"student{n}": 4 if n % 2 else 9 for n in range(8)}
    assert len({record.seed for record in result.records}) == 1
    for name, text in kept.items():
        assert (folder / name).read_text() == text


def no_judges_left(group: int) -> bool:
    """Wait until no process of a killed run is left."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
