"""Replays, contradictions, gaps, and what a device says of itself."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import SQLAlchemyError

from kiosk.central.ingest.decode import RejectedPayloadError, decode
from kiosk.central.store import drop_old, open_database, read_totals, tables, work_off, write
from kiosk.wire import Status
from tests import postgres
from tests.central.store.books import (
    EPOCH,
    HOUR,
    LATER_EPOCH,
    NOW,
    central,
    contiguous,
    earlier_plays,
    health,
    hours,
    plays,
)
from tests.uplink.fleet import BRANCH, hours_payload


def test_a_replay_changes_nothing_and_is_acknowledged_again(books):
    batch = [hours(1), plays(1, "a", "b")]
    first = books.write(*batch)
    assert books.write(*batch) == first
    assert books.write(*batch, *batch) == first
    assert contiguous(first) == {(EPOCH, "hours"): 1, (EPOCH, "plays"): 1}
    assert read_totals(central(books.url)) == {
        "hours": 1,
        "plays": 2,
        "messages": 2,
        "conflicts": 0,
    }
    assert len(books.rows("marks", "id")) == 1
    assert books.alerts() == {}


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "later"])
def test_other_bytes_under_a_known_number_are_kept_aside_once(books, caplog, together):
    batches = [[hours(1), hours(1, ots=99)]] if together else [[hours(1)], [hours(1, ots=99)]]
    # The lie may name another time than the truth did.
    batches += [[hours(1, ots=99)], [hours(1, ots=98, at=HOUR - timedelta(hours=3))]]
    for batch in batches:
        assert contiguous(books.write(*batch)) == {(EPOCH, "hours"): 1}
    assert books.rows("hours", "ots") == [(12,)]
    kept = {bytes(payload) for (payload,) in books.rows("conflicts", "payload")}
    assert kept == {
        hours_payload(EPOCH, 1, HOUR.isoformat(), 99),
        hours_payload(EPOCH, 1, (HOUR - timedelta(hours=3)).isoformat(), 98),
    }
    assert books.alerts() == {"payload_conflict": 3}
    assert "event=payload_conflict device=demo/shop-1/kiosk-1 stream=hours" in caplog.text


def test_a_device_that_contradicts_itself_for_ever_does_not_fill_the_disk(books, monkeypatch):
    monkeypatch.setattr("kiosk.central.store.contradictions.KEPT_MAX", 3)
    books.write(hours(1), *(hours(1, ots=number) for number in range(100, 110)))
    assert len(books.rows("conflicts", "digest")) == 3
    assert books.alerts() == {"payload_conflict": 10}


def test_a_gap_holds_the_acknowledgement_until_it_is_filled(books):
    assert contiguous(books.write(hours(2), hours(4))) == {(EPOCH, "hours"): 0}
    assert books.rows("streams", "beyond", "gap_since") == [("[[2,2],[4,4]]", NOW)]
    assert contiguous(books.write(hours(1))) == {(EPOCH, "hours"): 2}
    last = books.write(hours(3))
    assert contiguous(last) == {(EPOCH, "hours"): 4}
    assert last[0].highest == 4
    assert books.rows("streams", "beyond", "gap_since") == [("[]", None)]


def test_a_new_life_of_the_state_file_starts_a_new_count(books):
    books.write(hours(1), hours(2))
    assert contiguous(books.write(hours(1, LATER_EPOCH, ots=5))) == {(LATER_EPOCH, "hours"): 1}
    assert len(books.rows("hours", "seq")) == 3
    assert books.rows("devices", "epoch") == [(LATER_EPOCH,)]
    assert books.alerts() == {}


def test_two_lives_that_both_go_on_are_two_machines(books):
    books.write(hours(1))
    books.write(hours(1, LATER_EPOCH))
    # What the broker still held of the former life is no clone.
    books.write(hours(2), plays(1), at=NOW + timedelta(minutes=1))
    assert books.alerts() == {}
    books.write(hours(3), at=NOW + timedelta(hours=1))
    assert books.alerts() == {"device_cloned": 1}
    assert len(books.rows("hours", "seq")) == 4


def test_status_and_health_are_the_devices_last_and_acknowledge_nothing(books):
    status = b'{"schema":1,"state":"%s","version":"1","since":"2026-01-02T10:00:00Z"}'
    entries = [
        decode(f"{BRANCH}/status", status % b"online"),
        health(1, at=NOW + timedelta(seconds=90)),
        decode(f"{BRANCH}/status", status % b"offline"),
    ]
    assert books.write(*entries) == []
    found = books.rows("devices", "name", "state", "since", "health_at", "drift_s", "seen")
    assert found == [("kiosk-1", "offline", HOUR, NOW + timedelta(seconds=90), 90.0, NOW)]
    books.write(hours(1), at=NOW + timedelta(hours=1))
    kept = books.rows("devices", "state", "drift_s", "last_hour", "seen")
    assert kept == [("offline", 90.0, HOUR, NOW + timedelta(hours=1))]


def test_health_of_the_version_before_is_taken(books):
    earlier = (
        b'{"schema":2,"at":"2026-01-02T10:01:00Z","version":"1","uptime_s":5,"vision":null,'
        b'"screens":1,"outbox_waiting":0,"outbox_unacknowledged":0}'
    )
    assert books.write(decode(f"{BRANCH}/up/health", earlier)) == []
    assert books.rows("devices", "version") == [("1",)]


def test_what_the_device_has_deleted_is_waited_for_no_longer(books):
    """A renamed device, or a database from a backup: the outbox must not be stuck for ever."""
    assert contiguous(books.write(hours(480), hours(482))) == {(EPOCH, "hours"): 0}
    assert contiguous(books.write(health(480))) == {(EPOCH, "hours"): 480}
    assert books.rows("streams", "given_up", "beyond") == [(479, "[[482,482]]")]
    assert books.alerts() == {"numbers_given_up": 479}
    assert contiguous(books.write(hours(481))) == {(EPOCH, "hours"): 482}
    # Said again, it gives up nothing more; a number that was given up and comes late is a replay.
    assert books.write(health(480)) == []
    assert contiguous(books.write(hours(3))) == {(EPOCH, "hours"): 482}
    assert books.alerts() == {"numbers_given_up": 479}


def test_numbers_below_the_lowest_that_did_arrive_are_not_given_up(books):
    books.write(hours(1), hours(3), hours(7))
    assert contiguous(books.write(health(9))) == {(EPOCH, "hours"): 8}
    assert books.rows("streams", "given_up", "beyond", "gap_since") == [(5, "[]", None)]


def test_a_number_that_was_given_up_and_comes_yet_is_taken_once(books):
    books.write(hours(1), health(4))
    assert books.rows("streams", "given_up") == [(2,)]
    books.write(hours(2), hours(2), hours(1))
    books.write(hours(2))
    assert [seq for (seq,) in books.rows("hours", "seq")] == [1, 2]
    assert books.rows("streams", "given_up", "contiguous") == [(1, 3)]
    assert books.alerts() == {"numbers_given_up": 2}


def test_what_was_dropped_for_its_age_is_not_counted_again(books):
    """In a stream of which numbers were given up, as after a database from a backup."""
    old = NOW - timedelta(days=70)
    books.write(hours(1, at=old), health(5), at=old)
    work_off(books.engine, "UTC")
    drop_old(books.engine, NOW, keep_hours_days=60, keep_plays_days=60)
    books.write(hours(1, at=old))
    assert books.rows("hours", "seq") == []
    assert books.rows("marks", "id") == []
    assert books.rows("streams", "given_up") == [(3,)]


def test_what_a_broker_keeps_of_a_device_is_no_sign_of_life(books):
    books.write(health(1), at=NOW)
    offline = Status(state="offline", version="1", since=NOW).encode()
    books.write(decode(f"{BRANCH}/status", offline), at=NOW + timedelta(hours=1))
    assert books.rows("devices", "state", "seen") == [("offline", NOW)]
    books.write(plays(1), at=NOW + timedelta(hours=2))
    assert books.rows("devices", "seen") == [(NOW + timedelta(hours=2),)]


def test_a_lowest_that_is_committed_changes_nothing(books):
    books.write(hours(1), hours(2), hours(3))
    assert books.write(health(3)) == []
    assert books.write(health(4)) == []
    assert books.alerts() == {}


def test_an_hour_that_is_yet_to_come_is_kept_and_told(books):
    books.write(hours(1, at=NOW + timedelta(hours=3)), hours(2))
    assert len(books.rows("hours", "seq")) == 2
    assert books.alerts() == {"clock_ahead": 1}
    assert books.rows("devices", "last_hour") == [(HOUR,)]


def test_a_device_that_makes_numbers_up_is_held_within_bounds(books, monkeypatch):
    monkeypatch.setattr("kiosk.central.store.runs.RANGES_MAX", 3)
    books.write(*(hours(seq) for seq in (2, 4, 6, 8, 10)))
    assert [seq for (seq,) in books.rows("hours", "seq")] == [2, 4, 6]
    assert books.alerts() == {"sequence_gap": 2}
    # What it fills is taken, and what was refused may come again then.
    books.write(*(hours(seq) for seq in (1, 3, 5, 7, 8)))
    assert books.rows("streams", "contiguous") == [(8,)]


def test_a_reply_is_taken_from_the_device_that_was_asked(books):
    books.write(hours(1))
    command = {
        "id": "0123456789abcdef",
        "name": "ping",
        "args": "{}",
        "by": "eve",
        "issued": NOW,
        "expires_at": NOW,
    }
    ((device_id,),) = books.rows("devices", "id")
    with books.engine.begin() as connection:
        connection.execute(insert(tables.commands).values(device_id=device_id, **command))
    reply = (
        b'{"schema":1,"id":"%s","name":"ping","outcome":"%s","detail":"",'
        b'"at":"2026-01-02T11:00:00Z","data":{},"lines":[]}'
    )
    other = BRANCH.replace("kiosk-1", "kiosk-2")
    known, unknown = b"0123456789abcdef", b"ffffffffffffffff"
    books.write(decode(f"{other}/up/reply", reply % (known, b"failed")))
    books.write(decode(f"{BRANCH}/up/reply", reply % (unknown, b"failed")))
    assert books.rows("commands", "outcome", "replied") == [(None, None)]
    books.write(decode(f"{BRANCH}/up/reply", reply % (known, b"done")))
    books.write(decode(f"{BRANCH}/up/reply", reply % (known, b"failed")))
    assert books.rows("commands", "outcome", "replied") == [("done", NOW)]


def test_a_write_that_fails_changes_nothing(books):
    def fail():
        with books.engine.begin() as connection:
            write(connection, [hours(1), plays(1)], NOW)
            connection.execute(text("SELECT * FROM there_is_no_such_table"))

    with pytest.raises(SQLAlchemyError):
        fail()
    assert books.rows("hours", "seq") == books.rows("devices", "id") == []
    # What was undone is not remembered as known.
    assert contiguous(books.write(hours(1))) == {(EPOCH, "hours"): 1}


def test_markup_and_statements_in_texts_are_just_text(books):
    name = "'; DROP TABLE hours; -- <script>alert(1)</script> \\ % 😀"
    entry = plays(1, name)
    books.write(entry)
    assert books.play_ids() == [name]


def test_hours_that_waited_on_a_device_since_before_an_update_are_taken_in_their_order(books):
    earlier = (
        b'{"schema":1,"stream":"hours","epoch":"%s","seq":1,"hour":"2026-01-02T09:00:00Z",'
        b'"noise":"off","tables":{"ots":5,"watchers":2,"age_gender":{"25-34":{"female":5}},'
        b'"mood":null,"creatives":{"tea":{"watchers":2,"attention_s":9}}}}' % EPOCH.encode()
    )
    entries = [decode(f"{BRANCH}/up/hours", earlier), hours(2)]
    assert contiguous(books.write(*entries)) == {(EPOCH, "hours"): 2}
    assert books.rows("hours", "seq", "ots", "policy") == [(1, 5, None), (2, 12, "full")]


def test_plays_that_waited_on_a_device_since_before_an_update_are_taken_in_their_order(books):
    entries = [earlier_plays(1), plays(2)]
    assert contiguous(books.write(*entries)) == {(EPOCH, "plays"): 2}
    # What a device sends again once it is updated is what it sent before, byte by byte.
    books.write(*entries)
    assert books.play_ids() == ["play-1", "play-2"]
    assert books.rows("conflicts", "seq") == []


@pytest.mark.parametrize(("schema", "without"), [(1, ""), (2, "contract"), (3, "")])
def test_plays_of_no_version_are_refused(schema, without):
    with pytest.raises(RejectedPayloadError):
        decode(f"{BRANCH}/up/plays", changed(plays(1).payload, schema=schema, without=without))


def changed(payload: bytes, schema: int, without: str) -> bytes:
    told = json.loads(payload) | {"schema": schema}
    for play in told["plays"]:
        play.pop(without, None)
    return json.dumps(told).encode()


def test_an_hour_is_kept_cell_by_cell(books):
    books.write(hours(1))
    found = books.rows("hours", "bands", "age_gender", "creative_plays", "creative_age_gender")
    assert found == [("25-34,unknown", [12, 0, 0, 0, 0, 0], [3], [12, 0, 0, 0, 0, 0])]
    ((creatives,),) = books.rows("hours", "creatives")
    names = dict(books.rows("creatives", "id", "name"))
    assert [names[number] for number in creatives] == ["coffee"]


def test_two_workers_that_get_the_same_messages_write_each_once_and_never_block_each_other():
    """A broker that lost an acknowledgement gives the same message to another worker."""
    url = postgres.database()
    engines = [open_database(central(url)) for _ in range(2)]
    names = [f"kiosk/v1/demo/shop-{number % 3}/kiosk-{number}" for number in range(8)]
    failures: list[Exception] = []

    def work(engine, order):
        try:
            for seq in range(1, 13):
                batch = [make(seq, of=name) for name in names[::order] for make in (hours, plays)]
                with engine.begin() as connection:
                    write(connection, batch, NOW)
        except SQLAlchemyError as bad:
            failures.append(bad)

    threads = [
        threading.Thread(target=work, args=(engine, order))
        for engine, order in zip(engines, (1, -1), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    totals = {"hours": 96, "plays": 96, "messages": 192, "conflicts": 0}
    assert read_totals(central(url)) == totals
    for engine in engines:
        engine.dispose()
