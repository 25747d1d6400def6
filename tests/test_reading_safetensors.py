"""Files of .safetensors: what the format's own library wrote."""

import ml_dtypes
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file as save_numpy
from safetensors.torch import save_file as save_torch

import fp8lab
from fp8lab.reading import contents, read
from tests.reading_files import safetensors_of

TORCH_DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float8_e4m3fn": torch.float8_e4m3fn,
    "float8_e5m2": torch.float8_e5m2,
    "float8_e4m3fnuz": torch.float8_e4m3fnuz,
    "float8_e5m2fnuz": torch.float8_e5m2fnuz,
    **{f"int{bits}": getattr(torch, f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": getattr(torch, f"uint{bits}") for bits in (8, 16, 32, 64)},
}


def as_the_core_takes_it(x: torch.Tensor) -> np.ndarray:
    if x.dtype is torch.bfloat16:
        return x.view(torch.uint16).numpy()
    if "float8" in str(x.dtype):
        return x.float().numpy()
    return x.numpy() if x.is_floating_point() else x.numpy().astype(np.float64)


@pytest.mark.parametrize("name", TORCH_DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 4), (2, 3, 4)], ids=str)
def test_tensors_of_torch_come_back(tmp_path, name, shape):
    x = (torch.rand(shape) * 100).to(TORCH_DTYPES[name])
    path = tmp_path / "x.safetensors"
    save_torch({"w": x}, path)
    (entry,) = contents(path)
    assert (entry.name, entry.shape, entry.dtype) == ("w", shape, name)
    loaded = read(path, "w")
    assert fp8lab.first_difference(loaded.array, as_the_core_takes_it(x)) is None
    fp8lab.quantize(loaded.array)  # it is what the core takes


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_every_code_is_decoded_as_ml_dtypes_does(tmp_path, name):
    codes = np.arange(256, dtype=np.uint8)
    x = torch.from_numpy(codes).view(TORCH_DTYPES[name])
    save_torch({"w": x}, tmp_path / "x.safetensors")
    loaded = read(tmp_path / "x.safetensors")
    wanted = codes.view(getattr(ml_dtypes, name)).astype(np.float32)
    np.testing.assert_array_equal(loaded.array, wanted)
    assert "decoded to float32, without any scale" in loaded.note


def test_every_bfloat16_pattern_comes_back(tmp_path):
    patterns = np.arange(1 << 16, dtype=np.uint16)
    x = torch.from_numpy(patterns).view(torch.bfloat16)
    save_torch({"w": x}, tmp_path / "x.safetensors")
    found = read(tmp_path / "x.safetensors").array
    assert fp8lab.first_difference(found, patterns) is None


def test_a_scale_is_named_and_not_applied(tmp_path):
    w = torch.ones(2, 2).to(torch.float8_e4m3fn)
    path = tmp_path / "x.safetensors"
    save_torch({"a.weight": w, "a.weight_scale_inv": torch.full((1,), 3.0)}, path)
    loaded = read(path, "a.weight")
    assert loaded.array.tolist() == [[1, 1], [1, 1]]
    assert "'a.weight_scale_inv' may be its scale and was not applied" in loaded.note
    save_torch({"a.weight": w}, path)
    assert "scales as tensors of their own" in read(path).note


def test_entries_stand_in_the_order_of_their_bytes(tmp_path):
    path = tmp_path / "x.safetensors"
    header = {"late": [4, 8], "early": [0, 4], "__metadata__": None}
    path.write_bytes(
        safetensors_of(
            {
                name: {"dtype": "F32", "shape": [1], "data_offsets": offsets}
                if offsets
                else {"format": "pt"}
                for name, offsets in header.items()
            },
            np.array([1, 2], "<f4").tobytes(),
        )
    )
    assert [entry.name for entry in contents(path)] == ["early", "late"]
    assert read(path, "late").array.tolist() == [2]


def test_booleans_and_complex_numbers_are_listed_and_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    save_numpy({"m": np.ones(3, bool), "c": np.ones(3, np.complex64)}, path)
    reasons = {entry.name: entry.reason for entry in contents(path)}
    assert "truth values" in reasons["m"]
    assert "complex" in reasons["c"]
    for name in "mc":
        with pytest.raises(ValueError, match="cannot be read"):
            read(path, name)


def test_a_dtype_of_tomorrow_does_not_hide_the_others(tmp_path):
    path = tmp_path / "x.safetensors"
    tensors = {
        "new": {"dtype": "F3_NEW", "shape": [9], "data_offsets": [0, 4]},
        "four": {"dtype": "F4", "shape": [8], "data_offsets": [4, 8]},
        "old": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]},
    }
    path.write_bytes(safetensors_of(tensors, bytes(12)))
    assert [entry.usable for entry in contents(path)] == [False, False, True]
    assert "'F3_NEW' is not known" in contents(path)[0].reason
    assert read(path).array.tolist() == [0]


def test_the_first_rows_of_a_large_tensor(tmp_path):
    x = torch.arange(60.0).reshape(3, 4, 5).bfloat16()
    save_torch({"w": x}, tmp_path / "x.safetensors")
    loaded = read(tmp_path / "x.safetensors", largest=30)
    assert loaded.note == "the first 6 of 12 rows were read"
    wanted = as_the_core_takes_it(x).reshape(12, 5)[:6]
    assert fp8lab.first_difference(loaded.array, wanted) is None


NASTY = [
    "<img src=x onerror=alert(1)>",
    "a\nb",
    "\x1b[31m",
    "`x`",
    "é ‮",
    "n" * 500,
    '[[[[[["',
    "]}\\",
]


@pytest.mark.parametrize("name", NASTY, ids=ascii)
def test_a_name_is_data(tmp_path, name):
    path = tmp_path / "x.safetensors"
    save_torch({name: torch.ones(2), "m": torch.ones(2, dtype=torch.bool)}, path)
    assert name in [entry.name for entry in contents(path)]
    assert read(path, name).name == name
    for call in (lambda: read(path, name + "?"), lambda: read(path, "m" * 9999)):
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) <= 200
