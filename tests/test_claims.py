"""Every command in lessons/claims.md and README.md prints what stands below it."""

import doctest
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", ["lessons/claims.md", "README.md"])
def test_commands_print_what_the_page_says(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    # A fence ends an example's expected output, as a blank line would.
    text = text.replace("```", "")
    names: dict[str, object] = {}
    if "import numpy as np\n" in text and "Each command starts" in text:
        setup = text.split("with the package:\n", 1)[1].split("\n\n1\n", 1)[0]
        exec(setup.replace("python\n", "", 1), names)
    parsed = doctest.DocTestParser().get_doctest(text, names, name, name, 0)
    assert len(parsed.examples) > 1
    result = doctest.DocTestRunner(verbose=False).run(parsed)
    assert result.failed == 0, f"{result.failed} of {result.attempted} differ"
