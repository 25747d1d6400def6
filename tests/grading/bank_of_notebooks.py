"""Files that are no notebook of the lab, and cells that are no Python."""

import json

from tests.grading import toy
from tests.grading.abuse import Abuse

NOTEBOOKS = [
    Abuse("nothing", content=b"", parts=0, words="is empty"),
    Abuse("no JSON", content=b"\x80\x04not a notebook", parts=0, words="not JSON"),
    Abuse("nested", content=b"[" * 200_000, parts=0, words="not JSON"),
    Abuse("a list", content=b"[1, 2]", parts=0, words="no notebook of format 4"),
    Abuse("format 3", content=b'{"worksheets": [], "nbformat": 3}', parts=0,
          words="format 4"),
    Abuse("foreign", parts=0, words="not the notebook of toy",
          content=json.dumps(toy.notebook([])).encode()),
    Abuse("odd cells", parts=0, words="not the notebook", content=json.dumps(
        {"cells": [None, 3, {"metadata": 1}, {"metadata": {"nbgrader": []}},
                   {"metadata": {"nbgrader": {"grade_id": ["x"]}}, "source": {}}]}
    ).encode()),
    Abuse("many small lists", content=b'{"cells": [' + b"[],[]," * 2_000_000 + b"[]]}",
          parts=0, words="not the notebook|memory"),
    Abuse("a cell of 5 MB", "# " + "x" * 5_000_000, "too long to be run"),
    Abuse("null bytes", "def double(x):\0 return x + x", "null bytes|SyntaxError"),
    Abuse("parser bomb", "x = " + "(" * 5000 + ")" * 5000, "SyntaxError|nested|Memory"),
]  # fmt: skip
