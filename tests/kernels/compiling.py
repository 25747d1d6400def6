"""Compile for Hopper in a process of its own, and read what it printed."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Run with TRITON_INTERPRET=0: the process of the tests is an interpreter.
REPORT = """
import json
from fp8lab.kernels.compiled import compiling

def report(**calls):
    answer = {}
    for name, call in calls.items():
        with compiling() as found:
            call()
        answer[name] = [
            {
                "name": c.name,
                "warps": c.warps,
                "registers": c.registers,
                "local_bytes": c.local_bytes,
                "shared_bytes": c.shared_bytes,
                "instructions": dict(c.instructions),
            }
            for c in found
        ]
    print(json.dumps(answer))
"""


@dataclass(frozen=True)
class Kernel:
    """What ptxas and the machine code say of one launch."""

    name: str
    warps: int
    registers: int
    local_bytes: int
    shared_bytes: int
    instructions: dict[str, int]

    def count(self, prefix: str) -> int:
        """How many instructions begin so."""
        return count({"instructions": self.instructions}, prefix)

    @property
    def total(self) -> int:
        """All instructions but the padding."""
        return sum(self.instructions.values()) - self.count("NOP")


def compiled(script: str) -> dict[str, list[Kernel]]:
    """Run a script that ends in ``report(name=callable, ...)``."""
    answer = _run("-c", REPORT + script)
    return {
        name: [Kernel(**kernel) for kernel in kernels]
        for name, kernels in answer.items()
    }


def run_module(name: str, repository: Path) -> dict[str, Any]:
    """Run a module of tests, which compiles its cases and prints them as JSON."""
    return _run("-m", name, cwd=repository)


def _run(*arguments: str, cwd: Path | None = None) -> dict[str, Any]:
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=cwd,
        # Triton decides once whether its kernels are interpreted.
        env={**os.environ, "TRITON_INTERPRET": "0"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def count(kernel: dict[str, Any], prefix: str) -> int:
    """How many of a kernel's ``"instructions"`` begin so."""
    named = kernel["instructions"].items()
    return sum(number for name, number in named if name.startswith(prefix))


ADDRESS = re.compile(r"/\*([0-9a-f]{4,})\*/\s+(.*?);")


def loop_length(sass: str) -> int:
    """How many instructions the longest loop has."""
    lines = ADDRESS.findall(sass)
    places = {int(address, 16): i for i, (address, _) in enumerate(lines)}
    lengths = [0]
    for i, (address, text) in enumerate(lines):
        target = re.search(r"\bBRA (?:\S+, )?0x([0-9a-f]+)", text)
        if target and int(target[1], 16) < int(address, 16):
            lengths.append(i + 1 - places[int(target[1], 16)])
    return max(lengths)
