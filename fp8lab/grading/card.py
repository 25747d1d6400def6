"""How a check, a hint and the panel of points look in a notebook."""

from __future__ import annotations

import sys
from html import escape
from importlib import import_module

from fp8lab.grading.judge import AspectVerdict, TaskVerdict

__all__ = ["STYLE", "card", "check_body", "in_notebook", "publish", "show", "stated"]

# JupyterLab's dark theme is a choice of the reader's, not of the system's.
STYLE = """
.fp8-card { color-scheme: light dark;
  --paper: var(--jp-layout-color0, light-dark(#ffffff, #14171c));
  --ground: light-dark(#f5f6f8, #1d2128); --line: light-dark(#d4d8df, #3a414d);
  --ink: light-dark(#1b2027, #e8ebf0); --muted: light-dark(#596273, #a3adbd);
  --right: light-dark(#1d6b34, #7fd69a); --wrong: light-dark(#b3261e, #ff8a80);
  --sign: light-dark(#b3261e, #ff8a80); --exponent: light-dark(#0b5cad, #82b8ff);
  --mantissa: light-dark(#1d6b34, #7fd69a); --accent: light-dark(#5b3fa8, #bba6ff);
  --tone: var(--accent); box-sizing: border-box; max-width: 760px; margin: 4px 0;
  padding: 12px 16px 14px; border: 1px solid var(--line);
  border-left: 5px solid var(--tone); border-radius: 6px; background: var(--paper);
  color: var(--ink); font: 14px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
[data-jp-theme-light="false"] .fp8-card { color-scheme: dark; }
[data-jp-theme-light="true"] .fp8-card { color-scheme: light; }
.fp8-card.right { --tone: var(--right); } .fp8-card.wrong { --tone: var(--wrong); }
.fp8-card header { display: flex; flex-wrap: wrap; gap: 2px 12px;
  align-items: baseline; }
.fp8-card header strong { color: var(--tone); font-size: 16px; }
.fp8-card header span { color: var(--muted); }
.fp8-card header span.points { margin-left: auto; font-weight: 600; color: var(--ink); }
.fp8-card ul.parts { list-style: none; margin: 8px 0 0; padding: 0; display: flex;
  flex-wrap: wrap; gap: 4px 8px; }
.fp8-card ul.parts li { margin: 0; padding: 1px 10px 2px 8px; border-radius: 99px;
  background: var(--ground); border: 1px solid var(--line); font-size: 13px; }
.fp8-card li b { color: var(--right); } .fp8-card li.wrong b { color: var(--wrong); }
.fp8-card ul.parts li.wrong { border-color: var(--wrong); }
.fp8-card p { margin: 10px 0 0; } .fp8-card code { font-size: 0.94em;
  font-family: ui-monospace, "DejaVu Sans Mono", monospace; }
.fp8-card .advice { padding: 8px 12px; border-radius: 6px; background: var(--ground); }
.fp8-card .advice strong { color: var(--accent); }
.fp8-card .small { color: var(--muted); font-size: 13px; }
.fp8-card svg { display: block; max-width: 100%; height: auto; margin-top: 12px; }
.fp8-card details { margin-top: 8px; } .fp8-card summary { cursor: pointer; }
.fp8-card table.tasks { border: 0; border-collapse: collapse; margin: 8px 0 0;
  font-size: 14px; } .fp8-card table.tasks tr { background: none; }
.fp8-card table.tasks th, .fp8-card table.tasks td { padding: 3px 16px 3px 0;
  text-align: left; color: var(--ink); vertical-align: baseline; max-width: none; }
.fp8-card table.tasks th { color: var(--muted); font-weight: 600; font-size: 13px; }
.fp8-card table.tasks thead { border-bottom: 1px solid var(--line); }
.fp8-card table.tasks .number { text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; } .fp8-card .wide { overflow-x: auto; }
.fp8-card table.tasks tfoot td { border-top: 1px solid var(--line); font-weight: 600; }
.fp8-card table.tasks code { background: none; padding: 0; }
.fp8-card .name { color: var(--muted); } .fp8-card .done { color: var(--right); }
.fp8-card .bar { width: 110px; height: 8px; border-radius: 8px; overflow: hidden;
  background: var(--line); } .fp8-card .bar div { height: 100%;
  background: var(--right); }
"""


def card(tone: str, head: str, detail: str, points: str, body: str) -> str:
    """Return one card.

    Parameters
    ----------
    tone
        ``"right"``, ``"wrong"`` or nothing.
    head, detail, points
        Of its first line: what happened, to what, and what it is worth. Plain text.
    body
        HTML.
    """
    worth = f'<span class="points">{escape(points)}</span>' if points else ""
    return (
        f'<style>{STYLE}</style><section class="fp8-card {tone}" '
        f'aria-label="{escape(head)}"><header><strong>{escape(head)}</strong>'
        f"<span>{escape(detail)}</span>{worth}</header>{body}</section>"
    )


def check_body(verdict: TaskVerdict, first: AspectVerdict | None) -> str:
    """Return a verdict as HTML: a chip for each part, then the first that is wrong."""
    chips = "".join(_chip(aspect) for aspect in verdict.aspects)
    body = f'<ul class="parts">{chips}</ul>'
    if first is None:
        return body
    body += _told(first)
    said = {first.words}
    for aspect in verdict.aspects:
        if aspect.how and aspect.words not in said:
            said.add(aspect.words)
            head = f"<summary>also wrong: {escape(aspect.name)}</summary>"
            body += f"<details>{head}{_told(aspect)}</details>"
    return body


def _chip(aspect: AspectVerdict) -> str:
    mark, tone, spoken = ("✗", "wrong", "wrong") if aspect.how else ("✓", "", "right")
    return (
        f'<li class="{tone}" title="{escape(aspect.says)}"><b aria-label="{spoken}">'
        f"{mark}</b> {escape(aspect.name)} {aspect.points}/{aspect.of}</li>"
    )


def _told(aspect: AspectVerdict) -> str:
    words = aspect.words[:1].upper() + aspect.words[1:]
    told = f"<p>{stated(words)}</p>{aspect.picture}"
    if aspect.advice:
        what = f"<strong>This looks like: {escape(aspect.how)}.</strong>"
        told += f'<p class="advice">{what} {stated(aspect.advice)}</p>'
    return told


def stated(words: str) -> str:
    """Return words as HTML; what stands between backticks is code."""
    pieces = escape(words).split("`")
    return "".join(
        f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces)
    )


def in_notebook() -> bool:
    """Whether this is a kernel, which can show HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def show(html: str, words: str) -> None:
    """Show HTML in a notebook; print the words elsewhere."""
    if in_notebook():
        publish(html, words)
    else:
        print(words)


def publish(html: str, words: str, **how: object) -> None:
    """Show HTML in a notebook, with words for hosts without it.

    Parameters
    ----------
    html, words
        The same twice.
    **how
        ``display_id`` and ``update`` of ``IPython.display.display``.
    """
    display = import_module("IPython.display").display
    display({"text/html": html, "text/plain": words}, raw=True, **how)
