"""What the doctor says of GPUs and kernels, with drivers and packages made up."""

import sys
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from fp8lab import doctor
from fp8lab.gpus import WAIT_SECONDS, Gpu, ask_driver, gpus

NATIVE = "the FP8 kernels on a Hopper GPU"
INTERPRETED = "the FP8 kernels in Triton's interpreter"
MEASURED = "measuring them"


def with_driver(
    folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int = 0
) -> None:
    """Put an `nvidia-smi` on the PATH that gives this answer."""
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\nprintf '{answer}'\nexit {code}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def with_gpu(folder: Path, monkeypatch: pytest.MonkeyPatch, capability: str) -> None:
    with_driver(folder, monkeypatch, f"Some GPU, {capability}, 9 MiB, 580.1\n")


def with_torch(monkeypatch: pytest.MonkeyPatch, available: object) -> None:
    """Let a PyTorch 2.11 be installed that sees a GPU, does not, or raises."""

    def is_available() -> bool:
        if isinstance(available, Exception):
            raise available
        if isinstance(available, str):
            warnings.warn(available, stacklevel=2)
        return available is True

    torch = ModuleType("torch")
    torch.__version__ = "2.11.0+cu130"
    torch.version = SimpleNamespace(cuda="13.0")
    torch.cuda = SimpleNamespace(is_available=is_available)
    monkeypatch.setitem(sys.modules, "torch", torch)
    with_versions(monkeypatch, torch="2.11.0+cu130", triton="3.6.0")


def with_versions(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    plain = doctor.package_version

    def version(name: str) -> str | None:
        return versions.get(name) if name in ("torch", "triton") else plain(name)

    monkeypatch.setattr(doctor, "package_version", version)
    monkeypatch.setattr("sys.platform", "linux")


def lines() -> dict[str, str]:
    """The lines of "What works here": each part's answer with its remedy."""
    found = {}
    for part in (NATIVE, INTERPRETED, MEASURED):
        (line,) = (one for one in doctor.report().splitlines() if part in one)
        found[part] = line.strip()
    return found


def test_hopper_runs_the_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpu(tmp_path, monkeypatch, "9.0")
    with_torch(monkeypatch, True)
    assert all(line.startswith("yes") for line in lines().values())
    report = doctor.report()
    assert "Some GPU, 9 MiB, driver 580.1" in report
    assert "compute capability 9.0: runs the FP8 kernels" in report
    assert "PyTorch 2.11.0+cu130 uses it (CUDA 13.0)" in report
    assert "triton      3.6.0" in report


@pytest.mark.parametrize("capability", ["8.9", "8.0", "7.5"])
def test_an_older_gpu_leaves_the_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capability: str
) -> None:
    with_gpu(tmp_path, monkeypatch, capability)
    with_torch(monkeypatch, True)
    answers = lines()
    assert answers[NATIVE].startswith("no")
    assert "recorded on a Hopper GPU" in answers[NATIVE]
    assert answers[INTERPRETED].startswith("yes")
    assert answers[MEASURED].startswith("no")
    verdict = gpus()[0].verdict
    assert "need 9.0" in verdict
    assert "interpreter, on the CPU" in verdict


@pytest.mark.parametrize("capability", ["10.0", "12.0"])
def test_a_newer_gpu_runs_them_and_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capability: str
) -> None:
    with_gpu(tmp_path, monkeypatch, capability)
    with_torch(monkeypatch, True)
    answers = lines()
    assert answers[NATIVE].startswith("yes")
    assert answers[MEASURED].startswith("no")
    assert "follow another rule" in answers[MEASURED]
    assert "their sums are not Hopper's" in gpus()[0].verdict


def test_without_a_gpu_the_interpreter_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with_versions(monkeypatch, torch="2.13.0", triton="3.9.0")
    assert "none: there is no nvidia-smi" in doctor.report()
    answers = lines()
    assert answers[NATIVE].startswith("no")
    assert answers[INTERPRETED].startswith("yes")


@pytest.mark.parametrize(("platform", "name"), [("darwin", "macOS"), ("win32", "W")])
def test_triton_has_no_build_for_other_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, name: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.platform", platform)
    answers = lines()
    assert all(line.startswith("no") for line in answers.values())
    assert f"Triton has no build for {name}" in answers[INTERPRETED]
    assert "recorded on a Hopper GPU" in answers[INTERPRETED]


@pytest.mark.parametrize(
    ("versions", "remedy"),
    [
        ({}, 'pip install "fp8lab[gpu]"'),
        ({"torch": "2.13.0"}, 'pip install "fp8lab[gpu]"'),
        ({"torch": "2.6.0", "triton": "3.6.0"}, "torch 2.6.0 is older than 2.11"),
        ({"torch": "2.11.0", "triton": "3.2.0"}, "triton 3.2.0 is older than 3.6"),
    ],
)
def test_what_is_absent_or_old_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    versions: dict[str, str],
    remedy: str,
) -> None:
    with_gpu(tmp_path, monkeypatch, "9.0")
    with_torch(monkeypatch, True)
    with_versions(monkeypatch, **versions)
    answers = lines()
    assert answers[NATIVE].startswith("no")
    assert remedy in answers[NATIVE]
    assert remedy in answers[INTERPRETED]


@pytest.mark.parametrize(
    ("available", "said"),
    [
        (False, "does not see it: install a build with CUDA"),
        (RuntimeError("driver mismatch\nmore"), "cannot be used (driver mismatch)"),
        ("The driver is too old\nUpdate it", "PyTorch 2.11.0+cu130: The driver is too"),
    ],
)
def test_a_torch_without_the_gpu_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, available: object, said: str
) -> None:
    with_gpu(tmp_path, monkeypatch, "9.0")
    with_torch(monkeypatch, available)
    assert said in doctor.report()
    assert "see what PyTorch says of the GPU" in lines()[NATIVE]
    assert lines()[INTERPRETED].startswith("yes")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError("libcudart.so.13: no such file"), "cannot be used (libcudart.so.13"),
        (ModuleNotFoundError("No module named 'sympy'", name="sympy"), "named 'sympy'"),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch"),
            "is absent: pip",
        ),
    ],
)
def test_a_torch_that_cannot_be_imported_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    class Broken:
        def find_spec(self, name: str, *_rest: object) -> None:
            if name == "torch":
                raise error

    with_gpu(tmp_path, monkeypatch, "9.0")
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr("sys.meta_path", [Broken(), *sys.meta_path])
    assert said in doctor.report()


@pytest.mark.parametrize(
    ("answer", "code", "why"),
    [
        ("NVIDIA-SMI has failed\nmore", 9, "nvidia-smi failed: NVIDIA-SMI has failed"),
        ("", 12, "nvidia-smi failed: exit code 12"),
        ("No devices were found\n", 0, "nvidia-smi lists no GPU"),
    ],
)
def test_a_broken_driver_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, why: str
) -> None:
    with_driver(tmp_path, monkeypatch, answer, code)
    assert ask_driver() == ([], why)
    assert f"none: {why}" in doctor.report()


def test_a_driver_that_hangs_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_driver(tmp_path, monkeypatch, "")
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    monkeypatch.setattr("fp8lab.gpus.WAIT_SECONDS", 0.5)
    assert ask_driver() == ([], "nvidia-smi gave no answer for 0.5 s")
    assert WAIT_SECONDS > 0.5


def test_a_tool_that_is_no_program_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_driver(tmp_path, monkeypatch, "")
    (tmp_path / "nvidia-smi").write_bytes(b"\x7fELF, but not really")
    assert ask_driver() == ([], "nvidia-smi cannot be started (Exec format error)")


def test_several_gpus_are_listed_and_the_best_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = "Old GPU, 8.0, 1 MiB, 580\nNVIDIA H200, 9.0, 143771 MiB, 580\n"
    with_driver(tmp_path, monkeypatch, both)
    with_torch(monkeypatch, True)
    assert [gpu.name for gpu in gpus()] == ["Old GPU", "NVIDIA H200"]
    assert lines()[NATIVE].startswith("yes")


def test_a_capability_that_the_driver_does_not_say() -> None:
    assert "unknown to its driver" in Gpu("GPU", (0, 0), "1 MiB", "300").verdict
