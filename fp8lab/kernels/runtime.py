"""Where the kernels run: on a Hopper GPU, or in Triton's interpreter on the CPU.

The choice is made once, when `fp8lab.kernels` is imported, because Triton reads it when
it decorates a function. Without a GPU for the kernels the interpreter is taken, and
`fp8lab.kernels.interpreter` makes its FP8 arithmetic exact. TRITON_INTERPRET=1 asks for
the interpreter beside a GPU, TRITON_INTERPRET=0 for compiled kernels without one: they
can be compiled and read there, not launched.
"""

from __future__ import annotations

import functools
import os
import sys

import torch

from fp8lab.gpus import HOPPER_CAPABILITY

__all__ = [
    "INTERPRETED",
    "check_device",
    "multiprocessors",
    "usable_gpu",
]


def usable_gpu() -> bool:
    """Say whether PyTorch sees a GPU that the kernels run on."""
    if not torch.cuda.is_available():
        return False
    return torch.cuda.get_device_capability() >= HOPPER_CAPABILITY


def _choose() -> bool:
    asked = os.environ.get("TRITON_INTERPRET")
    if asked is None and not usable_gpu():
        if "triton" in sys.modules:
            raise ImportError(
                "Triton was imported before fp8lab.kernels, for a GPU that is not "
                "here; import fp8lab.kernels first, or set TRITON_INTERPRET=1"
            )
        os.environ["TRITON_INTERPRET"] = asked = "1"
    return asked is not None and asked.lower() in ("1", "true", "yes", "on", "y")


#: Whether kernels run in Triton's interpreter; fixed for the life of the process.
INTERPRETED = _choose()

#: Whether launches only compile just now (`fp8lab.kernels.compiled`).
compile_only = False

#: Streaming multiprocessors of an H200, where no GPU can be asked.
H200_MULTIPROCESSORS = 132


@functools.cache
def _count(index: int) -> int:
    return int(torch.cuda.get_device_properties(index).multi_processor_count)


def multiprocessors(device: torch.device) -> int:
    """Return how many multiprocessors share the programs of a launch."""
    if device.type != "cuda":
        return H200_MULTIPROCESSORS
    return _count(torch.cuda.current_device() if device.index is None else device.index)


def check_device(tensor: torch.Tensor, name: str) -> None:
    """Raise a RuntimeError where a kernel cannot run on ``tensor``'s device."""
    if INTERPRETED or compile_only:
        return
    if tensor.device.type != "cuda":
        raise RuntimeError(
            f"{name} is on {tensor.device}; kernels compiled for a GPU take tensors on "
            "it. Move the tensor there, or set TRITON_INTERPRET=1 before the import"
        )
    capability = torch.cuda.get_device_capability(tensor.device)
    if capability < HOPPER_CAPABILITY:
        major, minor = capability
        raise RuntimeError(
            f"this GPU has compute capability {major}.{minor}, and the kernels need "
            "9.0 (Hopper); set TRITON_INTERPRET=1 to run them, slowly, on the CPU"
        )
