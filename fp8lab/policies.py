"""What happens outside the format's range: one named policy per software stack.

Rounding inside the range is the same everywhere. What differs is the code given to
finite overflow, infinity, NaN and, in the FNUZ and E8M0 formats, zero and negatives. A
policy is a rule for those four; `special_codes` resolves it for one format.

===============  ==================  ==================  =======================
policy           overflow, infinity  NaN                 stands for
===============  ==================  ==================  =======================
cuda             max                 all ones, no sign   cvt.rn.satfinite
torch            E4M3FN: max;        all ones, signed    torch 2.12 and later
                 others: Inf or NaN
torch-2.11       Inf or NaN          all ones, signed    torch up to 2.11
ml_dtypes        Inf or NaN          quiet, signed       ml_dtypes, JAX
onnx             max                 all ones, signed    Cast(saturate=1)
onnx-nosat       Inf or NaN          all ones, signed    Cast(saturate=0)
===============  ==================  ==================  =======================

"Inf or NaN" is the format's infinity where it has one, else its NaN, else (FP6, FP4)
max. Formats wider than 8 bits overflow to infinity and have a quiet, signed NaN under
every policy (payloads are dropped). Where a stack does not define a format, its rule is
extended in the obvious way; what is checked against the stack itself is listed by
``fp8lab prove --list``. One known difference: for float64 input CUDA's header keeps the
sign of a NaN, which its float32 path and its hardware drop; ``cuda`` drops it always.

Sources: cuda_fp8.hpp and PTX ISA 8.x ``cvt``; pytorch c10/util/Float8_*.h;
ml_dtypes include/float8.h; ONNX operator Cast, opset 21.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from fp8lab.formats import FloatFormat, Specials

__all__ = ["POLICIES", "Policy", "SpecialCodes", "policy_of", "special_codes"]


@dataclass(frozen=True)
class Policy:
    """A stack's rule for everything that is not an ordinary in-range number.

    Parameters
    ----------
    name
        The name that `fp8lab.encode` takes.
    saturates
        Whether finite overflow becomes the largest finite number.
    infinity_saturates
        Whether infinity does too.
    nan
        ``"all-ones"``: the largest NaN code. ``"quiet"``: the one with only the top
        mantissa bit set. They differ in IEEE-style formats alone (E5M2: 0x7F, 0x7E).
    nan_keeps_sign
        Whether a NaN with its sign bit set gives a NaN code with its sign bit set.
    stands_for
        The software this is the behaviour of.
    """

    name: str
    saturates: bool
    infinity_saturates: bool
    nan: str
    nan_keeps_sign: bool
    stands_for: str


POLICIES: dict[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy("cuda", True, True, "all-ones", False, "CUDA cvt.rn.satfinite, Triton"),
        Policy("torch", True, True, "all-ones", True, "PyTorch 2.12 and later"),
        Policy("torch-2.11", False, False, "all-ones", True, "PyTorch up to 2.11"),
        Policy("ml_dtypes", False, False, "quiet", True, "ml_dtypes, JAX, TensorFlow"),
        Policy("onnx", True, True, "all-ones", True, "ONNX Cast, saturate=1"),
        Policy("onnx-nosat", False, False, "all-ones", True, "ONNX Cast, saturate=0"),
    )
}


@dataclass(frozen=True)
class SpecialCodes:
    """A policy resolved for one format. Each pair is (positive, negative) input.

    Attributes
    ----------
    overflow
        Codes for a finite value whose rounded magnitude exceeds the format's maximum.
    infinity, nan, zero
        Codes for an infinite, NaN or zero input, and for underflow to zero.
    negative
        Code for every negative non-zero number, or None where the sign bit takes care
        of it (all signed formats) or is dropped (E8M0 under most policies).
    """

    overflow: tuple[int, int]
    infinity: tuple[int, int]
    nan: tuple[int, int]
    zero: tuple[int, int]
    negative: int | None = None


def policy_of(policy: Policy | str) -> Policy:
    """Return the policy that ``policy`` names; ValueError lists the known names."""
    if isinstance(policy, Policy):
        return policy
    found = POLICIES.get(policy) if isinstance(policy, str) else None
    if found is None:
        raise ValueError(
            f"unknown overflow policy {policy!r}; use one of {', '.join(POLICIES)}"
        )
    return found


def special_codes(fmt: FloatFormat, policy: Policy | str = "cuda") -> SpecialCodes:
    """Resolve a policy for a format: the codes its special inputs get.

    Raises
    ------
    ValueError
        The policy's name is unknown.
    """
    return _resolve(fmt, policy_of(policy))


@lru_cache(maxsize=256)
def _resolve(fmt: FloatFormat, rule: Policy) -> SpecialCodes:
    if not fmt.is_signed:
        return _unsigned(fmt, rule)
    if fmt.specials is Specials.NEGATIVE_ZERO:
        return _fnuz(fmt, rule)
    top = _signed(fmt, fmt.max_code)
    if fmt.specials is Specials.NONE:
        return SpecialCodes(top, top, _nan_without_nan(fmt, rule), _signed(fmt, 0))
    # Overflow keeps its sign, as NaN or infinity alike; only a NaN input may lose it.
    no_room = nan = _signed(fmt, _nan_code(fmt, rule))
    if fmt.infinity_code is not None:
        no_room = _signed(fmt, fmt.infinity_code)
    if not rule.nan_keeps_sign and fmt.bits <= 8:
        nan = (nan[0], nan[0])
    saturates, infinity_saturates = _saturation(fmt, rule)
    return SpecialCodes(
        overflow=top if saturates else no_room,
        infinity=top if infinity_saturates else no_room,
        nan=nan,
        zero=_signed(fmt, 0),
    )


def _saturation(fmt: FloatFormat, rule: Policy) -> tuple[bool, bool]:
    if fmt.bits > 8:
        return False, False
    if rule.name == "torch" and fmt.specials is not Specials.TOP:
        return False, False
    return rule.saturates, rule.infinity_saturates


def _signed(fmt: FloatFormat, magnitude: int) -> tuple[int, int]:
    return magnitude, magnitude | fmt.sign_mask


def _nan_code(fmt: FloatFormat, rule: Policy) -> int:
    if fmt.infinity_code is None:
        return fmt.magnitude_mask
    if rule.nan == "all-ones" and fmt.bits <= 8:
        return fmt.magnitude_mask
    return fmt.infinity_code | (1 << (fmt.mantissa_bits - 1))


def _nan_without_nan(fmt: FloatFormat, rule: Policy) -> tuple[int, int]:
    """FP6 and FP4 cannot say NaN: CUDA gives +max, ml_dtypes a zero of other sign."""
    if rule.name == "ml_dtypes":
        return fmt.sign_mask, 0
    return fmt.max_code, fmt.max_code


def _fnuz(fmt: FloatFormat, rule: Policy) -> SpecialCodes:
    """One NaN, at the code of -0, whatever the sign; zero is always positive."""
    nan = (fmt.sign_mask, fmt.sign_mask)
    top = _signed(fmt, fmt.max_code)
    saturates, infinity_saturates = _saturation(fmt, rule)
    return SpecialCodes(
        overflow=top if saturates else nan,
        infinity=top if infinity_saturates else nan,
        nan=nan,
        zero=(0, 0),
    )


def _unsigned(fmt: FloatFormat, rule: Policy) -> SpecialCodes:
    """E8M0: no sign, no zero, one NaN."""
    nan = (fmt.magnitude_mask, fmt.magnitude_mask)
    top = (fmt.max_code, fmt.max_code)
    if rule.name == "ml_dtypes":
        return SpecialCodes(nan, nan, nan, zero=nan, negative=nan[0])
    infinity = top if rule.name in ("cuda", "onnx") else nan
    return SpecialCodes(overflow=infinity, infinity=infinity, nan=nan, zero=(0, 0))
