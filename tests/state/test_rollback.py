"""A release is rolled back: the older version goes on with the file that the newer one has left."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.errors import NewerStateError
from kiosk.state import (
    Outbox,
    PlayBook,
    close_hour,
    open_hours,
    open_store,
    published_hours,
    read_glimpse,
    read_health,
    read_ledger,
    save_hour,
    write_health,
)
from kiosk.state.hours import Closing
from tests.fakes import FakeClock
from tests.state.rows import AT, names, play, rows

ROOT = Path(__file__).parents[2]


def newer(path: Path, kinds: str, prefix: str) -> int:
    """A later version runs for a while; returns the sequence number of what it sent."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.state.newer", str(path), kinds, prefix],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return int(done.stdout)


def sent(path: Path) -> list[tuple[int, list[str]]]:
    store = open_store(path, FakeClock())
    found = [(seq, data.decode().split(",")) for _, seq, data in rows(store)]
    store.close()
    return found


def test_no_play_and_no_number_is_lost_or_doubled_by_going_back_and_forth(path, caplog):
    caplog.set_level("INFO")
    store = open_store(path, FakeClock())
    epoch = store.epoch
    play(store, "old-1")
    assert PlayBook(store).batch(names, AT) == 1
    store.close()
    assert newer(path, "additive", "new") == 2

    back = open_store(path, FakeClock())
    assert "event=state_newer" in caplog.text
    assert "m900_additive" in caplog.text
    assert (back.epoch, back.set_aside) == (epoch, None)
    play(back, "back-1")
    assert PlayBook(back).batch(names, AT) == 3
    assert PlayBook(back).batch(names, AT) is None
    save_hour(back, "2026-03-04T11:00:00Z", {"ots": 3})
    closing = Closing("2026-03-04T11:00:00Z", "off", None, "{}", "{}", AT)
    assert close_hour(back, closing, lambda seq: b"hour %d" % seq) == 1
    write_health(back, "director", {"screens": 1}, AT)
    assert (open_hours(back), len(published_hours(back))) == ([], 1)
    assert Outbox(back).acknowledge("hours", back.epoch, 1) == 1
    back.close()

    assert newer(path, "additive", "again") == 4
    assert sent(path) == [
        (1, ["old-1"]),
        (2, ["new-1", "new-2"]),
        (3, ["back-1"]),
        (4, ["again-1", "again-2"]),
    ]
    store = open_store(path, FakeClock())
    assert store.db.execute("SELECT rain FROM weather").fetchall() == [(0.5,)], "it is all there"
    assert read_health(store, "director") == ({"screens": 1}, AT)
    store.close()


def test_a_file_that_an_older_version_would_misread_is_refused_with_what_to_do(path):
    open_store(path, FakeClock()).close()
    newer(path, "breaking", "new")
    before = path.read_bytes()
    for use in (lambda: open_store(path, FakeClock()), lambda: read_glimpse(path)):
        with pytest.raises(
            NewerStateError, match=r"newer kiosk \(it knows 'm900_breaking'\)"
        ) as bad:
            use()
        assert "install that version again" in (bad.value.hint or "")
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.corrupt*"))


def test_what_was_added_after_a_break_is_refused_for_the_break(path):
    open_store(path, FakeClock()).close()
    newer(path, "breaking+additive", "new")
    with pytest.raises(NewerStateError, match="m900_breaking"):
        open_store(path, FakeClock())


def test_a_look_from_outside_tolerates_what_was_added(path):
    open_store(path, FakeClock()).close()
    newer(path, "additive+additive", "new")
    assert read_ledger(path) == []
    assert read_glimpse(path).waiting == 1


def test_a_file_from_before_this_was_written_down_is_brought_up_to_date(path):
    store = open_store(path, FakeClock())
    play(store, "a")
    PlayBook(store).batch(names, AT)
    store.close()
    database = sqlite3.connect(path)
    database.execute("DROP TABLE readers")
    database.commit()
    database.close()
    again = open_store(path, FakeClock())
    assert dict(again.db.execute("SELECT migration, needs FROM readers").fetchall()) == {
        "m001_first_tables": "m001_first_tables",
        "m002_releases_and_boots": "m002_releases_and_boots",
        "m003_orders": "m002_releases_and_boots",
        "m004_contracts": "m002_releases_and_boots",
    }
    play(again, "b")
    assert PlayBook(again).batch(names, AT) == 2
    again.close()


def test_a_version_from_before_this_was_written_down_still_takes_the_file(path):
    open_store(path, FakeClock()).close()
    database = sqlite3.connect(path)
    # It refuses any migration whose name it does not know.
    assert [row[0] for row in database.execute("SELECT name FROM _sqlite_migrations")] == [
        "m001_first_tables",
        "m002_releases_and_boots",
        "m003_orders",
        "m004_contracts",
    ]
    database.close()


def test_opening_a_file_that_is_up_to_date_writes_nothing_to_it(path):
    open_store(path, FakeClock()).close()
    before = path.read_bytes()
    open_store(path, FakeClock()).close()
    assert path.read_bytes() == before
