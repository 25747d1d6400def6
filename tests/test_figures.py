"""Figures without matplotlib: one sentence that says what to do."""

import sys

import pytest

from fp8lab.figures.canvas import pyplot


@pytest.mark.parametrize(
    ("platform", "remedy"),
    [
        ("linux", r'not installed; run: pip install "fp8lab\[notebook\]"$'),
        # Pyodide has it ready, and loads it for a cell that imports it.
        ("emscripten", "not loaded; run a cell with: import matplotlib$"),
    ],
)
def test_without_matplotlib_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, platform: str, remedy: str
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=remedy):
        pyplot()
