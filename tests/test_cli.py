"""The command `fp8lab`: dispatch, exit codes, and what the doctor says."""

import importlib.metadata
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import fp8lab
from fp8lab import cli, doctor
from fp8lab.gpus import Gpu, gpus

H200 = "NVIDIA H200, 9.0, 143771 MiB, 580.82\n"


def install_command(monkeypatch: pytest.MonkeyPatch, run: object) -> None:
    """Let `fp8lab prove` call `run` in place of the real sweep."""
    module = ModuleType("fp8lab.stand_in")
    module.main = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    command = cli.Command(module.__name__, "")
    monkeypatch.setitem(cli.COMMANDS, "prove", command)


def test_arguments_reach_the_subcommand(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[str] = []

    def run(argv: Sequence[str]) -> int:
        received.extend(argv)
        return 7

    install_command(monkeypatch, run)
    assert cli.main(["prove", "E5M2", "--help", "--policy=cuda"]) == 7
    assert received == ["E5M2", "--help", "--policy=cuda"]


def test_an_interruption_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(argv: Sequence[str]) -> int:
        raise KeyboardInterrupt

    install_command(monkeypatch, run)
    assert cli.main(["prove"]) == 130
    assert capsys.readouterr().err == "\nfp8lab prove: interrupted\n"


def test_a_missing_package_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(argv: Sequence[str]) -> int:
        raise ModuleNotFoundError('ml_dtypes is absent: pip install "fp8lab[dev]"')

    install_command(monkeypatch, run)
    assert cli.main(["prove"]) == 1
    expected = 'fp8lab prove: ml_dtypes is absent: pip install "fp8lab[dev]"\n'
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("argv", [["prov"], ["--formats"], ["doctor", "E5M2"]])
def test_wrong_usage_exits_with_2(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(argv)
    assert stopped.value.code == 2
    assert f"error: {'argument' if argv == ['prov'] else ''}" in capsys.readouterr().err


def test_no_command_lists_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    listed = capsys.readouterr().out
    assert all(name in listed for name in cli.COMMANDS)


def test_python_m_fp8lab_is_the_command() -> None:
    command = [sys.executable, "-m", "fp8lab", "--version"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout == f"fp8lab {fp8lab.__version__}\n"


def test_every_command_can_be_asked_for_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in cli.COMMANDS:
        with pytest.raises(SystemExit) as stopped:
            cli.main([name, "--help"])
        assert stopped.value.code == 0
        assert f"usage: fp8lab {name}" in capsys.readouterr().out


# ---------------------------------------------------------------- doctor


def with_driver(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Put an `nvidia-smi` on the PATH that gives this answer."""
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\nprintf '{answer}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_the_doctor_reads_the_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_driver(tmp_path, monkeypatch, H200)
    assert gpus() == [Gpu("NVIDIA H200", (9, 0), "143771 MiB", "580.82")]
    assert "runs the FP8 kernels" in doctor.report()


@pytest.mark.parametrize("answer", ["", "No devices were found\n"])
def test_a_driver_without_a_gpu_is_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    with_driver(tmp_path, monkeypatch, answer)
    assert gpus() == []
    assert "none: nvidia-smi lists no GPU" in doctor.report()


@pytest.mark.parametrize(
    ("capability", "verdict"),
    [
        ("9.0", "runs the FP8 kernels"),
        ("8.9", "made for Hopper"),
        ("10.0", "newer than Hopper"),
        ("8.0", "no FP8 matrix units"),
        ("[N/A]", "no FP8 matrix units"),
    ],
)
def test_each_generation_gets_its_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capability: str, verdict: str
) -> None:
    with_driver(tmp_path, monkeypatch, f"Some GPU, {capability}, 1 MiB, 580\n")
    assert verdict in gpus()[0].verdict


def test_an_absent_package_comes_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "package_version", lambda name: None)
    text = doctor.report()
    assert "jupyterlab  absent" in text
    assert 'in JupyterLab: pip install "fp8lab[notebook]"' in text


def test_the_doctor_knows_the_extras_of_the_project(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    for extra in doctor.EXTRAS:
        declared = project["optional-dependencies"][extra.name]
        names = tuple(requirement.split(">=")[0] for requirement in declared)
        assert names == extra.packages


@pytest.fixture
def in_pyodide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take this Python for Pyodide on a page that holds matplotlib ready."""
    ready = SimpleNamespace(matplotlib=SimpleNamespace(version="3.10.8"))
    loader = SimpleNamespace(lockfile=SimpleNamespace(packages=ready))
    monkeypatch.setattr("sys.platform", "emscripten")
    monkeypatch.setitem(sys.modules, "pyodide", SimpleNamespace(__version__="314.0.4"))
    monkeypatch.setitem(sys.modules, "pyodide_js", loader)
    versions = {"numpy": "2.4.3", "ipywidgets": "8.1.9", "anywidget": "0.11.0"}

    def version(name: str) -> str:
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(importlib.metadata, "version", version)


@pytest.mark.usefixtures("in_pyodide")
def test_the_doctor_knows_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", None)  # Pyodide has no processes
    text = doctor.report()
    assert "(Pyodide 314.0.4)" in text
    assert "ipywidgets  8.1.9" in text
    # Not imported yet, and there all the same.
    assert "matplotlib  3.10.8" in text
    assert "yes  the lessons and their widgets" in text
    assert "excerpts of the real matrices" in text
    assert "recorded on a Hopper GPU" in text
    for useless in ("pip", "fetch-models", "nvidia-smi", "jupyterlab ", "absent"):
        assert useless not in text


@pytest.mark.usefixtures("in_pyodide")
def test_the_doctor_misses_what_a_page_was_built_without() -> None:
    del sys.modules["pyodide_js"].lockfile.packages.matplotlib
    text = doctor.report()
    assert "matplotlib  absent" in text
    assert "no   the lessons and their widgets" in text
