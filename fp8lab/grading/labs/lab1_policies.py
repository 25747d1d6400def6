"""Lab 1's overflow policies: the right answer and the known-wrong ones."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fp8lab.codec import encode
from fp8lab.formats import E4M3FN
from fp8lab.grading.labs.lab1_wrong import encode_wrong
from fp8lab.grading.tasks import Mistake
from fp8lab.grading.words import FORMATS

__all__ = ["POLICY", "encode_by_policy"]


def encode_by_policy(x: np.ndarray, fmt: str, policy: str) -> np.ndarray:
    """Encode; beyond the range saturate, or overflow to NaN (E4M3FN), Inf (E5M2)."""
    named = "onnx" if policy == "saturate" else "onnx-nosat"
    return encode(x, FORMATS[fmt], policy=named)


def policy_wrong(
    x: np.ndarray, fmt: str, policy: str, *, edge: str = "", as_if: Any = (), **how: Any
) -> np.ndarray:
    """Encode by policy with one thing wrong; ``as_if`` changes format or policy."""
    fmt, policy = dict(as_if).get("fmt", fmt), dict(as_if).get("policy", policy)
    record = FORMATS[fmt]
    beyond = 0x7F if record is E4M3FN else 0x7C
    if policy == "overflow":
        how = {"overflow": beyond, "infinity": beyond} | how
    codes = encode_wrong(x, record, **({"nan_signed": True} | how))
    if edge and policy == "overflow":
        at = np.abs(x) == record.overflow_threshold
        code = beyond if edge == "beyond" else record.max_code
        codes = np.where(at, code | (codes & 0x80), codes).astype(np.uint8)
    return codes


def _no_sign(x: np.ndarray, fmt: str, policy: str) -> np.ndarray:
    codes = encode_by_policy(x, fmt, policy)
    beyond = (np.abs(x) > FORMATS[fmt].overflow_threshold) & ~np.isnan(x)
    return np.where(beyond, codes & 0x7F, codes).astype(np.uint8)


def _infinity_apart(x: np.ndarray, fmt: str, policy: str) -> np.ndarray:
    codes = encode_by_policy(x, fmt, "overflow")
    saturated = encode_by_policy(x, fmt, policy)
    return np.where(np.isinf(x), codes, saturated).astype(np.uint8)


def _specials_swapped(x: np.ndarray, fmt: str, policy: str) -> np.ndarray:
    """NaN for E5M2's overflow, and an IEEE infinity for E4M3FN's."""
    other = 0x7F if fmt == "E5M2" else 0x78
    how: dict[str, Any] = {}
    if policy == "overflow":
        how = {"overflow": other, "infinity": other}
    return policy_wrong(x, fmt, policy, **how)


def _quiet_nan(x: np.ndarray, fmt: str, policy: str) -> np.ndarray:
    how: dict[str, Any] = {"nan": 0x7E} if fmt == "E5M2" else {}
    return policy_wrong(x, fmt, policy, **how)


POLICY = (
    Mistake(
        "always saturates",
        "The policy has no effect: also under 'overflow' your numbers saturate.",
        partial(policy_wrong, as_if=(("policy", "saturate"),)),
    ),
    Mistake(
        "never saturates",
        "The policy has no effect: also under 'saturate' your numbers overflow.",
        partial(policy_wrong, as_if=(("policy", "overflow"),)),
    ),
    Mistake(
        "infinity does not saturate",
        "Under 'saturate' finite numbers are right, but an infinity is beyond the "
        "maximum as well.",
        _infinity_apart,
    ),
    Mistake(
        "overflow to the wrong special",
        "Overflow goes where the format has room for it: look up which of the two has "
        "an infinity.",
        _specials_swapped,
    ),
    Mistake(
        "sign of the overflow lost",
        "Beyond the range your codes have lost their sign.",
        _no_sign,
    ),
    Mistake(
        "NaN loses its sign",
        "In this task a NaN keeps its sign bit, unlike in the task before.",
        partial(policy_wrong, nan_signed=False),
    ),
    Mistake(
        "overflow begins at the maximum",
        "Numbers a little above the maximum are still nearest to it. Overflow begins "
        "later: where the *next* step, if it existed, would be nearer.",
        partial(policy_wrong, from_max=True),
    ),
    Mistake(
        "the last tie overflows",
        "At the tie beyond the maximum the even code wins, as everywhere. Is the "
        "maximum's code even or odd? The two formats differ.",
        partial(policy_wrong, edge="beyond"),
    ),
    Mistake(
        "the last tie saturates",
        "At the tie beyond the maximum the even code wins, as everywhere. Is the "
        "maximum's code even or odd? The two formats differ.",
        partial(policy_wrong, edge="below"),
    ),
    Mistake(
        "one format for both",
        "Your codes are those of E4M3FN, whatever format is asked for.",
        partial(policy_wrong, as_if=(("fmt", "E4M3FN"),)),
    ),
    Mistake(
        "another NaN",
        "E5M2 has several codes for NaN; this task asks for the one with all bits set.",
        _quiet_nan,
    ),
    Mistake(
        "ties away",
        "Halfway cases go away from zero. They should go to the even code.",
        partial(policy_wrong, rounding="away"),
    ),
    Mistake(
        "sign of zero lost",
        "A zero lost its sign.",
        partial(policy_wrong, signed_zero=False),
    ),
    Mistake(
        "subnormals flushed",
        "Numbers below the smallest normal number become zero.",
        partial(policy_wrong, subnormal="flushed"),
    ),
)
