"""Attempts on the grader's pipe: forged answers, floods, peeking."""

from tests.grading.abuse import Abuse, after, within

FRAMES = [
    Abuse("forged answers", after(
        "import os\n"
        "from fp8lab.grading.frames import Kind, pack\n"
        "forged = pack(Kind.ANSWER, ['token', np.arange(40, dtype=np.int32)])\n"
        "for fd in range(3, 20):\n"
        "    try: os.write(fd, forged * 9)\n"
        "    except OSError: pass"), "grader's pipe"),
    Abuse("forged points", after(
        "import os, json\n"
        "for fd in range(3, 20):\n"
        "    try: os.write(fd, json.dumps({'points': 9, 'of': 9}).encode() + b'\\n')\n"
        "    except OSError: pass"), "no frame|grader's pipe"),
    Abuse("a frame of 2**62 bytes", within(
        "import os, struct\n"
        "for fd in range(3, 20):\n"
        "    try: os.write(fd, b'FP8\\n' + struct.pack('<BQ', 68, 1 << 62))\n"
        "    except OSError: pass"), "a frame of|at most"),
    Abuse("answers twice", within(
        "import os\n"
        "from fp8lab.grading.frames import Kind, pack\n"
        "import sys\n"
        "token = sys._getframe(2).f_locals.get('token', '')\n"
        "for fd in range(3, 20):\n"
        "    try: os.write(fd, pack(Kind.ANSWER, [token, x]) * 2)\n"
        "    except OSError: pass"), "grader's pipe|first differing",
        parts=None),
    Abuse("arrays for words", after(
        "import os\n"
        "from fp8lab.grading.frames import Kind, pack\n"
        "odd = np.arange(6, dtype='f8').reshape(2, 3)\n"
        "for fd in range(3, 20):\n"
        "    for kind in Kind:\n"
        "        try: os.write(fd, pack(kind, [odd, odd]))\n"
        "        except OSError: pass"), "grader's pipe|It was stopped"),
    Abuse("closed pipes", after("import os\nos.closerange(0, 64)"),
          "closed the grader's pipe|ended"),
    Abuse("peeks at later cases", within(
        "import gc, os, sys\n"
        "seen = [o for o in gc.get_objects() if isinstance(o, np.ndarray)]\n"
        "frame, names = sys._getframe(), []\n"
        "while frame:\n"
        "    names += list(frame.f_locals)\n"
        "    frame = frame.f_back\n"
        "waiting = 0\n"
        "for fd in range(3, 20):\n"
        "    try:\n"
        "        os.set_blocking(fd, False)\n"
        "        waiting += len(os.read(fd, 1 << 20))\n"
        "    except OSError: pass\n"
        "print('expected' in names, 'waiting', waiting)"),
        r"False waiting 0\b", parts=None),
]  # fmt: skip
