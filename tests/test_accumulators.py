"""The records of how a sum is kept: names, ranges, and what they refuse."""

import dataclasses

import numpy as np
import pytest

from fp8lab.accumulators import (
    EXACT,
    FLOAT32,
    HOPPER,
    HOPPER_PROMOTED,
    Accumulator,
    accumulator_of,
)


def test_the_records_say_what_the_hardware_does():
    assert (HOPPER.fraction_bits, HOPPER.group, HOPPER.promote) == (13, 32, None)
    assert dataclasses.replace(HOPPER, name="hopper-128", promote=128) == (
        HOPPER_PROMOTED
    )
    assert (EXACT.fraction_bits, EXACT.dtype) == (None, "float64")
    assert (FLOAT32.fraction_bits, FLOAT32.dtype) == (None, "float32")


@pytest.mark.parametrize("record", [EXACT, FLOAT32, HOPPER, HOPPER_PROMOTED])
def test_a_record_goes_by_its_name(record):
    assert accumulator_of(record.name) == record
    assert accumulator_of(record) is record


@pytest.mark.parametrize("every", [32, 64, 96, 512, 4096])
def test_any_promotion_has_a_name(every):
    record = accumulator_of(f"hopper-{every}")
    assert record == HOPPER.promoted(every)
    assert record.promote == every
    assert record.name == f"hopper-{every}"
    assert record.promoted(None) == HOPPER
    assert record.promoted(128) == HOPPER_PROMOTED


def test_a_record_cannot_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        HOPPER.promote = 128  # type: ignore[misc]


UNKNOWN = ["", "Hopper", "hopper-", "hopper-x", "hopper--128", "hopper-128 ", "fast"]


@pytest.mark.parametrize("bad", [*UNKNOWN, None, 13, ["hopper"], {}], ids=repr)
def test_an_unknown_accumulator_is_refused_with_the_known_ones(bad):
    with pytest.raises(ValueError, match=r"unknown accumulator .*exact, float32, hopp"):
        accumulator_of(bad)


def test_the_name_given_is_in_the_message():
    with pytest.raises(ValueError, match=r"'hoper'.*hopper-N"):
        accumulator_of("hoper")


@pytest.mark.parametrize("every", ["0", "31", "33", "100"])
def test_a_promotion_that_is_no_multiple_of_the_group(every):
    with pytest.raises(ValueError, match=f"promote is {every}; give a multiple.*32"):
        accumulator_of(f"hopper-{every}")


BAD_FIELDS = [
    ({"fraction_bits": 0}, "fraction_bits is 0; give 1 to 23"),
    ({"fraction_bits": 24}, "fraction_bits is 24; give 1 to 23"),
    ({"fraction_bits": -1}, "fraction_bits is -1"),
    ({"fraction_bits": 13.0}, "fraction_bits is 13.0"),
    ({"fraction_bits": True}, "fraction_bits is True"),
    ({"fraction_bits": "13"}, "fraction_bits is '13'"),
    ({"fraction_bits": 13, "group": 0}, "group is 0; give 1 to 1024"),
    ({"fraction_bits": 13, "group": 1025}, "group is 1025; give 1 to 1024"),
    ({"fraction_bits": 13, "group": 1.5}, "group is 1.5"),
    ({"fraction_bits": 13, "group": None}, "group is None"),
    ({"fraction_bits": 13, "promote": 0}, "promote is 0; give a multiple"),
    ({"fraction_bits": 13, "promote": -32}, "promote is -32; give a multiple"),
    ({"fraction_bits": 13, "promote": 16}, "promote is 16; give a multiple.*32"),
    ({"fraction_bits": 13, "promote": 48}, "promote is 48; give a multiple.*32"),
    ({"fraction_bits": 13, "promote": 64.0}, "promote is 64.0; give a multiple"),
    ({"fraction_bits": 13, "promote": "64"}, "promote is '64'; give a multiple"),
    ({"fraction_bits": 13, "dtype": "float64"}, "float32"),
    ({"dtype": "float16"}, "dtype is 'float16'; use"),
    ({"dtype": np.float64}, "dtype is .*use"),
    ({"promote": 128}, "promote is 128.*fraction_bits"),
]


@pytest.mark.parametrize(("fields", "message"), BAD_FIELDS, ids=repr)
def test_fields_out_of_range_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Accumulator("tried", **fields)


@pytest.mark.parametrize("record", [EXACT, FLOAT32])
def test_what_cuts_nothing_is_never_promoted(record):
    """It would have no effect: better said than silently ignored."""
    with pytest.raises(ValueError, match="promote is 128"):
        record.promoted(128)


def test_the_ends_of_the_ranges_are_allowed():
    for bits in (1, 23):
        assert Accumulator("tried", bits).fraction_bits == bits
    for group in (1, 1024):
        assert Accumulator("tried", 13, group, promote=group).promote == group
