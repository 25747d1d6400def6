"""Format records against ml_dtypes, torch, NumPy and the tables of the OCP papers."""

import copy
import dataclasses
import pickle

import ml_dtypes
import numpy as np
import pytest
import torch

import fp8lab
from fp8lab import ALL_FORMATS, INT8, FloatFormat, format_of, format_table
from fp8lab.formats import Specials
from fp8lab.policies import special_codes
from tests.oracles import ML_NAMES, TORCH_NAMES, midpoints, ml_dtype, values_of

IEEE_NAMES = ("float32", "float16", "bfloat16")
BYTE_NAMES = pytest.mark.parametrize("name", ML_NAMES)


def finfo_of(name: str):
    return ml_dtypes.finfo(ml_dtype(name))


def test_every_format_of_the_issue_is_there():
    shorts = (
        "FP32 TF32 BF16 FP16 E5M2 E4M3FN E4M3 E3M4 E4M3FNUZ E5M2FNUZ E4M3B11FNUZ "
        "E3M2FN E2M3FN E2M1FN E8M0FNU"
    )
    assert [fmt.short for fmt in ALL_FORMATS] == shorts.split()
    assert all(getattr(fp8lab, fmt.short) is fmt for fmt in ALL_FORMATS)
    assert {fmt.name for fmt in ALL_FORMATS} == {*ML_NAMES, *IEEE_NAMES, "tfloat32"}


@pytest.mark.parametrize("name", [*ML_NAMES, *IEEE_NAMES])
def test_limits_are_those_of_ml_dtypes(name):
    fmt, info = format_of(name), finfo_of(name)
    assert fmt.bits == info.bits
    assert fmt.max == float(info.max)
    assert fmt.smallest_normal == float(info.smallest_normal)
    assert fmt.smallest_subnormal == float(info.smallest_subnormal)
    assert fmt.eps == float(info.eps)
    assert fmt.exponent_bits == info.iexp
    assert fmt.mantissa_bits == info.nmant
    assert fmt.code_dtype.itemsize == ml_dtype(name).itemsize


@pytest.mark.parametrize("name", [*TORCH_NAMES, *IEEE_NAMES])
def test_limits_are_those_of_torch(name):
    fmt, info = format_of(name), torch.finfo(getattr(torch, name))
    assert (fmt.bits, fmt.max) == (info.bits, info.max)
    assert fmt.smallest_normal == info.smallest_normal
    # torch 2.13 says 0.125 for E5M2FNUZ, whose next number after 1 is 1.25.
    after_one = 0.25 if name == "float8_e5m2fnuz" else info.eps
    assert fmt.eps == after_one


# OFP8 v1.0 table 1, MX v1.0 tables 2 to 6, the PTX manual for TF32:
# max, smallest normal, smallest subnormal, bias, Emin, Emax, number of NaN codes.
SPECIFIED = {
    "E4M3FN": (448, 2**-6, 2**-9, 7, -6, 8, 2),
    "E5M2": (57344, 2**-14, 2**-16, 15, -14, 15, 6),
    "E4M3": (240, 2**-6, 2**-9, 7, -6, 7, 14),
    "E3M4": (15.5, 2**-2, 2**-6, 3, -2, 3, 30),
    "E4M3FNUZ": (240, 2**-7, 2**-10, 8, -7, 7, 1),
    "E5M2FNUZ": (57344, 2**-15, 2**-17, 16, -15, 15, 1),
    "E4M3B11FNUZ": (30, 2**-10, 2**-13, 11, -10, 4, 1),
    "E3M2FN": (28, 2**-2, 2**-4, 3, -2, 4, 0),
    "E2M3FN": (7.5, 1, 2**-3, 1, 0, 2, 0),
    "E2M1FN": (6, 1, 0.5, 1, 0, 2, 0),
    "E8M0FNU": (2.0**127, 2**-127, 2**-127, 127, -127, 127, 1),
    "FP16": (65504, 2**-14, 2**-24, 15, -14, 15, 2046),
    "BF16": ((2 - 2**-7) * 2.0**127, 2**-126, 2**-133, 127, -126, 127, 254),
    "TF32": ((2 - 2**-10) * 2.0**127, 2**-126, 2**-136, 127, -126, 127, 2046),
}


@pytest.mark.parametrize("short", SPECIFIED)
def test_limits_are_those_of_the_specification(short):
    fmt = format_of(short)
    assert (
        fmt.max,
        fmt.smallest_normal,
        fmt.smallest_subnormal,
        fmt.bias,
        fmt.emin,
        fmt.emax,
        len(fmt.nan_codes),
    ) == SPECIFIED[short]


@BYTE_NAMES
def test_special_codes_are_where_ml_dtypes_has_them(name):
    fmt, values = format_of(name), values_of(name)
    assert fmt.code_count == values.size
    assert fmt.nan_codes == tuple(np.flatnonzero(np.isnan(values)).tolist())
    assert [fmt.is_nan_code(code) for code in range(values.size)] == list(
        np.isnan(values)
    )
    infinite = np.flatnonzero(np.isposinf(values)).tolist()
    assert infinite == ([] if fmt.infinity_code is None else [fmt.infinity_code])
    largest = np.nanargmax(np.where(np.isfinite(values), values, -np.inf))
    assert fmt.max_code == largest


@BYTE_NAMES
def test_magnitude_is_the_value_of_every_finite_code(name):
    fmt, values = format_of(name), values_of(name)
    for code in np.flatnonzero(np.isfinite(values)).tolist():
        assert fmt.magnitude(code) == abs(values[code])


@pytest.mark.parametrize("fmt", ALL_FORMATS, ids=str)
def test_masks_cut_a_code_into_its_fields(fmt):
    assert fmt.bits == fmt.is_signed + fmt.exponent_bits + fmt.mantissa_bits
    assert fmt.sign_mask | fmt.magnitude_mask == fmt.code_count - 1
    assert fmt.sign_mask & fmt.magnitude_mask == 0
    assert fmt.mantissa_mask.bit_count() == fmt.mantissa_bits
    assert fmt.magnitude_mask & fmt.mantissa_mask == fmt.mantissa_mask
    assert np.iinfo(fmt.code_dtype).max >= fmt.code_count - 1
    assert fmt.code_dtype.kind == "u"


@BYTE_NAMES
def test_the_overflow_threshold_is_where_overflow_starts(name):
    fmt, threshold = format_of(name), format_of(name).overflow_threshold
    assert threshold == midpoints(name)[-1]
    below = np.nextafter(threshold, 0)
    assert fp8lab.encode(below, fmt, policy="ml_dtypes") == fmt.max_code
    above = np.nextafter(threshold, np.inf)
    overflow = special_codes(fmt, "ml_dtypes").overflow[0]
    assert fp8lab.encode(above, fmt, policy="ml_dtypes") == overflow


def test_tf32_is_fp32_cut_to_19_bits():
    fmt = format_of("TF32")
    assert (fmt.bits, fmt.code_dtype) == (19, np.uint32)
    assert fmt.max == float(np.uint32(0x7F7FE000).view(np.float32))


def test_nan_of_fp32_is_found_without_listing_sixteen_million_codes():
    fmt = format_of("FP32")
    assert not fmt.is_nan_code(0x7F800000)
    assert fmt.is_nan_code(0x7F800001)
    assert fmt.is_nan_code(0xFFFFFFFF)
    assert "nan_codes" not in fmt.__dict__


@pytest.mark.parametrize("fmt", ALL_FORMATS, ids=str)
def test_a_record_is_frozen_hashable_and_survives_copies(fmt):
    with pytest.raises(dataclasses.FrozenInstanceError):
        fmt.bias = 0
    for twin in (copy.copy(fmt), copy.deepcopy(fmt), pickle.loads(pickle.dumps(fmt))):
        assert twin == fmt
        assert hash(twin) == hash(fmt)
        assert twin.max == fmt.max


def test_a_format_of_ones_own_derives_its_limits():
    e2m5 = FloatFormat("float8_e2m5fn", "E2M5FN", 2, 5, 1, Specials.NONE)
    assert (e2m5.bits, e2m5.max, e2m5.smallest_subnormal) == (8, 7.875, 2**-5)
    x = np.linspace(-9, 9, 4001, dtype=np.float32)
    nearest = np.clip(np.round(x * 32) / 32, -7.875, 7.875)
    small = np.abs(x) < 2
    assert np.array_equal(fp8lab.round_to(x, e2m5)[small], nearest[small])
    assert fp8lab.round_to(x, e2m5).max() == 7.875


def test_a_wide_range_of_ones_own_does_not_fit_float16():
    far = FloatFormat("float8_e5m2b7", "E5M2B7", 5, 2, 7, Specials.IEEE)
    assert far.max == 1.75 * 2.0**23
    codes = np.arange(256, dtype=np.uint8)
    values = fp8lab.decode(codes, far)
    theirs = values_of("float8_e5m2") * 2.0**8
    assert np.array_equal(values, theirs, equal_nan=True)
    with pytest.raises(ValueError, match="cannot decode E5M2B7 to float16"):
        fp8lab.decode(codes, far, dtype=np.float16)


@pytest.mark.parametrize("fmt", ALL_FORMATS, ids=str)
def test_both_names_find_the_format_in_any_case(fmt):
    for name in (fmt.name, fmt.short):
        assert format_of(name) is fmt
        assert format_of(name.upper()) is fmt
        assert format_of(name.lower()) is fmt
    assert format_of(fmt) is fmt


@pytest.mark.parametrize("bad", ["fp8", "", "e4m3fnx", None, 8, INT8, ["E4M3FN"], b"x"])
def test_an_unknown_format_is_refused_with_the_known_names(bad):
    with pytest.raises(ValueError, match=r"unknown format.*E4M3FN.*E8M0FNU"):
        format_of(bad)


def test_str_is_the_short_name_and_repr_teaches():
    fmt = format_of("E4M3FN")
    assert str(fmt) == f"{fmt}" == "E4M3FN"
    text = repr(fmt)
    for fact in ("float8_e4m3fn", "1 sign, 4 exponent, 3 mantissa", "bias 7", "448"):
        assert fact in text
    for fact in ("2^-6", "2^-9", "eps 2^-3", "no infinity", "NaN only at the all-ones"):
        assert fact in text
    assert "; infinity, NaN at the all-ones exponent" in repr(format_of("E5M2"))
    assert "NaN at the code of -0" in repr(format_of("E4M3FNUZ"))
    assert "no NaN" in repr(format_of("E2M1FN"))
    assert "no sign, 8 exponent, 0 mantissa" in repr(format_of("E8M0FNU"))


@pytest.mark.parametrize("fmt", ALL_FORMATS, ids=str)
def test_every_format_has_a_note_and_a_one_line_repr(fmt):
    assert fmt.note
    assert "\n" not in repr(fmt)
    assert fmt.layout in repr(fmt)


def test_the_table_has_a_row_a_format_in_aligned_columns():
    head, *rows = format_table().splitlines()
    assert [row.split()[0] for row in rows] == [fmt.short for fmt in ALL_FORMATS]
    for word in ("bits", "s/e/m", "bias", "max", "min normal", "min subnormal", "Inf"):
        at = head.index(word)
        assert head[at - 1] == " "
        assert all(row[at] != " " and row[at - 1] == " " for row in rows)
    cells = {row.split()[0]: row.split() for row in rows}
    words = {short: " ".join(row) for short, row in cells.items()}
    assert words["E4M3FN"] == "E4M3FN 8 1/4/3 7 448 2^-6 2^-9 2^-3 no 2"
    assert words["E5M2"] == "E5M2 8 1/5/2 15 57344 2^-14 2^-16 2^-2 yes 6"
    assert words["E8M0FNU"].startswith("E8M0FNU 8 0/8/0 127 1.70141e+38 2^-127 ")
    for name in ML_NAMES:
        fmt = format_of(name)
        assert int(cells[fmt.short][-1]) == np.isnan(values_of(name)).sum()
        has_infinity = "yes" if np.isinf(values_of(name)).any() else "no"
        assert cells[fmt.short][-2] == has_infinity


def test_a_table_of_some_formats():
    assert len(format_table((fp8lab.E5M2,)).splitlines()) == 2
