"""Replays, contradictions and gaps."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.central import read_totals
from kiosk.central.decode import decode
from kiosk.central.ledger import open_ledger, write
from kiosk.errors import StateError
from tests.uplink.fleet import BRANCH, NOW, hours_payload, plays_payload

EPOCH = "0123abcd"


def hours(seq, epoch=EPOCH, ots=12):
    return decode(f"{BRANCH}/up/hours", hours_payload(epoch, seq, ots=ots))


def plays(seq, *names):
    return decode(f"{BRANCH}/up/plays", plays_payload(EPOCH, seq, *names))


@pytest.fixture
def store(tmp_path):
    opened = open_ledger(tmp_path / "central.db")
    yield opened
    opened.close()


def contiguous(progress):
    return {(state.key.epoch, state.key.stream): state.contiguous for state in progress}


def test_a_replay_changes_nothing_and_is_acknowledged_again(store):
    batch = [hours(1), plays(1, "a", "b")]
    first = write(store, batch, NOW)
    assert write(store, batch, NOW) == first
    assert contiguous(first) == {(EPOCH, "hours"): 1, (EPOCH, "plays"): 1}
    assert read_totals(store.path) == {"hours": 1, "plays": 2, "messages": 2, "conflicts": 0}


def test_other_bytes_under_a_known_number_are_kept_aside_once(store, caplog):
    write(store, [hours(1, ots=12)], NOW)
    for _ in range(2):
        assert contiguous(write(store, [hours(1, ots=99)], NOW)) == {(EPOCH, "hours"): 1}
    assert store.db.execute("SELECT ots FROM hours").fetchall() == [(12,)]
    kept = store.db.execute("SELECT payload FROM conflicts").fetchall()
    assert kept == [(hours_payload(EPOCH, 1, ots=99),)]
    assert "event=payload_conflict device=demo/shop-1/kiosk-1 stream=hours" in caplog.text


def test_a_gap_holds_the_acknowledgement_until_it_is_filled(store):
    assert contiguous(write(store, [hours(2), hours(4)], NOW)) == {(EPOCH, "hours"): 0}
    assert contiguous(write(store, [hours(1)], NOW)) == {(EPOCH, "hours"): 2}
    last = write(store, [hours(3)], NOW)
    assert contiguous(last) == {(EPOCH, "hours"): 4}
    assert last[0].highest == 4


def test_a_new_life_of_the_state_file_starts_a_new_count(store):
    write(store, [hours(1), hours(2)], NOW)
    assert contiguous(write(store, [hours(1, epoch="ffffffff", ots=5)], NOW)) == {
        ("ffffffff", "hours"): 1
    }
    assert read_totals(store.path)["hours"] == 3


def test_a_play_that_is_told_twice_stands_once(store, caplog):
    write(store, [plays(1, "a", "b"), plays(2, "b", "c")], NOW)
    assert read_totals(store.path)["plays"] == 3
    assert "event=play_repeated" in caplog.text


def test_status_and_health_are_the_devices_last(store):
    status = b'{"schema":1,"state":"%s","version":"1","since":"2026-01-02T10:00:00Z"}'
    health = (
        b'{"schema":2,"at":"2026-01-02T10:01:00Z","version":"1","uptime_s":5,"vision":null,'
        b'"screens":1,"outbox_waiting":0,"outbox_unacknowledged":0}'
    )
    entries = [
        decode(f"{BRANCH}/status", status % b"online"),
        decode(f"{BRANCH}/up/health", health),
        decode(f"{BRANCH}/status", status % b"offline"),
    ]
    assert write(store, entries, NOW) == []
    rows = store.db.execute("SELECT tenant, site, device, state, health_at FROM devices").fetchall()
    assert rows == [("demo", "shop-1", "kiosk-1", "offline", "2026-01-02T10:01:00Z")]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(1, 8), max_size=6), max_size=10))
def test_in_whatever_order_and_how_often_it_comes_the_result_is_the_same(batches):
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(Path(folder) / "central.db")
        seen: set[int] = set()
        for batch in batches:
            progress = write(ledger, [hours(seq) for seq in batch], NOW)
            seen |= set(batch)
            unbroken = next(seq for seq in range(10) if seq + 1 not in seen)
            assert [state.contiguous for state in progress] == ([unbroken] if batch else [])
        assert read_totals(ledger.path)["hours"] == len(seen)
        ledger.close()


def test_a_write_that_fails_changes_nothing(store):
    store.db.execute("PRAGMA query_only = 1")
    with pytest.raises(StateError, match="not written"):
        write(store, [hours(1)], NOW)
    store.db.execute("PRAGMA query_only = 0")
    assert read_totals(store.path)["messages"] == 0


def test_a_newer_database_is_refused(store):
    with store.transaction() as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('kiosk-central', 'm999_later', '2030')"
        )
    with pytest.raises(StateError, match="newer kiosk"):
        open_ledger(store.path)


def test_totals_of_what_is_not_there_yet_are_zero(tmp_path):
    assert set(read_totals(tmp_path / "none.db").values()) == {0}
    assert not (tmp_path / "none.db").exists()


def test_hours_that_waited_on_a_device_since_before_an_update_are_taken_in_their_order(store):
    earlier = (
        b'{"schema":1,"stream":"hours","epoch":"%s","seq":1,"hour":"2026-01-02T09:00:00Z",'
        b'"noise":"off","tables":{"ots":5,"watchers":2,"age_gender":{"25-34":{"female":5}},'
        b'"mood":null,"creatives":{"tea":{"watchers":2,"attention_s":9}}}}' % EPOCH.encode()
    )
    entries = [decode(f"{BRANCH}/up/hours", earlier), hours(2)]
    assert contiguous(write(store, entries, NOW)) == {(EPOCH, "hours"): 2}
    found = store.db.execute("SELECT ots, policy FROM hours ORDER BY seq").fetchall()
    assert found == [(5, None), (12, "full")]
