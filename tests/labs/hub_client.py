"""A person at a JupyterHub: logs in, starts the server, types into its terminal."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from http.cookiejar import CookieJar

PATIENCE = 120.0


def wait_for(address: str, alive: Callable[[], bool]) -> None:
    """Wait until an address answers."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and alive():
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.3)
    raise TimeoutError(f"{address} does not answer")


class Person:
    """One account, with a browser's cookies.

    Parameters
    ----------
    hub
        Address of the hub.
    name, password
        Of the account.
    """

    def __init__(self, hub: str, name: str, password: str) -> None:
        self.hub, self.name = hub, name
        self._cookies = CookieJar()
        handler = urllib.request.HTTPCookieProcessor(self._cookies)
        self._browser = urllib.request.build_opener(handler)
        self._open("/hub/login")
        form = {"username": name, "password": password, "_xsrf": self._xsrf()}
        page = self._open("/hub/login", urllib.parse.urlencode(form).encode())
        if page.geturl().endswith("/hub/login"):
            raise PermissionError(f"{name} may not come in")
        self.token = self._token()

    def _xsrf(self) -> str:
        found = [
            c.value for c in self._cookies if c.name == "_xsrf" and "hub" in c.path
        ]
        return found[-1] or ""

    def _open(self, path: str, data: bytes | None = None, **headers: str):
        request = urllib.request.Request(f"{self.hub}{path}", data, headers)
        return self._browser.open(request, timeout=PATIENCE)

    def _token(self) -> str:
        """Ask for a token as the hub's own page for it does."""
        page = f"{self.hub}/hub/token"
        headers = {"X-XSRFToken": self._xsrf(), "Referer": page}
        headers["Content-Type"] = "application/json"
        body = json.dumps({"note": "trial"}).encode()
        answer = self._open(f"/hub/api/users/{self.name}/tokens", body, **headers)
        return json.load(answer)["token"]

    def api(self, path: str, method: str = "GET", body: object = None) -> object:
        """Call the hub's or the server's REST API with the token."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(
            f"{self.hub}{path}", data, headers, method=method
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def start(self) -> None:
        """Wait until the server is ready; logging in has started it."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            user = self.api(f"/hub/api/users/{self.name}")
            server = user["servers"].get("", {})
            if server.get("ready"):
                return
            time.sleep(0.5)
        raise TimeoutError(f"the server of {self.name} did not start")

    def stop(self) -> None:
        """Stop the server."""
        self.api(f"/hub/api/users/{self.name}/server", "DELETE")

    def read(self, path: str) -> dict:
        """Return a notebook of the account's home."""
        return self.api(f"/user/{self.name}/api/contents/{path}")["content"]

    def write(self, path: str, notebook: dict) -> None:
        """Save a notebook, as JupyterLab does."""
        body = {"type": "notebook", "format": "json", "content": notebook}
        self.api(f"/user/{self.name}/api/contents/{path}", "PUT", body)

    def type(self, command: str) -> str:
        """Run a command in a terminal of the server; return what it printed.

        Raises
        ------
        RuntimeError
            It did not end with 0.
        """
        import websocket

        terminal = self.api(f"/user/{self.name}/api/terminals", "POST")["name"]
        address = self.hub.replace("http", "ws", 1)
        socket = websocket.create_connection(
            f"{address}/user/{self.name}/terminals/websocket/{terminal}",
            header=[f"Authorization: token {self.token}"],
            timeout=PATIENCE,
        )
        mark = uuid.uuid4().hex
        # The echo of what is typed has the mark apart, its output has it whole.
        line = f"{command}; echo {mark[:16]}''{mark[16:]}:$?:\r"
        socket.send(json.dumps(["stdin", line]))
        printed, until = "", time.monotonic() + PATIENCE
        while f"{mark}:" not in printed and time.monotonic() < until:
            kind, *rest = json.loads(socket.recv())
            printed += rest[0] if kind == "stdout" else ""
        socket.close()
        self.api(f"/user/{self.name}/api/terminals/{terminal}", "DELETE")
        text, _, code = printed.partition(f"{mark}:")
        if not code.startswith("0:"):
            raise RuntimeError(f"{self.name}: {command}: {text[-3000:]}")
        return text
