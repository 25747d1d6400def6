"""Attempts to earn points: changed checks, patched modules, objects that lie."""

from tests.grading import toy
from tests.grading.abuse import WRONG, Abuse, after, within

CHECKS = [
    Abuse("edited check", words="double-check was changed. It was put back",
          cells={"double-check": "pass"}),
    Abuse("deleted check", words="double-check was deleted. It was put back",
          without=("double-check", "parts-check")),
    Abuse("solution in the check", "pass", "There is no function double",
          cells={"double-check": toy.RIGHT["double-solution"]}),
    Abuse("edited set-up", words="set-up was changed",
          cells={"set-up": "import os; os._exit(0)"}),
    Abuse("another check added",
          f"from fp8lab.grading import check\ncheck = print{WRONG}", "first differing"),
]  # fmt: skip


PATCHES = [
    Abuse("patched numpy", after(
        "import numpy as np\n"
        "np.array_equal = np.allclose = lambda *a, **k: True\n"
        "np.ndarray.__eq__ if 0 else None\n"
        "np.asarray = np.array = lambda *a, **k: 'right'"),
        r"np.array_equal =", parts=None),
    Abuse("patched builtins", after(
        "import builtins\n"
        "for name in ('isinstance', 'len', 'sum', 'any', 'all', 'callable'):\n"
        "    setattr(builtins, name, lambda *a, **k: True)\n"
        "builtins.open = lambda *a, **k: 1/0"),
        "uses builtins", parts=None),
    Abuse("patched assert", after(
        "import sys\n"
        "sys.modules['pytest'] = sys\n"
        "AssertionError = Exception = BaseException\n"
        "__debug__ if 0 else None"), "uses sys"),
    Abuse("patched worker", after(
        "import fp8lab.grading.worker as w, fp8lab.grading.calling as c\n"
        "w.call = c.call = lambda f, i: (tuple(i), '', '')"),
        "first differing", parts=None),
    Abuse("patched frames", after(
        "import fp8lab.grading.worker as w\n"
        "honest = w.pack\n"
        "w.pack = lambda kind, values: honest(kind, values)[::-1]"),
        "no frame|grader's pipe", parts=None),
    Abuse("a hook on every import", after(
        "import sys\n"
        "sys.modules['numpy'] = None\n"
        "sys.meta_path[:] = []\n"
        "sys.settrace(lambda *a: 1/0)"), "uses sys", parts=None),
]  # fmt: skip


LIES = [
    Abuse("equal to everything", within(
        "class Yes:\n"
        "    __eq__ = __ge__ = __le__ = __contains__ = lambda self, other: True\n"
        "    __hash__ = object.__hash__\n"
        "    shape, dtype, size = x.shape, x.dtype, x.size\n"
        "return Yes()"), "no array of numbers"),
    Abuse("equal ndarray", within(
        "class Yes(np.ndarray):\n"
        "    def __eq__(self, other): return np.True_\n"
        "    def __ne__(self, other): return np.False_\n"
        "    def __array_ufunc__(self, *a, **k): return np.True_\n"
        "    def __array_function__(self, *a, **k): return True\n"
        "    def tobytes(self, order='C'): return (np.asarray(x) + x).tobytes()\n"
        "return x.view(Yes)"), "first differing|raised"),
    Abuse("lying __array__", within(
        "class Liar:\n"
        "    def __array__(self, dtype=None, copy=None):\n"
        "        import random\n"
        "        return np.array(random.getrandbits(30), np.int32)\n"
        "return Liar()"), "shape"),
    Abuse("pickle for bytes", within(
        "import pickle\nreturn pickle.dumps(x + x)"), "no array of numbers"),
    Abuse("pickle in an array", within(
        "class Run:\n"
        "    def __reduce__(self): return (print, ('PWNED',))\n"
        "return np.array([Run()], dtype=object)"), "no array of numbers"),
    Abuse("pickle into the pipe", within(
        "import os, pickle\n"
        "for fd in range(3, 20):\n"
        "    try: os.write(fd, pickle.dumps(print))\n"
        "    except OSError: pass"), "grader's pipe|no frame"),
    Abuse("exception that lies", within(
        "class Odd(BaseException):\n"
        "    def __str__(self): raise self\n"
        "raise Odd"), "Odd"),
    Abuse("exception of 100 MB", within(
        "raise ValueError('<script>alert(1)</script>' * 4_000_000)"), "ValueError"),
    Abuse("huge array", within("return np.zeros(1 << 23)"), "far more than"),
    Abuse("array without end", within(
        "return np.broadcast_to(np.int32(0), (1 << 40,))"), "memory|far more"),
    Abuse("a thousand outputs", within("return (x,) * 200_000"),
          "values in one frame|returned 200000|far more"),
]  # fmt: skip
