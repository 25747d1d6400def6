"""The browser's wheel: whole, but for what no browser can run."""

import csv
import hashlib
import io
import subprocess
import sys
import zipfile
from base64 import urlsafe_b64encode

import pytest

from web.wheel import DESKTOP, own_wheel


@pytest.fixture(scope="module")
def wheel() -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(own_wheel()[1]))


def test_what_no_browser_runs_is_not_sent(wheel) -> None:
    names = wheel.namelist()
    assert not [name for name in names if name.startswith(DESKTOP)]
    for kept in ("fp8lab/codec.py", "fp8lab/page/session.py", "fp8lab/views/common.js"):
        assert kept in names


def test_the_record_names_every_file_with_its_hash(wheel) -> None:
    (record,) = [name for name in wheel.namelist() if name.endswith("/RECORD")]
    rows = {
        row[0]: row[1] for row in csv.reader(io.StringIO(wheel.read(record).decode()))
    }
    assert set(rows) == set(wheel.namelist())
    for name, written in rows.items():
        if name != record:
            digest = hashlib.sha256(wheel.read(name)).digest()
            found = urlsafe_b64encode(digest).decode().rstrip("=")
            assert written == f"sha256={found}", name


def test_every_module_that_is_left_is_imported_without_the_rest(
    wheel, tmp_path
) -> None:
    wheel.extractall(tmp_path)
    modules = [
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in wheel.namelist()
        if name.startswith(("fp8lab/page/", "fp8lab/states/", "fp8lab/model/"))
        and name.endswith(".py")
    ]
    program = f"import importlib\nfor m in {modules}: importlib.import_module(m)"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert answer.stderr == ""
    assert len(modules) > 30
