"""Archives are compiled to the same bytes each time, and only what can be."""

import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from web.bytecode import compile_archive, compile_folder, compiled_name

FILES = {
    "lab/__init__.py": "NAME = 'lab'\n",
    "lab/part.py": "def answer():\n    return 42\n",
    "lab/template.py": "{% not Python %}\n",
    "lab/part.pyi": "def answer() -> int: ...\n",
    "lab/typeshed/builtins.pyi": "class int: ...\n",
    "lab/data.json": "{}",
}


@pytest.fixture(autouse=True)
def forget_modules() -> Iterator[None]:
    """Leave no module of these archives behind."""
    before = {*sys.modules}
    yield
    for name in {*sys.modules} - before:
        del sys.modules[name]


def write_archive(path: Path, files: dict[str, str] = FILES) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_an_archive_is_compiled_and_still_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "lab.zip"
    compile_archive(write_archive(tmp_path / "in.zip"), target, lambda _: True)
    assert zipfile.ZipFile(target).namelist() == [
        "lab/__init__.pyc",
        "lab/data.json",
        "lab/part.pyc",
        "lab/template.py",  # stays as it was
        "lab/typeshed/builtins.pyi",  # jedi's own
    ]
    monkeypatch.syspath_prepend(str(target))
    from lab.part import answer  # type: ignore[import-not-found]

    assert answer() == 42


def test_two_compilations_are_the_same_bytes(tmp_path: Path) -> None:
    source = write_archive(tmp_path / "in.zip")
    backwards = write_archive(tmp_path / "back.zip", dict(reversed(FILES.items())))
    os.utime(backwards, (0, 0))
    for archive in (source, backwards):
        compile_archive(archive, archive.with_suffix(".out"), lambda _: True)
    first, second = (tmp_path / name for name in ("in.out", "back.out"))
    assert first.read_bytes() == second.read_bytes()


def test_of_the_library_only_what_the_start_imports_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    library = write_archive(tmp_path / "in" / "library.zip")
    start = {"start.py": "import lab\n", "start-1.dist-info/METADATA": ""}
    write_archive(tmp_path / "in" / "start-1-py3-none-any.whl", start)
    monkeypatch.setattr(sys, "path", [*sys.path, str(library)])
    compile_folder(tmp_path / "in", tmp_path / "out", ["start"])
    with zipfile.ZipFile(tmp_path / "out" / "library.zip") as compiled:
        assert {"lab/__init__.pyc", "lab/part.py"} < {*compiled.namelist()}
    (wheel,) = (tmp_path / "out").glob("*.whl")
    with zipfile.ZipFile(wheel) as compiled:
        assert "start.pyc" in compiled.namelist()


def test_a_compiled_wheel_is_for_one_python() -> None:
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    assert compiled_name("comm-0.2-py3-none-any.whl") == f"comm-0.2-{tag}-none-any.whl"
    both = "six-1.17-py2.py3-none-any.whl"
    assert compiled_name(both) == f"six-1.17-{tag}-none-any.whl"
    native = "numpy-2-cp314-cp314-pyemscripten_2026_0_wasm32.whl"
    assert compiled_name(native) == native
