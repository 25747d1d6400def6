"""What labs 4 and 5 start from: Triton made ready, and a device to run kernels on."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fp8lab.grading.triton_device import Device

__all__ = ["UNDEFINED", "UNWRITTEN", "triton_ready"]

#: What every byte of the device is until a kernel stores to it. Four of them are
#: 3.4e38 as a float32; one is E4M3FN's NaN.
UNWRITTEN = 0x7F
#: What every byte is in a lane that a mask switched off: 8.5e37, or E4M3FN's 448.
UNDEFINED = 0x7E


def triton_ready() -> tuple[ModuleType, ModuleType, Device]:
    """Return ``triton``, ``triton.language`` and the device that the lab runs on.

    Where there is a Hopper GPU, that; elsewhere Triton's interpreter on the CPU, whose
    FP8 arithmetic `fp8lab.kernels.interpreter` makes exact, and which
    `fp8lab.grading.triton_watch` makes as strict as a GPU. Says in one sentence which.

    Raises
    ------
    ModuleNotFoundError
        PyTorch or Triton is absent; the text says what to install.
    """
    # Before Triton: it decides once, at its import, whether kernels are interpreted.
    from fp8lab.kernels.runtime import INTERPRETED  # isort: skip
    import triton
    import triton.language as tl

    from fp8lab.grading.triton_device import Device

    device = Device(INTERPRETED)
    print(device.says())
    return triton, tl, device
