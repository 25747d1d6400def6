"""What the kernels take and give: FP8 codes in torch tensors, with their scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

import fp8lab
from fp8lab.formats import E4M3FN, E5M2, FloatFormat
from fp8lab.granularity import GroupShape
from fp8lab.scales import ScaleDtype, element_format_of

__all__ = [
    "DTYPES",
    "FLOATS",
    "SCALE_DTYPES",
    "QuantizedTensor",
    "fp8_dtype",
    "fp8_format",
    "kernel_format",
    "to_numpy",
]

#: The FP8 formats of Hopper's conversions and matrix instruction.
DTYPES: dict[FloatFormat, torch.dtype] = {
    E4M3FN: torch.float8_e4m3fn,
    E5M2: torch.float8_e5m2,
}
_FORMATS = {dtype: fmt for fmt, dtype in DTYPES.items()}
#: What is quantized: the dtypes that the conversions take.
FLOATS = (torch.float32, torch.float16, torch.bfloat16)
SCALE_DTYPES = {
    ScaleDtype.FLOAT32: torch.float32,
    ScaleDtype.BFLOAT16: torch.bfloat16,
    ScaleDtype.E8M0: torch.uint8,
}
SMALLEST_E8M0 = 0x00400000  # 2**-127 is a subnormal float32


def kernel_format(fmt: FloatFormat | str) -> FloatFormat:
    """Return E4M3FN or E5M2 by record or name; ValueError for another."""
    element = element_format_of(fmt)
    if element not in DTYPES:
        raise ValueError(f"the kernels take E4M3FN and E5M2; got {element}")
    return element


def fp8_dtype(fmt: FloatFormat | str) -> torch.dtype:
    """Return the torch dtype of a format's codes."""
    return DTYPES[kernel_format(fmt)]


def fp8_format(tensor: torch.Tensor, name: str) -> FloatFormat:
    """Return the format of a tensor of codes; ValueError names what is allowed."""
    if tensor.dtype not in _FORMATS:
        known = " or ".join(str(dtype) for dtype in _FORMATS)
        raise ValueError(f"{name} is {tensor.dtype}; give {known}")
    return _FORMATS[tensor.dtype]


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor as NumPy has it: FP8 as uint8 codes, bfloat16 as uint16 bits."""
    views = {1: torch.uint8, 2: torch.uint16}
    unknown = tensor.dtype in _FORMATS or tensor.dtype == torch.bfloat16
    plain = tensor.detach().cpu()
    return (plain.view(views[tensor.itemsize]) if unknown else plain).numpy()


@dataclass(frozen=True, repr=False, eq=False)
class QuantizedTensor:
    """Codes and the scales that give them meaning, on a device.

    The torch twin of `fp8lab.QuantizedTensor`: ``q.numpy()`` is that one.

    Attributes
    ----------
    codes
        float8_e4m3fn or float8_e5m2, in the original tensor's shape.
    scale_codes
        The scales as stored, in ``group.scale_shape(shape)``: float32, bfloat16, or
        E8M0 codes as uint8. Groups of 1 x N have theirs column-major (stride [1, M]),
        as the matrix products want them.
    fmt, group, scale_dtype
        As in NumPy.
    """

    codes: torch.Tensor
    scale_codes: torch.Tensor
    fmt: FloatFormat
    group: GroupShape
    scale_dtype: ScaleDtype

    @property
    def shape(self) -> torch.Size:
        """Shape of the tensor."""
        return self.codes.shape

    @property
    def scales(self) -> torch.Tensor:
        """The scales as float32 numbers."""
        if self.scale_dtype is not ScaleDtype.E8M0:
            return self.scale_codes.float()
        bits = self.scale_codes.to(torch.int32)
        bits = (bits << 23).clamp_min(SMALLEST_E8M0)
        # Code 255 is NaN; shifted, it would be infinity.
        return torch.where(self.scale_codes == 255, bits | 1, bits).view(torch.float32)

    def numpy(self) -> fp8lab.QuantizedTensor:
        """Return the NumPy twin, copied to the CPU."""
        return fp8lab.QuantizedTensor(
            to_numpy(self.codes),
            to_numpy(self.scales),
            self.fmt,
            self.group,
            self.scale_dtype,
        )

    def __repr__(self) -> str:
        return (
            f"<QuantizedTensor {list(self.shape)} {self.fmt.short} on "
            f"{self.codes.device}, {self.group} scales "
            f"({self.scale_dtype}, {list(self.scale_codes.shape)})>"
        )
