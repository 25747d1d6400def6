"""Find bubblewrap, or install it: `python tests/grading/bubblewrap.py --install`.

A step of `make test`'s set-up. Without it the tests of its walls are skipped, and the
grader's weaker walls are still tested.
"""

import os
import shutil
import subprocess
import sys

MISSING = (
    "no bubblewrap that runs: tests of its walls are skipped. Debian, Ubuntu: apt-get "
    "install bubblewrap; Fedora: dnf install bubblewrap. In a container, user "
    "namespaces have to be allowed"
)


def find() -> str | None:
    """Return the path of a bwrap that runs here, or None."""
    path = shutil.which(os.environ.get("FP8LAB_BUBBLEWRAP") or "bwrap")
    return path if path and _runs(path) else None


def _runs(path: str) -> bool:
    walls = ["--unshare-user", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/"]
    try:
        done = subprocess.run([path, *walls, "true"], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def install() -> None:
    """Install it where this user may."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        apt = ["apt-get", "-q", "-y"]
        package = ["install", "--no-install-recommends", "bubblewrap"]
        for arguments in (["update"], package):
            subprocess.run([*apt, *arguments], env=quiet, stdout=sys.stderr)


def main(arguments: list[str]) -> None:
    """Report, after installing if asked to; its absence is no failure."""
    if "--install" in arguments and shutil.which("bwrap") is None:
        install()
    found = find()
    print(f"fp8lab: {f'the grader is tested behind {found}' if found else MISSING}")


if __name__ == "__main__":
    main(sys.argv[1:])
