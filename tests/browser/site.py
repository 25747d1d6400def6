"""The site as `make site` builds it: built once for all tests, then served."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from web.build import build
from web.serve import Served as Site
from web.serve import serve as serve_site

__all__ = ["Site", "build_once", "serve_site", "shared_folder"]


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """Return a folder of this run of the tests, the same for each worker of xdist."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def build_once(folder: Path) -> Path:
    """Build the site in `folder`, unless another worker has done so or is about to."""
    site = folder / "site"
    with _turn(folder / ".site.lock"):
        # A build puts its folder in place when it is whole.
        if not site.exists():
            build(site, log=lambda _: None)
    return site


@contextlib.contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Hold a lock that the system frees when its process dies."""
    with path.open("w") as lock:
        with contextlib.suppress(ImportError):  # Windows runs these tests one by one
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
