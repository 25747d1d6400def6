"""Measured runs as data: date, machine, versions and the command that made them."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

__all__ = ["load_records"]


def load_records(prefix: str) -> list[dict[str, Any]]:
    """Return every record whose file name starts with ``prefix``, in name order.

    Raises
    ------
    ValueError
        There is none.
    """
    found = sorted(
        (
            entry
            for entry in files(__name__).iterdir()
            if entry.name.startswith(prefix) and entry.name.endswith(".json")
        ),
        key=lambda entry: entry.name,
    )
    if not found:
        raise ValueError(f"no record starts with {prefix!r} in fp8lab/records")
    return [json.loads(entry.read_text(encoding="utf-8")) for entry in found]
