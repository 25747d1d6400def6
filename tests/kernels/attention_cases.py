"""Caches for decode attention, their exact results, and how far a kernel may be off.

Exact is PyTorch's attention in float64. The bound is the one that `decode_attention`
states, computed for the case at hand.
"""

from dataclasses import dataclass, replace

import torch
from torch.nn.functional import scaled_dot_product_attention

from fp8lab.kernels.attention import decode_attention

E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2
CACHES = [E4M3, E5M2, torch.bfloat16, torch.float16]
FLOATS = [torch.float16, torch.bfloat16, torch.float32]
#: Unit roundoffs.
UNITS = {torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8, torch.float32: 2.0**-24}


def int32(*numbers: int, device="cpu") -> torch.Tensor:
    """Return numbers as lengths and block tables have them."""
    return torch.tensor(numbers, dtype=torch.int32, device=device)


@dataclass(frozen=True)
class Case:
    """The arguments of a call; the cache is contiguous."""

    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    lengths: torch.Tensor | None = None
    k_scale: torch.Tensor | float = 1.0
    v_scale: torch.Tensor | float = 1.0
    softmax_scale: float | None = None

    def run(self, **options):
        """Return the kernel's result."""
        scales = {"k_scale": self.k_scale, "v_scale": self.v_scale}
        scales["softmax_scale"] = self.softmax_scale
        return decode_attention(
            self.q, self.k, self.v, self.lengths, **(scales | options)
        )

    def used(self) -> list[int]:
        """Return the tokens in use of each sequence."""
        batch, tokens = self.k.shape[:2]
        return [tokens] * batch if self.lengths is None else self.lengths.tolist()


def make(
    heads=(8, 2),
    width=64,
    tokens=200,
    *,
    batch=1,
    cache=E4M3,
    q=torch.float16,
    device,
    seed=0,
    spread=1.0,
    **rest,
) -> Case:
    """Return a case of normal numbers; K and V as large as their format is wide.

    Scales differ between heads and are no powers of two. ``spread`` is the standard
    deviation of the scores.
    """
    random = torch.Generator().manual_seed(seed)
    shape = (batch, tokens, heads[1], width)
    size = 40.0 if cache.itemsize == 1 else 1.0

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random)

    return Case(
        q=normal(batch, heads[0], width).to(q).to(device),
        k=(normal(*shape) * size).to(cache).to(device),
        v=(normal(*shape) * size).to(cache).to(device),
        **{
            "k_scale": (0.7 + torch.rand(heads[1], generator=random)).to(device)
            * (spread / size),
            "v_scale": (0.7 + torch.rand(heads[1], generator=random)).to(device) / size,
        }
        | rest,
    )


def scaled(cache: torch.Tensor, scale: torch.Tensor | float) -> torch.Tensor:
    """Return a cache as float64, [B, Hkv, T, D]."""
    values = cache.double().transpose(1, 2)
    if not isinstance(scale, torch.Tensor):
        return values * scale
    return values * scale.double().expand(values.shape[:2])[..., None, None]


def exact(case: Case) -> torch.Tensor:
    """Return the result in float64, [B, Hq, D]."""
    out = torch.zeros(case.q.shape, dtype=torch.float64, device=case.q.device)
    k, v = scaled(case.k, case.k_scale), scaled(case.v, case.v_scale)
    for b, n in enumerate(case.used()):
        if n:
            out[b] = scaled_dot_product_attention(
                case.q[b, None, :, None].double(),
                k[b, None, :, :n],
                v[b, None, :, :n],
                scale=case.softmax_scale,
                enable_gqa=True,
            )[0, :, 0]
    return out


def bound(case: Case, wanted: torch.Tensor) -> torch.Tensor:
    """Return how far each element may be off, as `decode_attention` states it."""
    work = torch.float16 if case.k.itemsize == 1 else case.k.dtype
    width = case.q.shape[2]
    factor = width**-0.5 if case.softmax_scale is None else case.softmax_scale
    allowed = wanted.abs() * UNITS[case.q.dtype]
    if case.q.dtype == torch.float16:
        allowed = allowed + 2.0**-25  # half of the smallest float16
    k, v = scaled(case.k, case.k_scale), scaled(case.v, case.v_scale)
    for b, n in enumerate(case.used()):
        if not n:
            continue
        keys, values = k[b, :, :n], v[b, :, :n]
        q = case.q[b].double()
        moved = (q - q.to(work).double()).abs() + (width + 8) * 2.0**-22 * q.abs()
        grouped = (keys.shape[0], -1, width)
        off = moved.reshape(grouped) @ keys.abs().mT * abs(factor)
        e = off.amax(-1, keepdim=True)
        weights = (q.reshape(grouped) @ keys.mT * factor).softmax(-1)
        share = (1 + UNITS[work]) * (2 * e).exp() * (1 + (n + 256) * 2.0**-26) - 1
        allowed[b] += (share * (weights @ values.abs())).reshape(wanted[b].shape)
    return allowed


def share_of_bound(out: torch.Tensor, case: Case, wanted=None) -> float:
    """Return the largest error in units of what is allowed; NaN counts as infinite."""
    wanted = exact(case) if wanted is None else wanted
    allowed = bound(case, wanted)
    error = (out.double() - wanted).abs()
    share = torch.where(error == 0, 0.0, error / allowed)
    return share.nan_to_num(nan=torch.inf).max().item()


def check(case: Case, **options) -> torch.Tensor:
    """Run a case, and hold it against the bound."""
    out = case.run(**options)
    assert out.dtype == case.q.dtype
    assert out.shape == case.q.shape
    assert share_of_bound(out, case) <= 1
    return out


def edited(cache: torch.Tensor, function) -> torch.Tensor:
    """Return ``function`` of a cache: FP8 tensors know few operations themselves."""
    return function(cache.float()).to(cache.dtype)


def leave_out(token: int, case: Case) -> Case:
    """Return the case without one token."""
    keep = [t for t in range(case.k.shape[1]) if t != token]
    k, v = (edited(cache, lambda x: x[:, keep]) for cache in (case.k, case.v))
    return replace(case, k=k, v=v)


def with_garbage(case: Case) -> Case:
    """Return the case with NaN in every token that is not in use."""

    def spoil(values: torch.Tensor) -> torch.Tensor:
        for b, n in enumerate(case.used()):
            values[b, n:] = torch.nan
        return values

    return replace(case, k=edited(case.k, spoil), v=edited(case.v, spoil))


def paged(case: Case, page_size: int, *, seed=0, interleaved=False):
    """Return (k_cache, v_cache, block_table) with the tokens of a case.

    Pages lie in random order among others that nobody uses; these, and the ends of
    pages that are in use, are NaN. Entries of the table that no length reaches are far
    out of range. ``interleaved`` puts K and V of a page side by side, in one tensor.
    """
    batch, tokens, *rest = case.k.shape
    width = -(-tokens // page_size)
    random = torch.Generator().manual_seed(seed)
    order = torch.randperm(batch * width + 3, generator=random).tolist()
    table = torch.full((batch, width), 1 << 30, dtype=torch.int32)
    caches = []
    for cache in (case.k, case.v):
        pages = torch.full((len(order), page_size, *rest), torch.nan)
        values = cache.float().cpu()
        for b, n in enumerate(case.used()):
            for i in range(-(-n // page_size)):
                table[b, i] = page = order[b * width + i]
                part = values[b, i * page_size : min((i + 1) * page_size, n)]
                pages[page, : len(part)] = part
        caches.append(pages)
    axis = 1 if interleaved else 0
    both = torch.stack(caches, axis).to(case.k.dtype).to(case.k.device)
    return *both.unbind(axis), table.to(case.k.device)
