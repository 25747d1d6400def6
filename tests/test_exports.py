"""What a learner takes home: it says what was done, and the script does it again."""

import io
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import fp8lab
from fp8lab.exports import archive, report
from fp8lab.model import load_sample
from fp8lab.reading import parse_numbers, read
from tests.exported import SAME, members, run, unpack

RNG = np.random.default_rng(0)
X = (RNG.standard_normal((6, 256)) * [[1], [10], [1e-3], [1], [5], [1]]).astype("f4")
AMAX = np.arange(1.0, 7)[:, None]
MEMBERS = ["codes.npy", "scales.npy", "report.md", "reproduce.py"]


# What quantize is given, and what archive must be told of it.
SCHEMES: dict[str, tuple[dict, dict]] = {
    "one scale": ({}, {}),
    "1x128": ({"group": "1x128"}, {}),
    "blocks, E5M2": ({"fmt": "E5M2", "group": "128x128"}, {}),
    "MX": ({"group": "1x32", "scale_dtype": "e8m0"}, {}),
    "MX, rceil": (
        {"group": "1x32", "scale_dtype": "e8m0", "scale_rule": "rceil"},
        {},
    ),
    "bfloat16 scales": ({"group": "per-token", "scale_dtype": "bfloat16"}, {}),
    "no scale": ({"scale": 1.0}, {}),
    "static amax": ({"amax": 3.0, "fmt": "E4M3FNUZ"}, {"amax": np.float32(3.0)}),
    "calibrated": ({"group": "per-token", "amax": AMAX}, {}),
    "calibrated, bfloat16": (
        {
            "amax": [[k] for k in range(1, 7)],
            "group": (1, -1),
            "scale_dtype": "bfloat16",
        },
        {},
    ),
    "calibrated, E8M0": (
        {"amax": [[4.0**k] for k in range(6)], "group": (1, -1), "scale_dtype": "e8m0"},
        {},
    ),
    "INT4": ({"fmt": "INT4", "group": "1x64"}, {}),
    "another stack": (
        options := {"policy": "onnx-nosat", "rounding": fp8lab.Rounding.TOWARD_ZERO},
        options,
    ),
    "reciprocal": ({"arithmetic": "reciprocal"}, {"arithmetic": "reciprocal"}),
}


@pytest.mark.parametrize("case", SCHEMES)
def test_the_script_makes_the_same_codes_again(tmp_path, case):
    keywords, options = SCHEMES[case]
    save_file({"other": torch.ones(2), "w": torch.from_numpy(X)}, tmp_path / "x.st")
    x = read(tmp_path / "x.st", "w").array
    q = fp8lab.quantize(x, **keywords)
    unpack(archive(x, "w", q, options=options), tmp_path)
    made = run(tmp_path, "x.st")
    assert (made.stdout, made.stderr) == (SAME, "")
    assert len((tmp_path / "reproduce.py").read_text().splitlines()) <= 12


def test_the_script_notices_another_file(tmp_path):
    np.save(tmp_path / "x.npy", X)
    q = fp8lab.quantize(X, group="1x128")
    unpack(archive(X, "x.npy", q), tmp_path)
    assert run(tmp_path, "x.npy").stdout == SAME
    np.save(tmp_path / "y.npy", X[::-1])
    made = run(tmp_path, "y.npy")
    assert made.returncode != 0
    assert "the codes differ" in made.stderr


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_other_dtypes_and_pasted_numbers(tmp_path, dtype):
    x = torch.from_numpy(X).to(getattr(torch, dtype))
    save_file({"w": x}, tmp_path / "x.safetensors")
    loaded = read(tmp_path / "x.safetensors")
    unpack(archive(loaded.array, "w", fp8lab.quantize(loaded.array)), tmp_path)
    assert run(tmp_path, "x.safetensors").stdout == SAME
    assert f"1,536 elements of {dtype}" in (tmp_path / "report.md").read_text()


def test_pasted_numbers_come_from_a_file_of_them(tmp_path):
    text = "[[1, 2.5],\n [3, nan]]"
    loaded = parse_numbers(text)
    q = fp8lab.quantize(loaded.array)
    unpack(archive(loaded.array, loaded.name, q, note=loaded.note), tmp_path)
    (tmp_path / "pasted.txt").write_text(text)
    assert run(tmp_path, "pasted.txt").stdout == SAME


def test_a_sample_needs_no_file(tmp_path):
    x = load_sample("outlier-channel", excerpt=True)
    q = fp8lab.quantize(x.array, group="1x128")
    unpack(archive(x.array, x.name, q, sample=True), tmp_path)
    assert run(tmp_path).stdout == SAME


# ----------------------------------------------------------------- what is in the zip
def test_the_zip_is_the_same_each_time_and_has_fixed_names():
    q = fp8lab.quantize(X, group="1x128")
    packed = archive(X, "../../w", q)
    assert packed == archive(X, "../../w", q)
    assert list(members(packed)) == MEMBERS
    with zipfile.ZipFile(io.BytesIO(packed)) as file:
        assert {info.date_time for info in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.compress_type for info in file.infolist()} == {zipfile.ZIP_STORED}
        assert {info.create_system for info in file.infolist()} == {3}


STORED = {"float32": "float32", "bfloat16": "uint16", "e8m0": "uint8"}


@pytest.mark.parametrize("dtype", STORED)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3, 4), (6, 256)], ids=str)
def test_codes_and_scales_are_as_the_gemm_takes_them(dtype, shape):
    x = RNG.standard_normal(shape)
    q = fp8lab.quantize(x, group="1x128", scale_dtype=dtype)
    found = members(archive(x, "w", q))
    codes, scales = (np.load(io.BytesIO(found[name])) for name in MEMBERS[:2])
    assert fp8lab.first_difference(codes, q.codes) is None
    assert fp8lab.first_difference(scales, q.scale_codes) is None
    assert scales.dtype == STORED[dtype]


def test_codes_are_stored_row_by_row():
    x = np.asfortranarray(X)
    q = fp8lab.quantize(x)
    q = fp8lab.QuantizedTensor(
        np.asfortranarray(q.codes), q.scales, q.fmt, q.group, q.scale_dtype
    )
    codes = np.load(io.BytesIO(members(archive(x, "w", q))["codes.npy"]))
    assert codes.flags.c_contiguous
    assert fp8lab.first_difference(codes, q.codes) is None


@pytest.mark.parametrize(
    ("x", "keywords", "options", "words"),
    [
        (X + 1, {}, {}, "does not make these codes"),
        (X[:3], {}, {}, "does not make these codes"),
        (X, {"rounding": "toward-zero"}, {}, "does not make these codes"),
        (X, {}, {"policy": "satfinite"}, "unknown overflow policy"),
        (X, {}, {"fmt": "E5M2"}, r"fmt='E5M2' cannot be written.*policy"),
        (X, {}, {"amax": np.ones((6, 1))}, "cannot be written"),
        (X, {}, {"rounding": "stochastic"}, "rng"),
        (X.astype(complex), {}, {}, "dtype complex128"),
    ],
)
def test_what_cannot_be_made_again_is_refused(x, keywords, options, words):
    q = fp8lab.quantize(X, group="per-token", **keywords)
    for call in (archive, report):
        with pytest.raises(ValueError, match=words):
            call(x, "w", q, options=options)


def test_a_scale_of_nan_is_made_again_if_archive_is_told_why():
    x = X.copy()
    x[0, 0] = np.nan
    options = {"nonfinite": "propagate"}
    q = fp8lab.quantize(x, group="per-token", **options)
    with pytest.raises(ValueError, match="does not make these codes"):
        archive(x, "w", q)
    found = members(archive(x, "w", q, options=options))
    assert b"nonfinite='propagate'" in found["reproduce.py"]
    assert b"NaN and infinity, for the scale: propagate" in found["report.md"]
