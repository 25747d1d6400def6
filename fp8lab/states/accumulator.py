"""What does the tensor core lose in a sum? One step bit by bit, and the way along K."""

from __future__ import annotations

from typing import Any

import numpy as np

from fp8lab.accumulators import Accumulator
from fp8lab.formats import E4M3FN, E5M2, format_of
from fp8lab.states.accumulator_bits import addition
from fp8lab.states.accumulator_curve import (
    FLOAT32_SUMS,
    Curve,
    Made,
    curve_of,
    curve_table,
    error_chart,
    table_row,
    value_chart,
)
from fp8lab.states.accumulator_step import Step, step_of
from fp8lab.states.accumulator_sums import DATA, DEPTHS, GROUP, LARGEST_K, sums_of
from fp8lab.states.accumulator_words import (
    KNOWN_BITS,
    chain_sentence,
    loss_text,
    promotion_text,
    step_sentence,
    term_text,
)
from fp8lab.states.numbers import percent, short

__all__ = ["accumulator_state"]

FEWEST_BITS, MOST_BITS = 4, 23
#: What is compared with no promotion, where none is chosen.
USUAL_PROMOTION = 128
#: Of the cursor: the accumulator, 32 products, and the cut of their sum.
LAST_TERM = GROUP + 1
RUNNING = ("sum", "error")
CHOICES = {
    "data": [{"value": key, "text": text} for key, (text, _) in DATA.items()],
    "format": [E4M3FN.short, E5M2.short],
    "k": list(DEPTHS),
    "promote": [*DEPTHS[:-1], None],
    "bits": [FEWEST_BITS, MOST_BITS],
    "known_bits": [[count, whose] for count, whose in KNOWN_BITS.items()],
}


def accumulator_state(
    data: str = "gaussian",
    seed: int = 0,
    k: int = 4096,
    step: int | None = None,
    term: int = LAST_TERM,
    fraction_bits: int = 13,
    promote: int | None = None,
    a_format: str = E4M3FN.short,
    b_format: str = E4M3FN.short,
    running: str = "sum",
) -> dict[str, Any]:
    """Return one step of a tensor core's sum bit by bit, and its error against K.

    The data is made, and finite. The step is that of the first of 256 outputs.

    Parameters
    ----------
    data, seed
        ``"gaussian"``, ``"positive"``, ``"outlier"``, ``"cancellation"`` or
        ``"subnormals"``, and which draw of it.
    k
        Length of the sums: a multiple of 32 up to 16384.
    step
        Which 32 products are shown: 1 to K/32; None: the last.
    term
        How far the step has come: 0 the accumulator, 1 to 32 its products, 33 the sum
        normalised and cut.
    fraction_bits
        4 to 23; 13 is Hopper's.
    promote
        As in `fp8lab.accumulators.Accumulator`; None: never.
    a_format, b_format
        E4M3FN or E5M2.
    running
        What the chart of this one sum shows: the ``"sum"``, or its ``"error"``.

    Raises
    ------
    ValueError
        An input is none of these.
    """
    _check_length(k)
    step = k // GROUP if step is None else step
    _whole("step", step, 1, k // GROUP)
    _whole("term", term, 0, LAST_TERM)
    _whole("fraction_bits", fraction_bits, FEWEST_BITS, MOST_BITS)
    _check_running(running)
    # The record refuses an interval that is no multiple of a step.
    rule = Accumulator("shown", fraction_bits, promote=promote)
    made = (data, seed, format_of(a_format).short, format_of(b_format).short)
    every = rule.promote or USUAL_PROMOTION
    never = curve_of(made, fraction_bits, None)
    promoted = curve_of(made, fraction_bits, every)
    one = _step(made, never if promote is None else promoted, rule, step)
    first_k = (step - 1) * GROUP
    said = [
        term_text(one, term, first_k),
        step_sentence(one, step, k // GROUP),
        chain_sentence(k, fraction_bits, never, promoted, every),
    ]
    return {
        "question": "What does the tensor core lose in a sum?",
        "data": data,
        "seed": seed,
        "k": k,
        "step": step,
        "term": term,
        "fraction_bits": fraction_bits,
        "promote": promote,
        "running": running,
        "a_format": made[2],
        "b_format": made[3],
        "choices": CHOICES,
        "steps": k // GROUP,
        "last_term": LAST_TERM,
        "term_name": _term_name(term, first_k),
        "addition": addition(one, first_k, term),
        "here": _here(one, term),
        "promotion": _promotion(rule, promoted, k, step, term),
        **_charts(made, rule, k, step, running),
        "sentences": [part.replace(" %", "\xa0%") for part in said],
        "summary": " ".join(said).replace(" %", "\xa0%"),
    }


def _whole(name: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{name} is {value!r}; give a whole number {low} to {high:,}")


def _check_length(k: object) -> None:
    _whole("k", k, GROUP, LARGEST_K)
    if k not in range(0, LARGEST_K + 1, GROUP):
        raise ValueError(f"k is {k}; give a multiple of {GROUP}, up to {LARGEST_K:,}")


def _check_running(running: str) -> None:
    if running not in RUNNING:
        known = ", ".join(RUNNING)
        raise ValueError(f"unknown running {running!r}; use one of {known}")


def _term_name(term: int, first_k: int) -> str:
    if term == 0:
        return "the accumulator"
    return "the result" if term == LAST_TERM else f"product k = {first_k + term - 1}"


def _step(made: Made, curve: Curve, rule: Accumulator, step: int) -> Step:
    """The step of the first output, with what the accumulator held before it."""
    sums = sums_of(*made)
    begins = step == 1 or (rule.promote and (step - 1) * GROUP % rule.promote == 0)
    before = np.float32(0) if begins else curve.registers[step - 2]
    part = np.s_[(step - 1) * GROUP : step * GROUP]
    return step_of(
        *(sums.a[0, part], sums.b[part, 0], float(before)),
        *(sums.a_format, sums.b_format, rule.fraction_bits or MOST_BITS),
    )


def _here(step: Step, term: int) -> list[list[str]]:
    """Kept against exact, where the cursor stands."""
    done = min(term, GROUP)
    kept = step.result if term == LAST_TERM else step.sums[done]
    exact = step.exact[done]
    return [
        ["kept so far", short(kept.value, 7)],
        ["exact so far", short(exact.value, 7)],
        ["lost so far", loss_text(exact.minus(kept), exact)],
    ]


def _promotion(rule: Accumulator, curve: Curve, k: int, step: int, term: int) -> str:
    ends = rule.promote and (step * GROUP % rule.promote == 0 or step * GROUP == k)
    if term < LAST_TERM or rule.promote is None or not ends:
        return ""
    begin = (step * GROUP - 1) // rule.promote * rule.promote // GROUP
    before = 0.0 if begin == 0 else float(curve.values[begin - 1])
    register, after = curve.registers[step - 1], curve.values[step - 1]
    return promotion_text(before, float(register), float(after), rule.promote)


def _charts(
    made: Made, rule: Accumulator, k: int, step: int, running: str
) -> dict[str, Any]:
    every, bits = rule.promote or USUAL_PROMOTION, rule.fraction_bits or MOST_BITS
    lines = {
        "never": curve_of(made, bits, None),
        "promoted": curve_of(made, bits, every),
        "float32": curve_of(made, FLOAT32_SUMS, None),
    }
    names = {
        "never": "never promoted",
        "promoted": f"promoted every {every:,}",
        "float32": "float32, one by one",
        "exact": "exact",
    }
    exact = sums_of(*made).exact[:, 0]
    rows = [table_row(names[key], curve, k) for key, curve in lines.items()]
    last = ["exact", short(float(exact[k // GROUP - 1]), 7), percent(0), percent(0)]
    return {
        "names": names,
        "chosen": "never" if rule.promote is None else "promoted",
        "values": value_chart(lines, exact, k, step, running == "error"),
        "errors": error_chart(lines, k),
        "curve": curve_table(names, lines),
        "ends_title": f"K = {k:,}, {rule.fraction_bits} bits",
        "ends": [
            {"key": key, "cells": row}
            for key, row in zip((*lines, "exact"), (*rows, last), strict=True)
        ],
    }
