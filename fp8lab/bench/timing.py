"""How we time: CPU time of this thread, candidates interleaved, medians of ratios.

On a shared machine wall-clock time measures the neighbours. Each round runs every
candidate once, in shuffled order, and a ratio is taken within a round, where the
machine's mood is the same for both.
"""

from __future__ import annotations

import platform
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

__all__ = ["Timing", "cpu_name", "interleave"]


def cpu_name() -> str:
    """Return the processor's name, for the record; the architecture where unknown."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@dataclass(frozen=True)
class Timing:
    """Seconds of one candidate in every round."""

    seconds: tuple[float, ...]

    def rate(self, elements: int) -> float:
        """Millions of elements a second, by the median round."""
        return elements / median(self.seconds) / 1e6

    def faster_than(self, peer: Timing) -> tuple[float, float, float]:
        """(median, least, greatest) over rounds of peer's time over ours."""
        ratios = [b / a for a, b in zip(self.seconds, peer.seconds, strict=True)]
        return median(ratios), min(ratios), max(ratios)


def interleave(
    candidates: dict[str, Callable[[], object]], rounds: int
) -> dict[str, Timing]:
    """Time every candidate ``rounds`` times, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    order = list(candidates)
    shuffle = random.Random(0).shuffle
    for round_number in range(rounds + 1):
        shuffle(order)
        for name in order:
            started = time.thread_time()
            candidates[name]()
            spent = time.thread_time() - started
            if round_number:
                seconds[name].append(spent)
    return {name: Timing(tuple(values)) for name, values in seconds.items()}
