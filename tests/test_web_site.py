"""The built site: whole, described correctly, and the same each time."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.browser.site import build_once, shared_folder
from tests.web_sources import Shelf
from web.build import CACHE, build
from web.pins import canonical, load_pins
from web.sizes import sizes
from web.sources import CDN

OFFLINE = Shelf("no network", {})


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def tree(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest(path) for path in files}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_once(shared_folder(tmp_path_factory))


@pytest.fixture(scope="module")
def small_site(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    # After `site`, which filled the cache.
    out = tmp_path_factory.mktemp("cdn") / "dist"
    return build(out, cdn=True, sources=[OFFLINE], log=lambda _: None)


def lock_of(site: Path) -> dict[str, dict[str, Any]]:
    return read(site / read(site / "site.json")["lock"])["packages"]


def test_every_package_of_the_lock_is_there_as_locked(site: Path) -> None:
    folder = site / read(site / "site.json")["pyodide"]
    packages = lock_of(site)
    for name, entry in packages.items():
        assert name == canonical(name) == canonical(entry["name"])
        assert digest(folder / entry["file_name"]) == entry["sha256"], name
        assert {*entry["depends"]} <= packages.keys(), name
    # Nothing lies there that nobody asks for.
    core = {pin.file for pin in load_pins().core} - {"pyodide-lock.json"}
    lock = Path(read(site / "site.json")["lock"]).name
    known = {entry["file_name"] for entry in packages.values()} | core | {lock}
    assert {path.name for path in folder.iterdir()} == known


def test_the_lessons_find_their_packages_without_asking_for_them(site: Path) -> None:
    plugins = read(site / "lab" / "jupyter-lite.json")["jupyter-config-data"]
    (kernel,) = plugins["litePluginSettings"].values()
    packages = lock_of(site)
    assert {*kernel["loadPyodideOptions"]["packages"]} <= packages.keys()
    assert kernel["disablePyPIFallback"] is True
    described = read(site / "site.json")
    assert (site / "lab" / kernel["pyodideUrl"]).resolve().is_file()
    lock = (site / "lab" / kernel["loadPyodideOptions"]["lockFileURL"]).resolve()
    assert lock == (site / described["lock"]).resolve()


def test_site_json_tells_the_page_what_it_will_download(site: Path) -> None:
    description = read(site / "site.json")
    for file in description["files"]:
        assert file["url"] == file["as"]
        assert (site / file["url"]).stat().st_size == file["size"]
        assert digest(site / file["url"]) == file["sha256"]
    names = {Path(file["url"]).name for file in description["files"]}
    assert {"pyodide.asm.wasm", "python_stdlib.zip", description["wheel"]} < names
    assert len(names) == 5
    assert description["cdn"] is False


def test_everything_but_our_wheel_is_compiled(site: Path) -> None:
    folder = site / read(site / "site.json")["pyodide"]
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as packed:
            suffixes = {Path(name).suffix for name in packed.namelist()}
        # A traceback, and `??`, shows the learner our source.
        wanted, absent = (".py", ".pyc")[:: 1 if "fp8lab" in wheel.name else -1]
        assert wanted in suffixes, wheel.name
        assert absent not in suffixes, wheel.name
    with zipfile.ZipFile(folder / "python_stdlib.zip") as library:
        names = {*library.namelist()}
    assert {"json/__init__.pyc", "asyncio/events.pyc", "ftplib.py"} <= names


def test_the_lessons_are_the_same_files(site: Path, repository: Path) -> None:
    lessons = repository / "lessons"
    wanted = {path.name: digest(path) for path in lessons.glob("*.ipynb")}
    wanted["claims.md"] = digest(lessons / "claims.md")
    assert tree(site / "lab" / "files" / "lessons") == wanted
    assert "path=lessons/00-start-here.ipynb" in (site / "lab/index.html").read_text()


def test_the_views_are_those_of_the_wheel(site: Path) -> None:
    from fp8lab import views

    for view in views.VIEWS:
        module = (site / "views" / f"{view}.mjs").read_text(encoding="utf-8")
        assert module == views.module(view)
    assert read(site / "first.json")


def test_a_second_build_needs_no_network_and_gives_the_same_bytes(
    site: Path, tmp_path: Path
) -> None:
    OFFLINE.asked.clear()
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "old.html").write_text("of the site before")
    again = build(tmp_path / "dist", sources=[OFFLINE], log=lambda _: None)
    assert OFFLINE.asked == []
    first, second = tree(site), tree(again)
    # JupyterLite notes when its copies of the lessons were made.
    dated = {name for name in first if name.startswith("lab/api/contents/")}
    assert {name for name in first if first[name] != second.get(name)} <= dated
    assert first.keys() == second.keys()


def test_the_small_site_leaves_pyodide_on_its_server(small_site: Path) -> None:
    description = read(small_site / "site.json")
    assert description["cdn"] is True
    official = CDN.format(version=load_pins().version)
    elsewhere = {f["url"] for f in description["files"] if f["url"] != f["as"]}
    assert {url.removeprefix(official) for url in elsewhere} == {
        "pyodide.asm.wasm",
        "python_stdlib.zip",
        lock_of(small_site)["numpy"]["file_name"],
    }
    for file in description["files"]:
        assert (small_site / file["as"]).exists() == (file["url"] == file["as"])
        if file["url"] == file["as"]:
            assert digest(small_site / file["as"]) == file["sha256"]
    # What is on the server is the file that Pyodide published, not one we compiled.
    pinned = {pin.file: pin.sha256 for pin in load_pins().core}
    wasm, library = description["files"][:2]
    assert wasm["sha256"] == pinned["pyodide.asm.wasm"]
    assert library["sha256"] == pinned["python_stdlib.zip"]


def test_the_small_site_may_ask_that_server_and_no_other(small_site: Path) -> None:
    page = (small_site / "index.html").read_text(encoding="utf-8")
    assert "connect-src 'self' https://cdn.jsdelivr.net;" in page
    assert "script-src 'self' 'wasm-unsafe-eval';" in page
    assert not (small_site / "lab").exists()
    assert sum(path.stat().st_size for path in small_site.rglob("*.*")) < 4e6


def test_the_page_is_at_most_twelve_megabytes(site: Path, small_site: Path) -> None:
    table = [line.rsplit(maxsplit=3) for line in sizes(site).splitlines()[1:]]
    compressed = {name.strip(): float(gzip) for name, *_, gzip in table}
    assert compressed["the page, first visit"] <= 12
    parts = ("Python in the browser", "NumPy and fp8lab", "the page itself")
    whole = sum(compressed[part] for part in parts)
    assert whole == pytest.approx(compressed["the page, first visit"], abs=0.03)
    assert "JupyterLab" not in sizes(small_site)


def test_the_cache_holds_what_its_names_say(site: Path) -> None:
    kept = [path for path in CACHE.iterdir() if len(path.name) == 64]
    assert len(kept) > 30
    assert [path.name for path in kept if path.name != digest(path)] == []
