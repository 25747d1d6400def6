"""The samples of the lessons: real where they can be, labelled, and always there."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fp8lab.model import load_sample, real, sample_names
from fp8lab.model.catalogue import REAL_SAMPLES, TEXT, RealSample
from fp8lab.model.excerpts import write_excerpts
from fp8lab.model.fetch import fetch_models
from fp8lab.model.files import MODELS
from fp8lab.model.generated import GENERATED

ALL_REAL = [pytest.param(s, id=s.name) for s in REAL_SAMPLES.values()]


@pytest.fixture(scope="module")
def _fetched() -> None:
    fetch_models()


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FP8LAB_CACHE", str(tmp_path))
    return tmp_path


def rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.square(x, dtype=np.float64).mean()))


@pytest.mark.parametrize("name", sample_names())
@pytest.mark.usefixtures("empty_cache")
def test_every_sample_loads_without_the_models(name: str) -> None:
    sample = load_sample(name)
    assert sample.name == name
    assert sample.array.dtype == np.float32
    assert sample.array.ndim == 2
    assert np.isfinite(sample.array).all()
    assert sample.is_real is (name in REAL_SAMPLES)
    assert (sample.kind == "generated") is (name in GENERATED)
    assert ("`fp8lab fetch-models`" in sample.notice) is sample.is_real
    with pytest.raises(ValueError, match="read-only"):
        sample.array[0, 0] = 1


@pytest.mark.usefixtures("empty_cache")
def test_in_the_browser_no_command_is_recommended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.platform", "emscripten")
    notice = load_sample("minilm-weight").notice
    expected = "for the whole [384, 384] run the lab on your own machine."
    assert notice.endswith(expected)


@pytest.mark.parametrize("wanted", ALL_REAL)
@pytest.mark.usefixtures("_fetched")
def test_the_whole_matrix_comes_from_the_model(wanted: RealSample) -> None:
    sample = load_sample(wanted.name)
    assert sample.is_real
    assert sample.kind == wanted.kind
    assert sample.notice == ""
    assert sample.array.shape == wanted.shape
    row, column, value = wanted.peak
    assert np.abs(sample.array).argmax() == row * wanted.shape[1] + column
    assert sample.array[row, column] == pytest.approx(value, rel=1e-4)
    rest = sample.array.copy()
    rest[row, column] = 0
    assert rms(rest) == pytest.approx(wanted.rms, rel=1e-3)


@pytest.mark.parametrize("wanted", ALL_REAL)
@pytest.mark.usefixtures("_fetched")
def test_the_shipped_excerpt_is_a_part_of_it(wanted: RealSample) -> None:
    whole, excerpt = load_sample(wanted.name), load_sample(wanted.name, excerpt=True)
    assert excerpt.is_real
    assert excerpt.notice == ""
    assert "[0:128, " in excerpt.source
    part = whole.array[wanted.excerpt]
    if wanted.kind == "weight":
        np.testing.assert_array_equal(excerpt.array, part)
    else:  # computed, so it moves with the BLAS library in the last bits
        np.testing.assert_allclose(excerpt.array, part, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("wanted", ALL_REAL)
def test_the_excerpt_keeps_the_peak_and_the_groups(wanted: RealSample) -> None:
    rows, columns = wanted.excerpt
    row, column, _ = wanted.peak
    assert rows.start <= row < rows.stop
    assert columns.start <= column < columns.stop <= wanted.shape[1]
    assert columns.start % 128 == 0


def test_the_provenance_tells_where_each_file_is_from(repository: Path) -> None:
    folder = repository / "fp8lab" / "records" / "samples"
    notice = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert {row["file"] for row in notice["samples"]} == {
        path.name for path in folder.glob("*.npy")
    }
    for row in notice["samples"]:
        array = np.load(folder / row["file"])
        assert float(np.abs(array).max()) == row["amax"]
        assert row["tensor"] == REAL_SAMPLES[Path(row["file"]).stem].tensor
    for name, model in notice["models"].items():
        assert model["licence"] == MODELS[name].licence == "Apache-2.0"
        assert model["sha256"] == {f.name: f.sha256 for f in MODELS[name].files}
    assert notice["text"] == TEXT


@pytest.mark.usefixtures("_fetched")
def test_the_excerpts_can_be_made_again(tmp_path: Path, repository: Path) -> None:
    write_excerpts(tmp_path)
    shipped = repository / "fp8lab" / "records" / "samples"
    assert {p.name for p in tmp_path.iterdir()} == {p.name for p in shipped.iterdir()}
    for path in tmp_path.glob("minilm*.npy"):
        assert path.read_bytes() == (shipped / path.name).read_bytes()


@pytest.mark.usefixtures("_fetched")
def test_the_ordinary_weight_is_ordinary() -> None:
    """Of the 36 matrices its peak over RMS is the median; the outlier is the top."""
    from safetensors.numpy import load_file

    from fp8lab.model.files import model_file

    ratios = {
        name: np.abs(weight).max() / rms(weight)
        for name, weight in load_file(model_file("minilm", ".safetensors")).items()
        if weight.ndim == 2 and name.startswith("encoder")
    }
    assert len(ratios) == 36
    ordered = sorted(ratios, key=lambda name: float(ratios[name]))
    assert ordered[-1] == REAL_SAMPLES["minilm-weight-outlier"].tensor
    place = ordered.index(REAL_SAMPLES["minilm-weight"].tensor)
    assert place in (17, 18)


@pytest.mark.parametrize("wanted", ALL_REAL)
@pytest.mark.usefixtures("empty_cache")
def test_without_excerpts_a_stand_in_says_so(
    wanted: RealSample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    sample = load_sample(wanted.name)
    assert not sample.is_real
    assert sample.kind == "generated"
    assert sample.notice == (
        "These numbers are generated; for the real ones run `fp8lab fetch-models`."
    )
    assert sample.array.shape == wanted.shape
    row, column, value = wanted.peak
    assert np.abs(sample.array).max() == pytest.approx(abs(value))
    rest = sample.array.copy()
    rest[row, column] = 0
    assert rms(rest) == pytest.approx(wanted.rms, rel=0.02)
    np.testing.assert_array_equal(sample.array, load_sample(wanted.name).array)


@pytest.mark.parametrize(
    ("name", "package"), [("minilm-weight", "safetensors"), ("smollm2-v", "gguf")]
)
@pytest.mark.usefixtures("_fetched")
def test_without_the_extra_the_excerpt_says_what_to_install(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(real, "_saved_path", lambda: tmp_path / "absent.npz")
    sample = load_sample(name)
    assert sample.is_real
    assert sample.notice.endswith('run `pip install "fp8lab[model]"`.')


def test_activations_are_computed_once(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []
    made = {name: np.full((2, 2), 7, np.float32) for name in ("a", "b")}

    def run_smollm2() -> dict[str, np.ndarray]:
        runs.append(1)
        return made

    monkeypatch.setattr(real, "_run_smollm2", run_smollm2)
    for _ in range(2):
        found = real.activations()
        assert found.keys() == made.keys()
        np.testing.assert_array_equal(found["b"], made["b"])
    assert len(runs) == 1

    (saved,) = empty_cache.rglob("*.npz")
    saved.write_bytes(saved.read_bytes()[:100])
    real.activations()
    assert len(runs) == 2, "a damaged file is made again"
    assert [p for p in empty_cache.rglob("*") if p.is_file()] == [saved]

    monkeypatch.setenv("FP8LAB_CACHE", str(saved / "below-a-file"))
    assert real.activations() is made


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'minilm'.*minilm-weight, .*gaussian"):
        load_sample("minilm")


def test_the_repr_tells_what_it_is() -> None:
    text = repr(load_sample("smollm2-residual", excerpt=True))
    assert "smollm2-residual: activation [128, 128]" in text
    assert "amax 2.449e+04" in text
    assert "HuggingFaceTB/SmolLM2-135M-Instruct, layers.12.residual" in text


def test_importing_the_samples_needs_numpy_alone() -> None:
    heavy = {"torch", "gguf", "safetensors", "tokenizers", "ml_dtypes", "matplotlib"}
    code = (
        "import sys; from fp8lab.model import load_sample; "
        "load_sample('minilm-weight', excerpt=True); "
        f"sys.exit(' '.join({heavy!r} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
