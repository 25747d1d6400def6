"""The rows of the kernel benchmark, as data: no GPU is needed to list them.

A row says what is measured, beside what, and how fast it has to be (``must``) and
should be (``aim``), as a ratio to the yardstick in the same run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["FAMILIES", "Row", "catalogue", "chosen"]

#: What each family is measured beside.
FAMILIES = {
    "quantize": "a copy of 1 GiB, bytes read and written a second",
    "gemm": "torch._scaled_mm, use_fast_accum=True, time",
    "gemm-block": "torch._scaled_mm with 1x128 by 128x128 scales, time",
    "gemm-small": "the faster of torch._scaled_mm and bfloat16 cuBLAS, time",
    "weight-only": "bfloat16 cuBLAS, time",
    "attention": "the same kernel on a bfloat16 cache, and torch's SDPA, time",
}

#: Layers as [N, K] of the weight.
LLAMA_8B = {
    "8B qkv": (6144, 4096),
    "8B o": (4096, 4096),
    "8B gate-up": (28672, 4096),
    "8B down": (4096, 14336),
}
LLAMA_70B = {
    "70B qkv": (10240, 8192),
    "70B o": (8192, 8192),
    "70B gate-up": (57344, 8192),
    "70B down": (8192, 28672),
}
DEEPSEEK_V3 = (
    (7168, 2048),
    (2112, 7168),
    (24576, 1536),
    (32768, 512),
    (7168, 16384),
    (4096, 7168),
)
SMALL_M = (1, 2, 4, 8, 16, 32, 64)

#: 256 MiB of bfloat16.
ELEMENTS = (16384, 8192)
WEIGHT = (28672, 8192)


@dataclass(frozen=True)
class Row:
    """One kernel on one shape, its yardstick's demands, and what makes its operands.

    Attributes
    ----------
    family
        A key of `FAMILIES`.
    kernel, shape
        As printed; a matrix product's shape is M x N x K.
    unit
        ``"GB/s"`` or ``"TFLOPS"``.
    must, aim
        Demands on the ratio to the yardstick.
    arguments
        What the family's module makes the operands from.
    """

    family: str
    kernel: str
    shape: str
    unit: str
    must: float
    aim: float
    arguments: dict[str, Any] = field(hash=False)

    @property
    def name(self) -> str:
        """The row's name, which no other row has."""
        return f"{self.family}: {self.kernel}, {self.shape}"

    def told(self) -> dict[str, Any]:
        """Return what a record says of the row, apart from numbers."""
        kept = ("family", "kernel", "shape", "unit", "must", "aim")
        return {name: getattr(self, name) for name in kept}


def catalogue() -> list[Row]:
    """Return every row, in the order in which they are measured."""
    return [*_quantize(), *_gemm(), *_small(), *_weight_only(), *_attention()]


def chosen(pattern: str) -> list[Row]:
    """Return the rows whose name has ``pattern`` in it: a regular expression.

    The name of a family alone means that family. Upper and lower case are the same.

    Raises
    ------
    ValueError
        It is no regular expression, or there is no such row.
    """
    if pattern in FAMILIES:
        return [row for row in catalogue() if row.family == pattern]
    try:
        found = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    rows = [row for row in catalogue() if found.search(row.name)]
    if not rows:
        raise ValueError(
            f"no row has {pattern!r} in its name; the families are "
            f"{', '.join(FAMILIES)}, and --list shows the rows"
        )
    return rows


def _quantize() -> Iterator[Row]:
    def row(kernel: str, shape: tuple[int, int], **arguments: Any) -> Row:
        size = "x".join(map(str, shape))
        arguments |= {"shape": shape}
        return Row("quantize", kernel, size, "GB/s", 0.85, 0.95, arguments)

    for fmt in ("E4M3FN", "E5M2"):
        static = {"how": "quantize", "fmt": fmt, "group": "per-tensor", "static": True}
        yield row(f"quantize per-tensor static to {fmt}", ELEMENTS, **static)
        for group in ("per-tensor", "per-token", "per-channel", "1x32", "1x128"):
            kernel = f"quantize {group} to {fmt}"
            shape = WEIGHT if group == "per-channel" else ELEMENTS
            yield row(kernel, shape, how="quantize", fmt=fmt, group=group)
        yield row(
            f"quantize 1x128 to {fmt}, reciprocal",
            ELEMENTS,
            how="quantize",
            fmt=fmt,
            group="1x128",
            arithmetic="reciprocal",
        )
        block = {"how": "quantize", "fmt": fmt, "group": "128x128"}
        yield row(f"quantize 128x128 to {fmt}", WEIGHT, **block)
        mx = {"how": "quantize", "fmt": fmt, "group": "1x32", "scale_dtype": "e8m0"}
        yield row(f"quantize 1x32 E8M0 (MX) to {fmt}", ELEMENTS, **mx)
        for how in ("rms_norm_quantize", "silu_mul_quantize"):
            for group in ("per-token", "1x128"):
                kernel = f"{how} {group} to {fmt}"
                yield row(kernel, ELEMENTS, how=how, fmt=fmt, group=group)
        for group in ("per-tensor", "1x128"):
            kernel = f"dequantize {group} from {fmt}"
            yield row(kernel, ELEMENTS, how="dequantize", fmt=fmt, group=group)


def _product(
    family: str, recipe: str, size: tuple[int, int, int], layer: str = ""
) -> Row:
    demands = {"gemm": (0.95, 1.0), "gemm-block": (0.85, 1.0), "gemm-small": (1.0, 1.3)}
    shape = "x".join(map(str, size)) + (f" ({layer})" if layer else "")
    arguments = {"recipe": recipe, "size": size}
    return Row(family, recipe, shape, "TFLOPS", *demands[family], arguments)


def _gemm() -> Iterator[Row]:
    sizes = [((side, side, side), "") for side in (4096, 8192)]
    sizes += [
        ((m, *layer), name)
        for name, layer in LLAMA_8B.items()
        for m in (1024, 4096, 8192)
    ]
    sizes += [
        ((m, *layer), name) for name, layer in LLAMA_70B.items() for m in (1024, 8192)
    ]
    sizes += [((4096, *layer), "DeepSeek-V3") for layer in DEEPSEEK_V3]
    for recipe in ("per-tensor", "rowwise"):
        for size, name in sizes:
            yield _product("gemm", recipe, size, name)
    for size, name in sizes:
        yield _product("gemm-block", "1x128 by 128x128", size, name)


def _small() -> Iterator[Row]:
    layers = LLAMA_8B | LLAMA_70B
    for recipe, names in (
        ("rowwise", ("8B gate-up", "8B down", "70B o")),
        ("1x128 by 128x128", ("8B gate-up",)),
    ):
        for name in names:
            for m in SMALL_M:
                yield _product("gemm-small", recipe, (m, *layers[name]), name)


def _weight_only() -> Iterator[Row]:
    layers = LLAMA_8B | LLAMA_70B | {"8B lm_head": (128256, 4096)}
    for group, names in (
        ("per-channel", tuple(layers)),
        ("per-tensor", ("8B gate-up", "70B o")),
        ("128x128", ("8B gate-up", "70B o")),
    ):
        for name in names:
            n, k = layers[name]
            yield Row(
                "weight-only",
                f"weight_only_mm {group}",
                f"1x{n}x{k} ({name})",
                "GB/s",
                1.6,
                1.9,
                {"group": group, "size": (1, n, k)},
            )


def _attention() -> Iterator[Row]:
    # Llama-3.1-8B: 32 heads of queries, 8 of keys, 128 wide.
    heads = {"heads": 32, "kv_heads": 8, "width": 128}
    for batch, tokens, page in (
        (1, 32768, 0),
        (1, 65536, 0),
        (1, 131072, 0),
        (8, 32768, 0),
        (8, 32768, 64),
    ):
        yield Row(
            "attention",
            f"decode_attention{f', pages of {page}' if page else ''}",
            f"batch {batch}, {tokens // 1024}K tokens",
            "GB/s",
            1.6,
            1.85,
            {"batch": batch, "tokens": tokens, "page": page, **heads},
        )
