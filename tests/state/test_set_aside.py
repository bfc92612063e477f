"""Damaged state files that were set aside: two stay, with all that belongs to them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from kiosk.state import open_store
from tests.fakes import NOON, FakeClock


def damage(path: Path, clock: FakeClock, *contents: str) -> None:
    """Have files be set aside, each with the log that another process had open."""
    path.parent.mkdir(exist_ok=True)
    for content in contents:
        path.write_text(content)
        store = open_store(path, clock)
        store.close()
        store.set_aside.with_name(store.set_aside.name + "-wal").write_text(f"log of {content}")
        clock.wall += timedelta(minutes=1)


def kept(path: Path) -> list[str]:
    found = path.parent.glob("state.db.corrupt-*")
    return sorted(one.read_text() for one in found)


@pytest.mark.parametrize("stands_still", [False, True])
def test_of_equal_ones_the_newest_two_stay_and_older_ones_go_with_their_logs(
    path, stands_still, caplog
):
    caplog.set_level("INFO")
    clock = FakeClock()
    names = [f"damaged {number:02}" for number in range(13)]
    for number, name in enumerate(names):
        damage(path, FakeClock() if stands_still else clock, name)
        newest = names[max(0, number - 1) : number + 1]
        assert kept(path) == newest + [f"log of {one}" for one in newest]
    assert "event=state_old_deleted" in caplog.text
    assert open_store(path, clock).set_aside is None, "what is in its place is sound"


def test_the_largest_stays_since_it_holds_most_of_what_was_not_sent(path):
    large = "a month of plays" * 100
    damage(path, FakeClock(), "first", large, "an hour", "a minute", "a second")
    assert set(kept(path)) == {"a second", large, "log of a second", f"log of {large}"}


def test_the_one_just_set_aside_stays_whatever_the_clock_says(path):
    damage(path, FakeClock(), "of today", "of today as well")
    damage(path, FakeClock(wall=NOON - timedelta(days=3000)), "by a clock that went back")
    assert kept(path) == [
        "by a clock that went back",
        "log of by a clock that went back",
        "log of of today as well",
        "of today as well",
    ]


def test_what_somebody_put_beside_them_is_not_touched(path):
    path.parent.mkdir()
    beside = ["state.db.corrupt-kept", "state.db.corrupt-20200101T000000Z.gz", "other.db.corrupt-1"]
    for name in beside:
        (path.parent / name).write_text("")
    damage(path, FakeClock(), "first", "second", "third")
    assert all((path.parent / name).exists() for name in beside)


def test_one_that_cannot_be_deleted_keeps_nothing_from_opening(path):
    path.parent.mkdir()
    (path.parent / "state.db.corrupt-20200101T000000Z").mkdir()
    damage(path, FakeClock(), "first", "second")
    assert (path.parent / "state.db.corrupt-20200101T000000Z").is_dir()
    assert path.exists()
