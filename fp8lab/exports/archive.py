"""The zip file: codes, scales, report, and the script that makes them again."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

import fp8lab
from fp8lab.exports.recipe import Options, recipe_of
from fp8lab.exports.report import report_text
from fp8lab.quantized import QuantizedTensor
from fp8lab.scales import ScaleDtype

__all__ = ["archive"]

DATE = (1980, 1, 1, 0, 0, 0)  # the first that zip knows: the same bytes on every day


def archive(
    x: npt.ArrayLike,
    name: str,
    quantized: QuantizedTensor,
    *,
    note: str = "",
    options: Options | None = None,
    sample: bool = False,
) -> bytes:
    """Return a zip file; the same arguments give the same bytes, on every machine.

    It holds ``codes.npy``; ``scales.npy``, the scales as stored, which is what a GEMM
    takes (float32, bfloat16 bits or E8M0 codes); ``report.md``; and ``reproduce.py``,
    which makes both again out of the learner's own file and compares every byte. That
    it will is tried first, here.

    Parameters
    ----------
    x
        The original, which `quantize` takes.
    name
        What its file calls it: any characters.
    quantized
        What `quantize` made of x.
    note
        A line on how x was read.
    options
        What `quantize` was told besides format, group and scale dtype: plain values of
        ``scale_rule``, ``amax``, ``arithmetic``, ``rounding``, ``policy`` and
        ``nonfinite``. Without a word on the scale, the rule that gives these very
        scales is found, else the script takes the scales out of ``scales.npy``.
    sample
        ``name`` is that of a sample of fp8lab (its shipped excerpt), not of a file's
        tensor.

    Raises
    ------
    ValueError
        ``quantize`` does not make ``quantized`` of x with these options (stochastic
        rounding never does), or they are others than those above.
    """
    recipe = recipe_of(x, quantized, options)
    members = {
        "codes.npy": _npy(quantized.codes),
        "scales.npy": _npy(quantized.scale_codes),
        "report.md": report_text(x, name, quantized, note, recipe).encode(),
        "reproduce.py": _script(name, quantized, recipe, sample).encode(),
    }
    packed = io.BytesIO()
    # Stored, not deflated: codes hardly shrink, and zlibs differ in their bytes.
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as file:
        for member, content in members.items():
            info = zipfile.ZipInfo(member, DATE)
            info.create_system, info.external_attr = 3, 0o644 << 16  # on Windows, too
            file.writestr(info, content)
    return packed.getvalue()


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(array, order="C"), allow_pickle=False)
    return file.getvalue()


_SCRIPT = '''\
"""Makes codes.npy and scales.npy again with fp8lab {version}: {call}"""
{imports}

x = {x}
codes, scales = np.load("codes.npy"), np.load("scales.npy")
q = fp8lab.quantize(x, {arguments})
assert fp8lab.first_difference(q.codes, codes) is None, "the codes differ"
assert fp8lab.first_difference(q.scale_codes, scales) is None, "the scales differ"
print("the same codes and scales, byte for byte")
'''


def _script(name: str, q: QuantizedTensor, recipe: dict[str, Any], sample: bool) -> str:
    imports = ["import numpy as np", "import fp8lab"]
    # !a: whatever characters a name has, the script has plain ones, on one line.
    if sample:
        imports += ["from fp8lab.model import load_sample"]
        x = f"load_sample({name!a}, excerpt=True).array"
    else:
        imports = ["import sys", *imports, "from fp8lab.reading import read"]
        x = f"read(sys.argv[1], {name!a}).array"
    arguments = [
        repr(str(q.fmt)),
        repr((q.group.rows, q.group.cols)),
        f"scale_dtype={str(q.scale_dtype)!r}",
        *(f"{key}={_literal(value, q)}" for key, value in recipe.items()),
    ]
    return _SCRIPT.format(
        version=fp8lab.__version__,
        call="python reproduce.py" + ("" if sample else " FILE"),
        imports="\n".join(imports),
        x=x,
        arguments=", ".join(arguments),
    )


def _literal(value: object, q: QuantizedTensor) -> str:
    """A keyword's value as the script writes it; all scales are read out of the zip."""
    if not isinstance(value, np.ndarray):
        return repr(value)
    narrow = {ScaleDtype.BFLOAT16: "BF16", ScaleDtype.E8M0: "E8M0FNU"}
    if q.scale_dtype in narrow:
        return f"fp8lab.decode(scales, {narrow[q.scale_dtype]!r})"
    return "scales"
