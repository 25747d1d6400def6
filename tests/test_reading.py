"""Files of NumPy: what numpy.save, savez and savez_compressed wrote comes back."""

import io
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from fp8lab.reading import LARGEST, Entry, contents, read
from fp8lab.reading.part import part_of

FLOATS = ["<f8", ">f8", "<f4", ">f4", "<f2", ">f2"]
INTEGERS = [
    f"{order}{kind}{width}" for order in "<>" for kind in "iu" for width in "1248"
]
SHAPES = [(), (0,), (5,), (3, 4), (0, 7), (2, 3, 4), (1, 1), (2, 1, 1, 3)]
SAVERS = {
    "npy": lambda path, x: np.save(path, x),
    "npz": lambda path, x: np.savez(path, x=x),
    "compressed": lambda path, x: np.savez_compressed(path, x=x),
}
SAVED = pytest.mark.parametrize("saver", SAVERS)


def save(folder: Path, saver: str, x: np.ndarray) -> Path:
    path = folder / ("x.npy" if saver == "npy" else "x.npz")
    SAVERS[saver](path, x)
    return path


def numbers(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    x = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    return x * np.dtype(dtype).type(0.25) if "f" in dtype else x


def equal(found: np.ndarray, wanted: np.ndarray) -> None:
    assert repr(found.dtype) == repr(np.dtype(wanted.dtype.name))  # native, no "<f4"
    assert found.shape == wanted.shape
    assert found.tobytes() == wanted.tobytes()


@SAVED
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_come_back_byte_for_byte(tmp_path, saver, shape, dtype):
    x = numbers(shape, dtype)
    loaded = read(save(tmp_path, saver, x))
    equal(loaded.array, x.astype(x.dtype.newbyteorder("=")))
    assert loaded.note == ""


@SAVED
@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_become_float64_and_the_note_says_so(tmp_path, saver, dtype):
    x = np.array([[0, 1], [np.iinfo(dtype).max, np.iinfo(dtype).min]], dtype)
    path = save(tmp_path, saver, x)
    loaded = read(path)
    equal(loaded.array, x.astype(np.float64))
    assert f"{x.dtype.name} numbers were converted to float64" in loaded.note
    assert ("bfloat16" in loaded.note) == (x.dtype.name == "uint16")
    assert contents(path)[0].dtype == x.dtype.name


@SAVED
def test_special_values_stay(tmp_path, saver):
    x = np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0, 5e-324])
    equal(read(save(tmp_path, saver, x)).array, x)


@SAVED
@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (1, 5), (0, 3), (7,)], ids=str)
def test_fortran_order(tmp_path, saver, shape):
    x = np.asfortranarray(numbers(shape, "<f4"))
    equal(read(save(tmp_path, saver, x)).array, x)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_versions_of_npy(tmp_path, version):
    x = numbers((3, 4), "<f4")
    with (tmp_path / "x.npy").open("wb") as file:
        np.lib.format.write_array(file, x, version=version)
    equal(read(tmp_path / "x.npy").array, x)


HEADERS = {
    "of Python 2": "{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }",
    "another order": "{'shape':(2,),'fortran_order':False,'descr':'<f4'}",
    "double quotes": '{"descr": "<f4", "fortran_order": False, "shape": (2,)}',
}


def npy(header: str, data: bytes, version: int = 1) -> bytes:
    text = header.encode()
    width = 2 if version == 1 else 4
    start = b"\x93NUMPY" + bytes([version, 0])
    return start + len(text).to_bytes(width, "little") + text + data


@pytest.mark.parametrize("case", HEADERS)
def test_headers_that_others_write(tmp_path, case):
    path = tmp_path / "x.npy"
    x = np.array([1.5, -2], np.float32)
    path.write_bytes(npy(HEADERS[case], x.tobytes()))
    equal(read(path).array, x)


REFUSED = {
    "bool": (np.ones(3, bool), "truth values"),
    "complex": (np.ones(3, complex), "complex"),
    "object": (np.array([None, 1.0]), "pickle"),
    "record": (np.zeros(3, [("a", "f4"), ("b", "f4")]), "record"),
    "text": (np.array(["a"]), "text"),
    "bytes": (np.array([b"a"]), "text"),
    "dates": (np.array(["2020-01-01"], "datetime64[D]"), "dates"),
    "longdouble": (np.ones(3, np.longdouble), "float64"),
    "bfloat16": (np.ones(3, ml_dtypes.bfloat16), "safetensors"),
    "E4M3FN": (np.ones(3, ml_dtypes.float8_e4m3fn), "safetensors"),
    "E5M2": (np.ones(3, ml_dtypes.float8_e5m2), "safetensors"),
}


@SAVED
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_real_number_is_listed_and_refused(tmp_path, saver, case):
    x, words = REFUSED[case]
    if case == "longdouble" and np.longdouble is np.float64:
        pytest.skip("longdouble is float64 on this machine")
    path = save(tmp_path, saver, x)
    (entry,) = contents(path)
    assert not entry.usable
    assert words in entry.reason
    assert (entry.shape, entry.size) == (x.shape, x.size)
    with pytest.raises(ValueError, match=f"cannot be read.*{words}"):
        read(path)


def test_a_pickle_is_never_opened(tmp_path):
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "sprung",)

    np.save(tmp_path / "x.npy", np.array([Trap()]), allow_pickle=True)
    np.savez(tmp_path / "x.npz", x=np.array([Trap()]))
    for path in (tmp_path / "x.npy", tmp_path / "x.npz"):
        contents(path)
        with pytest.raises(ValueError, match="pickle"):
            read(path)
    assert not (tmp_path / "sprung").exists()


# --------------------------------------------------------------- names and entries
def test_what_is_in_a_file_is_listed_in_its_order(tmp_path):
    arrays = {"w": np.ones((2, 3), "f4"), "a": np.arange(4), "m": np.ones(2, bool)}
    np.savez(tmp_path / "x.npz", **arrays)
    entries = contents(tmp_path / "x.npz")
    assert entries[:2] == [
        Entry("w", (2, 3), "float32", 6),
        Entry("a", (4,), "int64", 4),
    ]
    assert [entry.usable for entry in entries] == [True, True, False]
    np.save(tmp_path / "one.npy", np.float16(1))
    assert contents(tmp_path / "one.npy") == [Entry("one.npy", (), "float16", 1)]


def test_an_array_is_chosen_by_name(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, i=np.arange(3), a=np.ones(2), b=np.zeros(2))
    assert read(path, "b").array.tolist() == [0, 0]
    assert read(path).name == "a"  # indices are seldom what one wants
    with pytest.raises(ValueError, match="holds no array 'c'"):
        read(path, "c")
    np.savez(path, i=np.arange(3))
    assert read(path).name == "i"
    np.savez(path, m=np.ones(2, bool))
    with pytest.raises(ValueError, match="'m' cannot be read"):
        read(path)


def test_a_name_is_not_asked_of_a_file_without_names(tmp_path):
    np.save(tmp_path / "x.npy", np.ones(2))
    assert read(tmp_path / "x.npy", "what it was called before").name == "x.npy"


def test_members_that_are_no_arrays_are_listed(tmp_path):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("notes.txt", "hello")
        file.writestr("broken.npy", b"\x93NUMPY\x01\x00")
        buffer = io.BytesIO()
        np.save(buffer, np.ones(2))
        file.writestr("x.npy", buffer.getvalue())
    assert [entry.usable for entry in contents(path)] == [False, False, True]
    assert read(path).name == "x"


# ------------------------------------------------------------------ large tensors
@SAVED
@pytest.mark.parametrize("order", ["C", "F"])
def test_of_a_large_matrix_the_first_rows_are_read(tmp_path, saver, order):
    x = np.array(numbers((10, 8), "<f4"), order=order)
    path = save(tmp_path, saver, x)
    for largest, rows in ((1, 1), (8, 1), (15, 1), (16, 2), (79, 9), (80, 10)):
        loaded = read(path, largest=largest)
        equal(loaded.array, x[:rows])
        words = "the first of 10 rows was" if rows == 1 else f"first {rows} of 10 rows"
        assert (words in loaded.note) == (rows < 10)


def test_other_shapes_are_cut_as_the_matrices_they_are(tmp_path):
    x = numbers((4, 5, 6), "<f4")
    np.save(tmp_path / "x.npy", x)
    loaded = read(tmp_path / "x.npy", largest=50)
    equal(loaded.array, x.reshape(20, 6)[:8])
    assert loaded.note == "the first 8 of 20 rows were read"
    np.save(tmp_path / "x.npy", np.asfortranarray(x))
    with pytest.raises(ValueError, match="ascontiguousarray"):
        read(tmp_path / "x.npy", largest=50)
    np.save(tmp_path / "v.npy", np.arange(1e4))
    loaded = read(tmp_path / "v.npy", largest=2048)
    equal(loaded.array, np.arange(2048.0))
    assert loaded.note == "the first 2,048 of 10,000 numbers were read"


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, None, "9"])
def test_largest_is_a_count(tmp_path, bad):
    np.save(tmp_path / "x.npy", np.ones(2))
    with pytest.raises(ValueError, match="largest"):
        read(tmp_path / "x.npy", largest=bad)


def test_a_row_beyond_the_default_is_cut():
    assert LARGEST == 2**24
    assert part_of((2, 2**25), 5).shape == (1, 2**24)
    assert "first 16,777,216 of 33,554,432 numbers" in part_of((2, 2**25), 5).note
    assert part_of((2, 2**25), 2**25).shape == (1, 2**25)
