"""Judges for the tests of pools and clusters; a new process imports them."""

import os
import signal
import time
from pathlib import Path

from fp8lab.grading.record import Job, Record, grade


def slow(job: Job) -> Record:
    """Grade, but take a while, so that something can happen meanwhile."""
    time.sleep(0.5)
    return grade(job)


def dying_once(job: Job) -> Record:
    """Kill this very process at the first submission of "victim"."""
    marker = Path(os.environ["FP8LAB_TEST_MARKER"])
    if job.student == "victim" and not marker.exists():
        marker.write_text("died here")
        os.kill(os.getpid(), signal.SIGKILL)
    return grade(job)


def dying(job: Job) -> Record:
    """Kill this very process at each submission of "victim"."""
    if job.student == "victim":
        os.kill(os.getpid(), signal.SIGKILL)
    return grade(job)
