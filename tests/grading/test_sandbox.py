"""The walls: what a sandbox is made of, and what it says where they are weaker."""

import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fp8lab.grading import sandbox, seccomp
from fp8lab.grading.examine import examine
from fp8lab.grading.kit import kit_for
from fp8lab.grading.limits import Limits
from fp8lab.grading.sandbox import launch, walls
from fp8lab.grading.sitting import SandboxError
from fp8lab.grading.talk import GoneError, Talk
from tests.grading import toy

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux closes system calls")


def printed(lab, limits, code: str) -> str:
    """Return what code prints in the cell of `double`."""
    raw = toy.raw({"double-solution": f"{code}\ndef double(x):\n    return x + x"})
    found = examine(raw, lab.plan, lab.tasks, 1, limits)
    return found.printed


def test_bubblewrap_is_used_where_it_runs(needs_bubblewrap: None) -> None:
    found = walls()
    assert Path(found.bubblewrap).name == "bwrap"
    assert found.weaker == ()
    assert "Isolation: bubblewrap" in found.says()


def test_without_it_says_what_is_weaker(without_bubblewrap: None) -> None:
    found = walls()
    assert found.bubblewrap == ""
    said = found.says()
    assert said.startswith("WEAKER ISOLATION: bubblewrap is not installed")
    assert "they run as you" in said
    assert bool(found.unshare) != ("processes and network" in said)


def test_a_bubblewrap_that_fails_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bwrap"
    program.write_text(
        "#!/bin/sh\necho 'no permission to make a namespace' >&2\nexit 1"
    )
    program.chmod(0o755)
    monkeypatch.setenv("FP8LAB_BUBBLEWRAP", str(program))
    walls.cache_clear()
    try:
        assert walls().bubblewrap == ""
        assert "does not start here: no permission" in walls().says()
    finally:
        walls.cache_clear()


def test_the_file_system_of_a_sandbox(needs_bubblewrap, lab, limits) -> None:
    code = (
        "import os\nprint(sorted(os.listdir('/')))\nprint(os.listdir('.'), os.getcwd())"
    )
    top, own = printed(lab, limits, code).splitlines()
    assert own == "[] /home/student"
    known = {"dev", "home", "kit", "lib", "lib64", "packages", "tmp", "usr", "etc"}
    prefix = Path(sys.base_prefix).resolve().parts[1]
    assert set(re.findall(r"\w+", top)) <= known | {prefix}


def test_everything_but_the_own_folder_is_read_only(
    needs_bubblewrap, lab, limits
) -> None:
    code = """
import os
for folder in ("/", "/dev", "/kit", "/packages", "/usr/lib", "/home", "/tmp", "."):
    try:
        open(os.path.join(folder, "x"), "w").close()
        os.remove(os.path.join(folder, "x"))
        print(folder)
    except OSError:
        pass
"""
    # /tmp is the own folder, and /home is the small memory that it lies in.
    assert printed(lab, limits, code).split() == ["/home", "/tmp", "."]


@pytest.mark.parametrize("way", ["needs_bubblewrap", "without_bubblewrap"])
def test_nothing_of_this_process_is_seen(
    way, request, lab, limits, monkeypatch
) -> None:
    request.getfixturevalue(way)
    monkeypatch.setenv("COURSE_TOKEN", "SECRET")
    code = """
import os
print(sorted(os.environ))
try:
    print(open(f"/proc/{os.getppid()}/environ").read())
except OSError as error:
    print(type(error).__name__)
"""
    names, parent = printed(lab, limits, code).splitlines()
    assert "TOKEN" not in names
    assert parent.endswith("Error")


@linux
@pytest.mark.parametrize("way", ["needs_bubblewrap", "without_bubblewrap"])
def test_limits_cannot_be_raised(way, request, lab, limits) -> None:
    request.getfixturevalue(way)
    code = """
import resource
for name in ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE"):
    kind = getattr(resource, name)
    try:
        resource.setrlimit(kind, (-1, -1))
        print("raised", name)
    except (OSError, ValueError):
        print("kept")
"""
    assert printed(lab, limits, code).split() == ["kept"] * 3


@linux
def test_a_sandbox_ends_with_its_judge(needs_bubblewrap, tmp_path: Path) -> None:
    code = """
import os, sys, time
from fp8lab.grading.kit import kit_for
from fp8lab.grading.limits import Limits
from fp8lab.grading.sandbox import launch, walls
started = launch(kit_for(False), Limits(), walls())
print(started.process.pid, flush=True)
time.sleep(60)
"""
    judge = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    sandboxed = int(judge.stdout.readline())
    assert alive(sandboxed)
    judge.kill()
    judge.wait()
    judge.stdout.close()
    until = time.monotonic() + 10
    while alive(sandboxed) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(sandboxed)


def alive(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@linux
def test_the_filter_names_each_call_of_this_machine() -> None:
    """The numbers are those of the kernel's headers, where these are installed."""
    folder = Path("/usr/include") / f"{platform.machine()}-linux-gnu" / "asm"
    headers = [folder / "unistd_64.h", Path("/usr/include/asm-generic/unistd.h")]
    header = headers[0] if platform.machine() == "x86_64" else headers[1]
    if not header.is_file():
        pytest.skip("the kernel's headers are not installed")
    text = header.read_text()
    known = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text))
    words = seccomp.CLOSED.split()
    column = 1 + seccomp.MACHINES.index(platform.machine())
    for name, number in zip(words[::3], words[column::3], strict=True):
        if number != "-1" and name in known:
            assert (name, number) == (name, known[name])


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_the_filter_is_a_program_of_whole_lines(machine: str) -> None:
    raw = seccomp.program(machine)
    assert len(raw) % 8 == 0
    assert len(raw) // 8 < 4096
    # The last line allows; the third kills who comes with another table of calls.
    assert raw[-8:-6] == b"\x06\x00"
    assert int.from_bytes(raw[-4:], "little") == seccomp.ALLOW
    assert int.from_bytes(raw[20:24], "little") == seccomp.KILL


def test_a_sandbox_that_does_not_start_is_no_zero(
    lab, limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "import sys; sys.exit('the library libc.so.6 is missing')"
    monkeypatch.setattr(sandbox, "START", program)
    with pytest.raises(SandboxError, match=r"libc\.so\.6 is missing"):
        examine(toy.raw(), lab.plan, lab.tasks, 1, limits)


def test_a_kit_has_no_answers() -> None:
    kit = kit_for(False)
    names = {path.name for path in (kit.folder / "fp8lab").rglob("*.py")}
    assert "worker.py" in names
    assert not names & {"codec.py", "compare.py", "judge.py", "lab1.py", "course.py"}
    assert [name for name, _ in kit.shelf if name == "numpy"] == ["numpy"]
    assert not {"ml_dtypes", "torch", "fp8lab"} & {name for name, _ in kit.shelf}


def test_what_a_sandbox_prints_at_last_is_kept(lab, limits) -> None:
    assert printed(lab, limits, "print('one')\nprint('two', end='')") == "one\ntwo"


def test_printed_text_is_cut(lab, limits) -> None:
    short = replace(limits, kept=100)
    assert len(printed(lab, short, "print('x' * 10_000)")) == 100


def test_a_talk_to_a_dead_process_says_how_it_ended(limits: Limits) -> None:
    started = launch(kit_for(False), limits, walls())
    with Talk(started, limits) as talk:
        os.killpg(started.process.pid, 9)
        with pytest.raises(GoneError, match="signal SIGKILL"):
            talk.receive(10, 100)
        assert not talk.alive
