"""Attempts to do harm: files, processes, network, memory, time."""

from tests.grading.abuse import Abuse, after, within

FILES = [
    Abuse("reads what is secret", after(
        "import os\n"
        "def look(path):\n"
        "    try: text = open(path, 'rb').read(1 << 20)\n"
        "    except OSError as error: return\n"
        "    if b'SECRET' in text: print('FOUND', path)\n"
        "for path in PLACES: look(path)\n"
        "for number in range(1, 40):\n"
        "    look(f'/proc/{number}/environ')\n"
        "look('/proc/self/environ')\n"
        "print('SECRET' in repr(os.environ), 'looked')\n"
        "for folder, _, files in os.walk('/'):\n"
        "    if folder.startswith(('/usr', '/packages', BASE)): continue\n"
        "    for name in files: look(os.path.join(folder, name))"),
        "False looked"),
    Abuse("reads passwords", after(
        "for path in ('/etc/shadow', '/etc/passwd', '/root/.ssh/id_rsa'):\n"
        "    try: print('FOUND', open(path).read(20))\n"
        "    except OSError as error: print(type(error).__name__)"),
        "Error\n.*Error\n.*Error"),
    Abuse("imports the answers", after(
        "import importlib, sys\n"
        "sys.path += [BASE + '/lib/python3/site-packages', PACKAGES, CHECKOUT]\n"
        "for name in ('fp8lab.codec', 'fp8lab.grading.labs.lab1', 'ml_dtypes'):\n"
        "    try: print('FOUND', importlib.import_module(name))\n"
        "    except ImportError as error: print('absent')"),
        "absent\nabsent\nabsent"),
    Abuse("writes to others", after(
        "import os\n"
        "for path in [*PLACES, '/tmp/../etc/passwd', '/usr/lib/x', '/kit/x', '/x']:\n"
        "    try:\n"
        "        with open(path, 'ab') as file: file.write(b'WRITTEN')\n"
        "        print('WROTE', path)\n"
        "    except OSError as error: pass\n"
        "    try: os.remove(path); print('REMOVED', path)\n"
        "    except OSError: print('refused')"), "refused"),
    Abuse("leaves an answer", after(
        "for path in ('/tmp/a', '/dev/shm/a', '/var/tmp/a', '/home/student/a', 'a'):\n"
        "    try: open(path, 'w').write('SHARED')\n"
        "    except OSError: pass"), "first differing"),
    Abuse("takes an answer", after(
        "import os\n"
        "for folder in ('/tmp', '/dev/shm', '/var/tmp', '/home/student', '.'):\n"
        "    try: print(folder, os.listdir(folder))\n"
        "    except OSError: print(folder, [])"), r"/tmp \[\]\n.*\n.*\n.*\n\. \[\]"),
    Abuse("fills the disk", after(
        "block, total = b'x' * (1 << 20), 0\n"
        "try:\n"
        "    for n in range(1000):\n"
        "        with open(f'file{n}', 'wb') as file:\n"
        "            for _ in range(8): total += file.write(block)\n"
        "except OSError as error: print('full', total >> 20 < 64, error)"),
        "full True|first differing"),
]  # fmt: skip


PROCESSES = [
    Abuse("fork bomb", after(
        "import os\nwhile True:\n    os.fork()"), "BlockingIOError"),
    Abuse("thread bomb", after(
        "import threading, time\n"
        "while True:\n"
        "    threading.Thread(target=time.sleep, args=(99,)).start()"),
        "can't start new thread"),
    Abuse("a child that outlives", after(
        "import subprocess\n"
        "subprocess.Popen(['sleep', '77'], start_new_session=True)"),
        "BlockingIOError|PermissionError|OSError"),
    Abuse("kills everybody", after(
        "import os, signal\nos.kill(-1, signal.SIGKILL)"), "PermissionError"),
    Abuse("kills itself", within(
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"), "PermissionError"),
    Abuse("leaves its group", after("import os\nos.setsid()"), "PermissionError"),
    Abuse("os._exit", within("import os\nos._exit(0)"), "ended the whole program"),
    Abuse("os._exit at once", "import os\nos._exit(7)", "exit code 7"),
    Abuse("sys.exit", after("import sys\nsys.exit()"), "SystemExit"),
    Abuse("segmentation fault", within(
        "import ctypes\nctypes.string_at(1)"), "signal SIGSEGV"),
    Abuse("aborts", within("import os\nos.abort()"), "signal SIG"),
    Abuse("endless recursion", within(
        "import sys\nsys.setrecursionlimit(10**8)\n"
        "def f(n): return [f(n + 1)]\nf(0)"), "signal|Recursion|memory|ended|not done"),
    Abuse("network", after(
        "import socket\nsocket.create_connection(('127.0.0.1', PORT), 1)"),
        "PermissionError|OSError"),
    Abuse("memory bomb", within("hoard = [bytearray(1 << 24) for _ in range(10**6)]"),
          "memory"),
    Abuse("hidden memory", after(
        "import os\nos.memfd_create('x')"), "PermissionError"),
]  # fmt: skip


TIME = [
    Abuse("loops for ever", within("while True: pass"), "not done after 2 seconds"),
    Abuse("loops for ever at once", "while True: pass", "not done after 4 seconds"),
    Abuse("sleeps past the limit", within("import time\ntime.sleep(3600)"),
          "not done after 2 seconds"),
    Abuse("cannot be interrupted", within(
        "import signal\n"
        "while True:\n"
        "    try: signal.pause()\n"
        "    except BaseException: pass"), "not done after 2 seconds"),
    Abuse("one gigabyte of output", within(
        "for _ in range(1024): print('x' * (1 << 20))"), "printed more than 4 MB"),
    Abuse("output without end", "import os\nwhile True: os.write(1, b'y' * 65536)",
          "printed more than 4 MB"),
    Abuse("floods the pipe", after(
        "import os\n"
        "from fp8lab.grading.frames import Kind, pack\n"
        "frame = pack(Kind.STARTED, [1])\n"
        "while True:\n"
        "    for fd in range(3, 9):\n"
        "        try: os.write(fd, frame)\n"
        "        except OSError: pass"), "grader's pipe|not done"),
]  # fmt: skip
