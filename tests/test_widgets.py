"""The Jupyter host: inputs up, one state down, and what it says where it cannot run."""

import math
import sys

import pytest

from fp8lab import widgets
from fp8lab.widgets import BitField, NumberLine, Stacks


def test_a_widget_answers_new_inputs_with_one_state():
    shown = NumberLine(17)
    shown.update(x="0.3", seq=7)
    assert shown.state["seq"] == 7
    assert shown.x == 0.3
    shown.update(x="12x", seq=8)
    assert "is not a number" in shown.state["error"]
    assert (shown.state["seq"], shown.x) == (8, 0.3)
    shown.update(x="18")
    assert "error" not in shown.state


def test_specials_travel_as_text():
    assert BitField(math.nan).code == 0x7F
    assert math.isnan(BitField(math.nan).value)
    assert BitField(-math.inf, "E5M2", policy="ml_dtypes").value == -math.inf
    assert BitField(code=0x7E).value == 448
    assert BitField("0b01111110").code == 0x7E
    assert Stacks(-math.nan).state["text"] == "-nan"


def test_the_libraries_are_asked_only_when_wanted():
    assert Stacks(465).state["libraries"] == []
    assert len(Stacks(465, live=True).state["libraries"]) == 2


def test_a_wrong_argument_is_an_error_in_the_cell():
    with pytest.raises(ValueError, match="unknown format 'fp8'"):
        BitField(1, "fp8")


def test_without_the_notebook_packages_it_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("fp8lab.widgets.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "anywidget", None)
    for name in widgets.__all__:
        with pytest.raises(ImportError, match=r'pip install "fp8lab\[notebook\]"'):
            getattr(widgets, name)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        widgets.Nothing  # noqa: B018 - the access is the test
