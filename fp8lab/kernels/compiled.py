"""Read what the kernels compile to for Hopper, on any machine: no GPU is needed.

``with compiling() as found:`` turns each launch inside it into a compilation for
compute capability 9.0. Nothing runs, results are uninitialised, and ``found`` gets one
`Compiled` a launch: what ptxas reports, and how often each instruction stands in the
machine code. The process must have been started with TRITON_INTERPRET=0.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime.driver import driver
from triton.runtime.jit import JITFunction

from fp8lab.kernels import runtime

__all__ = ["Compiled", "compiling"]

TARGET = GPUTarget("cuda", 90, 32)
INSTRUCTION = re.compile(r"\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z0-9_.]+)")


@dataclass(frozen=True)
class Compiled:
    """One kernel as compiled for one set of arguments.

    Attributes
    ----------
    name
        The kernel's name.
    warps
        Warps a program was asked to have; specialised warps come on top.
    registers
        Registers a thread.
    local_bytes
        Bytes a thread keeps in local memory: spilled registers.
    shared_bytes
        Bytes of shared memory a program.
    instructions
        How often each instruction, modifiers included, stands in the machine code.
    ptx, sass
        The assembly and the machine code as text.
    """

    name: str
    warps: int
    registers: int
    local_bytes: int
    shared_bytes: int
    instructions: Counter[str]
    ptx: str
    sass: str

    def count(self, prefix: str) -> int:
        """Return how many instructions begin with ``prefix``, as in ``"QGMMA"``."""
        named = self.instructions.items()
        return sum(n for name, n in named if name.startswith(prefix))


class _NoGpu:
    """As much of a driver as a compilation asks for."""

    def get_current_target(self) -> GPUTarget:
        return TARGET

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, _device: int) -> int:
        return 0

    def get_active_torch_device(self) -> torch.device:
        return torch.device("cpu")


@contextmanager
def compiling() -> Iterator[list[Compiled]]:
    """Compile what is launched inside, instead of running it.

    Raises
    ------
    RuntimeError
        Kernels of this process run in the interpreter, so there is no compiler.
    """
    if runtime.INTERPRETED:
        raise RuntimeError(
            "kernels of this process are interpreted; start it with TRITON_INTERPRET=0"
        )
    found: list[Compiled] = []
    launch, active = JITFunction.run, driver._active

    def compile_only(self: Any, *args: Any, **options: Any) -> Any:
        kernel = launch(self, *args, **options | {"warmup": True})
        found.append(_read(kernel))
        return kernel

    driver.set_active(_NoGpu())
    JITFunction.run = compile_only
    runtime.compile_only = True
    try:
        yield found
    finally:
        runtime.compile_only = False
        JITFunction.run = launch
        driver._active = active


def _read(kernel: Any) -> Compiled:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        usage = _cuobjdump("--dump-resource-usage", file.name)
        sass = _cuobjdump("--dump-sass", file.name)
    numbers = {key: int(n) for key, n in re.findall(r"(\w+):(\d+)", usage)}
    lines = (INSTRUCTION.match(line) for line in sass.splitlines())
    return Compiled(
        name=kernel.metadata.name,
        warps=kernel.metadata.num_warps,
        registers=numbers["REG"],
        local_bytes=numbers["LOCAL"] + numbers["STACK"],
        shared_bytes=kernel.metadata.shared,
        instructions=Counter(line[1] for line in lines if line),
        ptx=kernel.asm["ptx"],
        sass=sass,
    )


def _cuobjdump(option: str, path: str) -> str:
    # Triton's wheel brings NVIDIA's tool along with its assembler.
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    answer = subprocess.run([tool, option, path], capture_output=True, text=True)
    if answer.returncode:
        raise RuntimeError(f"cuobjdump failed: {answer.stderr.strip()}")
    return answer.stdout
