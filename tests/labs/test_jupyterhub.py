"""The labs on a JupyterHub: three accounts, from the release to the feedback."""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.labs.hub_client import Person, wait_for

LABS = Path(__file__).parents[2] / "labs"
PROXY = "configurable-http-proxy"
PASSWORD = "only for this test"
ACCOUNTS = ("fp8lab-teacher", "fp8lab-ada", "fp8lab-alan")
LAB = "lab1"


def lacking() -> str:
    """Say what is missing for a hub with accounts; nothing if all is there."""
    for package, extra in (("jupyterhub", "hub"), ("nbgrader", "grade")):
        if importlib.util.find_spec(package) is None:
            return f"{package} is absent: pip install 'fp8lab[{extra}]'"
    if shutil.which(PROXY) is None:
        return f"the hub's proxy is absent: npm install -g {PROXY}"
    if os.geteuid() != 0 or shutil.which("useradd") is None:
        return "it makes three accounts for its time, which needs root and useradd"
    run = ["runuser", "-u", "nobody", "--", sys.executable, "-c", "import fp8lab"]
    if subprocess.run(run, cwd="/", capture_output=True).returncode:
        return f"other accounts cannot run {sys.executable} or import fp8lab"
    return ""


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(lacking()), reason=lacking())]


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that all accounts can enter, with their homes in it."""
    folder = Path(tempfile.mkdtemp(prefix="fp8lab-hub-"))
    folder.chmod(0o755)
    for name in ACCOUNTS:
        home = ["--create-home", "--home-dir", str(folder / name)]
        subprocess.run(["useradd", *home, "--shell", "/bin/bash", name], check=True)
    yield folder
    for name in ACCOUNTS:
        subprocess.run(["userdel", name], check=True)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def hub(place: Path) -> Iterator[str]:
    """The address of a hub with the course's configuration, in its trial mode."""
    front, hub_api, proxy_api = (f"http://127.0.0.1:{n}" for n in free_ports(3))
    teacher, *students = ACCOUNTS
    settings = {
        "FP8LAB_HUB": str(place / "hub"),
        "FP8LAB_TRIAL_PASSWORD": PASSWORD,
        "FP8LAB_INSTRUCTORS": teacher,
        "FP8LAB_STUDENTS": ",".join(students),
        "FP8LAB_HUB_URL": front,
        "FP8LAB_HUB_API": hub_api,
        "FP8LAB_PROXY_API": proxy_api,
    }
    command = [sys.executable, "-m", "jupyterhub", "-f", LABS / "jupyterhub_config.py"]
    with (place / "hub.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=place, env=os.environ | settings, stdout=log, stderr=log
        )
    try:
        wait_for(f"{front}/hub/health", lambda: process.poll() is None)
        yield front
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module")
def people(hub: str) -> tuple[Person, Person, Person]:
    """The instructor and two students, each with a server of their own."""
    teacher, ada, alan = (Person(hub, name, PASSWORD) for name in ACCOUNTS)
    for person in (teacher, ada, alan):
        person.start()
        assert person.type("whoami").split()[-1] == person.name
    return teacher, ada, alan


@pytest.fixture(scope="module")
def course(place: Path) -> Path:
    """The course in the instructor's home, closed to all others."""
    folder = place / ACCOUNTS[0] / "fp8lab-course"
    shutil.copytree(LABS / "source" / LAB, folder / "source" / LAB)
    shutil.copy(LABS / "nbgrader_config.py", folder)
    subprocess.run(["chown", "-R", f"{ACCOUNTS[0]}:", folder], check=True)
    folder.chmod(0o700)
    return folder


@pytest.mark.parametrize("name", ["mallory", ACCOUNTS[1]])
def test_nobody_else_comes_in(hub: str, name: str) -> None:
    password = PASSWORD if name == "mallory" else "guessed"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        Person(hub, name, password)


def test_from_release_to_feedback(people, course: Path) -> None:
    teacher, ada, alan = people
    teacher.type(f"cd fp8lab-course && nbgrader generate_assignment {LAB}")
    teacher.type(f"cd fp8lab-course && nbgrader release_assignment {LAB}")
    for student in (ada, alan):
        assert f"fp8lab {LAB}" in student.type("nbgrader list")
        student.type(f"nbgrader fetch_assignment {LAB}")

    for closed in (course, course.parents[1] / "hub" / "private"):
        with pytest.raises(RuntimeError, match="Permission denied"):
            ada.type(f"ls {closed}")
    notebook = ada.read(f"{LAB}/{LAB}.ipynb")
    assert "BEGIN SOLUTION" not in json.dumps(notebook)
    solve(notebook)
    ada.write(f"{LAB}/{LAB}.ipynb", notebook)
    for student in (ada, alan):
        assert "Submitted as" in student.type(f"nbgrader submit {LAB}")

    collected = teacher.type(f"cd fp8lab-course && nbgrader collect {LAB}")
    assert "Processing 2 submissions" in collected
    assert "cheating" not in collected
    graded = teacher.type("cd fp8lab-course && fp8lab grade submitted")
    assert "2 submissions, 2 graded now" in graded
    head, *rows = (course / "reports" / f"{LAB}.csv").read_text("utf-8").splitlines()
    points = {
        row.split(",")[0]: dict(zip(head.split(","), row.split(","), strict=True))
        for row in rows
    }
    full = points[ada.name]["of"]
    assert [points[s.name]["points"] for s in (ada, alan)] == [full, "0"]

    teacher.type("cd fp8lab-course && nbgrader export --to grades.csv")
    export = (course / "grades.csv").read_text("utf-8")
    assert all(name in export for name in ACCOUNTS[1:])


def solve(notebook: dict) -> None:
    """Write the instructor's solutions into a release."""
    path = LABS / "source" / LAB / f"{LAB}.ipynb"
    source = json.loads(path.read_text(encoding="utf-8"))
    answers = {
        cell["metadata"]["nbgrader"]["grade_id"]: "".join(cell["source"])
        for cell in source["cells"]
        if cell["metadata"].get("nbgrader", {}).get("solution")
    }
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = answers.get(name, cell["source"])


def test_feedback_comes_back(people, course: Path) -> None:
    """Needs the grades of the test before."""
    teacher, ada, _ = people
    told = teacher.type(f"cd fp8lab-course && nbgrader release_feedback {LAB}")
    assert told.count("Feedback released") == 2
    ada.type(f"nbgrader fetch_feedback {LAB}")
    theirs = ada.type(f"cat {LAB}/feedback/*/{LAB}.html")
    ours = course / "feedback" / ada.name / LAB / f"{LAB}.html"
    assert theirs.count("<section") == ours.read_text("utf-8").count("<section")


def test_the_formgrader_is_the_instructors(people) -> None:
    """Needs the grades of the test before the last."""
    teacher, ada, alan = people
    entries = teacher.api(f"/user/{teacher.name}/formgrader/api/submissions/{LAB}")
    scores = {entry["student"]: entry["code_score"] for entry in entries}
    full = entries[0]["max_code_score"]
    assert scores == {ada.name: full, alan.name: 0}
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ada.api(f"/user/{ada.name}/formgrader/api/submissions/{LAB}")
