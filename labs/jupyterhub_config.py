"""A JupyterHub for a class with the labs of fp8lab: accounts, exchange, nbgrader.

    FP8LAB_HUB=/srv/fp8lab FP8LAB_TRIAL_PASSWORD=... jupyterhub -f jupyterhub_config.py

Every user is an account of this machine, and each one's server runs as that account:
nbgrader knows students by it, and their files are their own. So the hub is started by
root, and the Python environment must be readable by everybody, but hold no checkout of
the course: its solutions are in it. labs/INSTRUCTOR.md goes through it step by step.
"""

import json
import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821 (JupyterHub's own name)

#: Everything that the hub writes, and the folder that assignments are exchanged in.
HUB = Path(os.environ.get("FP8LAB_HUB", "/srv/fp8lab")).absolute()
INSTRUCTORS = set(os.environ.get("FP8LAB_INSTRUCTORS", "instructor").split(","))
STUDENTS = set(os.environ.get("FP8LAB_STUDENTS", "").split(",")) - {""}
PASSWORD = os.environ.get("FP8LAB_TRIAL_PASSWORD", "")
COURSE = "fp8lab"

# ---------------------------------------------------------------- who may come in
if PASSWORD:
    # A trial: one password for all. Never on a machine that others can reach.
    c.JupyterHub.authenticator_class = "dummy"
    c.DummyAuthenticator.password = PASSWORD
else:
    # ======================================================================
    # YOUR AUTHENTICATOR HERE. As it stands: the passwords of this machine.
    # For a university's login install oauthenticator and set its class, e.g.
    # c.JupyterHub.authenticator_class = "generic-oauth". A user name must
    # be an account of this machine.
    # ======================================================================
    c.JupyterHub.authenticator_class = "pam"
c.Authenticator.allowed_users = INSTRUCTORS | STUDENTS

# ---------------------------------------------------------------- what they get
c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.default_url = "/lab"
c.Spawner.start_timeout = c.Spawner.http_timeout = 120

# ---------------------------------------------------------------- where it listens
c.JupyterHub.bind_url = os.environ.get("FP8LAB_HUB_URL", "http://127.0.0.1:8000")
c.JupyterHub.hub_bind_url = os.environ.get("FP8LAB_HUB_API", "http://127.0.0.1:8081")
c.ConfigurableHTTPProxy.api_url = os.environ.get(
    "FP8LAB_PROXY_API", "http://127.0.0.1:8001"
)
PRIVATE = HUB / "private"
c.JupyterHub.db_url = f"sqlite:///{PRIVATE}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = str(PRIVATE / "jupyterhub_cookie_secret")
c.ConfigurableHTTPProxy.pid_file = str(PRIVATE / "jupyterhub-proxy.pid")
c.JupyterHub.shutdown_on_logout = False
c.JupyterHub.cleanup_servers = True

# ---------------------------------------------------------------- nbgrader
EXCHANGE = HUB / "exchange"
FOR_ALL, FOR_INSTRUCTORS, FOR_STUDENTS = (
    HUB / name for name in ("all", "instructors", "students")
)
NBGRADER = f"""c = get_config()
c.CourseDirectory.course_id = {COURSE!r}
c.Exchange.root = {str(EXCHANGE)!r}
"""
#: The course is in the home of whoever teaches it, closed to others.
COURSE_FOLDER = """from pathlib import Path
c = get_config()
c.CourseDirectory.root = str(Path.home() / "fp8lab-course")
"""
#: A terminal with this environment on its PATH: a login shell would set its own.
SHELL = {"ServerApp": {"terminado_settings": {"shell_command": ["/bin/bash"]}}}
#: Grading is not for students.
FORMGRADER = "nbgrader.server_extensions.formgrader"
HIDDEN = {"ServerApp": {"jpserver_extensions": {FORMGRADER: False}}}


def prepare() -> None:
    """Make the hub's folders; the exchange is open to all, as nbgrader wants it."""
    for folder in (FOR_ALL, FOR_INSTRUCTORS, FOR_STUDENTS, EXCHANGE, PRIVATE):
        folder.mkdir(parents=True, exist_ok=True)
    EXCHANGE.chmod(0o777)
    PRIVATE.chmod(0o700)
    for path, text in (
        (FOR_ALL / "nbgrader_config.py", NBGRADER),
        (FOR_ALL / "jupyter_server_config.json", json.dumps(SHELL)),
        (FOR_INSTRUCTORS / "nbgrader_config.py", COURSE_FOLDER),
        (FOR_STUDENTS / "jupyter_server_config.json", json.dumps(HIDDEN)),
    ):
        path.write_text(text, encoding="utf-8")


def environment_of(spawner: object) -> None:
    """Give each server the settings of its account, and this environment's programs."""
    mine = FOR_INSTRUCTORS if spawner.user.name in INSTRUCTORS else FOR_STUDENTS
    spawner.environment = {
        "JUPYTER_CONFIG_PATH": os.pathsep.join((str(mine), str(FOR_ALL))),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.defpath)),
    }


prepare()
c.Spawner.pre_spawn_hook = environment_of
