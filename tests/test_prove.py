"""`fp8lab prove`: it passes, it can fail, and its records say what they claim."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from fp8lab import E4M3FN, E5M2, encode
from fp8lab.proof.oracles import ORACLES, Oracle, Quirk
from fp8lab.prove import BLOCK, BLOCKS, main, prove
from fp8lab.records import load_records

ON_CPU = ("ml_dtypes", "torch", "onnxruntime", "onnxruntime-nosat")


@pytest.mark.parametrize("fmt", [E4M3FN, E5M2], ids=str)
@pytest.mark.parametrize("name", ON_CPU)
def test_every_64th_block_equals_the_library(name: str, fmt) -> None:
    verdict = prove(fmt, ORACLES[name], every=64)
    assert verdict.mismatches == 0, verdict.witness
    assert verdict.patterns == BLOCKS // 64 * BLOCK


@pytest.mark.slow
@pytest.mark.parametrize("fmt", [E4M3FN, E5M2], ids=str)
@pytest.mark.parametrize("name", ON_CPU)
def test_all_patterns_equal_the_library(name: str, fmt) -> None:
    verdict = prove(fmt, ORACLES[name])
    assert verdict.mismatches == 0, verdict.witness
    assert verdict.patterns == 1 << 32


def _oracle(change, quirks=None) -> Oracle:
    """An oracle that is our own codec, but for a change to its codes."""

    def make(fmt):
        return lambda x: change(x, encode(x, fmt, policy="ml_dtypes"))

    return Oracle("sabotaged", (), lambda: "ml_dtypes", make, quirks or {})


def test_one_wrong_pattern_is_found_and_shown() -> None:
    def change(x, codes):
        codes[x.view(np.uint32) == 0x40000001] ^= 1
        return codes

    # 0x40000001 lies in block 256 of 1024, so every 256th block includes it.
    verdict = prove(E4M3FN, _oracle(change), every=256)
    assert verdict.mismatches == 1
    assert "0x40000001" in verdict.witness
    assert "ours 0x40, theirs 0x41" in verdict.witness


def test_a_quirk_excuses_its_own_codes_and_nothing_else() -> None:
    # Up to the tie at 2.125 our own code is 0x40.
    quirk = {E4M3FN.name: Quirk(2.0, 2.125, 0x7E, 0x40, "the test says so")}

    def as_written(x, codes):
        inside = (np.abs(x) >= 2.0) & (np.abs(x) < 2.125)
        return np.where(inside, 0x7E | (codes & 0x80), codes)

    good = prove(E4M3FN, _oracle(as_written, quirk), every=256)
    assert good.mismatches == 0
    assert good.quirk_patterns == 2**20  # a sixteenth of [2, 4), either sign

    def otherwise(x, codes):
        inside = (np.abs(x) >= 2.0) & (np.abs(x) < 2.125)
        return np.where(inside, 0x7D, codes)

    assert prove(E4M3FN, _oracle(otherwise, quirk), every=256).mismatches > 0


def test_inside_a_quirk_ours_is_held_against_the_specification() -> None:
    """A library that departs must not excuse a wrong code of ours."""

    def as_written(x, codes):
        inside = (np.abs(x) >= 2.0) & (np.abs(x) < 2.125)
        return np.where(inside, 0x7E | (codes & 0x80), codes)

    # The specification of this test asks for 0x41, which ours does not give.
    quirk = {E4M3FN.name: Quirk(2.0, 2.125, 0x7E, 0x41, "the test says so")}
    verdict = prove(E4M3FN, _oracle(as_written, quirk), every=256)
    assert verdict.mismatches == verdict.quirk_patterns == 2**20
    assert "theirs 0x41" in verdict.witness


def test_command_writes_a_record(tmp_path: Path, capsys) -> None:
    path = tmp_path / "deep" / "record.json"
    arguments = ["--every", "512", "--oracle", "ml_dtypes", "--record", str(path)]
    assert main(arguments) == 0
    record = json.loads(path.read_text())
    assert record["command"] == "fp8lab prove --oracle ml_dtypes --every 512"
    assert [v["mismatches"] for v in record["verdicts"]] == [0, 0]
    assert "all equal" in capsys.readouterr().out


def test_command_fails_where_an_oracle_differs(monkeypatch, capsys) -> None:
    broken = dataclasses.replace(
        _oracle(lambda x, codes: codes ^ 1), name="ml_dtypes", requires=("ml_dtypes",)
    )
    monkeypatch.setitem(ORACLES, "ml_dtypes", broken)
    assert main(["--every", "1024", "--oracle", "ml_dtypes"]) == 1
    assert "DIFFER; first x = " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--every", "0"], "takes 1 to 1024"),
        (["--format", "E9M9"], "unknown format"),
        (["--format", "E4M3"], "only E4M3FN and E5M2"),
        (["--oracle", "nobody"], "invalid choice"),
    ],
)
def test_bad_arguments_are_said_in_words(arguments, said, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert said in capsys.readouterr().err


def test_hopper_without_a_gpu_is_not_a_pass(capsys) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU: the oracle runs")
    assert main(["--every", "1024", "--oracle", "hopper"]) == 2
    assert "hopper: not run" in capsys.readouterr().out


def test_records_are_full_runs_of_every_policy() -> None:
    verdicts = [v for record in load_records("prove") for v in record["verdicts"]]
    assert {(v["policy"], v["fmt"]) for v in verdicts} == {
        (policy, fmt)
        for policy in ("cuda", "torch", "torch-2.11", "ml_dtypes", "onnx", "onnx-nosat")
        for fmt in ("E4M3FN", "E5M2")
    }
    assert {v["patterns"] for v in verdicts} == {1 << 32}
    assert {v["mismatches"] for v in verdicts} == {0}


def test_missing_record_is_said() -> None:
    with pytest.raises(ValueError, match="no record starts with 'nothing'"):
        load_records("nothing")
