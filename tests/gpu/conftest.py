"""These tests need a Hopper GPU, and are not chosen by `make test`."""

import pytest

from tests.kernels.conftest import device, native

__all__ = ["device", "native"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip in words, where someone asks for them without a GPU."""
    mine = [item for item in items if "tests/gpu/" in item.path.as_posix()]
    if not mine:
        return
    from fp8lab.kernels import INTERPRETED

    if INTERPRETED:
        for item in mine:
            item.add_marker(pytest.mark.skip(reason="needs a Hopper GPU"))
