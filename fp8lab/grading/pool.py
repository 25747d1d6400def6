"""Grades on all cores of this machine: one process a core, each a judge of its own.

A judge that dies, by whatever hand, costs nothing: what it had is given out once more.
The judges end with the process that started them, and their sandboxes with them.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.connection import wait as wait_for

from fp8lab.grading.limits import Limits
from fp8lab.grading.record import Job, Record, grade, lost

__all__ = ["default_jobs", "grade_here"]

#: So often may a job be in the hands of a judge that dies.
MOST_DEATHS = 3


def default_jobs(limits: Limits) -> int:
    """Return how many submissions run at once: the cores, if memory lasts for all.

    Parameters
    ----------
    limits
        What each may use.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):  # not told here
        return cores
    return max(1, min(cores, free // limits.memory))


def grade_here(
    jobs: Iterable[Job], workers: int, judge: Callable[[Job], Record] = grade
) -> Iterator[Record]:
    """Yield the records as they come, in any order.

    Parameters
    ----------
    jobs
        Taken from as judges are free: a class need not fit in memory.
    workers
        How many judges; 1 is this process itself.
    judge
        What grades a job; a function that a new process can import.
    """
    if workers == 1:
        yield from map(judge, jobs)
        return
    waiting, deaths = iter(jobs), dict[str, int]()
    suspects: list[Job] = []
    while True:
        try:
            while suspects:
                # Alone, so that the next death has but one job to blame.
                yield from _round(suspects[:1], 1, judge)
                del suspects[0]
            yield from _round(waiting, workers, judge)
            return
        except _JudgesDiedError as died:
            known = {job.key: job for job in [*suspects, *died.jobs]}
            for job in died.jobs:
                deaths[job.key] = deaths.get(job.key, 0) + 1
            suspects = [j for k, j in known.items() if deaths[k] < MOST_DEATHS]
            for key, job in known.items():
                if deaths[key] == MOST_DEATHS:
                    yield lost(job, "the process that judged it died three times")


class _JudgesDiedError(Exception):
    """The pool broke with these jobs in it."""

    def __init__(self, jobs: list[Job]) -> None:
        super().__init__()
        self.jobs = jobs


def _round(
    jobs: Iterable[Job], workers: int, judge: Callable[[Job], Record]
) -> Iterator[Record]:
    """Grade with one pool, until all is done or a judge dies."""
    waiting, others = iter(jobs), multiprocessing.active_children()
    running: dict[Future[Record], Job] = {}
    # What the judges write lies in here, as they are killed and clean nothing up.
    folder = tempfile.mkdtemp(prefix="fp8lab-judges-")
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _become_a_judge, (folder,)
    )
    try:
        while True:
            # As many again wait at the door, so that no judge waits for work.
            for job in islice(waiting, 2 * workers - len(running)):
                running[pool.submit(judge, job)] = job
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                record = future.result()
                del running[future]
                yield record
    except BrokenProcessPool as error:
        raise _JudgesDiedError(list(running.values())) from error
    finally:
        for child in multiprocessing.active_children():
            if child not in others:
                child.kill()
        pool.shutdown(wait=True, cancel_futures=True)
        shutil.rmtree(folder, ignore_errors=True)


def _become_a_judge(folder: str) -> None:
    """Leave Ctrl-C to the parent, write to one folder, and end when the parent does."""
    tempfile.tempdir = folder
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait_for([sentinel])
    os._exit(1)
