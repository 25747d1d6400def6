"""Make the excerpts in records/samples again: ``python -m fp8lab.model.excerpts``.

Needs the fetched models and the ``model`` extra, and a source checkout to write into.
Weights come out bit for bit; activations as close as two BLAS libraries agree.
"""

from __future__ import annotations

import datetime
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import fp8lab
from fp8lab.model.catalogue import REAL_SAMPLES, TEXT, TEXT_TOKENS, RealSample
from fp8lab.model.files import MODELS
from fp8lab.model.ops import Array
from fp8lab.model.real import load_real

__all__ = ["write_excerpts"]

_COMMAND = "python -m fp8lab.model.excerpts"
_READERS = ("numpy", "gguf", "safetensors", "tokenizers")


def write_excerpts(folder: Path) -> None:
    """Write one ``.npy`` per real sample, and ``provenance.json`` beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for sample in REAL_SAMPLES.values():
        excerpt = np.ascontiguousarray(load_real(sample)[sample.excerpt])
        np.save(folder / f"{sample.name}.npy", excerpt, allow_pickle=False)
        rows.append(_provenance(sample, excerpt))
    notice = {
        "notice": (
            "Excerpts of two pretrained models, changed only by cutting out the rows "
            "and columns named here (the decoder's stored 4-bit weights were expanded "
            "to float32 to run it). Both models are under the Apache License 2.0; its "
            "text is the LICENSE of this project."
        ),
        "command": _COMMAND,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in _READERS},
        "models": {name: _model(name) for name in MODELS},
        "text": TEXT,
        "text_tokens": TEXT_TOKENS,
        "samples": rows,
    }
    text = json.dumps(notice, indent=2, ensure_ascii=False) + "\n"
    (folder / "provenance.json").write_text(text, encoding="utf-8")


def _model(name: str) -> dict[str, Any]:
    model = MODELS[name]
    return {
        "origin": model.origin,
        "licence": model.licence,
        "package": f"{model.requirement} on PyPI",
        "sha256": {file.name: file.sha256 for file in model.files},
    }


def _provenance(sample: RealSample, excerpt: Array) -> dict[str, Any]:
    rows, columns = sample.excerpt
    return {
        "file": f"{sample.name}.npy",
        "model": sample.model,
        "tensor": sample.tensor,
        "whole_shape": sample.shape,
        "rows": [rows.start, rows.stop],
        "columns": [columns.start, columns.stop],
        "amax": float(np.abs(excerpt).max()),
    }


if __name__ == "__main__":
    write_excerpts(Path(fp8lab.__file__).parent / "records" / "samples")
