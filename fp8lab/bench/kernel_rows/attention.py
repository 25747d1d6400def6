"""Rows of decode attention over an FP8 cache: time, beside bfloat16 caches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from fp8lab.bench.kernel_catalogue import Row
from fp8lab.bench.kernel_rows import Candidate, Prepared, WrongError
from fp8lab.bench.kernel_rows.numbers import SPREAD, Numbers
from fp8lab.kernels.attention import Plan, decode_attention

__all__ = ["prepare"]

#: The output is bfloat16; what rounding its inside costs is less, and random.
ALLOWED = 2.0**-8


@dataclass(frozen=True)
class _Operands:
    """One set: a query, codes of [B, T, Hkv, D], and the same numbers in bfloat16."""

    q: torch.Tensor
    codes: tuple[torch.Tensor, torch.Tensor]
    wide: tuple[torch.Tensor, torch.Tensor]
    scale: torch.Tensor
    table: torch.Tensor | None

    @property
    def work(self) -> tuple[int, int]:
        """Bytes that a call moves, with FP8 codes and in bfloat16."""
        around = 2 * self.q.nbytes
        return tuple(  # type: ignore[return-value]
            around + sum(cache.nbytes for cache in caches)
            for caches in (self.codes, self.wide)
        )


def prepare(
    row: Row, numbers: Numbers, config: dict[str, Any] | None = None
) -> Prepared:
    """Make the operands of a row, and the calls."""
    shape = row.arguments
    cache = 2 * shape["batch"] * shape["tokens"] * shape["kv_heads"] * shape["width"]
    sets = [_operands(shape, one) for one in numbers.sets(cache)]
    options = {} if config is None else _options(**config)
    ours = [partial(_ours, s, **options) for s in sets]
    narrow, wide = sets[0].work
    peers = {
        "the same kernel, bf16": Candidate([partial(_twin, s) for s in sets], wide)
    }
    if not shape["page"]:
        peers["SDPA, bf16"] = Candidate([partial(_sdpa, s) for s in sets], wide)
    return Prepared(
        Candidate(ours, narrow), peers, lambda: _check(ours[0](), sets[0]), "each"
    )


def _options(splits: int | None, **plan: Any) -> dict[str, Any]:
    """Return the arguments that take the place of the kernel's own choices."""
    return {"splits": splits, "plan": Plan(**plan)}


def _operands(shape: dict[str, int], numbers: Numbers) -> _Operands:
    batch, tokens, page = shape["batch"], shape["tokens"], shape["page"]
    heads, width = shape["kv_heads"], shape["width"]
    table, rows = None, (batch, tokens)
    if page:
        pages = batch * tokens // page
        # Pages lie anywhere, as after some time of serving.
        table = numbers.permutation(pages).view(batch, -1)
        rows = (pages, page)
    codes = tuple(numbers.codes(*rows, heads, width) for _ in range(2))
    # A power of two: the bfloat16 numbers are the same.
    wide = tuple(numbers.widened(one).div_(SPREAD) for one in codes)
    scale = torch.full((heads,), 1 / SPREAD, device=numbers.device)
    q = numbers.normal(batch, shape["heads"], width)
    return _Operands(q, (codes[0], codes[1]), (wide[0], wide[1]), scale, table)


def _ours(s: _Operands, **options: Any) -> torch.Tensor:
    scaled = {"k_scale": s.scale, "v_scale": s.scale, "block_table": s.table, **options}
    return decode_attention(s.q, *s.codes, **scaled)


def _twin(s: _Operands) -> torch.Tensor:
    return decode_attention(s.q, *s.wide, block_table=s.table)


def _sdpa(s: _Operands) -> torch.Tensor:
    k, v = (cache.transpose(1, 2) for cache in s.wide)
    return scaled_dot_product_attention(s.q.unsqueeze(2), k, v, enable_gqa=True)


def _check(ours: torch.Tensor, s: _Operands) -> str:
    """Compare with attention in float32 on the same numbers."""
    error, norm = 0.0, 0.0
    for one in range(len(s.q)):
        k, v = (_cache(cache, s.table, one) for cache in s.wide)
        q = s.q[one].float().view(k.shape[1], -1, k.shape[2])
        scores = torch.einsum("hgd,thd->hgt", q, k) / k.shape[2] ** 0.5
        exact = torch.einsum("hgt,thd->hgd", scores.softmax(dim=2), v)
        difference = ours[one].float().view(exact.shape) - exact
        error += float(difference.square().sum())
        norm += float(exact.square().sum())
    relative = (error / norm) ** 0.5
    if not relative <= ALLOWED:
        raise WrongError(f"error {relative:.1e}, allowed {ALLOWED:.1e}")
    return f"error {relative:.1e} (<= {ALLOWED:.1e})"


def _cache(cache: torch.Tensor, table: torch.Tensor | None, one: int) -> torch.Tensor:
    """Return a sequence's cache as float32 [T, Hkv, D]."""
    if table is None:
        return cache[one].float()
    return cache[table[one].long()].flatten(0, 1).float()
