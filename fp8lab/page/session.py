"""One visitor's session: the tensor they look at, and the pictures of it.

Everything travels as JSON text, which crosses from Python to a page in one piece; only
an archive is bytes. Nothing here knows of Pyodide: the tests call it on CPython.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fp8lab import states
from fp8lab.states.answer import answer

if TYPE_CHECKING:
    from fp8lab.page.source import Source

# A visitor waits for every module that is imported here: the rest come when they are
# asked for.

__all__ = ["Session"]


class Session:
    """What the page's worker holds. It begins without a tensor."""

    def __init__(self) -> None:
        self._source: Source | None = None
        self._last: dict[str, dict[str, Any]] = {}

    def samples(self) -> list[dict[str, str]]:
        """Return the tensors that come with the page: name, kind and description."""
        from fp8lab.model import load_sample, sample_names

        known = [load_sample(name, excerpt=True) for name in sample_names()]
        return [
            {"name": s.name, "kind": s.kind, "description": s.description}
            for s in known
        ]

    def take(self, wish: str) -> str:
        """Take another tensor, and return what it is.

        Parameters
        ----------
        wish
            JSON: ``{"sample": name}``, ``{"numbers": "1, 2, 3"}`` or ``{"file": path,
            "entry": name or null}``.

        Returns
        -------
        str
            JSON: ``name``, ``shape``, ``dtype``, ``description``, ``note``, and of a
            file its ``entries``.

        Raises
        ------
        ValueError
            It cannot be read; the tensor before it stays.
        """
        from fp8lab.page.source import from_file, from_sample, from_text

        asked = json.loads(wish)
        if "sample" in asked:
            source = from_sample(asked["sample"])
        elif "numbers" in asked:
            source = from_text(asked["numbers"])
        else:
            source = from_file(asked["file"], asked.get("entry"))
        self._source = source
        return json.dumps(source.about(), allow_nan=False)

    def answer(self, view: str, inputs: str) -> str:
        """Return a view's state as JSON; a refusal keeps the last one, and says why.

        Parameters
        ----------
        view
            A name of `fp8lab.views.VIEWS` that the page shows.
        inputs
            JSON: what the learner chose.
        """
        state = answer(
            self._compute(view), json.loads(inputs), self._last.get(view, {})
        )
        self._last[view] = state
        return json.dumps(state, allow_nan=False)

    def archive(self, inputs: str) -> tuple[str, bytes]:
        """Return a file name and a zip of the codes, the scales and a report.

        Parameters
        ----------
        inputs
            JSON: the quantizer's inputs; the scheme that is looked at is packed.
        """
        from fp8lab.exports import archive
        from fp8lab.states.quantizer import quantized_for

        source, chosen = self._need(), json.loads(inputs)
        quantized = quantized_for(source.array, **chosen)
        with_rule = chosen.get("look") != "none" and "scale_rule" in chosen
        packed = archive(
            source.array,
            source.name,
            quantized,
            note=source.note,
            options={"scale_rule": chosen["scale_rule"]} if with_rule else None,
            sample=source.is_sample,
        )
        words = re.sub(r"[^A-Za-z0-9]+", "-", f"{source.name}-{quantized.fmt.short}")
        return f"fp8lab-{words.strip('-')[:80]}.zip", packed

    def _compute(self, view: str) -> Callable[..., dict[str, Any]]:
        """Return a view's state function, with the arrays that stay in Python."""
        compute: Callable[..., dict[str, Any]] = getattr(states, f"{view}_state")
        return lambda **inputs: compute(**self._data(view), **inputs)

    def _data(self, view: str) -> dict[str, Any]:
        if view == "quantizer":
            source = self._need()
            about = {"name": source.name, "note": source.note}
            return {"x": source.array, **about}
        if view == "scale_map":
            from fp8lab.states.outlier import LARGEST_SIDE

            source = self._need()
            x = source.array
            matrix = np.atleast_2d(x).reshape(-1, x.shape[-1] if x.ndim else 1)
            part = matrix[:LARGEST_SIDE, :LARGEST_SIDE]
            return {"x": part, "name": source.name}
        return {}

    def _need(self) -> Source:
        if self._source is None:
            raise ValueError("there is no tensor yet; choose a sample or open a file")
        return self._source
