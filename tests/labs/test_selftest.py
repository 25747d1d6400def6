"""Every task of the labs: the right passes, a stub earns 0, mistakes are told."""

import subprocess
import sys
from pathlib import Path


def test_the_graders_pass(repository: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "fp8lab.grading.selftest"],
        cwd=repository,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    assert "The graders pass." in answer.stdout
    for lab in range(1, 6):
        assert f"lab{lab}" in answer.stdout
