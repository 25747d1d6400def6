"""The web page's Python, on CPython: the browser runs the same functions."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import fp8lab
from fp8lab.page.first import FIRST_INPUTS, FIRST_SOURCE, first_states
from fp8lab.page.session import Session


@pytest.fixture
def session() -> Session:
    made = Session()
    made.take(json.dumps(FIRST_SOURCE))
    return made


def state(session: Session, view: str, **changes: object) -> dict:
    return json.loads(
        session.answer(view, json.dumps({**FIRST_INPUTS[view], **changes}))
    )


def test_the_first_pictures_are_those_that_the_session_gives(session: Session) -> None:
    first = json.loads(first_states())
    assert first["views"].keys() == FIRST_INPUTS.keys()
    for view, given in first["views"].items():
        assert given["inputs"] == FIRST_INPUTS[view]
        assert given["state"] == state(session, view)
        assert "error" not in given["state"]


def test_a_first_picture_needs_every_input_that_it_has(session: Session) -> None:
    # A link keeps the inputs of FIRST_INPUTS and no others.
    answered = state(session, "bit_field", text="448")
    assert answered["code"] == 0x7E
    assert state(session, "stacks", text="465")["text"] == "465"


def test_a_refusal_keeps_the_picture_and_says_why(session: Session) -> None:
    before = state(session, "bit_field")
    after = state(session, "bit_field", text="12x")
    assert after["error"].startswith('"12x" is not a number')
    assert {**after, "error": ""} == {**before, "error": ""}
    assert "error" not in state(session, "bit_field", text="12")


@pytest.mark.parametrize(
    "inputs",
    [
        {"format": 7},
        {"format": "E9M9"},
        {"group": [1]},
        {"scale_rule": None},
        {"look": {}},
        {"unknown": 1},
    ],
)
def test_a_forged_link_is_refused_in_words(session: Session, inputs: dict) -> None:
    assert state(session, "quantizer", **inputs)["error"]


def test_a_tensor_is_needed_first() -> None:
    answered = json.loads(Session().answer("quantizer", "{}"))
    assert "choose a sample" in answered["error"]


def test_pasted_numbers(session: Session) -> None:
    about = json.loads(session.take(json.dumps({"numbers": "1 2 3\n4 5 6"})))
    assert about["shape"] == "2 × 3"
    assert about["entries"] == []
    with pytest.raises(ValueError, match="line 2"):
        session.take(json.dumps({"numbers": "1 2\n3"}))
    # The tensor before the bad one is still there.
    assert "error" not in state(session, "quantizer")


def test_a_file_with_several_tensors(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "two.npz"
    np.savez(path, a=np.ones((2, 3), np.float32), b=np.full((4, 4), 2.5, np.float16))
    about = json.loads(session.take(json.dumps({"file": str(path), "entry": None})))
    assert [entry["name"] for entry in about["entries"]] == ["a", "b"]
    assert about["shape"] == "2 × 3"
    about = json.loads(session.take(json.dumps({"file": str(path), "entry": "b"})))
    assert (about["shape"], about["dtype"]) == ("4 × 4", "float16")
    with pytest.raises(ValueError, match="'c'"):
        session.take(json.dumps({"file": str(path), "entry": "c"}))


@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4), (1, 200)])
def test_tensors_of_any_shape_have_both_pictures(
    session: Session, tmp_path: Path, shape: tuple[int, ...]
) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(1).normal(size=shape).astype(np.float32))
    session.take(json.dumps({"file": str(path)}))
    assert "error" not in state(session, "quantizer")
    assert "error" not in state(session, "scale_map")


@pytest.mark.parametrize("look", ["none", "tensor", "group"])
def test_the_archive_holds_what_the_picture_shows(session: Session, look: str) -> None:
    x = np.random.default_rng(2).normal(size=(3, 256)).astype(np.float32)
    text = "\n".join(" ".join(map(repr, row)) for row in x.tolist())
    session.take(json.dumps({"numbers": text}))
    inputs = {**FIRST_INPUTS["quantizer"], "look": look}
    name, packed = session.archive(json.dumps(inputs))
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        codes = np.load(io.BytesIO(archive.read("codes.npy")))
    group = {"none": "per-tensor", "tensor": "per-tensor", "group": "1x128"}[look]
    scale = 1.0 if look == "none" else None
    read = np.asarray(x.tolist())
    expected = fp8lab.quantize(read, "E4M3FN", group, scale=scale)
    assert fp8lab.first_difference(codes, expected.codes) is None
    assert name.endswith(".zip")
    assert name.isascii()
