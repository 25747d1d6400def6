"""Which part of each operand of a matrix product shares a scale, and which pairs go."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from fp8lab.granularity import GroupShape, group_of
from fp8lab.quantized import QuantizedTensor

__all__ = ["ScaleRecipe", "checked_scales", "recipe_of", "recipe_pair"]


class ScaleRecipe(StrEnum):
    """Which part of an operand shares a scale, by the names of torch's ScalingType."""

    TENSORWISE = "TensorWise"
    ROWWISE = "RowWise"
    BLOCKWISE_1X32 = "BlockWise1x32"
    BLOCKWISE_1X128 = "BlockWise1x128"
    BLOCKWISE_128X128 = "BlockWise128x128"

    @property
    def group(self) -> GroupShape:
        """The rectangle of a [M, K] operand (of b transposed) that shares a scale."""
        return _GROUPS[self]


_GROUPS = {
    ScaleRecipe.TENSORWISE: group_of("per-tensor"),
    ScaleRecipe.ROWWISE: group_of("per-token"),
    ScaleRecipe.BLOCKWISE_1X32: group_of("1x32"),
    ScaleRecipe.BLOCKWISE_1X128: group_of("1x128"),
    ScaleRecipe.BLOCKWISE_128X128: group_of("128x128"),
}
_PAIRS = (
    (ScaleRecipe.TENSORWISE, ScaleRecipe.TENSORWISE),
    (ScaleRecipe.ROWWISE, ScaleRecipe.ROWWISE),
    (ScaleRecipe.BLOCKWISE_1X128, ScaleRecipe.BLOCKWISE_128X128),
    (ScaleRecipe.BLOCKWISE_128X128, ScaleRecipe.BLOCKWISE_1X128),
    (ScaleRecipe.BLOCKWISE_1X128, ScaleRecipe.BLOCKWISE_1X128),
    (ScaleRecipe.BLOCKWISE_1X32, ScaleRecipe.BLOCKWISE_1X32),
)


def recipe_of(q: QuantizedTensor, name: str) -> ScaleRecipe:
    """Return the recipe of a quantized matrix; ValueError if no kernel has it."""
    for recipe, group in _GROUPS.items():
        if q.group == group:
            return recipe
    known = ", ".join(f"{group} ({recipe})" for recipe, group in _GROUPS.items())
    raise ValueError(f"{name} has {q.group} scales; a matrix product takes {known}")


def recipe_pair(
    a: ScaleRecipe | str, b: ScaleRecipe | str
) -> tuple[ScaleRecipe, ScaleRecipe]:
    """Return two recipes that a kernel takes together; else ValueError."""
    try:
        pair = (ScaleRecipe(a), ScaleRecipe(b))
    except ValueError:
        pair = None
    if pair not in _PAIRS:
        known = "; ".join(f"{left}, {right}" for left, right in _PAIRS)
        raise ValueError(f"recipes {a}, {b} do not go together; use one of {known}")
    return pair


def checked_scales(
    scale: npt.ArrayLike,
    recipe: ScaleRecipe,
    shape: tuple[int, ...],
    name: str,
    *,
    transposed: bool = False,
) -> npt.NDArray[np.float32]:
    """Check scales, and return them as [rows or 1, blocks of K]; b comes transposed."""
    given = _numbers(scale, name)
    rows, cols = recipe.group.rows, recipe.group.cols
    # A scale of a whole side is there for an empty one too, though `quantize` has none.
    full = max(shape[0], rows == -1), max(shape[1], cols == -1)
    asked = recipe.group.scale_shape(full)[:: -1 if transposed else 1]
    if recipe is ScaleRecipe.TENSORWISE and given.size == 1:
        given = given.reshape(1, 1)
    if full != shape and not given.size:
        given = np.ones(asked, np.float32)
    if given.shape != asked:
        raise ValueError(f"{name} has shape {given.shape}; {recipe} takes {asked} here")
    given = given.T if transposed else given
    powers = (np.frexp(given)[0] == 0.5) | np.isnan(given)
    if recipe is ScaleRecipe.BLOCKWISE_1X32 and not powers.all():
        raise ValueError(
            f"{name} of {recipe} are powers of two, and some here are not; quantize "
            'with scale_dtype="e8m0"'
        )
    return np.repeat(given, rows, axis=0)[: shape[0]] if rows > 1 else given


def _numbers(scale: npt.ArrayLike, name: str) -> npt.NDArray[np.float32]:
    try:
        given = np.asarray(scale)
    except ValueError as error:
        raise ValueError(f"{name} is no array of numbers: {error}") from None
    if given.dtype.kind not in "fiu":
        raise ValueError(f"{name} is {given.dtype}; give decode scales as float32")
    with np.errstate(over="ignore"):
        return given.astype(np.float32)
