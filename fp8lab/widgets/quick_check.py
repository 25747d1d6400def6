"""The quick check in a notebook: it keeps the answer in the learner's progress."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Self

import traitlets

from fp8lab import progress
from fp8lab.questions import load_question
from fp8lab.states.check import Check, ChoiceCheck, NumberCheck, Option
from fp8lab.states.quick_check import quick_check_state
from fp8lab.widgets.base import ViewWidget

__all__ = ["Option", "QuickCheck"]


class QuickCheck(ViewWidget):
    """A question that shows its answer only after yours is locked in.

    Your answer is kept in a file on this machine (`fp8lab.progress`), so the question
    shows it again when the lesson is opened again; the first answer stays.

    Parameters
    ----------
    id
        A name of its own in the learner's progress, for example ``"02-block-scaling"``.
    question
        Plain text; what stands between backticks is shown as code.
    options
        At least two, each with the reason why it is right or wrong.

    Examples
    --------
    >>> QuickCheck(
    ...     "01-largest",
    ...     "What is the largest number of E4M3FN?",
    ...     [
    ...         Option("240", "That is E4M3 with an infinity, and E4M3FNUZ."),
    ...         Option("448", "1.75 x 2^8: only mantissa 111 is NaN.", correct=True),
    ...     ],
    ... )

    A number is predicted with `QuickCheck.number`.
    """

    view = "quick_check"
    compute = staticmethod(quick_check_state)

    def __init__(
        self,
        id: str,  # noqa: A002 - the word that lessons write
        question: str,
        options: Sequence[Option],
    ) -> None:
        self._ask(ChoiceCheck(id, question, tuple(options)))

    @classmethod
    def number(
        cls,
        id: str,  # noqa: A002 - the word that lessons write
        question: str,
        truth: float,
        *,
        unit: str = "",
        why: str,
        within: float = 1.25,
    ) -> Self:
        """Ask for a number; the truth is shown with how far the prediction was off.

        Parameters
        ----------
        id, question
            As above.
        truth
            The number, usually one measured in a cell before.
        unit
            What stands behind it, for example ``"%"``.
        why
            Where the number comes from.
        within
            The factor within which a prediction counts as right.
        """
        check = cls.__new__(cls)
        check._ask(NumberCheck(id, question, float(truth), unit, why, within))
        return check

    @classmethod
    def ask(cls, id: str, truth: float | None = None) -> Self:  # noqa: A002
        """Ask a question of the lessons by its id; see `fp8lab.questions`."""
        check = cls.__new__(cls)
        check._ask(load_question(id, truth))
        return check

    def _ask(self, check: Check) -> None:
        known, problem = progress.answers()
        kept = known.get(check.key)
        if kept is not None and not check.knows(kept.text):
            # Somebody edited the file: the question is asked again.
            with contextlib.suppress(OSError):
                progress.forget(check.key)
            problem = f"the kept answer {kept.text!r} fits no more; please answer again"
            kept = None
        super().__init__(
            data={"check": check, "kept": kept, "problem": problem},
            choice=None,
            typed="",
            locked=False,
        )

    @property
    def answer(self) -> progress.Answer | None:
        """What was locked in, None before that."""
        answer: progress.Answer | None = self._data["kept"]
        return answer

    def forget(self) -> None:
        """Forget the answer, here and in the file, so that it can be given again."""
        progress.forget(self._data["check"].key)
        self._data.update(kept=None, problem="")
        inputs = {**self.inputs, "choice": None, "typed": "", "locked": False}
        self.inputs = inputs
        # Inputs that were so already are no change, and would not be answered.
        self._recompute({"new": inputs})

    @traitlets.observe("inputs")
    def _recompute(self, change: dict[str, Any]) -> None:
        inputs = change["new"]
        if self.state and inputs.get("locked") and self.answer is None:
            self._keep(inputs.get("choice"), inputs.get("typed", ""))
        super()._recompute(change)

    def _keep(self, choice: int | None, typed: str) -> None:
        check: Check = self._data["check"]
        try:
            text, right = check.answer(choice, typed)
        except ValueError:
            return  # the state function says the same in the view
        kept, problem = progress.keep(check.key, text, right=right)
        self._data.update(kept=kept, problem=problem)
