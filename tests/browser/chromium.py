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
# Playwright's driver is a Node.js that a bare Debian has no libatomic for.
DEBIAN_PACKAGES = ("chromium", "fonts-dejavu-core", "libatomic1")
MISSING = (
    "no Chromium was found and none could be installed: install Chromium or Google "
    "Chrome, or set FP8LAB_CHROMIUM to the path of one"
)
NO_DRIVER = (
    "Playwright's driver does not start: install the library that it names above "
    "(on Debian and Ubuntu: apt-get install libatomic1)"
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


def driver_starts() -> bool:
    """Say whether Playwright itself can run here; its complaint goes to stderr."""
    version = [sys.executable, "-m", "playwright", "--version"]
    return subprocess.run(version, stdout=subprocess.DEVNULL).returncode == 0


def install() -> None:
    """Install what is missing, as far as this user may.

    A Debian machine gets Debian's Chromium, which brings its libraries; any other one
    gets the build that Playwright downloads.
    """
    if shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        apt = ["apt-get", "-q", "-y"]
        packages = ["install", "--no-install-recommends", *DEBIAN_PACKAGES]
        for arguments in (["update"], packages):
            subprocess.run([*apt, *arguments], env=quiet, stdout=sys.stderr)
    if find() is None:
        download = [sys.executable, "-m", "playwright", "install", "chromium"]
        subprocess.run(download, stdout=sys.stderr)


def main(arguments: list[str]) -> str | None:
    """Report, after installing if asked to; the result is the process's last word."""
    named = os.environ.get("FP8LAB_CHROMIUM")
    if named and not find():
        return f"fp8lab: FP8LAB_CHROMIUM={named} is not a Chromium that runs"
    if "--install" in arguments and not (find() and driver_starts()):
        install()
    found = find()
    if found is None:
        return f"fp8lab: {MISSING}"
    if not driver_starts():
        return f"fp8lab: {NO_DRIVER}"
    print(f"fp8lab: the browser tests use {found}")
    return None


def _runs(path: str) -> bool:
    # Ubuntu puts a `chromium-browser` on the PATH that only asks for a snap.
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and b"." in answer.stdout


def _kept_by_playwright() -> str | None:
    if not driver_starts():
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if _runs(path) else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
