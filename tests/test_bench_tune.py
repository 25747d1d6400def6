"""The tuner, with made-up configurations, and the report of what is compiled."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from fp8lab.bench import compile as compile_report
from fp8lab.bench import tune
from fp8lab.bench.kernel_catalogue import FAMILIES, Row, catalogue, chosen
from fp8lab.bench.tune_candidates import SOURCES, candidates
from tests.bench_fakes import fake_measurements


def some_row() -> Row:
    return chosen("gemm: rowwise, 4096x4096x4096")[0]


def test_every_configuration_is_a_line_sorted_by_time(tmp_path: Path) -> None:
    configs = [None, *({"block": n} for n in (4, 1, 2, 8))]
    command = fake_measurements(tmp_path)
    found = list(
        tune.results(some_row(), configs, seconds=0.1, patience=30, worker=command)
    )
    assert [result["config"] for result in found] == configs
    table = tune.tuning_table(found, "title")
    assert [row[0] for row in table.rows] == [
        "block 8",
        "block 4",
        tune.OWN,
        # What is wrong or fails is no choice, however fast.
        *("block 1", "block 2"),
    ]
    assert table.rows[0] == (*("block 8", "0.1 us", "8.00", "1", "2", "3", "equal"),)
    assert table.rows[3][-1] == "ValueError: too small"
    assert table.rows[4][-1] == "WRONG: all differ"


@pytest.mark.parametrize("family", SOURCES)
def test_the_kernels_list_what_to_try(family: str) -> None:
    row = chosen(family)[0]
    configs = candidates(row)
    assert configs
    assert json.loads(json.dumps(configs)) == configs
    texts = [json.dumps(config, sort_keys=True) for config in configs]
    assert len(set(texts)) == len(texts)


def test_a_family_without_a_choice_is_said() -> None:
    with pytest.raises(ValueError, match="nothing to choose"):
        candidates(chosen("quantize")[0])


@pytest.mark.skipif(not importlib.util.find_spec("triton"), reason="needs Triton")
def test_the_compile_report_reads_machine_code(tmp_path: Path) -> None:
    record = tmp_path / "compiled.json"
    asked = ["--rows", "quantize 1x128 to E4M3FN, r", "--record", str(record)]
    run = subprocess.run(
        [sys.executable, "-m", "fp8lab.bench", "compile", *asked],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "compiled for capability 9.0 by Triton" in run.stdout
    (row,) = json.loads(record.read_text())["rows"]
    (kernel,) = row["kernels"]
    assert kernel["name"] in run.stdout
    assert kernel["local_bytes"] == 0
    assert 0 < kernel["loads_of_16_bytes"] <= kernel["loads"]
    assert 1 < kernel["per_element"] < 100


def test_one_row_of_each_kernel_is_compiled() -> None:
    rows = compile_report.representatives()
    assert {row.family for row in rows} == set(FAMILIES)
    assert {row.kernel for row in rows} == {row.kernel for row in catalogue()}
