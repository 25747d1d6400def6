"""nbgrader's formgrader, on a real server, opens what `fp8lab grade` wrote."""

import io
import re
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fp8lab.grading.command import write_results
from fp8lab.grading.run import Progress, Settings, grade_class
from tests.browser.server import TOKEN, serve
from tests.grading import toy
from tests.jupyter_home import isolated

pytest.importorskip("nbgrader", reason='needs nbgrader: pip install "fp8lab[grade]"')
pytestmark = pytest.mark.filterwarnings("ignore")

Get = Callable[[str], str]

ESSAY = """**My** answer: 1 < 2 <script>document.title = 'PWNED'</script>
<img src=x onerror="document.title = 'PWNED'"> [click](javascript:alert(1))"""


@pytest.fixture(scope="module")
def get(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[Get]:
    """Fetch a page of the formgrader of a graded course."""
    folder = tmp_path_factory.mktemp("formgrader")
    course = toy.make_course(folder / "course")
    squared = "def double(x):\n    return x * x"
    changes = {"double-solution": squared, "essay": ESSAY}
    toy.hand_in(course, "ada", toy.raw(changes))
    how = Settings(course / "submitted", course)
    write_results(grade_class(toy.lab(course), how, Progress(io.StringIO())), how)
    config = f"c = get_config()\nc.CourseDirectory.root = {str(course)!r}\n"
    (course / "nbgrader_config.py").write_text(config)
    command = [sys.executable, "-m", "jupyter", "server", "--no-browser", "--port=0"]
    command += ["--allow-root", f"--IdentityProvider.token={TOKEN}"]
    command += ["--ServerApp.jpserver_extensions={'nbgrader': True}"]
    env = isolated(folder / "home", repository)
    with serve(command, course, env, folder / "log") as server:

        def page(path: str) -> str:
            separator = "&" if "?" in path else "?"
            url = f"{server.url}{path}{separator}token={TOKEN}"
            with urllib.request.urlopen(url, timeout=60) as reply:
                return reply.read().decode()

        yield page


def test_it_lists_the_submission(get: Get) -> None:
    listed = get("/formgrader/api/submissions/toy")
    assert '"student": "ada"' in listed
    assert '"autograded": true' in listed
    assert '"needs_manual_grade": true' in listed


def test_it_opens_the_submission_with_the_verdicts(get: Get) -> None:
    found = get("/formgrader/api/submitted_notebooks/toy/toy")
    (number,) = set(re.findall(r'"id": "(\w+)"', found))
    page = get(f"/formgrader/submissions/{number}/")
    assert "You square; add instead." in page
    assert "expected-against-got" in page
    assert "formgrade" in page
    # The page runs with the instructor's rights: what a student wrote is text there.
    assert "<strong>My</strong> answer: 1 &lt; 2" in page
    assert "&lt;script&gt;document.title" in page
    assert "<script>document.title" not in page
    assert "<img src=x" not in page
    assert "javascript:alert" not in page
