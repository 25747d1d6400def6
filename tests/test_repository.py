"""The project as files: environments in step, the wheel whole, `make` as promised."""

import doctest
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_PYTHON = "3.13"
# conda-forge's name -> the name on PyPI, where they differ.
ON_PYPI = {"pytorch": "torch", "python-build": "build"}

Requirements = dict[str, SpecifierSet]


def in_conda(requirements: list[str]) -> Requirements:
    """Return name -> bounds of what applies to the Python of environment.yml."""
    machine = {"python_version": CONDA_PYTHON, "platform_system": "Linux"}
    wanted: Requirements = {}
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate(machine):
            name = canonicalize_name(requirement.name)
            assert wanted.get(name, requirement.specifier) == requirement.specifier
            wanted[name] = requirement.specifier
    return wanted


def test_environment_yml_agrees_with_pyproject() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [line for line in environment["dependencies"] if isinstance(line, str)]
    (pip,) = [line["pip"] for line in environment["dependencies"] if line not in conda]
    assert [f"python={CONDA_PYTHON}", "pip"] == conda[:2]
    assert pip[-1] == "-e ."
    listed = in_conda(
        [
            re.sub(r"^[\w-]+", lambda name: ON_PYPI.get(name[0], name[0]), line)
            for line in conda[2:] + pip[:-1]
        ]
    )
    extras = PROJECT["optional-dependencies"].values()
    declared = in_conda(
        PROJECT["dependencies"] + [r for extra in extras for r in extra]
    )
    assert listed == declared


def test_every_requirement_has_a_lower_bound() -> None:
    extras = PROJECT["optional-dependencies"].values()
    for line in PROJECT["dependencies"] + [r for extra in extras for r in extra]:
        operators = {bound.operator for bound in Requirement(line).specifier}
        assert operators & {">=", "=="}, line


def test_the_wheel_is_whole_and_needs_numpy_alone(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d"]
    subprocess.run([*build, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    (path,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        packed = {name for name in wheel.namelist() if name.startswith("fp8lab/")}
        (metadata,) = [n for n in wheel.namelist() if n.endswith("dist-info/METADATA")]
        requires = Parser().parsestr(wheel.read(metadata).decode())
    present = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "fp8lab").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert packed == present
    needed = [r for r in requires.get_all("Requires-Dist", []) if "extra ==" not in r]
    assert [Requirement(line).name for line in needed] == ["numpy"]


# ---------------------------------------------------------------- the Makefile


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", f"--file={ROOT / 'Makefile'}", *arguments],
        cwd=environment.pop("cwd", ROOT),
        env={**os.environ, "MAKEFLAGS": "", **environment},
        capture_output=True,
        text=True,
    )


def write_program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_make_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert targets is not None
    listed = re.findall(r"^  make (\S+) +\S", make().stdout, re.MULTILINE)
    assert listed == targets[1].split()


def test_make_tries_an_interpreter_by_running_it(tmp_path: Path) -> None:
    # A shim that fails unless its version is selected, a Python too old, and ours.
    write_program(tmp_path / "python3.13", "echo 'not selected' >&2; exit 127")
    write_program(tmp_path / "python3.12", "exit 1")
    write_program(
        tmp_path / "python3.11",
        f'[ "$1" = -m ] && mkdir -p "$3" || exec {sys.executable} "$@"',
    )
    path = f"{tmp_path}:/usr/bin:/bin"
    made = make(".venv/.created", PATH=path, cwd=str(tmp_path), PYTHON="")
    assert made.returncode == 0, made.stderr
    assert (tmp_path / ".venv" / ".created").exists()
    assert "not selected" not in made.stderr


def test_make_says_what_to_install_where_no_python_fits(tmp_path: Path) -> None:
    made = make(".venv/.created", cwd=str(tmp_path), PYTHON="/no/such/python")
    assert made.returncode != 0
    assert "none of [/no/such/python] runs as Python 3.11 to 3.14" in made.stderr
    assert "apt-get install python3 python3-venv" in made.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("stamp", [".venv/.lab", ".venv/.web", ".venv/.test"])
def test_a_failed_set_up_is_tried_again(tmp_path: Path, stamp: str) -> None:
    for needed in ("pyproject.toml", "tests/browser/chromium.py"):
        (tmp_path / needed).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / needed).touch()
    (tmp_path / ".venv").mkdir()
    setup = ["-o", ".venv/.created", "PY=false", stamp]
    assert make(*setup, cwd=str(tmp_path)).returncode != 0
    assert not (tmp_path / stamp).exists()


# ---------------------------------------------------------------- the texts


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_file_that_a_text_names_is_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s:]+)\)", text)
    # Paths in backquotes; "<" marks a placeholder, "*" may stand for anything.
    quoted = re.findall(r"`((?:fp8lab|lessons|tests)/[^`<]*?)/?`", text)
    assert len(links + quoted) >= 3
    made_by_tests = "tests/browser/screenshots"
    absent = [path for path in links + quoted if not any(ROOT.glob(path))]
    assert [path for path in absent if not path.startswith(made_by_tests)] == []


def test_the_readme_prints_what_it_says() -> None:
    failures, examples = doctest.testfile(
        str(ROOT / "README.md"), module_relative=False
    )
    assert examples >= 5
    assert failures == 0
