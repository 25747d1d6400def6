"""Building the site: what stops it says why, and leaves the last site as it was."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.web_sources import Shelf
from web import build as builder
from web import compiling, node, pyodide_folder
from web.lockfile import wheel_entry
from web.pins import Pin, Pins
from web.store import BuildError, Store, sha256
from web.wheel import own_wheel


def test_a_build_that_fails_leaves_the_last_site(tmp_path: Path) -> None:
    site = tmp_path / "web" / "dist"
    site.mkdir(parents=True)
    (site / "index.html").write_text("the last site")
    wrong = Shelf("wrong", {"pyodide.mjs": b"another file"})
    with pytest.raises(BuildError, match=r"no source has pyodide\.mjs"):
        builder.build(site, cache=tmp_path / "cache", sources=[wrong], log=print)
    assert (site / "index.html").read_text() == "the last site"
    assert [*site.parent.iterdir()] == [site]


def test_the_command_ends_with_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BuildError("no source has numpy")

    monkeypatch.setattr(builder, "build", refuse)
    assert builder.main(["--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "fp8lab: no source has numpy\n"


def test_a_missing_tool_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "TOOLS", ("json", "hatching", "jupyterlight"))
    with pytest.raises(BuildError, match="needs hatching and jupyterlight: run `make"):
        builder.build(tmp_path / "dist")


# ---------------------------------------------------------------- our wheel


def test_our_wheel_is_the_same_bytes_each_time() -> None:
    (name, content), again = own_wheel(), own_wheel()
    assert (name, content) == again
    project, version, tag, *_ = name.split("-")
    assert project == "fp8lab"
    # A build tag has to begin with a digit.
    assert tag == "0" + sha256(content)[:10]
    assert wheel_entry(name, content) == {
        "depends": ["numpy"],
        "file_name": name,
        "imports": ["fp8lab"],
        "install_dir": "site",
        "name": "fp8lab",
        "package_type": "package",
        "sha256": sha256(content),
        "unvendored_tests": False,
        "version": version,
    }


# ---------------------------------------------------------------- Node.js


@pytest.fixture
def no_node_from_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "_from_pip", lambda path: None)
    node.node.cache_clear()
    monkeypatch.setattr(node.node, "__wrapped__", node.node.__wrapped__)


@pytest.mark.parametrize("version", [None, "v16.20.2", "no version at all"])
@pytest.mark.usefixtures("no_node_from_pip")
def test_node_that_is_absent_or_too_old_is_one_sentence(
    version: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if version is not None:
        program = tmp_path / "node"
        program.write_text(f"#!/bin/sh\necho {version}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    store = Store(tmp_path / "cache", [], print)
    with pytest.raises(BuildError, match=r"needs Node\.js 18 or later, and none was"):
        compiling.compiled({"a.zip": b""}, {}, [], store, print)
    node.node.cache_clear()


def test_what_node_says_is_passed_on(tmp_path: Path) -> None:
    store = Store(tmp_path, [], print)
    core = {"pyodide.mjs": b"throw new Error('a broken Pyodide');"}
    with pytest.raises(BuildError, match="a broken Pyodide"):
        compiling.compiled({"a.zip": b""}, core, [], store, print)


# ---------------------------------------------------------------- the Pyodide folder


def wheel(name: str, metadata: str = "") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "")
        archive.writestr(f"{name}.py", "")
        archive.writestr(
            f"{name}-1.dist-info/METADATA", f"Name: {name}\nVersion: 1\n{metadata}"
        )
    return packed.getvalue()


def small_pyodide(tmp_path: Path) -> tuple[Pins, Store]:
    """Return pins of a Pyodide with NumPy alone, and a store that has its files."""
    numpy = wheel("numpy")
    entry = {
        "name": "numpy",
        "file_name": "numpy-1-wasm.whl",
        "sha256": sha256(numpy),
        "depends": [],
    }
    lock = json.dumps({"info": {}, "packages": {"numpy": entry, "scipy": {}}}).encode()
    files = {
        "pyodide.mjs": b"script",
        "pyodide.asm.wasm": b"wasm",
        "python_stdlib.zip": b"library",
        "pyodide-lock.json": lock,
    }
    core = tuple(Pin(name, sha256(content)) for name, content in files.items())
    shelf = Shelf("all", {**files, "numpy-1-wasm.whl": numpy})
    pins = Pins("1", "", core, ("numpy",), (), (), Pin("", ""), ())
    return pins, Store(tmp_path, [shelf], print)


def folder_with(tmp_path: Path, ours: bytes) -> pyodide_folder.PyodideFolder:
    pins, store = small_pyodide(tmp_path)
    named = (f"fp8lab-1-0{sha256(ours)[:10]}-py3-none-any.whl", ours)
    return pyodide_folder.pyodide_folder(pins, store, named, print, lab=False)


def test_the_lock_keeps_what_the_site_has(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, wheel("fp8lab", "Requires-Dist: numpy>=2\n"))
    lock = json.loads(folder.files[folder.lock])
    assert [*lock["packages"]] == ["fp8lab", "numpy"]
    assert lock["packages"]["fp8lab"]["depends"] == ["numpy"]
    folder.write(tmp_path / "site")
    written = {path.name for path in (tmp_path / "site" / folder.path).iterdir()}
    assert written == folder.files.keys()
    assert "pyodide-lock.json" not in written


def test_another_wheel_of_the_same_version_has_other_addresses(tmp_path: Path) -> None:
    # A browser may keep every file for good: what changes changes its name.
    one, two = (folder_with(tmp_path, wheel("fp8lab", text)) for text in ("", "A: b\n"))
    assert one.wheel != two.wheel
    assert one.lock != two.lock
    assert one.path == two.path
    shared = one.files.keys() & two.files.keys()
    assert "numpy-1-wasm.whl" in shared
    assert all(one.files[name] == two.files[name] for name in shared)


def test_a_dependency_without_a_pin_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"fp8lab needs scipy, which web/pins\.toml"):
        folder_with(tmp_path, wheel("fp8lab", "Requires-Dist: scipy\n"))


@pytest.mark.parametrize(
    ("line", "depends"),
    [
        ("Typing_Extensions>=4", ["typing-extensions"]),
        ("pexpect; sys_platform != 'emscripten'", []),
        ("exceptiongroup; python_version < '3.11'", []),
        ("matplotlib; extra == 'notebook'", []),
        ("comm; python_version >= '3.14'", ["comm"]),
    ],
)
def test_requirements_are_judged_by_the_python_in_the_browser(
    line: str, depends: list[str]
) -> None:
    entry: dict[str, Any] = wheel_entry("a.whl", wheel("a", f"Requires-Dist: {line}\n"))
    assert entry["depends"] == depends
    assert entry["imports"] == ["a"]
