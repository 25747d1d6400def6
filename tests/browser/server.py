"""A JupyterLab server of the tests' own: without the user's settings, all local."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 120
TOKEN = "fp8lab-tests"
# The first line of the banner with an address that names this machine.
ADDRESS = re.compile(r"(http://(?:localhost|127\.0\.0\.1):\d+)(/\S*)")

FLAGS = (
    "--no-browser",
    "--allow-root",
    "--port=0",
    f"--IdentityProvider.token={TOKEN}",
    # Lets the page object read cells and kernel state from the application itself.
    "--LabApp.expose_app_in_browser=True",
    "--ServerApp.terminals_enabled=False",
    "--LabApp.extension_manager=readonly",
    # As `make lab` does.
    "--ServerApp.kernel_websocket_connection_class=fp8lab.jupyter.PromptConnection",
)


@dataclass(frozen=True)
class Server:
    """A running server: its address, the page it says to open, its folder and log."""

    url: str
    landing: str
    root: Path
    log: Path

    def shut_down_kernels(self) -> None:
        """End every kernel, so that one test's memory is not the next one's."""
        for session in json.loads(self._request("GET", "/api/sessions")):
            self._request("DELETE", f"/api/sessions/{session['id']}")

    def _request(self, method: str, path: str) -> bytes:
        headers = {"Authorization": f"token {TOKEN}"}
        request = urllib.request.Request(
            self.url + path, headers=headers, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            body: bytes = reply.read()
        return body


@contextlib.contextmanager
def serve(
    command: list[str], root: Path, env: Mapping[str, str], log: Path
) -> Iterator[Server]:
    """Run `command` in `root` until it prints its address; end it on the way out."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A group of its own: `make` and its server end together.
            start_new_session=True,
        )
        try:
            url, landing = _wait_for_address(process, log)
            yield Server(url, landing, root, log)
        finally:
            _end(process)


def jupyterlab(*flags: str) -> list[str]:
    """Return the command of a JupyterLab of this Python."""
    return [sys.executable, "-m", "jupyterlab", *FLAGS, *flags]


def _wait_for_address(process: subprocess.Popen[bytes], log: Path) -> tuple[str, str]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := ADDRESS.search(log.read_text()):
            return found[1], found[0]
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-4000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
