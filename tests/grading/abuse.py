"""What an attempt to cheat or to harm is; the bank itself is in `bank_of_*.py`.

Most attempts hide in the cell of `double`, beside an honest `parts`: the task attacked
earns nothing, and what a student reads says what happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.grading import toy

WRONG = "\ndef double(x):\n    return x"


@dataclass(frozen=True)
class Abuse:
    """One attempt.

    Attributes
    ----------
    name
        Of the attempt, and of the student.
    code
        Of the cell of `double`.
    words
        A regular expression: what the student reads, or what the code printed.
    parts
        Points that the honest task beside it has to earn; None is 0 or 4.
    cells, without, content
        Other cells changed; cells left out; a file in place of a notebook.
    """

    name: str
    code: str = WRONG
    words: str = ""
    parts: int | None = 4
    cells: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    content: bytes | None = None

    def file(self) -> bytes:
        """Return what is handed in."""
        if self.content is not None:
            return self.content
        changes = {"double-solution": self.code, **self.cells}
        return toy.raw(changes, without=self.without)


def after(code: str) -> str:
    """Return code that is tried, before a function that is wrong."""
    return f"{code}{WRONG}"


def within(code: str) -> str:
    """Return a function that tries some code when it is called."""
    lines = "\n    ".join(code.splitlines())
    return f"def double(x):\n    {lines}\n    return x"
