"""What the page shows first: each tool's views, their inputs and their pictures."""

from __future__ import annotations

import json
from typing import Any

from fp8lab.page.session import Session

__all__ = ["FIRST_INPUTS", "FIRST_SOURCE", "first_states"]

#: View to its first inputs. An input that is not here is not kept in a link.
FIRST_INPUTS: dict[str, dict[str, Any]] = {
    "bit_field": {
        "format": "E4M3FN",
        "text": "0.3",
        "kind": "value",
        "code": None,
        "policy": "cuda",
    },
    "stacks": {"text": "0.3", "formats": ["E4M3FN", "E5M2"]},
    "number_line": {
        "x": "0.3",
        "format": "E4M3FN",
        "beside": ["E5M2", "BF16"],
        "scale": "linear",
        "window": "near",
        "rounding": "nearest-even",
        "policy": "cuda",
        "at": None,
    },
    "quantizer": {
        "format": "E4M3FN",
        "group": "1x128",
        "scale_dtype": "float32",
        "scale_rule": "floor",
        "look": "group",
    },
    "scale_map": {
        "row": 32,
        "column": 32,
        "outlier": 1000.0,
        "format": "E4M3FN",
        "group": "per-tensor",
        "scale_dtype": "float32",
        "scale_rule": "floor",
    },
    "accumulator": {
        "data": "positive",
        "seed": 0,
        "k": 4096,
        "step": None,
        "term": 33,
        "fraction_bits": 13,
        "promote": None,
        "a_format": "E4M3FN",
        "b_format": "E4M3FN",
        "running": "sum",
    },
}

#: The real activation whose error one scale hides best.
FIRST_SOURCE = {"sample": "smollm2-ffn-down-input"}


def first_states() -> str:
    """Return, as JSON, what the page needs to draw before Python has started.

    ``source`` and ``about`` (where the numbers come from), ``samples`` to choose from,
    and ``views``: for each its ``inputs`` and the ``state`` that they give. The page's
    own Python computes the same states again.
    """
    session = Session()
    about = json.loads(session.take(json.dumps(FIRST_SOURCE)))
    views = {
        view: {
            "inputs": inputs,
            "state": json.loads(session.answer(view, json.dumps(inputs))),
        }
        for view, inputs in FIRST_INPUTS.items()
    }
    content = {"source": FIRST_SOURCE, "about": about, "views": views}
    return json.dumps({**content, "samples": session.samples()}, allow_nan=False)
