"""Which GPUs the NVIDIA driver lists, and what the lab's kernels do on each.

The driver's own tool is asked, so nothing heavy is imported, and no driver, a broken
one or one without a GPU is an answer like any other.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

__all__ = ["HOPPER_CAPABILITY", "Gpu", "ask_driver", "gpus"]

# FP8 matrix units came with compute capability 8.9 (Ada) and 9.0 (Hopper); the kernels
# of the lab are written for the second.
FP8_CAPABILITY = (8, 9)
HOPPER_CAPABILITY = (9, 0)
#: A driver that does not say.
UNKNOWN = (0, 0)

GPU_QUERY = (
    "nvidia-smi",
    "--query-gpu=name,compute_cap,memory.total,driver_version",
    "--format=csv,noheader",
)
WAIT_SECONDS = 30
NO_DRIVER = "there is no nvidia-smi, so no NVIDIA driver"
NO_GPU = "nvidia-smi lists no GPU"


@dataclass(frozen=True)
class Gpu:
    """One GPU as its driver names it; `capability` as in (9, 0)."""

    name: str
    capability: tuple[int, int]
    memory: str
    driver: str

    @property
    def runs_kernels(self) -> bool:
        """Whether kernels compiled for it can be launched."""
        return self.capability >= HOPPER_CAPABILITY

    @property
    def is_hopper(self) -> bool:
        """Whether it is of the generation whose sums and speeds the lab has."""
        return self.capability[0] == HOPPER_CAPABILITY[0]

    @property
    def verdict(self) -> str:
        """Say what of the lab this GPU can run."""
        if self.is_hopper:
            return "runs the FP8 kernels"
        if self.runs_kernels:
            return (
                "newer than Hopper: compiled kernels may run, but their sums are not "
                "Hopper's, and nothing was measured on it"
            )
        if self.capability >= FP8_CAPABILITY:
            return (
                "has FP8 matrix units, but the kernels are made for Hopper and need "
                "9.0: they run in Triton's interpreter, on the CPU"
            )
        known = self.capability != UNKNOWN
        return (
            "has no FP8 matrix units, and the kernels need 9.0: they run in Triton's "
            "interpreter, on the CPU"
            if known
            else "unknown to its driver, so taken for one that has no FP8 matrix units"
        )


def gpus() -> list[Gpu]:
    """Return the GPUs that the NVIDIA driver lists; none where there is no driver."""
    return ask_driver()[0]


def ask_driver() -> tuple[list[Gpu], str]:
    """Return the GPUs, and where there are none, why."""
    if shutil.which(GPU_QUERY[0]) is None:
        return [], NO_DRIVER
    try:
        answer = subprocess.run(
            GPU_QUERY, capture_output=True, text=True, timeout=WAIT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return [], f"nvidia-smi gave no answer for {WAIT_SECONDS} s"
    except OSError as error:
        return [], f"nvidia-smi cannot be started ({error.strerror})"
    if answer.returncode:
        said = (answer.stdout + answer.stderr).strip().splitlines()
        why = said[0] if said else f"exit code {answer.returncode}"
        return [], f"nvidia-smi failed: {why}"
    lines = answer.stdout.splitlines()
    found = [_read_gpu(line) for line in lines if line.count(",") == 3]
    return found, "" if found else NO_GPU


def _read_gpu(line: str) -> Gpu:
    name, capability, memory, driver = (field.strip() for field in line.split(","))
    major, _, minor = capability.partition(".")
    # An old driver answers "[N/A]" for the capability.
    known = major.isdigit() and minor.isdigit()
    return Gpu(name, (int(major), int(minor)) if known else UNKNOWN, memory, driver)
