"""The benchmarks run and print what they promise; no timing is asserted."""

import json
import subprocess
import sys
from pathlib import Path

from fp8lab.bench.__main__ import main
from fp8lab.bench.timing import Timing, interleave


def test_ratio_is_taken_within_a_round() -> None:
    ours, theirs = Timing((1.0, 2.0, 4.0)), Timing((3.0, 4.0, 20.0))
    assert ours.faster_than(theirs) == (3.0, 2.0, 5.0)
    assert ours.rate(4_000_000) == 2.0


def test_every_candidate_runs_in_every_round() -> None:
    calls = {"a": 0, "b": 0}

    def call(name: str) -> None:
        calls[name] += 1

    timings = interleave({n: (lambda n=n: call(n)) for n in calls}, 3)
    assert calls == {"a": 4, "b": 4}  # one round warms up
    assert {len(t.seconds) for t in timings.values()} == {3}


def test_codec_table(tmp_path: Path, repository: Path) -> None:
    record = tmp_path / "codec.json"
    command = ["-m", "fp8lab.bench", "codec", "--elements", "65536", "--rounds", "2"]
    run = subprocess.run(
        [sys.executable, *command, "--record", str(record)],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "encode float32 to E4M3FN" in run.stdout
    assert "ratio to ml_dtypes" in run.stdout
    assert "extra memory" in run.stdout
    rows = json.loads(record.read_text())["rows"]
    assert {"fp8lab", "ml_dtypes", "torch", "gfloat"} <= set(rows[0]["mega_per_second"])


def test_unknown_benchmark_is_said(capsys) -> None:
    assert main(["nothing"]) == 2
    assert "unknown benchmark 'nothing'" in capsys.readouterr().out
