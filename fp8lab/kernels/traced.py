"""The products and the attention as operators of ``torch.ops.fp8lab``.

``torch.compile`` cannot trace what these functions ask of shapes and of the GPU. While
it traces, they call the operators here, which it keeps whole; when the operators run,
they call the functions.
"""

from __future__ import annotations

from typing import Any

import torch

from fp8lab.granularity import GroupShape
from fp8lab.kernels.tensors import QuantizedTensor, fp8_format
from fp8lab.scales import ScaleDtype

__all__ = [
    "as_tensor",
    "decode_attention",
    "scaled_mm",
    "tensor_or_number",
    "weight_only_mm",
]


def as_tensor(scale: torch.Tensor | float, like: torch.Tensor) -> torch.Tensor:
    """Return a scale as a tensor: an operator's argument has one type."""
    if isinstance(scale, torch.Tensor):
        return scale
    return torch.full((1, 1), float(scale), dtype=torch.float32, device=like.device)


def tensor_or_number(
    scale: torch.Tensor | float,
) -> tuple[torch.Tensor | None, float]:
    """Return a scale as a tensor or, else, as a number."""
    return (scale, 1.0) if isinstance(scale, torch.Tensor) else (None, float(scale))


@torch.library.custom_op("fp8lab::scaled_mm", mutates_args=())
def scaled_mm(
    mat_a: torch.Tensor,
    mat_b: torch.Tensor,
    scale_a: torch.Tensor,
    scale_recipe_a: str,
    scale_b: torch.Tensor,
    scale_recipe_b: str,
    output_dtype: torch.dtype,
    use_fast_accum: bool,
    split_k: int | None,
) -> torch.Tensor:
    """`fp8lab.kernels.scaled_mm`."""
    from fp8lab.kernels import gemm

    return gemm.scaled_mm(
        mat_a,
        mat_b,
        scale_a,
        scale_recipe_a,
        scale_b,
        scale_recipe_b,
        output_dtype=output_dtype,
        use_fast_accum=use_fast_accum,
        split_k=split_k,
    )


@scaled_mm.register_fake
def _(
    mat_a: torch.Tensor,
    mat_b: torch.Tensor,
    _scale_a: object,
    _recipe_a: object,
    _scale_b: object,
    _recipe_b: object,
    output_dtype: torch.dtype,
    *_: object,
) -> torch.Tensor:
    return mat_a.new_empty((mat_a.shape[0], mat_b.shape[1]), dtype=output_dtype)


@torch.library.custom_op("fp8lab::weight_only_mm", mutates_args=())
def weight_only_mm(
    x: torch.Tensor,
    codes: torch.Tensor,
    scale_codes: torch.Tensor,
    group_rows: int,
    group_cols: int,
    scale_dtype: str,
    output_dtype: torch.dtype,
) -> torch.Tensor:
    """`fp8lab.kernels.weight_only_mm`."""
    from fp8lab.kernels import weight_only

    weight = QuantizedTensor(
        codes,
        scale_codes,
        fp8_format(codes, "weight"),
        GroupShape(group_rows, group_cols),
        ScaleDtype(scale_dtype),
    )
    return weight_only.weight_only_mm(x, weight, output_dtype=output_dtype)


@weight_only_mm.register_fake
def _(x: torch.Tensor, codes: torch.Tensor, *rest: Any) -> torch.Tensor:
    dtype = rest[-1]
    return x.new_empty((*x.shape[:-1], codes.shape[0]), dtype=dtype)


@torch.library.custom_op("fp8lab::decode_attention", mutates_args=())
def decode_attention(
    q: torch.Tensor,
    k_cache: torch.Tensor,
    v_cache: torch.Tensor,
    lengths: torch.Tensor | None,
    k_scale: torch.Tensor | None,
    k_factor: float,
    v_scale: torch.Tensor | None,
    v_factor: float,
    block_table: torch.Tensor | None,
    softmax_scale: float | None,
    splits: int | None,
) -> torch.Tensor:
    """`fp8lab.kernels.decode_attention`; a scale is a tensor or, else, a factor."""
    from fp8lab.kernels import attention

    return attention.decode_attention(
        q,
        k_cache,
        v_cache,
        lengths,
        k_scale=k_factor if k_scale is None else k_scale,
        v_scale=v_factor if v_scale is None else v_scale,
        block_table=block_table,
        softmax_scale=softmax_scale,
        splits=splits,
    )


@decode_attention.register_fake
def _(q: torch.Tensor, *_: object) -> torch.Tensor:
    return q.new_empty(q.shape)
