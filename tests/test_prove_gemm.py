"""The recorded H200, output by output; and a proof that can fail."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import fp8lab.prove_gemm as prove_gemm
from fp8lab import format_of
from fp8lab.proof.operands import KINDS, fp8_codes
from fp8lab.proof.products import CHAIN, SCALED, cases, outside
from fp8lab.prove_gemm import main, recorded, recorded_cases
from fp8lab.records import load_records

#: Multiply-accumulates: of the larger products `make test` takes a part, and
#: `make test-slow` them all.
SMALL, LARGE, PART = 2**23, 2**28, 7


def test_the_recorded_products_are_equal() -> None:
    chosen = [
        (case, sha256)
        for i, (case, sha256) in enumerate(recorded_cases())
        if case.work <= SMALL or (i % PART == 0 and case.work <= LARGE)
    ]
    verdicts = list(recorded(chosen))
    assert [v.witness for v in verdicts if v.different] == []
    assert len(verdicts) > 350
    assert {v.case.shared for v in verdicts} == {c.shared for c in cases()}


@pytest.mark.slow
def test_every_recorded_product_is_equal() -> None:
    verdicts = list(recorded(recorded_cases()))
    assert [v.witness for v in verdicts if v.different] == []
    assert len(verdicts) == len(list(cases()))


def test_the_record_is_of_the_products_that_are_proven() -> None:
    kept = [replace(case, split_k=1) for case, _ in recorded_cases()]
    assert kept == list(cases())
    (record,) = load_records("tensorcore-h200")
    assert record["outputs"] == record["outputs_equal"]
    assert record["different"] == []
    assert len(record["outside"]) == len(list(outside()))
    assert "H200" in record["machine"]["gpu"]


def test_the_products_cover_what_they_should() -> None:
    products = list(cases())
    chains = {(c.a_format, c.b_format, c.kind) for c in products if c.path == CHAIN}
    assert len(chains) == 4 * len(KINDS)
    assert {c.k for c in products} >= {32, 128, 512, 4096, 16384}
    assert {c.output for c in products if c.path == SCALED} == {
        "float32",
        "bfloat16",
        "float16",
    }
    assert {c.fast for c in products if c.shared == "row"} == {True, False}


def test_kinds_are_what_they_say() -> None:
    for name in ("E4M3FN", "E5M2"):
        fmt = format_of(name)
        made = {kind: fp8_codes(kind, fmt, (64, 256), 5) for kind in KINDS}
        values = {kind: fp8_decoded(codes, name) for kind, codes in made.items()}
        assert (values["positive"] >= 0).all()
        assert (np.abs(values["subnormal"]) < fmt.smallest_normal).all()
        assert not values["cancelling"].sum(axis=1).any()
        finite = {kind: np.isfinite(value).all() for kind, value in values.items()}
        assert finite == {kind: kind != "special" for kind in KINDS}
        assert np.abs(values["spread"]).max() > 1000 * np.median(abs(values["spread"]))
    with pytest.raises(ValueError, match="unknown kind 'odd'"):
        fp8_codes("odd", format_of("E4M3FN"), (1, 1), 0)


def fp8_decoded(codes: np.ndarray, name: str) -> np.ndarray:
    import ml_dtypes

    dtype = getattr(ml_dtypes, f"float8_{name.lower()}")
    return codes.view(dtype).astype(np.float64)


@pytest.mark.parametrize("wrong", ["hopper-64", "float32"])
def test_another_rule_is_found_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, wrong: str
) -> None:
    """With another accumulator behind `mma`, the record no longer fits."""
    from fp8lab.proof import products

    true_mma = products.mma
    monkeypatch.setattr(
        products, "mma", lambda *a, **k: true_mma(*a, **{**k, "accumulator": wrong})
    )
    chosen = [(c, s) for c, s in recorded_cases() if c.path == CHAIN and c.k == 512]
    monkeypatch.setattr(prove_gemm, "recorded_cases", lambda: iter(chosen))
    assert main(["--recorded"]) == 1
    printed = capsys.readouterr().out
    assert "DIFFERS: another SHA-256" in printed
    assert "recorded on NVIDIA H200" in printed


def test_the_command_compares_with_the_record_where_there_is_no_gpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    few = list(recorded_cases())[:5]
    monkeypatch.setattr(prove_gemm, "recorded_cases", lambda: iter(few))
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert "comparing with the recorded run" in printed
    assert "20,480" in printed


def test_a_record_needs_a_gpu(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["--record", str(tmp_path / "x.json")])
    assert "needs a Hopper GPU" in capsys.readouterr().err
    assert not (tmp_path / "x.json").exists()


def test_a_recorded_instruction_is_wgmma_with_k_32() -> None:
    (record,) = load_records("wgmma-h200")
    for row in record["instructions"]:
        assert f"m64n{row['n']}k32.f32.e4m3.e4m3" in row["ptx"]
        assert row["registers"] == 64 * row["n"] // 128
    assert json.dumps(record, allow_nan=False)
