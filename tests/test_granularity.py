"""Which rectangle shares a scale: shapes, edges, tiles, and the amax of each group."""

import ml_dtypes
import numpy as np
import pytest

from fp8lab import GROUPS, GroupShape, group_of, measure_amax
from fp8lab.granularity import as_matrix, matrix_shape

GROUP_SHAPES = [
    *GROUPS.values(),
    GroupShape(-1, 7),
    GroupShape(3, -1),
    GroupShape(2, 5),
    GroupShape(1, 1),
    GroupShape(1000, 1000),
    GroupShape(5, 70_000),
]
# Ragged on both axes; wider than a chunk of 65,536; a vector; no axes; empty.
SHAPES = [(6, 10), (131, 257), (3, 65_537), (2, 140_001), (70_001, 3), (300,), ()]
EMPTY = [(0,), (0, 5), (5, 0), (2, 0, 3)]


def amax_slowly(x: np.ndarray, group: GroupShape) -> np.ndarray:
    """The definition: a Python loop over groups, NumPy's own maximum."""
    matrix = np.abs(x.astype(np.float64).reshape(matrix_shape(x.shape)))
    height, width = matrix.shape
    rows = height if group.rows == -1 else group.rows
    cols = width if group.cols == -1 else group.cols
    result = np.zeros((-(-height // rows), -(-width // cols)))
    for i, j in np.ndindex(result.shape):
        result[i, j] = matrix[
            i * rows : (i + 1) * rows, j * cols : (j + 1) * cols
        ].max()
    return result


# -------------------------------------------------------------------------- names
def test_the_table_of_names():
    pairs = {name: (shape.rows, shape.cols) for name, shape in GROUPS.items()}
    assert pairs == {
        "per-tensor": (-1, -1),
        "per-token": (1, -1),
        "per-channel": (1, -1),
        "per-column": (-1, 1),
        "1x32": (1, 32),
        "1x64": (1, 64),
        "1x128": (1, 128),
        "128x128": (128, 128),
    }


@pytest.mark.parametrize("name", GROUPS)
def test_names_records_and_pairs_are_one(name):
    shape = GROUPS[name]
    assert group_of(name) is group_of(shape) is shape
    assert group_of((shape.rows, shape.cols)) == shape
    assert group_of((np.int64(shape.rows), shape.cols)) == shape


def test_a_group_is_named_where_it_has_a_name():
    assert str(GroupShape(-1, -1)) == "per-tensor"
    assert str(GroupShape(1, -1)) == "per-token"
    assert str(GroupShape(1, 128)) == "1x128"
    assert str(GroupShape(4, 16)) == "4x16"
    assert group_of("4x16") == GroupShape(4, 16)


# -------------------------------------------------------------------------- shapes
@pytest.mark.parametrize(
    ("group", "shape", "scales"),
    [
        ("per-tensor", (4096, 4096), (1, 1)),
        ("per-token", (7, 4096), (7, 1)),
        ("per-channel", (11008, 4096), (11008, 1)),
        ("per-column", (7, 4096), (1, 4096)),
        ("1x128", (7, 4096), (7, 32)),
        ("1x128", (7, 4097), (7, 33)),
        ("1x32", (7, 31), (7, 1)),
        ("128x128", (4096, 11008), (32, 86)),
        ("128x128", (129, 1), (2, 1)),
        ("per-token", (2, 3, 5), (6, 1)),
        ("1x32", (2, 3, 64), (6, 2)),
        ("1x32", (65,), (1, 3)),
        ("per-tensor", (), (1, 1)),
    ],
)
def test_shape_of_the_scales(group, shape, scales):
    assert group_of(group).scale_shape(shape) == scales


def test_divides_means_no_ragged_edge():
    block = GroupShape(128, 128)
    assert block.divides((256, 128))
    assert block.divides((2, 64, 384))  # leading axes are rows: 128 x 384
    assert not block.divides((256, 129))
    assert not block.divides((129, 128))
    assert GroupShape(-1, 32).divides((7, 64))
    assert GroupShape(-1, -1).divides((7, 5))


def test_a_tensor_is_a_matrix_of_its_last_axis():
    assert matrix_shape((2, 3, 5)) == (6, 5)
    assert matrix_shape((5,)) == (1, 5)
    assert matrix_shape(()) == (1, 1)
    assert matrix_shape((2, 0, 3)) == (0, 3)
    x = np.arange(30).reshape(2, 3, 5)
    assert np.shares_memory(as_matrix(x), x)


@pytest.mark.parametrize("shape", [(6, 10), (2, 3, 10), (131, 257), (9,), ()])
@pytest.mark.parametrize("group", GROUP_SHAPES, ids=str)
def test_expand_repeats_each_scale_over_its_group(group, shape):
    scales = np.arange(np.prod(group.scale_shape(shape))).reshape(
        group.scale_shape(shape)
    )
    full = group.expand(scales, shape)
    assert full.shape == shape
    rows, cols = group.sides(matrix_shape(shape))
    matrix = full.reshape(matrix_shape(shape))
    i, j = np.indices(matrix.shape)
    assert np.array_equal(matrix, scales[i // rows, j // cols])


# --------------------------------------------------------------------------- tiles
@pytest.mark.parametrize("size", [1, 7, 64, 1000, 1 << 16])
@pytest.mark.parametrize("group", GROUP_SHAPES, ids=str)
@pytest.mark.parametrize("shape", [(6, 10), (40, 33), (1, 300), (300, 1)])
def test_tiles_cover_all_once_and_hold_whole_groups_or_lie_in_one(group, shape, size):
    seen = np.zeros(shape, int)
    order = []
    for tile in group.tiles(shape, size):
        seen[tile.elements] += 1
        order.append(tuple(part.start for part in tile.elements))
        height, width = (part.stop - part.start for part in tile.elements)
        assert height * width <= max(size, 1)
        sides = group.sides(shape)
        axes = zip(tile.elements, tile.scales, sides, shape, strict=True)
        for part, scales, side, extent in axes:
            whole = part.start % side == 0 and part.stop in (
                extent,
                part.stop // side * side,
            )
            inside = part.start // side == (part.stop - 1) // side
            assert whole or inside
            assert scales.start == part.start // side
            assert scales.stop == (part.stop - 1) // side + 1
    assert (seen == 1).all()
    assert order == sorted(order)  # row-major: a Generator draws in C order


# ----------------------------------------------------------------------------- amax
@pytest.mark.parametrize(
    ("group", "shape"),
    [
        (group, shape)
        for group in GROUP_SHAPES
        for shape in SHAPES
        if np.prod(group.scale_shape(shape)) <= 5000  # the loop is slow
    ],
    ids=str,
)
def test_amax_of_each_group_is_its_largest_magnitude(group, shape):
    rng = np.random.default_rng(9)
    x = rng.standard_normal(shape).astype(np.float32)
    before = x.tobytes()
    assert np.array_equal(measure_amax(x, group), amax_slowly(x, group))
    assert x.tobytes() == before


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, "bfloat16"])
@pytest.mark.parametrize("group", ["per-tensor", "per-token", "1x32", (3, 5)])
def test_amax_of_any_dtype_is_exact(dtype, group):
    rng = np.random.default_rng(9)
    x = rng.standard_normal((37, 101)) * np.exp2(rng.integers(-14, 14, (37, 101)))
    x = x.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    expected = amax_slowly(x, group_of(group))
    given = (x, x.view(np.uint16)) if dtype == "bfloat16" else (x,)
    for array in given:
        amax = measure_amax(array, group)
        assert amax.dtype == (np.float64 if dtype == np.float64 else np.float32)
        assert np.array_equal(amax, expected)


@pytest.mark.parametrize("group", ["per-tensor", "per-token", "1x32", "per-column"])
def test_amax_of_any_layout(group):
    base = np.random.default_rng(9).standard_normal((3, 40, 50)).astype(np.float32)
    views = {
        "transposed": base.T,
        "reversed": base[::-1, :, ::-1],
        "step": base[:, ::2, ::3],
        "stride-0": np.broadcast_to(base[:1], base.shape),
        "big-endian": base.astype(">f4"),
        "fortran": np.asfortranarray(base),
    }
    for name, x in views.items():
        expected = amax_slowly(np.array(x, np.float32, order="C"), group_of(group))
        assert np.array_equal(measure_amax(x, group), expected), name


@pytest.mark.parametrize("shape", EMPTY, ids=str)
@pytest.mark.parametrize("group", GROUP_SHAPES, ids=str)
def test_an_empty_tensor_has_an_empty_or_zero_amax(group, shape):
    amax = measure_amax(np.empty(shape, np.float32), group)
    assert amax.shape == group.scale_shape(shape)
    assert not amax.any()


def test_amax_of_the_smallest_and_the_largest_numbers():
    tiny = np.array([[-1e-45, 0.0], [3.4028235e38, -3.4028235e38]], np.float32)
    assert measure_amax(tiny, "per-token").ravel().tolist() == [
        float(np.float32(1e-45)),
        float(np.float32(3.4028235e38)),
    ]
    double = np.array([[1e300, -1e-320]])
    assert measure_amax(double, (1, 1)).tolist() == [[1e300, 1e-320]]
    assert measure_amax(np.array([-0.0, 0.0], np.float32)) == 0
