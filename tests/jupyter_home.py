"""A home of the tests' own for Jupyter and for the lab: nothing of the user's."""

import json
import os
from pathlib import Path

# JupyterLab without its questions to the outside, and with every cell of a notebook on
# the page: a cell that is scrolled away is otherwise not in the document at all.
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}


def isolated(home: Path, repository: Path) -> dict[str, str]:
    """Return an environment in which Jupyter reads and writes below `home` alone."""
    settings = home / "config" / "lab" / "user-settings" / "@jupyterlab"
    for name, values in SETTINGS.items():
        path = settings / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    # The kernel chooses its own matplotlib backend: that of this process draws nothing.
    inherited = {key: v for key, v in os.environ.items() if key != "MPLBACKEND"}
    return {
        **inherited,
        "PYTHONPATH": str(repository),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings.parent),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "FP8LAB_CACHE": str(home / "cache" / "fp8lab"),
        "FP8LAB_PROGRESS": str(home / "progress.json"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_DATA_HOME": str(home / "share"),
    }
