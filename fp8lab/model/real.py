"""The real samples, whole, from the fetched models; activations are computed once."""

from __future__ import annotations

import contextlib
import hashlib
import sys
import zipfile
from pathlib import Path

import numpy as np

from fp8lab.model.catalogue import REAL_SAMPLES, TEXT, TEXT_TOKENS, RealSample
from fp8lab.model.files import MODELS, cache_dir, model_file, scratch_folder
from fp8lab.model.ops import Array

__all__ = ["activations", "load_real"]


def load_real(sample: RealSample) -> Array:
    """Return the whole matrix, float32.

    Raises
    ------
    FileNotFoundError
        The model was not fetched.
    ModuleNotFoundError
        The ``model`` extra is not installed.
    """
    if sample.kind == "activation":
        return activations()[sample.name]
    path = model_file(sample.model, ".safetensors")
    try:
        from safetensors import safe_open
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Reading weights needs the safetensors package: "
            'pip install "fp8lab[model]".'
        ) from error
    with safe_open(path, framework="numpy") as file:
        weight: Array = file.get_tensor(sample.tensor)
    return weight


def activations() -> dict[str, Array]:
    """Return every activation sample by name; runs SmolLM2 if the cache has none.

    Raises
    ------
    FileNotFoundError, ModuleNotFoundError
        As `load_real`.
    """
    path = _saved_path()
    unreadable = (OSError, ValueError, EOFError, zipfile.BadZipFile)
    # np.load on a path leaves the file open where it turns out to be damaged.
    with contextlib.suppress(*unreadable), path.open("rb") as file:
        return dict(np.load(file, allow_pickle=False))
    found = _run_smollm2()
    # A cache folder that cannot be written to only costs a run the next time.
    with contextlib.suppress(OSError), scratch_folder() as folder:
        unfinished = Path(folder, path.name)
        np.savez(unfinished, allow_pickle=False, **found)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.replace(path)
    return found


def _run_smollm2() -> dict[str, Array]:
    from fp8lab.model.smollm2 import load_smollm2

    model_file("smollm2", ".gguf")  # where it is missing, say so before the next line
    print(f"Running SmolLM2 once over {TEXT_TOKENS} tokens ...", file=sys.stderr)
    model = load_smollm2()
    found: dict[str, Array] = {}
    model.forward(model.encode(TEXT)[:TEXT_TOKENS], tap=found.__setitem__)
    return {
        sample.name: _tokens_first(found[sample.tensor])
        for sample in REAL_SAMPLES.values()
        if sample.kind == "activation"
    }


def _tokens_first(x: Array) -> Array:
    """Lay out K and V, [heads, tokens, d], as [tokens, heads * d] like the others."""
    return x if x.ndim == 2 else x.swapaxes(0, 1).reshape(x.shape[1], -1)


def _saved_path() -> Path:
    """Name the file by what its numbers depend on, so that it is never stale."""
    taps = [s.tensor for s in REAL_SAMPLES.values() if s.kind == "activation"]
    digests = [f.sha256 for f in MODELS["smollm2"].files]
    origin = "\n".join([TEXT, str(TEXT_TOKENS), *taps, *digests])
    key = hashlib.sha256(origin.encode()).hexdigest()[:12]
    return cache_dir() / "samples" / f"smollm2-{key}.npz"
