"""Casts to FP8 that we did not write, each standing for one policy.

An oracle takes a float32 array and returns the codes its library gives. Where a library
departs from its own specification, the departure is written down as a *quirk*: the
exact set of inputs, the code it gives there, and the code that its specification names.
Where the library gives the first, ours is compared with the second; everywhere else,
with the library. The proof counts the two apart.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from fp8lab.formats import E4M3FN, E5M2, FloatFormat

__all__ = ["ORACLES", "Oracle", "Quirk", "available"]

Cast = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Quirk:
    """Where ``low <= |x| < high``, ``code`` instead of ``specified`` (signs added)."""

    low: float
    high: float
    code: int
    specified: int
    why: str


@dataclass(frozen=True)
class Oracle:
    """A library that casts float32 to FP8.

    Parameters
    ----------
    name
        What ``--oracle`` takes.
    requires
        Packages that must be importable.
    policy
        Returns the policy the installed version stands for.
    make
        Returns the cast for one format; raises RuntimeError in words where it cannot.
    quirks
        Known departures by format name.
    """

    name: str
    requires: tuple[str, ...]
    policy: Callable[[], str]
    make: Callable[[FloatFormat], Cast]
    quirks: dict[str, Quirk]

    @property
    def version(self) -> str:
        """Installed versions, and the GPU where one does the work, for the record."""
        parts = [f"{name} {version(name)}" for name in self.requires]
        if self.name == "hopper":
            parts.append(_gpu_name())
        return ", ".join(parts)


def available(oracle: Oracle) -> bool:
    """Whether the oracle's packages are installed."""
    return all(importlib.util.find_spec(name) for name in oracle.requires)


def _gpu_name() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"


def _ml_dtypes(fmt: FloatFormat) -> Cast:
    import ml_dtypes

    dtype = np.dtype(getattr(ml_dtypes, fmt.name))

    def cast(x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return x.astype(dtype).view(np.uint8)

    return cast


def _torch_policy() -> str:
    release = tuple(int(part) for part in version("torch").split(".")[:2])
    return "torch" if release >= (2, 12) else "torch-2.11"


def _torch(fmt: FloatFormat) -> Cast:
    import torch

    dtype = getattr(torch, fmt.name)

    def cast(x: np.ndarray) -> np.ndarray:
        return torch.from_numpy(x).to(dtype).view(torch.uint8).numpy()

    return cast


def _onnxruntime(fmt: FloatFormat, saturate: int) -> Cast:
    import ctypes

    import onnxruntime
    from onnx import TensorProto, helper

    to = {E4M3FN: TensorProto.FLOAT8E4M3FN, E5M2: TensorProto.FLOAT8E5M2}[fmt]
    node = helper.make_node("Cast", ["x"], ["y"], to=to, saturate=saturate)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])
    y = helper.make_tensor_value_info("y", to, [None])
    graph = helper.make_graph([node], "cast", [x], [y])
    opset = [helper.make_opsetid("", 19)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )

    def cast(values: np.ndarray) -> np.ndarray:
        binding = session.io_binding()
        binding.bind_cpu_input("x", values)
        binding.bind_output("y")
        session.run_with_iobinding(binding)
        result = binding.get_outputs()[0]
        # onnxruntime has no NumPy dtype for FP8, so the bytes are read where they lie.
        pointer = ctypes.cast(result.data_ptr(), ctypes.POINTER(ctypes.c_uint8))
        return np.ctypeslib.as_array(pointer, values.shape).copy()

    return cast


def _hopper(fmt: FloatFormat) -> Cast:
    from fp8lab.proof.hopper import hardware_cast

    return hardware_cast(fmt)


def _fixed(name: str) -> Callable[[], str]:
    return lambda: name


# ONNX operator Cast, opset 19, second table: without saturation, what is out of range
# becomes NaN in E4M3FN and infinity in E5M2.
_ORT_TOP = Quirk(480.0, 496.0, 0x7E, 0x7F, "onnxruntime saturates, ONNX says NaN")
_ORT_INF = Quirk(61440.0, 65536.0, 0x7F, 0x7C, "onnxruntime gives NaN, ONNX says Inf")

ORACLES: dict[str, Oracle] = {
    oracle.name: oracle
    for oracle in (
        Oracle("ml_dtypes", ("ml_dtypes",), _fixed("ml_dtypes"), _ml_dtypes, {}),
        Oracle("torch", ("torch",), _torch_policy, _torch, {}),
        Oracle(
            "onnxruntime",
            ("onnxruntime", "onnx"),
            _fixed("onnx"),
            lambda fmt: _onnxruntime(fmt, 1),
            {},
        ),
        Oracle(
            "onnxruntime-nosat",
            ("onnxruntime", "onnx"),
            _fixed("onnx-nosat"),
            lambda fmt: _onnxruntime(fmt, 0),
            {E4M3FN.name: _ORT_TOP, E5M2.name: _ORT_INF},
        ),
        Oracle("hopper", ("torch", "triton"), _fixed("cuda"), _hopper, {}),
    )
}


def quirk_mask(x: np.ndarray, quirk: Quirk) -> Any:
    """Where a quirk applies."""
    magnitude = np.abs(x)
    return (magnitude >= np.float32(quirk.low)) & (magnitude < np.float32(quirk.high))
