"""Check what the quantizers are given, before anything is launched."""

from __future__ import annotations

import numpy as np
import torch

from fp8lab.kernels.recipe import Recipe
from fp8lab.kernels.runtime import check_device
from fp8lab.kernels.tensors import FLOATS, SCALE_DTYPES
from fp8lab.scales import ScaleDtype, check_scale, compute_scale

__all__ = ["check_floats", "checked_amax", "number_scale", "stored_scale"]


def check_floats(x: torch.Tensor, name: str) -> None:
    """Raise for what is no tensor of floats that the kernels read."""
    if not isinstance(x, torch.Tensor):
        raise ValueError(
            f"{name} is a {type(x).__name__}; give a torch tensor, or use fp8lab's "
            "function of the same name, which takes arrays"
        )
    if x.dtype not in FLOATS:
        raise ValueError(f"{name} is {x.dtype}; give float32, float16 or bfloat16")
    check_device(x, name)


# Numbers are settled while torch.compile traces: it cannot follow NumPy.
@torch.compiler.assume_constant_result
def number_scale(amax: float, recipe: Recipe) -> float:
    """Return the scale for an amax that is one number, as NumPy computes it."""
    scale = compute_scale(
        amax, recipe.fmt, scale_dtype=recipe.scale_dtype, scale_rule=recipe.scale_rule
    )
    return float(scale)


@torch.compiler.assume_constant_result
def checked_number(scale: float, dtype: ScaleDtype) -> float:
    """Return a scale that is one number; ValueError for what cannot be one."""
    return float(check_scale(scale, (1, 1), dtype)[0, 0])


def checked_amax(
    amax: torch.Tensor, shape: tuple[int, int], device: torch.device
) -> torch.Tensor:
    """Return magnitudes in the scales' shape."""
    return _broadcast(amax, "amax", shape, device)


def stored_scale(
    scale: torch.Tensor | float,
    shape: tuple[int, int],
    device: torch.device,
    dtype: ScaleDtype,
) -> torch.Tensor:
    """Return a caller's scales as they are stored, in the scales' shape.

    Numbers and CPU tensors are checked as `fp8lab.quantize` checks them; looking at a
    tensor on a GPU would wait for it.
    """
    if not isinstance(scale, torch.Tensor):
        number = checked_number(scale, dtype)
        scale = torch.full((1, 1), number, dtype=torch.float32, device=device)
    elif _can_be_looked_at(scale):
        check_scale(
            np.asarray(scale.detach()).reshape(1, -1), (1, scale.numel()), dtype
        )
    scales = _broadcast(scale, "scale", shape, device)
    if dtype is ScaleDtype.E8M0:
        return (scales.view(torch.int32) >> 23).to(torch.uint8)
    return scales.to(SCALE_DTYPES[dtype])


def _can_be_looked_at(scale: torch.Tensor) -> bool:
    on_cpu = scale.device.type == "cpu" and scale.dtype == torch.float32
    return on_cpu and not torch.compiler.is_compiling()


def _broadcast(
    given: torch.Tensor, name: str, shape: tuple[int, int], device: torch.device
) -> torch.Tensor:
    if given.dtype != torch.float32:
        raise ValueError(f"{name} is {given.dtype}; give float32")
    if given.device != device:
        raise ValueError(f"{name} is on {given.device}, and x on {device}")
    try:
        return given.detach().broadcast_to(shape)
    except RuntimeError:
        raise ValueError(
            f"{name} has shape {tuple(given.shape)}; this group needs {shape} or one "
            "number"
        ) from None
