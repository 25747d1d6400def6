"""Run by wheel.py: `python extract.py WHEEL SITE`, with WHEEL an unpacked wheel."""

from __future__ import annotations

import sys
from pathlib import Path


def main(wheel: str, site: Path) -> None:
    """Write views/*.mjs, views/*.css and first.json into the site."""
    sys.path.insert(0, wheel)
    from fp8lab import views
    from fp8lab.page.first import first_states

    if not Path(views.__file__).is_relative_to(wheel):
        sys.exit(f"{views.__file__} was imported, not the wheel")
    folder = site / "views"
    folder.mkdir()
    for view in views.VIEWS:
        (folder / f"{view}.mjs").write_text(views.module(view), encoding="utf-8")
        (folder / f"{view}.css").write_text(views.style(view), encoding="utf-8")
    (site / "first.json").write_text(first_states(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
