"""Spreads a class over an existing Dask cluster, for more than one machine can do.

Each machine needs the same fp8lab and, for isolation, bubblewrap. A worker that dies
costs nothing: Dask gives its work to another, and what seems to kill workers is graded
on this machine in the end. Records are the same as on one machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from itertools import islice
from typing import Any

from fp8lab.grading.course import grader_hash
from fp8lab.grading.pool import grade_here
from fp8lab.grading.record import Job, Record, grade, lost, same_grader

__all__ = ["grade_on_dask"]

Judge = Callable[[Job], Record]

#: Submissions given out at once for each thread of the cluster.
AHEAD = 2
#: Seconds to wait for the scheduler.
PATIENCE = 20.0


def _judge(job: Job, grader: str, judge: Judge = grade) -> Record:
    same_grader(job.lab.name, grader)
    return judge(job)


def _distributed() -> Any:
    try:
        return import_module("distributed")
    except ModuleNotFoundError as absent:
        text = f'{absent.name} is absent: pip install "fp8lab[dask]"'
        raise ModuleNotFoundError(text, name=absent.name) from absent


def grade_on_dask(
    jobs: Iterable[Job], address: str, judge: Judge = grade
) -> Iterator[Record]:
    """Yield the records as they come, in any order.

    Parameters
    ----------
    jobs
        Taken from as the cluster has room.
    address
        Of the scheduler, as ``"tcp://10.0.0.1:8786"``.
    judge
        What grades a job; the workers import it.

    Raises
    ------
    ModuleNotFoundError
        Dask is absent.
    OSError
        Nobody answers at the address.
    """
    distributed = _distributed()
    suspects: list[Job] = []
    options = {"timeout": PATIENCE, "set_as_default": False}
    with distributed.Client(address, **options) as client:
        yield from _gathered(client, iter(jobs), judge, suspects)
    # Dask blames every job of a worker that died; here each is tried apart.
    yield from grade_here(suspects, 2, judge)


def _gathered(
    client: Any, waiting: Iterator[Job], judge: Judge, suspects: list[Job]
) -> Iterator[Record]:
    """Give jobs out as there is room; keep those that seem to kill workers."""
    distributed, running = _distributed(), dict[str, Job]()

    def give(count: int) -> list[object]:
        new = []
        for job in islice(waiting, count):
            grader = grader_hash(job.lab.name)
            future = client.submit(_judge, job, grader, judge, pure=False)
            running[future.key] = job
            new.append(future)
        return new

    first = give(max(1, AHEAD * sum(client.nthreads().values())))
    results = distributed.as_completed(first, loop=client.loop)
    for future in results:
        job = running.pop(future.key)
        try:
            # May ask for the work once more: what a worker had went with it.
            yield future.result()
        except distributed.KilledWorker:
            suspects.append(job)
        except Exception as error:  # of the cluster, not of the submission
            yield lost(job, f"{type(error).__name__}: {error}")
        future.release()
        for each in give(1):
            results.add(each)
