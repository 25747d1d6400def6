"""The worker's side of `fp8lab.bench.workers`: one answer a line, whatever happens."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["first_line", "serve"]


def first_line(error: BaseException) -> str:
    """Return an exception as one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def serve(
    greet: Callable[[], dict[str, Any]],
    work: Callable[[str], dict[str, Any]],
    healthy: Callable[[], object] = lambda: None,
) -> int:
    """Read the items from standard input, and answer each on standard output.

    Parameters
    ----------
    greet
        Makes ready; returns what the first answer carries. A RuntimeError or an
        ImportError is the sentence that ends it all.
    work
        Returns the result of an item; an exception is that item's failure.
    healthy
        Raises where no later item can succeed: a broken CUDA context.
    """
    # What libraries print goes to standard error: this channel is for answers.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as channel:
        os.dup2(2, 1)

        def say(**answer: Any) -> None:
            channel.write(json.dumps(answer) + "\n")
            channel.flush()

        try:
            say(greeting=greet())
        except (ImportError, RuntimeError) as error:
            say(absent=str(error).strip() or type(error).__name__)
            return 1
        for item in json.load(sys.stdin):
            say(began=item)
            try:
                say(item=item, result=work(item))
            except Exception as error:
                last = not _passes(healthy)
                say(item=item, failure=first_line(error), last=last)
                if last:
                    return 1
    return 0


def _passes(check: Callable[[], object]) -> bool:
    try:
        check()
    except Exception:
        return False
    return True
