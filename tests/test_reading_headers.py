"""Headers of .safetensors that lie: one sentence each; the format's library agrees."""

import pytest
import safetensors

from fp8lab.reading import contents, read
from tests.reading_files import safetensors_of


def one(**changes: object) -> dict[str, object]:
    w = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24], **changes}
    return {"w": {key: value for key, value in w.items() if value is not ...}}


def two(
    first: list[int], second: list[int], names: tuple[str, str] = ("<b>", "c")
) -> dict[str, object]:
    return {
        name: {"dtype": "U8", "shape": [b - a], "data_offsets": [a, b]}
        for name, (a, b) in zip(names, (first, second), strict=True)
    }


LIES: dict[str, tuple[bytes, str]] = {
    "2 GB of header": ((2**31).to_bytes(8, "little") + b"{}", "2,147,483,648 bytes"),
    "2**63 of header": ((2**63).to_bytes(8, "little") + b"{}", "claims a header"),
    "header cut": (
        safetensors_of(one(), b"")[:40],
        r"cut short: \d+ bytes are missing",
    ),
    "length cut": (b"\x10\0\0\0", "cut short: 4 bytes"),
    "data cut": (safetensors_of(one(), bytes(20)), "needs 4 bytes more"),
    "data too long": (safetensors_of(one(), bytes(30)), "6 bytes belong to no tensor"),
    "offsets past the end": (
        safetensors_of(one(data_offsets=[2**50, 2**50 + 24]), bytes(24)),
        "needs 1,125,899,906,842,624 bytes more",
    ),
    "offsets without end": (
        safetensors_of(one(data_offsets=[0, 10**4000]), bytes(24)),
        "described",
    ),
    "offsets backwards": (
        safetensors_of(one(data_offsets=[24, 0]), bytes(24)),
        "described",
    ),
    "offsets negative": (
        safetensors_of(one(data_offsets=[-24, 0]), bytes(24)),
        "described",
    ),
    "offsets of text": (safetensors_of(one(data_offsets="ab"), bytes(24)), "described"),
    "three offsets": (
        safetensors_of(one(data_offsets=[0, 24, 24]), bytes(24)),
        "described",
    ),
    "no offsets": (safetensors_of(one(data_offsets=...), bytes(24)), "described"),
    "a huge integer": (
        safetensors_of(b'{"w": {"shape": [1' + b"0" * 5000 + b"]}}", b""),
        "JSON",
    ),
    "a large shape": (safetensors_of(one(shape=[2**62, 2**62]), bytes(24)), "elements"),
    "2**60 elements": (safetensors_of(one(shape=[2**60]), bytes(24)), "more elements"),
    "empty and huge": (
        safetensors_of(one(shape=[0, 2**60]), bytes(24)),
        "more elements",
    ),
    "33 axes": (safetensors_of(one(shape=[1] * 33), bytes(24)), "33 axes"),
    "shape too small": (safetensors_of(one(shape=[2, 2]), bytes(24)), "takes 16"),
    "another dtype": (safetensors_of(one(dtype="F16"), bytes(24)), "takes 12"),
    "shape of floats": (safetensors_of(one(shape=[2.0, 3.0]), bytes(24)), "described"),
    "shape of booleans": (safetensors_of(one(shape=[True, 6]), bytes(24)), "described"),
    "shape negative": (safetensors_of(one(shape=[-2, -3]), bytes(24)), "described"),
    "dtype a number": (safetensors_of(one(dtype=4), bytes(24)), "described"),
    "a list for a tensor": (safetensors_of({"w": [1]}, b""), "described"),
    "overlap": (
        safetensors_of(two([0, 8], [4, 12]), bytes(12)),
        "'<b>' and 'c' overlap",
    ),
    "overlap of long names": (
        safetensors_of(two([0, 8], [4, 12], ("n" * 300, "\n" * 300)), bytes(12)),
        "overlap; save the file again",
    ),
    "the same bytes": (safetensors_of(two([0, 8], [0, 8]), bytes(8)), "overlap"),
    "a gap": (safetensors_of(two([0, 4], [8, 12]), bytes(12)), "4 bytes belong to no"),
    "a name twice": (
        safetensors_of(b'{"w": {"dtype": "F32", "dtype": "F32"}}', b""),
        "'dtype' stands there twice",
    ),
    "a tensor twice": (safetensors_of(b'{"a\\n": {}, "a\\n": {}}', b""), "twice"),
    "NaN": (safetensors_of(b'{"w": NaN}', b""), "JSON"),
    "deep": (safetensors_of(b'{"w":' + b"[" * 100_000, b""), "too deeply"),
    "deep and closed": (
        safetensors_of(b'{"w":' + b"[" * 9 + b"]" * 9 + b"}", b""),
        "deeply",
    ),
    "deep below a text": (safetensors_of(b'{"\\"":' + b"[" * 99, b""), "too deeply"),
    "half a JSON": (safetensors_of(b'{"w": ', b""), "brackets do not match"),
    "no JSON": (safetensors_of(b'{"w": 1,}', b""), "JSON"),
    "no UTF-8": (safetensors_of(b'{"\xff": {}}', b""), "JSON"),
    "half a surrogate": (
        safetensors_of(
            b'{"\\ud800": {"dtype":"U8","shape":[0],"data_offsets":[0,0]}}', b""
        ),
        "described",
    ),
    "no object": (safetensors_of(b"[1]", b""), "brace"),
    "spaces first": (safetensors_of(b" {}", b""), "brace"),
}


@pytest.mark.parametrize("case", LIES)
def test_a_header_that_lies_is_one_sentence(tmp_path, case):
    path = tmp_path / f"{'long' * 40}.safetensors"
    content, words = LIES[case]
    path.write_bytes(content)
    for call in (contents, read):
        with pytest.raises(ValueError, match=words) as caught:
            call(path)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) <= 200


# The format's README forbids spaces first; its library lets them pass.
@pytest.mark.parametrize("case", [case for case in LIES if case != "spaces first"])
def test_the_library_refuses_it_too(tmp_path, case):
    path = tmp_path / "x.safetensors"
    path.write_bytes(LIES[case][0])
    with pytest.raises(safetensors.SafetensorError):
        safetensors.safe_open(path, "np").__enter__()
