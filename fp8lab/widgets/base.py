"""The Jupyter host: carries inputs up and one state down, and computes nothing itself.

A view sends changes of its inputs; the host calls the view's pure state function with
them and sends ``state`` back. Several coupled traits would let a view draw half of an
old and half of a new picture; one dict cannot be torn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import anywidget
import traitlets

from fp8lab import views
from fp8lab.states.answer import answer
from fp8lab.widgets.wire import received, sent

__all__ = ["ViewWidget"]


class ViewWidget(anywidget.AnyWidget):
    """A picture in a notebook. Subclasses name the view and its state function.

    Attributes
    ----------
    inputs
        What the learner chose: plain JSON, the keyword arguments of ``compute`` plus
        ``seq``, a counter that the state echoes. It stays in Python; the view sends
        its changes as messages.
    state
        What is drawn: the dict that ``compute`` returned, or the last good one with an
        ``error`` sentence where the inputs were refused.
    """

    view: ClassVar[str]
    compute: ClassVar[Callable[..., dict[str, Any]]]

    inputs = traitlets.Dict()
    state = traitlets.Dict().tag(sync=True, to_json=lambda state, _: sent(state))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # traitlets makes one more subclass for each instance: it has the texts already.
        if "view" in cls.__dict__:
            cls._esm = views.module(cls.view)
            cls._css = views.style(cls.view)
        super().__init_subclass__(**kwargs)

    def __init__(self, *, data: dict[str, Any] | None = None, **inputs: Any) -> None:
        # Arrays stay in Python: only what the learner can change travels as inputs.
        self._data = dict(data or {})
        # A wrong argument in a cell is an exception in that cell, not a red box.
        first = type(self).compute(**self._data, **inputs)
        super().__init__(inputs={**inputs, "seq": 0}, state={**first, "seq": 0})
        self.on_msg(self._take)

    @traitlets.observe("inputs")
    def _recompute(self, change: dict[str, Any]) -> None:
        if not self.state:  # the constructor sets both
            return
        inputs = dict(change["new"])
        seq = inputs.pop("seq", 0)
        state = answer(type(self).compute, {**self._data, **inputs}, self.state)
        self.state = {**state, "seq": seq}

    def _take(self, _: ViewWidget, message: Any, __: Any) -> None:
        """Merge what the view sent: ``{"changes": {...}, "seq": n}``."""
        message = received(message)
        if isinstance(message, dict) and isinstance(message.get("changes"), dict):
            seq = message.get("seq", 0)
            self.inputs = {**self.inputs, **message["changes"], "seq": seq}

    def _replace(self, **data: Any) -> None:
        """Put other arrays behind the picture, the learner's choices as they are."""
        # Refused arrays raise here, before anything has changed.
        inputs = {key: v for key, v in self.inputs.items() if key != "seq"}
        state = type(self).compute(**{**self._data, **data}, **inputs)
        self._data.update(data)
        self.state = {**state, "seq": self.inputs.get("seq", 0)}

    def update(self, **changes: Any) -> None:
        """Change some inputs from Python, for example from an ipywidgets slider."""
        self.inputs = {**self.inputs, **changes}
