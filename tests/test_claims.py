"""Every command in lessons/claims.md prints what stands below it."""

import doctest
from pathlib import Path

CLAIMS = Path(__file__).parent.parent / "lessons" / "claims.md"


def test_commands_print_what_the_page_says() -> None:
    text = CLAIMS.read_text(encoding="utf-8")
    setup = text.split("```python\n", 1)[1].split("```", 1)[0]
    names: dict[str, object] = {}
    exec(setup, names)
    # A fence ends an example's expected output, as a blank line would.
    examples = text.replace("```", "")
    parsed = doctest.DocTestParser().get_doctest(examples, names, "claims.md", None, 0)
    assert len(parsed.examples) > 12
    result = doctest.DocTestRunner(verbose=False).run(parsed)
    assert result.failed == 0, f"{result.failed} of {result.attempted} differ"
