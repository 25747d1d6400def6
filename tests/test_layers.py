"""Who may import whom. Any arrow that is not in these tables fails.

A new module of the core takes its place in CORE; anything else gets a row in ARROWS,
and one in EXTERNAL if it is a host that needs more than NumPy to be imported.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parent.parent / "fp8lab"
ROOT = "fp8lab"

# In this order: each module may import the ones before it.
CORE = (
    "formats",
    "policies",
    "rounding",
    "arrays",
    "tables",
    "fast",
    "codec",
    "explain",
    "integers",
    "granularity",
    "amax",
    "scales",
    "quantized",
    "quantization",
    "scaling",
    "accumulators",
    "tensorcore",
    "fma",
    "fused",
    "recipes",
    "gemm",
    "weight_only",
    "kv_cache",
    "attention",
)
WHOLE_CORE = {*CORE, "metrics", "errors", ROOT}
ARROWS = {
    "metrics": set(CORE[: CORE.index("explain")]),
    "errors": {*CORE[: CORE.index("explain")], "metrics"},
    ROOT: {*CORE, "metrics", "errors"},
    # What stands on nothing.
    "files": set(),
    "gpus": set(),
    "views": set(),
    "progress": {"files"},
    "records": set(),
    "table": set(),
    # What stands on the core.
    "states": {*WHOLE_CORE, "views", "progress"},
    "questions": {*WHOLE_CORE, "states"},
    "model": {*WHOLE_CORE},
    "reading": {*WHOLE_CORE},
    "exports": {*WHOLE_CORE},
    "proof": {*WHOLE_CORE},
    "prove": {*WHOLE_CORE, "proof"},
    "prove_gemm": {*WHOLE_CORE, "proof", "records", "table"},
    "figures": {*WHOLE_CORE, "states"},
    "kernels": {*WHOLE_CORE, "gpus"},
    "grading": {
        *WHOLE_CORE,
        "kernels",
        "figures",
        "states",
        "records",
        "files",
        "progress",
        "table",
    },
    # Nobody imports what stands below.
    "page": {*WHOLE_CORE, "states", "model", "reading", "exports"},
    "widgets": {*WHOLE_CORE, "states", "views", "progress", "questions"},
    "bench": {*WHOLE_CORE, "kernels", "gpus", "records", "table", "grading"},
    "jupyter": set(),
    "doctor": {ROOT, "model", "gpus"},
    "cli": {ROOT},
    "__main__": {"cli"},
}
ARROWS |= {module: set(CORE[:place]) for place, module in enumerate(CORE)}

# Beyond NumPy, at the top of a module. Everyone else imports such a package where it is
# used, and says what to install where it is absent.
EXTERNAL = {
    "kernels": {"torch", "triton"},
    "proof.hopper": {"torch", "triton"},
    "proof.hopper_gemm": {"torch", "triton"},
    "bench.gpu_timing": {"torch"},
    "bench.kernel_rows": {"torch"},
    "grading.triton_device": {"torch", "triton"},
    "grading.triton_watch": {"triton"},
    "widgets": {"anywidget", "ipywidgets", "traitlets"},
    "jupyter": {"jupyter_server"},
}

MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(path.relative_to(PACKAGE)) for path in MODULES]


def module_name(path: Path) -> str:
    """Return the dotted name below fp8lab, as in "states.bit_field"; "" is fp8lab."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def unit_of(path: Path) -> str:
    """Return the module or sub-package of fp8lab that a file belongs to."""
    return module_name(path).split(".")[0] or ROOT


def external(path: Path) -> set[str]:
    """Return what a file may import at its top besides NumPy."""
    name = module_name(path) + "."
    return {
        package
        for host, packages in EXTERNAL.items()
        if name.startswith(host + ".")
        for package in packages
    }


class Import(NamedTuple):
    """One import: its dotted target, its line, and whether importing runs it."""

    target: str
    line: int
    at_top: bool


def imports_of(tree: ast.AST, at_top: bool = True) -> Iterator[Import]:
    """Yield every import below a node."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, at_top)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the full module name"
            for alias in node.names:
                yield Import(f"{node.module}.{alias.name}", node.lineno, at_top)
        else:
            yield from imports_of(node, at_top and not runs_later(node))


def runs_later(node: ast.AST) -> bool:
    """Say whether importing the module skips this node's body."""
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))


def imports_of_file(path: Path) -> list[Import]:
    return list(imports_of(ast.parse(path.read_text(encoding="utf-8"))))


def unit_named(target: str) -> str:
    """Return the unit that a dotted target lies in; a name of the package is ROOT."""
    parts = target.split(".")
    known = len(parts) > 1 and (
        (PACKAGE / parts[1]).is_dir() or (PACKAGE / f"{parts[1]}.py").exists()
    )
    return parts[1] if known else ROOT


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_arrows(path: Path) -> None:
    unit = unit_of(path)
    assert unit in ARROWS, f"{unit} is new: give it a place in tests/test_layers.py"
    for found in imports_of_file(path):
        if found.target.split(".")[0] != ROOT:
            continue
        target = unit_named(found.target)
        assert target == unit or target in ARROWS[unit], (
            f"{path.name}:{found.line}: {unit} may not import {target}; "
            f"it may import {', '.join(sorted(ARROWS[unit])) or 'nothing'}"
        )


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_numpy_alone_at_the_top(path: Path) -> None:
    allowed = {"numpy", ROOT} | external(path)
    for found in imports_of_file(path):
        package = found.target.split(".")[0]
        if found.at_top and package not in sys.stdlib_module_names:
            assert package in allowed, (
                f"{path.name}:{found.line}: import {package} in the function that "
                f"needs it, and say what to install where it is absent"
            )


# Stands before every other finder and lets only these three through.
BLOCK_THE_REST = """
import importlib, json, sys

class NumpyAlone:
    def find_spec(self, name, path=None, target=None):
        first = name.split(".")[0]
        if first not in sys.stdlib_module_names and first not in ("numpy", "fp8lab"):
            raise ModuleNotFoundError(f"{name} is not NumPy", name=name)

sys.meta_path.insert(0, NumpyAlone())
for module in json.loads(sys.argv[1]):
    importlib.import_module(module)
"""


def test_numpy_is_enough(repository: Path) -> None:
    names = [
        f"{ROOT}.{module_name(path)}".removesuffix(".")
        for path in MODULES
        # Importing a __main__ runs it.
        if not external(path) and path.name != "__main__.py"
    ]
    smoke = "fp8lab = sys.modules['fp8lab']\nprint(fp8lab.decode(fp8lab.encode(448.0)))"
    answer = subprocess.run(
        [sys.executable, "-c", BLOCK_THE_REST + smoke, json.dumps(names)],
        cwd=repository,
        capture_output=True,
        text=True,
    )
    assert answer.stderr == ""
    assert answer.stdout == "448.0\n"


def code_of(notebook: Path) -> str:
    """Return a notebook's Python, without the lines that are for IPython."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    lines = "\n".join(sources).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))


USERS = sorted(
    [
        *PACKAGE.parent.glob("lessons/*.ipynb"),
        *(PACKAGE.parent / "tests").rglob("*.py"),
    ]
)


@pytest.mark.parametrize("path", USERS, ids=lambda path: path.name)
def test_lessons_and_tests_use_public_names(path: Path) -> None:
    text = code_of(path) if path.suffix == ".ipynb" else path.read_text("utf-8")
    for found in imports_of(ast.parse(text)):
        parts = found.target.split(".")
        private = [
            part for part in parts if part.startswith("_") and part != "__main__"
        ]
        if parts[0] == ROOT and private not in ([], ["__version__"]):
            pytest.fail(f"{path.name}:{found.line}: {private[0]} is private")
