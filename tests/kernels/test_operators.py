"""The operators under torch.compile and CUDA graphs, and bad input in words."""

import numpy as np
import pytest
import torch

import fp8lab
from fp8lab import kernels
from fp8lab.kernels import operators
from fp8lab.kernels.tensors import to_numpy
from tests.kernels.quantize_cases import assert_same, wide_values

NAMES = ("E4M3FN", 1, 128, "float32", "floor", "divide", "ignore")


def check_operator(operator, *arguments) -> None:
    """The fake twin has the shapes, dtypes and strides of what runs.

    (opcheck's test of the schema multiplies the outputs, which FP8 tensors cannot.)
    """
    torch.library.opcheck(operator, arguments, test_utils="test_faketensor")


def test_operators_agree_with_their_fake_twins(device) -> None:
    x = wide_values((6, 256), torch.bfloat16, 0, specials=False).to(device)
    for group in ((1, 128), (1, -1), (-1, -1), (128, 128)):
        names = (NAMES[0], *group, *NAMES[3:])
        for gated in (False, True):
            check_operator(operators.quantize, x, None, *names, gated)
    scale = torch.tensor([[0.5]], device=device)
    known = ("E5M2", -1, -1, "float32", "divide", False)
    check_operator(operators.quantize_scaled, x, scale, *known)
    weight = torch.ones(256, device=device)
    check_operator(operators.rms_norm_quantize, x, weight, None, 1e-6, *NAMES)
    q = kernels.quantize(x, "E4M3FN", "1x128")
    check_operator(operators.dequantize, q.codes, q.scale_codes, 1, 128, torch.bfloat16)


@pytest.mark.filterwarnings("ignore")  # dynamo's own, of the versions it runs on
def test_whole_graphs_under_torch_compile(device) -> None:
    """No graph break: names, groups and scales are settled while it traces."""

    def block(x, gain):
        q = kernels.rms_norm_quantize(x, gain, "E4M3FN", "1x128")
        y = kernels.dequantize(q, torch.bfloat16)
        r = kernels.silu_mul_quantize(y, "E5M2", "per-token", arithmetic="reciprocal")
        s = kernels.quantize(x, "E4M3FN", "per-tensor", scale=0.25)
        return q.codes, q.scale_codes, r.codes, r.scale_codes, s.codes, s.scale_codes

    x = wide_values((8, 512), torch.bfloat16, 3, specials=False).to(device)
    gain = torch.linspace(0.5, 1.5, 512, device=device)
    torch._dynamo.reset()
    backend = "inductor" if device.type == "cuda" else "aot_eager"
    compiled = torch.compile(block, fullgraph=True, backend=backend)
    for ours, theirs in zip(compiled(x, gain), block(x, gain), strict=True):
        assert ours.stride() == theirs.stride()
        assert np.array_equal(to_numpy(ours), to_numpy(theirs))


@pytest.mark.filterwarnings("ignore")
def test_products_and_attention_under_torch_compile(device) -> None:
    generator = torch.Generator().manual_seed(4)
    x, weight, cache = (
        torch.randn(shape, generator=generator).bfloat16().to(device)
        for shape in ((6, 256), (64, 256), (2, 40, 2, 64))
    )
    lengths = torch.tensor([40, 7], dtype=torch.int32, device=device)

    def step(x, weight, cache, lengths):
        a = kernels.quantize(x, "E4M3FN", "1x128")
        b = kernels.quantize(weight, "E4M3FN", "128x128")
        y = kernels.linear(a, b)
        z = kernels.scaled_mm(a.codes, b.codes.t(), output_dtype=torch.float32)
        w = kernels.weight_only_mm(x, b)
        k = kernels.quantize(cache, "E4M3FN")
        q = w[:2].reshape(2, 1, 64).expand(2, 4, 64).contiguous()
        o = kernels.decode_attention(
            q, k.codes, k.codes, lengths, k_scale=0.01, v_scale=k.scales[0].expand(2)
        )
        return y, z, w, o

    torch._dynamo.reset()
    backend = "inductor" if device.type == "cuda" else "aot_eager"
    compiled = torch.compile(step, fullgraph=True, backend=backend)
    arguments = (x, weight, cache, lengths)
    for ours, theirs in zip(compiled(*arguments), step(*arguments), strict=True):
        assert ours.stride() == theirs.stride()
        assert np.array_equal(to_numpy(ours), to_numpy(theirs))


def test_cuda_graph(native, device) -> None:
    """A recorded launch computes anew: other numbers, other bytes."""
    if not native:
        pytest.skip("CUDA graphs need a GPU")
    x = torch.zeros(64, 512, dtype=torch.bfloat16, device=device)
    kernels.quantize(x, "E4M3FN", "1x128")
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        q = kernels.quantize(x, "E4M3FN", "1x128")
    for seed in range(3):
        values = wide_values((64, 512), torch.bfloat16, seed)
        x.copy_(values)
        graph.replay()
        torch.cuda.synchronize()
        assert_same(q, fp8lab.quantize(to_numpy(values), "E4M3FN", "1x128"), seed)


ZEROS = torch.zeros(4, 8)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: kernels.quantize(x.double()), "x is torch.float64; give float32"),
        (lambda x: kernels.quantize(x.int()), "x is torch.int32"),
        (lambda x: kernels.quantize(np.zeros(3)), "x is a ndarray; give a torch"),
        (lambda x: kernels.quantize(x, "E3M4"), "kernels take E4M3FN and E5M2"),
        (lambda x: kernels.quantize(x, "fp8"), "unknown format 'fp8'"),
        (lambda x: kernels.quantize(x, group="1by1"), "unknown group"),
        (lambda x: kernels.quantize(x, scale_dtype="half"), "unknown scale_dtype"),
        (lambda x: kernels.quantize(x, arithmetic="fast"), "unknown arithmetic"),
        (lambda x: kernels.quantize(x, nonfinite="raise"), "would wait for the GPU"),
        (lambda x: kernels.quantize(x, scale=1.0, amax=1.0), "not both"),
        (lambda x: kernels.quantize(x, scale=0.0), "scale must be positive"),
        (lambda x: kernels.quantize(x, amax=-1.0), "amax is negative"),
        (lambda x: kernels.quantize(x, scale=x[:1].double()), "scale is torch.float64"),
        (
            lambda x: kernels.quantize(x, amax=x[:3, :1] + 1),
            r"amax has shape \(3, 1\); this group needs \(1, 1\)",
        ),
        (
            lambda x: kernels.quantize(x, group="1x128", whole_groups=True),
            "groups of 1x128 do not divide",
        ),
        (lambda x: kernels.dequantize(kernels.quantize(x), torch.int8), "dtype is"),
        (lambda x: kernels.silu_mul_quantize(x[:, :3]), "N gates, then N ups"),
        (lambda x: kernels.rms_norm_quantize(x, x[0, :3]), "and weight"),
        (
            lambda x: kernels.rms_norm_quantize(x, x[0], group="per-tensor"),
            "per-tensor without a scale",
        ),
        (
            lambda x: kernels.rms_norm_quantize(x, x[0], group="128x128"),
            "group is 128x128 without a scale",
        ),
        (
            lambda x: kernels.rms_norm_quantize(x, x[0], group="per-token", scale=1.0),
            "per-token with a scale",
        ),
        (
            lambda x: kernels.rms_norm_quantize(
                x.new_zeros(1, 40_000), x.new_zeros(40_000)
            ),
            "rows of 40,000 elements are too long",
        ),
    ],
)
def test_bad_input(call, words, device) -> None:
    with pytest.raises(ValueError, match=words):
        call(ZEROS.to(device))
