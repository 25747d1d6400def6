"""Closes system calls that no solution of a lab needs, for good (Linux).

No new process, thread or program, no signal, no network; no memory that counts as
nobody's; no change to a file's owner, mode or times; none of the calls by which
sandboxes were left in the past. A closed call gives an error that Python turns into an
exception, so a student reads what was not allowed. The filter is handed to the kernel
through `prctl`, as seccomp(2) describes; no privilege is needed.
"""

from __future__ import annotations

import errno
import platform
import struct
import sys

__all__ = ["close_doors", "program"]

#: Each closed call, and its number on x86-64 and on aarch64; -1 is no such call there.
CLOSED = """
clone 56 220              fork 57 -1               vfork 58 -1
execve 59 221             execveat 322 281         ptrace 101 117
unshare 272 97            setns 308 268            pidfd_open 434 434
pidfd_getfd 438 438       process_vm_readv 310 270 process_vm_writev 311 271
mount 165 40              umount2 166 39           pivot_root 155 41
chroot 161 51             fsopen 430 430           open_tree 428 428
move_mount 429 429        name_to_handle_at 303 264
open_by_handle_at 304 265 shmget 29 194            semget 64 190
msgget 68 186             mq_open 240 180          memfd_create 319 279
memfd_secret 447 447      add_key 248 217          request_key 249 218
keyctl 250 219            bpf 321 280              perf_event_open 298 241
userfaultfd 323 282       io_uring_setup 425 425   socket 41 198
kill 62 129               tkill 200 130            tgkill 234 131
rt_sigqueueinfo 129 138   rt_tgsigqueueinfo 297 240
setrlimit 160 164         prlimit64 302 261        setpriority 141 140
sched_setattr 314 274     sched_setscheduler 144 119
sched_setparam 142 118    sched_setaffinity 203 122
ioprio_set 251 30         truncate 76 45           chmod 90 -1
fchmod 91 52              fchmodat 268 53          fchmodat2 452 452
chown 92 -1               lchown 94 -1             fchown 93 55
fchownat 260 54           utime 132 -1             utimes 235 -1
futimesat 261 -1          utimensat 280 88         setxattr 188 5
lsetxattr 189 6           fsetxattr 190 7          removexattr 197 14
lremovexattr 198 15       fremovexattr 199 16      prctl 157 167
setsid 112 157            setpgid 109 154
"""
MACHINES = ("x86_64", "aarch64")
#: Python says "can't start new thread" and "Resource temporarily unavailable".
PROCESSES = ("clone", "fork", "vfork")
#: glibc falls back to `clone` where this one is said not to exist.
CLONE3 = 435
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
#: x86-64's second table of calls starts here: the same calls under other numbers.
X32 = 0x4000_0000

LOAD, JUMP_EQUAL, JUMP_GREATER_EQUAL, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER, ARCH = 0, 4
ALLOW, KILL, ERROR = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 38, 22, 2


def program(machine: str) -> bytes:
    """Return the filter for a machine, as the kernel reads it.

    Parameters
    ----------
    machine
        As `platform.machine()` says.
    """
    lines = [
        (LOAD, 0, 0, ARCH),
        (JUMP_EQUAL, 1, 0, AUDIT_ARCH[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
    ]
    if machine == "x86_64":
        lines += [(JUMP_GREATER_EQUAL, 0, 1, X32), (RETURN, 0, 0, KILL)]
    for number, code in _refused(machine).items():
        lines += [(JUMP_EQUAL, 0, 1, number), (RETURN, 0, 0, ERROR | code)]
    lines.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("<HBBI", *line) for line in lines)


def _refused(machine: str) -> dict[int, int]:
    """Return the number of each closed call, and the error that it gives."""
    words = CLOSED.split()
    numbers = words[1 + MACHINES.index(machine) :: 3]
    refused = {}
    for name, number in zip(words[::3], numbers, strict=True):
        refused[int(number)] = errno.EAGAIN if name in PROCESSES else errno.EPERM
    refused.pop(-1, None)
    return {**refused, CLONE3: errno.ENOSYS}


def close_doors() -> bool:
    """Install the filter for this process; say whether it stands."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in MACHINES:
        return False
    import ctypes

    raw = program(machine)
    memory = ctypes.create_string_buffer(raw, len(raw))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    filter_ = Program(len(raw) // 8, ctypes.addressof(memory))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    if prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    return bool(prctl(SET_SECCOMP, FILTER, ctypes.addressof(filter_), 0, 0) == 0)
