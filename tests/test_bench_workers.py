"""Work that crashes or hangs costs its own item, and nothing else."""

import sys
import time
from pathlib import Path

import pytest

from fp8lab.bench.workers import Answer, WorkerError, supervise
from tests.bench_fakes import worker


def test_every_item_gets_its_answer(tmp_path: Path) -> None:
    found = list(supervise(worker(tmp_path, "print('noise')"), ["a", "b"], 30))
    assert found == [
        Answer("", {"ready": True}),
        Answer("a", {"did": "a"}),
        Answer("b", {"did": "b"}),
    ]


def test_what_crashes_hangs_or_fails_costs_its_own_item_alone(tmp_path: Path) -> None:
    work = (
        "item == 'exit' and (sys.stderr.write('out of luck\\n'), os._exit(3)); "
        "item == 'abort' and os.abort(); "
        "item == 'sleep' and time.sleep(600); "
        "1 / (item != 'raise')"
    )
    items = ["one", "exit", "two", "abort", "sleep", "raise", "three"]
    started = time.monotonic()
    _, *found = supervise(worker(tmp_path, work), items, 3)
    assert time.monotonic() - started < 60
    assert [answer.item for answer in found] == items
    assert {a.item for a in found if not a.failure} == {"one", "two", "three"}
    assert {a.item: a.failure for a in found if a.failure} == {
        "exit": "ended with exit code 3: out of luck",
        "abort": "ended by signal 6",
        "sleep": "no answer within 3 s: stopped",
        "raise": "ZeroDivisionError: division by zero",
    }
    assert all(not answer.result for answer in found if answer.failure)


def test_a_failure_that_spoils_the_process_gets_a_new_one(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(
        "import sys\n"
        "from fp8lab.bench.serving import serve\n"
        "spoiled = []\n"
        "def work(item):\n"
        "    if spoiled: raise RuntimeError('context lost')\n"
        "    if item == 'spoil':\n"
        "        spoiled.append(1)\n"
        "        raise RuntimeError('illegal address')\n"
        "    return {}\n"
        "def healthy(): assert not spoiled\n"
        "sys.exit(serve(dict, work, healthy))\n"
    )
    _, *found = supervise([sys.executable, str(script)], ["spoil", "next"], 30)
    assert found == [
        Answer("spoil", {}, "RuntimeError: illegal address"),
        Answer("next", {}),
    ]


@pytest.mark.parametrize(
    ("greet", "why"),
    [
        ("lambda: exec(\"raise RuntimeError('no GPU')\")", "no GPU"),
        ("lambda: exec('import nothing_at_all')", "No module named 'nothing_at_all'"),
        ("lambda: 1 / 0", "ended with exit code 1: ZeroDivisionError"),
    ],
)
def test_a_worker_that_cannot_start_says_why(
    tmp_path: Path, greet: str, why: str
) -> None:
    with pytest.raises(WorkerError, match=why):
        list(supervise(worker(tmp_path, "pass", greet), ["a"], 30))


def test_a_worker_that_never_greets_is_stopped(tmp_path: Path) -> None:
    command = worker(tmp_path, "pass", "lambda: time.sleep(600)")
    with pytest.raises(WorkerError, match="no answer within 1 s"):
        list(supervise(command, ["a"], 30, start=1))


def test_a_machine_that_is_lost_half_way_leaves_what_was_measured(
    tmp_path: Path,
) -> None:
    """The second worker does not start: every item left has failed, and says so."""
    mark = tmp_path / "mark"
    greet = f"lambda: {{}} if not os.path.exists({str(mark)!r}) else 1 / 0"
    work = f"item == 'b' and (open({str(mark)!r}, 'w').close(), os._exit(1))"
    _, *found = supervise(worker(tmp_path, work, greet), list("abc"), 30)
    assert [bool(answer.failure) for answer in found] == [False, True, True]
