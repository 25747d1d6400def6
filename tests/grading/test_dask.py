"""A class spread over a Dask cluster: real processes, one of them killed midway."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fp8lab.grading import spread
from fp8lab.grading.pool import grade_here
from fp8lab.grading.record import Job, Record, same_grader
from fp8lab.grading.spread import grade_on_dask
from tests.grading import judging, toy

distributed = pytest.importorskip(
    "distributed", reason='needs Dask: pip install "fp8lab[dask]"'
)
# Of Dask's own event loops and sockets, when a worker is killed.
pytestmark = pytest.mark.filterwarnings("ignore")

WRONG = {"double-solution": "def double(x):\n    return x * x"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    """Two worker processes of one thread each, that are started again if they die."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(processes=True, silence_logs=60, **options) as made:
        yield made


@pytest.fixture
def jobs(course: Path) -> list[Job]:
    lab = toy.lab(course)
    return [
        Job(f"student{n}", lab, toy.raw(WRONG if n % 3 == 0 else {}), seed=5)
        for n in range(10)
    ]


def by_student(records: Iterator[Record]) -> dict[str, Record]:
    return {record.student: record for record in records}


def test_records_are_those_of_one_machine(cluster: object, jobs: list[Job]) -> None:
    here = by_student(grade_here(iter(jobs), 1))
    there = by_student(grade_on_dask(iter(jobs), cluster.scheduler_address))
    assert there.keys() == here.keys()
    for student, record in here.items():
        assert there[student].verdict() == record.verdict()
        assert there[student].points == (4 if int(student[7:]) % 3 == 0 else 9)


def test_a_worker_killed_midway_costs_nothing(cluster: object, jobs: list[Job]) -> None:
    here = by_student(grade_here(iter(jobs), 1))
    records = grade_on_dask(iter(jobs), cluster.scheduler_address, judging.slow)
    there = [next(records)]
    workers = [nanny.process.pid for nanny in cluster.workers.values()]
    os.kill(workers[0], signal.SIGKILL)
    there += records
    assert len(there) == len(jobs)
    for record in there:
        assert record.failure == ""
        assert record.verdict() == here[record.student].verdict()


def test_a_submission_that_kills_its_judge_stops_nobody(
    cluster: object, jobs: list[Job]
) -> None:
    victim = Job("victim", jobs[0].lab, jobs[0].notebook, seed=5)
    several = [*jobs[:2], victim, *jobs[2:4]]
    address = cluster.scheduler_address
    there = by_student(grade_on_dask(iter(several), address, judging.dying))
    assert "died three times" in there.pop("victim").failure
    assert {record.failure for record in there.values()} == {""}
    assert len(there) == 4


def test_another_version_on_a_machine_is_refused(jobs: list[Job]) -> None:
    with pytest.raises(RuntimeError, match="another version of fp8lab"):
        same_grader("toy", "something else")


def test_without_dask_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "fp8lab\[dask\]"'):
        next(grade_on_dask(iter(()), "tcp://127.0.0.1:1"))


def test_nobody_at_the_address_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "PATIENCE", 1.0)
    with pytest.raises(OSError, match="127"):
        next(grade_on_dask(iter(()), "tcp://127.0.0.1:1"))
