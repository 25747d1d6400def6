"""Files that are something else, cut or lying: one sentence each, and no pickle."""

import gzip
import io
import zipfile

import numpy as np
import pytest
import torch

from fp8lab.reading import contents, read
from tests.reading_files import header_of, npy_of, npz_of, zip_of


def torch_of(**options: bool) -> bytes:
    file = io.BytesIO()
    torch.save({"a": torch.ones(3)}, file, **options)
    return file.getvalue()


X = np.arange(12, dtype=np.float32).reshape(3, 4)
NPY, NPZ = npy_of(X), npz_of(x=X)
RAW = np.random.default_rng(0).bytes(600)

BROKEN: dict[str, tuple[str, bytes, str]] = {
    "empty": ("x.npy", b"", "is empty"),
    # Something else.
    "PyTorch": ("x.pt", torch_of(), r"pickle.*safetensors\.torch\.save_file"),
    "old PyTorch": ("x.bin", torch_of(_use_new_zipfile_serialization=False), "pickle"),
    "PyTorch called npz": ("x.npz", torch_of(), "PyTorch file"),
    "GGUF": ("x.gguf", b"GGUF\3\0\0\0" + RAW, "a GGUF model; save the tensors"),
    "HDF5": ("x.h5", b"\x89HDF\r\n\x1a\n" + RAW, "HDF5"),
    "gzip": ("x.npy.gz", gzip.compress(NPY), "gzip file; unpack"),
    "an image": ("x.png", b"\x89PNG\r\n\x1a\n" + RAW, "an image"),
    "a web page": ("x.npy", b"\n<!DOCTYPE html>\n<html>", "web page"),
    "a web page called csv": ("x.csv", b"<HTML><p>1,2", "web page"),
    "Git LFS": ("x.safetensors", b"version https://git-lfs.github.com/spec", "LFS"),
    "JSON": ("model.safetensors.index.json", b'{"weight_map": {}}', "JSON"),
    "UTF-16": ("x.csv", "1,2\n3,4".encode("utf-16"), "UTF-16.*save it as UTF-8"),
    "UTF-16 without mark": ("x.csv", ("1,2\n3,4\n" * 9).encode("utf-16-le"), "UTF-16"),
    "UTF-16 the other way": ("x", ("1,2\n3,4\n" * 9).encode("utf-16-be"), "UTF-16"),
    "Excel": ("x.xlsx", zip_of(("[Content_Types].xml", b"<x/>")), "Office.*csv"),
    "a zip file": ("x.zip", zip_of(("a.txt", b"1")), "zip file without arrays"),
    "an empty zip": ("x.npz", zip_of(), "holds no array"),
    "a tar file": ("x.tar", bytes(257) + b"ustar" + RAW, "tar file"),
    "raw numbers": ("x.dat", RAW, "in no format that is read here"),
    "text called npy": ("x.npy", b"1,2\n3,4\n", "holds text, not what its name says"),
    "a number called npz": ("x.npz", b"1", "holds text"),
    # .npy
    "magic alone": ("x.npy", b"\x93NUMPY", "cut short: 2 bytes"),
    "version 4": ("x.npy", b"\x93NUMPY\4\0" + RAW, "version 1, 2 or 3"),
    "half a header": ("x.npy", NPY[:60], "cut short: 68 bytes are missing"),
    "half the data": ("x.npy", NPY[:-20], "cut short: 20 bytes are missing"),
    "2 GB of header": (
        "x.npy",
        b"\x93NUMPY\2\0\0\0\0\x80" + RAW,
        "2,147,483,648 bytes",
    ),
    "2**60 elements": (
        "x.npy",
        header_of(shape="(2**60,)") + RAW,
        "broken .npy",
    ),
    "4e17 elements": (
        "x.npy",
        header_of(shape=f"({4 * 10**17},)"),
        "1,6.* missing",
    ),
    "2**62 elements": ("x.npy", header_of(shape=f"({2**62},)"), "more elements"),
    "empty and huge": ("x.npy", header_of(shape=f"(0, {2**62})"), "more elements"),
    "99 axes": ("x.npy", header_of(shape=f"({'1,' * 99})"), "99 axes"),
    "a huge integer": ("x.npy", header_of(shape=f"({'9' * 5000},)"), "broken"),
    "a negative side": ("x.npy", header_of(shape="(-3,)") + RAW, "broken"),
    "a call": ("x.npy", header_of(shape="(print(),)") + RAW, "broken"),
    "more in the header": ("x.npy", header_of(order="False, 'x': 1") + RAW, "broken"),
    "deep": ("x.npy", header_of(descr="(" * 9000) + RAW, "broken"),
    "no order": ("x.npy", header_of(order="0") + RAW, "broken"),
    "an unknown dtype": ("x.npy", header_of(descr="'<z4'") + RAW, "broken"),
    "an odd width": ("x.npy", header_of(descr="'<f3'") + RAW, "float64"),
    # .npz
    "half a zip": ("x.npz", NPZ[: len(NPZ) // 2], "broken zip file"),
    "no list": ("x.npz", NPZ[:-22], "broken zip file"),
    "bzip2": ("x.npz", zip_of(("x.npy", NPY), method=zipfile.ZIP_BZIP2), "savez"),
    "half a member": ("x.npz", zip_of(("x.npy", NPY[:-20])), "20 bytes are missing"),
    "a long name": ("x.npz", zip_of((f"{'n' * 300}.npy", NPY[:-20])), "20 bytes"),
    "long and broken": ("x.npz", zip_of((f"{'n' * 300}.npy", NPY[:20])), "cannot be"),
    "a member of nothing": ("x.npz", zip_of(("x.npy", b"")), "'x' cannot be read"),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("prefix", ["", "\n<b>'" * 20], ids=["short", "long"])
def test_a_bad_file_is_one_sentence(tmp_path, case, prefix):
    name, content, words = BROKEN[case]
    path = tmp_path / (prefix + name)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        read(path)
    message = str(caught.value)
    assert len(message) <= 200
    assert message.isprintable()
    assert caught.value.__cause__ is None
    path.unlink()  # it is closed


def test_two_members_of_one_name_are_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        content = zip_of(("x.npy", NPY), ("x.npy", NPY))
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(ValueError, match="two members of one name"):
        read(tmp_path / "x.npz")


def test_a_missing_file_stays_what_it_is(tmp_path):
    for call in (read, contents):
        with pytest.raises(FileNotFoundError):
            call(tmp_path / "absent.npy")
        with pytest.raises(OSError):
            call(tmp_path)
