"""Find the Chromium that the browser tests drive, or install one.

`python tests/browser/chromium.py --install` is the last step of `make test`'s set-up.
"""

import os
import shutil
import subprocess
import sys

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
MISSING = (
    "no Chromium was found and none could be installed: install Chromium or Google "
    "Chrome, or set FP8LAB_CHROMIUM to the path of one"
)


def find() -> str | None:
    """Return the path of a Chromium that runs, or None.

    FP8LAB_CHROMIUM, where set, is the only candidate; then come the browsers of this
    machine, then the one that Playwright keeps.
    """
    named = os.environ.get("FP8LAB_CHROMIUM")
    for name in (named,) if named else NAMES:
        path = shutil.which(name)
        if path and _runs(path):
            return path
    return None if named else _kept_by_playwright()


def install() -> str | None:
    """Install Chromium and return its path, or None where no way worked.

    A Debian machine gets Debian's package, which brings its libraries and a font; any
    other one gets the build that Playwright downloads.
    """
    if shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        apt = ["apt-get", "-q", "-y"]
        subprocess.run([*apt, "update"], env=quiet, stdout=sys.stderr, check=False)
        packages = ["install", "--no-install-recommends", "chromium", "fonts-dejavu"]
        subprocess.run([*apt, *packages], env=quiet, stdout=sys.stderr, check=False)
        if path := find():
            return path
    playwright = [sys.executable, "-m", "playwright", "install", "chromium"]
    subprocess.run(playwright, stdout=sys.stderr, check=False)
    return find()


def _runs(path: str) -> bool:
    # Ubuntu puts a `chromium-browser` on the PATH that only asks for a snap.
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and b"." in answer.stdout


def _kept_by_playwright() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if _runs(path) else None


if __name__ == "__main__":
    found = find() or ("--install" in sys.argv and install()) or None
    if found is None:
        sys.exit(f"fp8lab: {MISSING}")
    print(f"fp8lab: the browser tests use {found}")
