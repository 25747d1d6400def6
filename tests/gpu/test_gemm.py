"""`scaled_mm` on the GPU: NumPy's bits at medium sizes, torch's at those of a model."""

import pytest
import torch

from fp8lab.kernels.gemm import choose_split_k, scaled_mm
from fp8lab.kernels.gemm_config import SMALL_M, SMALL_TILES
from fp8lab.kernels.gemm_large import large_product
from fp8lab.kernels.gemm_product import Product
from fp8lab.kernels.gemm_small import small_product
from tests.kernels.gemm_cases import (
    BLOCKS,
    PAIRS,
    PLAIN,
    RECIPES,
    SPECIALIZED,
    TILES,
    Case,
    check,
)

pytestmark = pytest.mark.gpu

#: Projections of a 7B model and of DeepSeek-V3, [N, K].
LAYERS = [(4096, 4096), (7168, 2048), (24576, 1536), (2112, 7168), (1024, 14336)]
ROWS = [1, 16, 64, 128, 512, 4096]


@pytest.mark.parametrize("recipes", RECIPES)
@pytest.mark.parametrize("rows", [1, 16, 40, 64, 72, 384])
@pytest.mark.parametrize("split_k", [1, 3])
def test_numpy(split_k, rows, recipes, device):
    for fast in (False, True) if recipes in PLAIN else (False,):
        for output in ("float32", "bfloat16", "float16"):
            check(Case(rows, 520, 1400, recipes, fast, split_k, output), device)


@pytest.mark.parametrize("kind", ["uneven", "special", "cancelling", "spread"])
@pytest.mark.parametrize(("a_format", "b_format"), PAIRS)
@pytest.mark.parametrize("rows", [24, 200])
def test_numpy_of_other_operands(rows, a_format, b_format, kind, device):
    formats = {"a_format": a_format, "b_format": b_format, "kind": kind}
    for recipes in ("row", *BLOCKS):
        check(Case(rows, 264, 2064, recipes, **formats), device)
    check(Case(rows, 264, 2064, "row", fast=True, **formats), device)


@pytest.mark.parametrize(("recipes", "fast", "tile"), [*TILES, *SPECIALIZED])
def test_numpy_on_every_tile(recipes, fast, tile, device):
    for m, n, k, split_k in (
        (300, 1000, 1300, 1),
        (1500, 2500, 256, 1),
        (130, 400, 2000, 2),
    ):
        check(Case(m, n, k, recipes, fast, split_k), device, tile)


def random_codes(rows: int, depth: int, device: torch.device) -> torch.Tensor:
    return torch.randn(rows, depth, device=device).to(torch.float8_e4m3fn)


def operands(recipes: str, m: int, n: int, k: int, device: torch.device):
    """Codes [M, K] and [N, K], and scales in the layouts that torch takes."""
    a, b = random_codes(m, k, device), random_codes(n, k, device)
    if recipes == "tensor":
        # Apart in memory: cuBLASLt refuses a scale that is not aligned to 16 bytes.
        scales = [torch.rand((), device=device) + 0.01 for _ in range(2)]
    elif recipes == "row":
        scales = (
            torch.rand(m, 1, device=device) + 0.01,
            torch.rand(1, n, device=device) + 0.01,
        )
    else:
        blocks = k // 128
        scales = (
            (torch.rand(blocks, m, device=device) + 0.01).t(),
            (torch.rand(n // 128, blocks, device=device) + 0.01).t(),
        )
    return a, b, *scales


def ours(recipes: str, given, fast: bool, split_k: int | None) -> torch.Tensor:
    a, b, scale_a, scale_b = given
    left, right = RECIPES[recipes]
    options = {"use_fast_accum": fast, "split_k": split_k}
    return scaled_mm(a, b.t(), scale_a, left, scale_b, right, **options)


#: What torch multiplies rightly: blocks are always promoted, and come in whole ones.
TORCH = [
    (n, k, recipes, fast)
    for n, k in LAYERS
    for recipes in (*PLAIN, "1x128 by 128x128")
    for fast in (False, True)
    if recipes in PLAIN or not (fast or n % 128 or k // 128 % 4)
]


@pytest.mark.parametrize(("n", "k", "recipes", "fast"), TORCH)
def test_torch(n, k, recipes, fast, device):
    # Many rows: with few outputs cuBLASLt cuts K into slices, how many is its affair.
    given = operands(recipes, 4096, n, k, device)
    a, b, scale_a, scale_b = given
    theirs = torch._scaled_mm(
        a,
        b.t(),
        scale_a=scale_a,
        scale_b=scale_b,
        out_dtype=torch.bfloat16,
        use_fast_accum=fast,
    )
    assert torch.equal(ours(recipes, given, fast, 1), theirs)


@pytest.mark.parametrize("recipes", [*PLAIN, "1x128 by 128x128"])
@pytest.mark.parametrize(("n", "k"), [(4096, 4096), (7168, 2048), (1024, 14336)])
@pytest.mark.parametrize("rows", ROWS)
def test_paths_agree(rows, n, k, recipes, device):
    # The same slices through the other kernel: the first rows of more.
    given = operands(recipes, 4096, n, k, device)
    a, b, scale_a, scale_b = given
    split_k = choose_split_k(rows, n, k)
    whole = ours(recipes, given, False, split_k)
    few_scales = scale_a if recipes == "tensor" else scale_a[:rows]
    few = ours(recipes, (a[:rows], b, few_scales, scale_b), False, None)
    assert torch.equal(few, whole[:rows])


@pytest.mark.parametrize(("recipes", "fast", "tile"), [*TILES, *SPECIALIZED])
def test_equal_launches_of_tiles_give_equal_bits(recipes, fast, tile, device):
    # Where a pipeline read a stage too early, it would be a matter of chance.
    case = Case(1536, 2304, 4096, recipes, fast)
    product = made(case, device)
    first = large_product(product, tile)
    for _ in range(20):
        assert torch.equal(large_product(product, tile), first)


@pytest.mark.parametrize("recipes", RECIPES)
@pytest.mark.parametrize("rows", SMALL_TILES)
@pytest.mark.parametrize("split_k", [1, 4])
def test_equal_small_launches_give_equal_bits(split_k, rows, recipes, device):
    product = made(Case(rows, 4096, 4096, recipes, split_k=split_k), device)
    assert product.m <= SMALL_M
    first = small_product(product)
    for tile in SMALL_TILES[rows]:
        for _ in range(25):
            assert torch.equal(small_product(product, tile), first)


def made(case: Case, device: torch.device) -> Product:
    """Make a product of float32 output on the GPU, without NumPy's codes."""
    a = random_codes(case.m, case.k, device)
    b = random_codes(case.n, case.k, device)
    left, right = (torch.from_numpy(x.T.copy()).to(device).T for x in case.scales())
    rest = case.pair, case.fast, case.split_k, torch.float32
    return Product(a, b, left, right, *rest)


def test_in_a_cuda_graph(device):
    given = operands("1x128 by 128x128", 16, 4096, 4096, device)
    want = ours("1x128 by 128x128", given, False, None)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        got = ours("1x128 by 128x128", given, False, None)
    got.zero_()
    graph.replay()
    assert torch.equal(got, want)
