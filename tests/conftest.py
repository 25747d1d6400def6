"""What every test shares: no screen, no leftovers in the home folder, browser last."""

import os
from pathlib import Path

import hypothesis
import pytest

# A test that draws never opens a window.
os.environ["MPLBACKEND"] = "Agg"

# Timing is judged by the benchmarks, not by Hypothesis. CI tries the same examples on
# every run, so a red run there can be repeated here.
hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the browser last: a broken codec should not cost a minute of Chromium."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
