"""The Jupyter host: inputs up, one state down, and what it says where it cannot run."""

import math
import sys

import numpy as np
import pytest

from fp8lab import widgets
from fp8lab.widgets import BitField, CodeMap, NumberLine, ScaleMap, Stacks, wire


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


def test_messages_of_the_view_change_its_inputs_and_nothing_else_does():
    shown = NumberLine(17)
    shown._handle_custom_msg({"changes": {"x": "18"}, "seq": 3}, [])
    assert (shown.x, shown.state["seq"]) == (18, 3)
    for strange in ("text", {"changes": "x"}, {"seq": 4}):
        shown._handle_custom_msg(strange, [])
    assert (shown.x, shown.state["seq"]) == (18, 3)
    shown._handle_custom_msg({"changes": {"nobody": 1}, "seq": 5}, [])
    assert "nobody" in shown.state["error"]
    assert (shown.x, shown.state["seq"]) == (18, 5)


def test_another_matrix_keeps_what_the_learner_chose():
    rng = np.random.default_rng(0)
    shown = ScaleMap(rng.standard_normal((16, 16)), outlier=50, group="1x8")
    before = shown.state["map"]
    shown.show(rng.standard_normal((8, 100)), "another")
    assert shown.state["map"] != before
    assert "another" in shown.state["question"]
    assert (shown.state["group"], shown.state["outlier"]) == ("1x8", 50)
    with pytest.raises(ValueError, match="two axes"):
        shown.show(np.ones(3))
    with pytest.raises(ValueError, match="NaN"):
        shown.show(np.full((4, 4), np.nan))
    assert "another" in shown.state["question"]


def test_another_tensor_on_the_code_map():
    shown = CodeMap(np.ones(5), scale="amax")
    shown.show(np.zeros(7), "nothing")
    assert "nothing" in shown.state["question"]


@pytest.fixture
def null(monkeypatch):
    """Take this Python for JupyterLite's kernel, where null is no None."""
    null = object()
    monkeypatch.setattr(wire, "_NULL", null)
    return null


def test_in_jupyterlite_none_travels_as_null_and_back(null):
    shown = BitField(0.3952)
    assert shown.state["strip"]["asked"] is not None
    message = {"changes": {"code": null, "text": "0x7e", "kind": "hex"}, "seq": 1}
    shown._handle_custom_msg(message, [])
    assert "error" not in shown.state
    assert (shown.code, shown.state["strip"]["asked"]) == (0x7E, None)
    assert shown.get_state("state")["state"]["strip"]["asked"] is null


def test_elsewhere_a_state_is_sent_as_it_is():
    shown = BitField(code=0x7E)
    assert shown.get_state("state")["state"] is shown.state
    assert shown.state["strip"]["asked"] is None
