"""How we time kernels: CUDA events around CUDA graphs, candidates in rounds.

* A call of a kernel from Python costs more than a small kernel runs. So the calls of a
  candidate are recorded once as a CUDA graph, and the graph is replayed: no candidate
  pays for its launches. What cannot be recorded is launched call by call, and says so.
* The operands rotate through as many sets as exceed the L2 cache three times, so that
  every call finds its operands in memory, as a layer of a model does.
* A round times each candidate once, in shuffled order, each right behind an untimed
  replay of its own; a ratio is taken within a round, where the clock is the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch

from fp8lab.bench.timing import Timing

__all__ = ["Calls", "Measured", "copy_candidate", "input_sets", "measure"]

#: The calls of one candidate, one for each set of operands.
Calls = Sequence[Callable[[], object]]

#: A replay lasts about so long: the events around it are exact to half a microsecond.
REPLAY_SECONDS = 1e-3
MOST_CALLS = 256
MOST_SETS = 64
#: How often the sets of operands exceed the L2 cache.
L2_TIMES = 3
FEWEST_ROUNDS, MOST_ROUNDS = 5, 200
COPY_BYTES = 1 << 30


@dataclass(frozen=True)
class Measured:
    """Seconds of one call in every round, and whether a graph was replayed."""

    timing: Timing
    replayed: bool


def input_sets(set_bytes: int) -> int:
    """Return how many sets of operands exceed the L2 cache three times."""
    l2 = torch.cuda.get_device_properties(0).L2_cache_size
    return min(max(ceil(L2_TIMES * l2 / max(set_bytes, 1)), 1), MOST_SETS)


def copy_candidate() -> tuple[Calls, int]:
    """Return a copy of 1 GiB of random numbers, and how many bytes that moves.

    The copy flips signs: what the driver does for ``copy_`` is as fast when launched
    (4255 beside 4286 GB/s on an H200), but recorded in a graph it reaches 2766 GB/s,
    which would be no yardstick.
    """
    source = torch.randn(COPY_BYTES // 2, device="cuda").to(torch.bfloat16)
    target = torch.empty_like(source)
    return [lambda: torch.neg(source, out=target)], 2 * COPY_BYTES


def measure(candidates: dict[str, Calls], seconds: float) -> dict[str, Measured]:
    """Time every candidate in interleaved rounds, for about ``seconds`` in all."""
    prepared = {name: _Replay(calls) for name, calls in candidates.items()}
    whole = sum(2 * replay.timed() * replay.calls for replay in prepared.values())
    rounds = min(max(int(seconds / max(whole, 1e-9)), FEWEST_ROUNDS), MOST_ROUNDS)
    found: dict[str, list[float]] = {name: [] for name in candidates}
    order = list(candidates)
    shuffle = random.Random(0).shuffle
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            found[name].append(prepared[name].timed())
    return {
        name: Measured(Timing(tuple(found[name])), prepared[name].replayed)
        for name in candidates
    }


class _Replay:
    """The calls of a candidate, recorded where that is possible."""

    def __init__(self, calls: Calls) -> None:
        self._once = calls
        for call in calls:  # compiles, and fills the caches of the libraries
            call()
        torch.cuda.synchronize()
        self.replayed, self.calls = False, len(calls)
        self._run: Callable[[], object] = self._launch
        wanted = REPLAY_SECONDS / max(self.timed(), 1e-9)
        self._times = min(ceil(wanted / len(calls)), max(MOST_CALLS // len(calls), 1))
        self.calls = self._times * len(calls)
        self._record()

    _times = 1

    def _launch(self) -> None:
        for _ in range(self._times):
            for call in self._once:
                call()

    def _record(self) -> None:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self._launch()
        except RuntimeError:
            torch.cuda.synchronize()
            return
        self._run, self.replayed = graph.replay, True

    def timed(self) -> float:
        """Return the seconds of one call: a replay behind a replay."""
        event: Any = torch.cuda.Event
        start, end = (event(enable_timing=True) for _ in range(2))
        self._run()
        start.record()
        self._run()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1e3 / self.calls
