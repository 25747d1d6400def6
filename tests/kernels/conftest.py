"""Where the kernels run in this session."""

import importlib.util
import sys

import pytest

if importlib.util.find_spec("triton") is None:
    collect_ignore_glob = ["test_*.py"]


def pytest_report_header() -> str | None:
    if importlib.util.find_spec("triton") is None:
        return f"kernels: not tested, Triton is absent (platform {sys.platform})"
    return None


@pytest.fixture(scope="session")
def native() -> bool:
    """Whether the kernels are compiled for a GPU, rather than interpreted."""
    from fp8lab.kernels import INTERPRETED

    return not INTERPRETED


@pytest.fixture(scope="session")
def device(native):
    """The device that the kernels take tensors on."""
    import torch

    return torch.device("cuda" if native else "cpu")
