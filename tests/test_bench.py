"""The benchmarks run and print what they promise; no timing is asserted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fp8lab.bench.__main__ import main
from fp8lab.bench.gemm import plain
from fp8lab.bench.timing import Timing, interleave
from tests.oracles import assert_same_bits
from tests.product_oracles import mma_slowly, operands


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


def test_gemm_table(tmp_path: Path, repository: Path) -> None:
    record = tmp_path / "gemm.json"
    shapes = ["--shapes", "40x70x96", "1x50x64", "--rounds", "2"]
    command = ["-m", "fp8lab.bench", "gemm", *shapes, "--record", str(record)]
    run = subprocess.run(
        [sys.executable, *command],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    for title in ("40x70x96", "1x50x64", "to plain", "to @", "mma hopper-128"):
        assert title in run.stdout
    written = json.loads(record.read_text())
    rows = {row["what"]: row for row in written["rows"]}
    assert len(rows) == 2 * 11
    assert rows["plain, 1x50x64"]["ratio"] == [1, 1, 1]
    assert rows["@, 40x70x96"]["ratio_to_matmul"] == [1, 1, 1]
    assert all(row["million_macs_per_second"] > 0 for row in rows.values())
    assert {"date", "machine", "versions", "rounds"} < set(written)


def test_the_plain_peer_keeps_the_rule() -> None:
    """What is timed beside ours gives the same bits, subnormals and zeros included."""
    for kind in ("finite", "subnormal", "mostly zero", "cancelling"):
        a, b = operands(kind, (5, 7, 96), ("E4M3FN", "E4M3FN"), 0)
        assert_same_bits(plain(a, b), mma_slowly(a, b))


@pytest.mark.parametrize("bad", ["64", "0x4x4", "axbxc", "4x4x4x4"])
def test_a_bad_shape_is_said(bad: str, capsys) -> None:
    with pytest.raises(SystemExit):
        main(["gemm", "--shapes", bad])
    assert f"'{bad}' is no MxNxK" in capsys.readouterr().err


def test_unknown_benchmark_is_said(capsys) -> None:
    assert main(["nothing"]) == 2
    assert "unknown benchmark 'nothing'" in capsys.readouterr().out
