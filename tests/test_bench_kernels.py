"""The benchmark of the kernels, where there is no GPU: its rows and its table.

Timings are made up; tests/kernels/test_bench_rows.py runs what the rows run.
"""

import json
from pathlib import Path

import pytest

from fp8lab.bench import kernels
from fp8lab.bench.__main__ import main
from fp8lab.bench.kernel_catalogue import FAMILIES, catalogue, chosen
from fp8lab.bench.kernel_table import line, ratios, summary, verdict
from fp8lab.bench.timing import Timing
from tests.bench_fakes import RECORD, fake_measurements, measured_row

# ---------------------------------------------------------------- rows


def test_rows_have_names_of_their_own_and_sound_demands() -> None:
    rows = catalogue()
    assert len({row.name for row in rows}) == len(rows)
    assert {row.family for row in rows} == set(FAMILIES)
    assert all(0 < row.must <= row.aim for row in rows)


def test_the_issue_is_covered() -> None:
    """Every granularity, both formats, all six M, 8 to 32 and 128 thousand tokens."""
    kernels_of = {family: {row.kernel for row in chosen(family)} for family in FAMILIES}
    for fmt in ("E4M3FN", "E5M2"):
        for what in (
            *("per-tensor static", "per-tensor", "per-token", "per-channel"),
            *("1x32", "1x128", "128x128", "1x32 E8M0 (MX)"),
        ):
            assert f"quantize {what} to {fmt}" in kernels_of["quantize"]
        assert f"quantize 1x128 to {fmt}, reciprocal" in kernels_of["quantize"]
    elements = [
        row.arguments["shape"][0] * row.arguments["shape"][1]
        for row in chosen("quantize")
    ]
    assert min(elements) * 2 >= 256e6
    assert kernels_of["gemm"] == {"per-tensor", "rowwise"}
    small = [row.arguments["size"][0] for row in chosen("gemm-small")]
    assert sorted(set(small)) == [1, 2, 4, 8, 16, 32, 64]
    assert {row.arguments["size"][0] for row in chosen("weight-only")} == {1}
    tokens = {row.arguments["tokens"] for row in chosen("attention")}
    assert tokens == {32768, 65536, 131072}
    assert min(row.arguments["size"][0] for row in chosen("gemm")) >= 1024


def test_rows_are_chosen_by_family_or_by_what_names_match() -> None:
    assert {row.family for row in chosen("gemm")} == {"gemm"}
    assert {row.family for row in chosen("^GEMM")} == {
        "gemm",
        "gemm-block",
        "gemm-small",
    }
    assert chosen("") == catalogue()
    with pytest.raises(ValueError, match="no row has 'nothing'"):
        chosen("nothing")
    with pytest.raises(ValueError, match="no regular expression"):
        chosen("(")


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (measured_row(), "aim"),
        (measured_row(ratio=[1.0, 0.9, 1.1]), "aim"),
        (measured_row(ratio=[0.95, 0.9, 1.1]), "ok"),
        (measured_row(ratio=[0.9499, 0.9, 1.1]), "missed"),
        (measured_row(wrong="all differ"), "WRONG"),
        (measured_row(failure="it crashed"), "FAILED"),
    ],
)
def test_verdicts(row: dict[str, object], expected: str) -> None:
    assert verdict(row) == expected
    assert expected in line(row)


def test_a_row_without_a_yardstick_is_not_judged() -> None:
    row = measured_row(note="torch is wrong here")
    del row["ratio"], row["yardstick"], row["yardstick_rate"]
    assert verdict(row) == "no peer"
    assert "torch is wrong here" in line(row)
    assert summary([row]).startswith("0 of 0 rows")


def test_what_is_wrong_or_failed_counts_as_missed() -> None:
    assert summary(RECORD["rows"]) == (
        "1 of 4 rows are as fast as they must be, 1 of them as fast as aimed at "
        "(1 wrong, 1 failed)"
    )


def test_a_record_is_shown_as_it_was_measured(capsys: pytest.CaptureFixture) -> None:
    kernels.show(RECORD)
    shown = capsys.readouterr().out
    for row in RECORD["rows"]:
        assert line(row) in shown
    assert "Some GPU, 2026-01-02: driver 1, torch 2, cuda 3, triton 4" in shown
    assert "a copy reads and writes 4000 GB/s" in shown
    assert "2.0 us" in shown
    assert "500 TFLOPS" in shown
    assert "1.25 (1.20-1.30)" in shown
    assert "no answer within 9 s" in shown


def test_a_family_is_a_table_of_a_lesson() -> None:
    table = kernels.table(RECORD, "gemm")
    assert len(table.rows) == 3
    assert "rowwise" in repr(table)
    with pytest.raises(
        ValueError, match="no family 'quantize'; it has gemm, attention"
    ):
        kernels.table(RECORD, "quantize")


def test_ratios_are_taken_within_a_round() -> None:
    two = {"a": Timing((4.0, 8.0)), "b": Timing((3.0, 7.0)), "ours": Timing((2.0, 4.0))}
    work = {"a": 10.0, "b": 20.0, "ours": 30.0}
    (fastest,) = ratios(two, work, "fastest")
    assert fastest["yardstick"] == "b"
    assert fastest["ratio"] == [1.625, 1.5, 1.75]
    assert (fastest["seconds"], fastest["rate"]) == (3.0, 10.0)
    assert fastest["yardstick_rate"] == 4.0
    assert [row["yardstick"] for row in ratios(two, work, "each")] == ["b", "a"]
    # Bytes a second: 30 in 2 s beside 20 in 3 s.
    (copy,) = ratios(two, work, "copy")
    assert copy["ratio"][1] == pytest.approx(1.5 * 30 / 20)
    (alone,) = ratios({"ours": two["ours"]}, work, "fastest")
    assert alone == {"seconds": 3.0, "rate": 10.0}


# ---------------------------------------------------------------- the command


def test_the_table_is_written_as_it_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    command = fake_measurements(tmp_path)
    monkeypatch.setattr(kernels.measured, "__defaults__", (command,))
    record = tmp_path / "record.json"
    asked = ["kernels", "--rows", "gemm: rowwise, .*8B o", "--record", str(record)]
    assert main([*asked, "--seconds", "0.5"]) == 1  # a row failed
    printed = capsys.readouterr().out
    written = json.loads(record.read_text())
    assert written["command"] == (
        "python -m fp8lab.bench kernels --rows 'gemm: rowwise, .*8B o' --seconds 0.5"
    )
    assert [verdict(row) for row in written["rows"]] == ["FAILED", "aim", "aim"]
    assert {"date", "machine", "copy_bytes_per_second", "what"} < set(written)
    kernels.show(written)
    assert capsys.readouterr().out == printed
    assert "ended with exit code 9" in printed


def test_without_a_gpu_there_is_a_sentence(capsys: pytest.CaptureFixture) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    for command in (["kernels", "--rows", "attention"], ["tune", "gemm"]):
        assert main(command) == 1
        (sentence,) = capsys.readouterr().out.splitlines()
        assert "there is no NVIDIA GPU" in sentence


def test_absent_packages_are_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for command in (["kernels"], ["tune", "gemm"], ["compile"]):
        assert main(command) == 1
        assert "torch is absent: pip install 'fp8lab[gpu]'" in capsys.readouterr().out


def test_show_without_a_record_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(kernels, "RECORD", "bench-nothing")
    assert main(["kernels", "--show"]) == 1
    assert "no record starts with 'bench-nothing'" in capsys.readouterr().out


def test_list_prints_names(capsys: pytest.CaptureFixture) -> None:
    assert main(["kernels", "--list", "--rows", "attention"]) == 0
    names = capsys.readouterr().out.splitlines()
    assert names == [row.name for row in chosen("attention")]


def test_an_unknown_row_is_wrong_usage(capsys: pytest.CaptureFixture) -> None:
    for command in (["kernels", "--rows", "nothing"], ["compile", "--rows", "nothing"]):
        with pytest.raises(SystemExit):
            main(command)
        assert "'nothing'" in capsys.readouterr().err
