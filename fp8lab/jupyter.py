"""A kernel connection without Nagle's algorithm, for pictures that follow the mouse.

Jupyter Server leaves the algorithm on. A widget's answer is several small messages, and
each then waits for the browser's acknowledgement, which browsers delay by up to 40 ms.

Used as ``jupyter lab
--ServerApp.kernel_websocket_connection_class=fp8lab.jupyter.PromptConnection``; `make
lab` does so. Imports jupyter_server, so nothing of the lab imports this module.
"""

from __future__ import annotations

from typing import Any

from jupyter_server.services.kernels.connection.channels import (
    ZMQChannelsWebsocketConnection,
)

__all__ = ["PromptConnection"]


class PromptConnection(ZMQChannelsWebsocketConnection):
    """Jupyter Server's own connection, with TCP_NODELAY set."""

    def connect(self) -> Any:
        """Connect as ever, after telling the socket not to wait."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()
