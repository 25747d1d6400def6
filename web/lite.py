"""The lessons in the browser: JupyterLite under lab/, on the Pyodide of the page."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from web.pins import Pins, project
from web.pyodide_folder import PyodideFolder
from web.store import BuildError, Store

ROOT = Path(__file__).parent.parent
LITE = Path(__file__).with_name("lite")
KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"
# The widgets' halves that run in JupyterLab lie in the same pinned wheels.
ADDONS = ("lock", "piplite", "pyodide")
EXTENSIONS = ("jupyterlab-widgets", "anywidget")


def write_lab(site: Path, folder: PyodideFolder, pins: Pins, store: Store) -> None:
    """Build JupyterLite with the lessons into `site`/lab."""
    lab = site / "lab"
    with tempfile.TemporaryDirectory() as name:
        workplace = Path(name)
        extensions = [
            pins.kernel,
            *(p for p in pins.pure if project(p.file) in EXTENSIONS),
        ]
        for pin in extensions:
            (workplace / pin.file).write_bytes(store.obtain(pin))
        _write_contents(workplace / "files")
        (workplace / "overrides.json").write_bytes(
            (LITE / "overrides.json").read_bytes()
        )
        settings = {
            "apps": ["lab"],
            "cache_dir": str(workplace / "cache"),
            "contents": ["files"],
            "federated_extensions": [pin.file for pin in extensions],
            # What happens to be installed beside the builder does not reach the site.
            "disable_addons": [f"jupyterlite-pyodide-kernel-{name}" for name in ADDONS],
            "ignore_sys_prefix": True,
            "no_sourcemaps": True,
            "no_unused_shared_packages": True,
            "output_dir": str(lab),
        }
        text = json.dumps({"LiteBuildConfig": settings})
        (workplace / "jupyter_lite_config.json").write_text(text, encoding="utf-8")
        text = json.dumps(_configuration(folder), indent=1)
        (workplace / "jupyter-lite.json").write_text(text, encoding="utf-8")
        _run_jupyterlite(workplace)
    shutil.copyfile(LITE / "index.html", lab / "index.html")
    _keep_configuration_fresh(lab / "config-utils.js")


def _write_contents(folder: Path) -> None:
    """Copy what a learner opens: the lessons, and the labs as they are handed out."""
    lessons = folder / "lessons"
    lessons.mkdir(parents=True)
    for lesson in sorted((ROOT / "lessons").glob("*.ipynb")):
        shutil.copy2(lesson, lessons / lesson.name)
    shutil.copy2(ROOT / "lessons" / "claims.md", lessons / "claims.md")
    labs = ROOT / "labs" / "release"
    if labs.is_dir():
        shutil.copytree(labs, folder / "labs")


def _configuration(folder: PyodideFolder) -> dict[str, object]:
    configuration = json.loads((LITE / "jupyter-lite.json").read_text(encoding="utf-8"))
    plugins = configuration["jupyter-config-data"]["litePluginSettings"]
    pyodide = f"./../{folder.path}"
    plugins[KERNEL]["pyodideUrl"] = f"{pyodide}pyodide.mjs"
    plugins[KERNEL]["loadPyodideOptions"]["lockFileURL"] = pyodide + folder.lock
    return configuration


def _run_jupyterlite(workplace: Path) -> None:
    command = [sys.executable, "-m", "jupyterlite_core", "build"]
    # The settings of whoever builds stay outside.
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(workplace / "config")}
    done = subprocess.run(
        command, cwd=workplace, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise BuildError(f"JupyterLite could not be built:\n{said}")


def _keep_configuration_fresh(program: Path) -> None:
    """Make JupyterLite ask for its configuration anew at each visit.

    A browser that took it from its cache would look for the Pyodide folder of a site
    that has been replaced since.
    """
    text = program.read_text(encoding="utf-8")
    asks = "window.fetch(liteUrl)"
    if text.count(asks) != 1:
        raise BuildError(
            f"{program.name} of JupyterLite is not the one web/lite.py knows"
        )
    fresh = text.replace(asks, 'window.fetch(liteUrl, { cache: "no-cache" })')
    program.write_text(fresh, encoding="utf-8")
