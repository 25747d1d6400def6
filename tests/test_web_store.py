"""The pinned sha256 decides which file the site is made of, never the source."""

from pathlib import Path

import pytest

from tests.web_sources import Shelf
from web.pins import Pin
from web.store import BuildError, Store, sha256

GOOD, OTHER = b"the official file" * 100, b"another file"
PIN = Pin("core.wasm", sha256(GOOD))


def test_the_first_source_whose_file_fits_is_taken(tmp_path: Path) -> None:
    said: list[str] = []
    empty = Shelf("empty", {})
    wrong = Shelf("wrong", {PIN.file: OTHER})
    cut = Shelf("cut", {PIN.file: GOOD[:-1]})
    right = Shelf("right", {PIN.file: GOOD})
    spare = Shelf("spare", {PIN.file: GOOD})
    store = Store(tmp_path, [empty, wrong, cut, right, spare], said.append)
    assert store.obtain(PIN) == GOOD
    assert spare.asked == []
    refused = "refused core.wasm from"
    assert said == [
        f"{refused} wrong: sha256 {sha256(OTHER)}, {len(OTHER)} bytes",
        f"{refused} cut: sha256 {sha256(GOOD[:-1])}, {len(GOOD) - 1} bytes",
    ]


def test_a_source_is_asked_for_what_it_offers(tmp_path: Path) -> None:
    elsewhere = Shelf("elsewhere", {PIN.file: GOOD})
    elsewhere.offers = lambda file: file != PIN.file
    with pytest.raises(BuildError, match="there is no source"):
        Store(tmp_path, [elsewhere], print).obtain(PIN)
    assert elsewhere.asked == []


def test_the_second_build_asks_nobody(tmp_path: Path) -> None:
    Store(tmp_path, [Shelf("right", {PIN.file: GOOD})], print).obtain(PIN)
    silent = Shelf("silent", {})
    assert Store(tmp_path, [silent], print).obtain(PIN) == GOOD
    assert silent.asked == []


def test_a_refused_file_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(BuildError):
        Store(tmp_path, [Shelf("wrong", {PIN.file: OTHER})], print).obtain(PIN)
    assert [*tmp_path.iterdir()] == []


def test_a_damaged_cache_is_not_believed(tmp_path: Path) -> None:
    right = Shelf("right", {PIN.file: GOOD})
    store = Store(tmp_path, [right], print)
    store.obtain(PIN)
    (tmp_path / PIN.sha256).write_bytes(GOOD[:-1])
    assert store.obtain(PIN) == GOOD
    assert right.asked == [PIN.file] * 2
    assert (tmp_path / PIN.sha256).read_bytes() == GOOD


def test_one_message_says_what_was_wanted_and_what_each_source_gave(
    tmp_path: Path,
) -> None:
    sources = [Shelf("empty", {}), Shelf("wrong", {PIN.file: OTHER})]
    with pytest.raises(BuildError) as refusal:
        Store(tmp_path, sources, print).obtain(PIN)
    assert str(refusal.value).splitlines()[:3] == [
        f"no source has core.wasm with the pinned sha256 {PIN.sha256}:",
        "  empty: there is no network here",
        f"  wrong: another file, sha256 {sha256(OTHER)}, {len(OTHER)} bytes",
    ]
    assert "web/pins.toml" in str(refusal.value)
