"""Partitions, old rows, holes that last, and alerts that end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from kiosk.central.store import (
    Alert,
    drop_old,
    forget_alerts,
    make_partitions,
    note_alerts,
    note_worker,
    open_database,
    watch_gaps,
    work_off,
)
from tests import postgres
from tests.central.store.books import HOUR, NOW, Books, central, hours, plays

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def server_books():
    url = postgres.database()
    engine = open_database(central(url))
    yield Books(engine, url)
    engine.dispose()


def counts(books, *names):
    with books.engine.connect() as connection:
        return [connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in names]


def test_months_get_partitions_ahead_and_take_what_has_come_before(server_books):
    books = server_books
    books.write(hours(1), hours(2, at=HOUR - 60 * DAY), plays(1))
    assert counts(books, "hours_default", "play_batches_default") == [2, 1]
    assert make_partitions(books.engine, NOW) == 6
    assert make_partitions(books.engine, NOW) == 0
    books.write(hours(3), hours(4, at=HOUR + 50 * DAY), plays(2))
    names = ("hours_default", "hours_2026_01", "hours_2026_02", "hours_2026_03")
    assert counts(books, *names) == [1, 2, 1, 0]
    assert counts(books, "play_batches_2026_01", "hours", "play_batches") == [2, 4, 2]
    assert make_partitions(books.engine, NOW, since=HOUR - 60 * DAY) == 4
    assert counts(books, "hours_default", "hours_2025_11", "hours") == [0, 1, 4]
    # A replay is known wherever its row has gone to, and a lie is found out there.
    books.write(hours(1), hours(2, ots=99))
    assert counts(books, "hours", "conflicts") == [4, 1]


def test_raw_rows_are_dropped_when_they_are_too_old_and_their_sums_stay(books):
    old, older = HOUR - 100 * DAY, HOUR - 2000 * DAY
    make_partitions(books.engine, NOW, since=old - 31 * DAY)
    books.write(hours(1), hours(2, at=old), hours(3, at=older), plays(1), at=NOW)
    work_off(books.engine, "UTC")
    for _ in range(2):
        drop_old(books.engine, NOW, keep_hours_days=60, keep_plays_days=30)
    assert books.rows("hours", "seq") == [(1,)]
    assert len(books.rows("play_batches", "seq")) == 1
    drop_old(books.engine, NOW + 90 * DAY, keep_hours_days=1000, keep_plays_days=30)
    assert len(books.rows("hours", "seq")) == 1
    assert books.rows("play_batches", "seq") == []
    assert len(books.rows("site_days", "site_id")) == 6


def test_a_file_is_cleared_in_bites(books, monkeypatch):
    if not books.is_file:
        pytest.skip("a server drops whole partitions")
    monkeypatch.setattr("kiosk.central.store.upkeep.DROP_BITE", 2)
    books.write(*(hours(seq) for seq in range(1, 6)))
    left = []
    while drop_old(books.engine, NOW + 10 * DAY, keep_hours_days=1, keep_plays_days=1):
        left.append(len(books.rows("hours", "seq")))
    assert left == [3, 1]
    assert books.rows("hours", "seq") == []


def test_a_hole_is_told_when_it_lasts_and_cleared_when_it_is_filled(books, caplog):
    books.write(hours(1), hours(3), at=NOW)
    assert watch_gaps(books.engine, NOW + 4 * MINUTE) == 0
    assert watch_gaps(books.engine, NOW + 6 * MINUTE) == 1
    assert watch_gaps(books.engine, NOW + 7 * MINUTE) == 1
    assert books.alerts() == {"sequence_gap": 1}
    assert (
        caplog.text.count("event=sequence_gap device=demo/shop-1/kiosk-1 stream=hours have=1") == 1
    )
    books.write(hours(2), at=NOW + 8 * MINUTE)
    assert watch_gaps(books.engine, NOW + 20 * MINUTE) == 0
    assert books.alerts() == {}


def test_an_alert_counts_up_while_it_is_open_and_opens_anew_when_it_was_cleared(books):
    for sentence in ("first", "second"):
        note_alerts(books.engine, [Alert(None, "odd", sentence), Alert(7, "odd", sentence)], NOW)
    found = books.rows("alerts", "device_id", "count", "sentence")
    assert sorted(found, key=str) == [(7, 2, "second"), (None, 2, "second")]
    forget_alerts(books.engine, NOW + 6 * DAY)
    assert books.alerts() == {"odd": 2}
    forget_alerts(books.engine, NOW + 8 * DAY)
    assert books.alerts() == {}
    note_alerts(books.engine, [Alert(None, "odd", "third")], NOW + 9 * DAY)
    assert books.alerts() == {"odd": 1}
    assert len(books.rows("alerts", "id")) == 3
    forget_alerts(books.engine, NOW + 200 * DAY)
    assert len(books.rows("alerts", "id")) == 1


def test_a_worker_has_one_row(books):
    note_worker(books.engine, "ingest-1", "connected", NOW)
    note_worker(books.engine, "ingest-1", "waiting", NOW + MINUTE)
    assert books.rows("workers", "name", "seen", "state") == [("ingest-1", NOW + MINUTE, "waiting")]


def test_a_device_of_many_broken_lives_hides_no_other_device_s_hole(books, monkeypatch):
    monkeypatch.setattr("kiosk.central.store.upkeep.GAPS_TOLD_MAX", 4)
    flood = [hours(seq, epoch=f"0000000{life}") for life in range(6) for seq in (1, 3)]
    other = "kiosk/v1/demo/shop-1/kiosk-2"
    books.write(*flood, hours(1, of=other), hours(3, of=other))
    for minutes in (6, 7):
        assert watch_gaps(books.engine, NOW + minutes * MINUTE) == 2
        assert len([kind for (kind,) in open_alerts(books) if kind == "sequence_gap"]) == 2


def open_alerts(books):
    with books.engine.connect() as connection:
        return connection.execute(text("SELECT kind FROM alerts WHERE cleared IS NULL")).all()


def test_an_alert_counts_no_further_than_a_column_holds(books):
    for _ in range(3):
        note_alerts(books.engine, [Alert(None, "made_up", "told", 2**63 - 1)] * 2, NOW)
    assert books.rows("alerts", "count") == [(10**15,)]
