"""Files for the tests of `fp8lab.reading`, as bytes."""

import io
import json
import zipfile
from collections.abc import Callable

import numpy as np


def npy_of(x: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    np.save(file, x, **options)
    return file.getvalue()


def npz_of(save: Callable[..., None] = np.savez, **arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def zip_of(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def header_of(descr: str = "'<f4'", order: str = "False", shape: str = "(3,)") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\0" + len(text).to_bytes(2, "little") + text.encode()


def safetensors_of(header: object, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data
