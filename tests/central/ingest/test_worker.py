"""The core of every worker: batches in, commits, acknowledgements out."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DataError

from kiosk.central.ingest.worker import Worker
from kiosk.central.store import read_totals
from kiosk.config import Settings
from kiosk.service import Heartbeat
from tests import postgres
from tests.central.store.books import EPOCH, Books
from tests.fakes import FakeClock
from tests.uplink.fleet import BRANCH, hours_payload, plays_payload

START = datetime(2026, 1, 2, 11, 5, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    return str(tmp_path / "central.db") if request.param == "sqlite" else postgres.database()


@pytest.fixture
def clock():
    return FakeClock(wall=START)


@pytest.fixture
def worker(url, clock):
    settings = Settings.model_validate({"central": {"database": url}})
    opened = Worker(settings, clock, Heartbeat())
    yield opened
    opened.close()


def hours(seq, epoch=EPOCH, ots=12):
    return f"{BRANCH}/up/hours", hours_payload(epoch, seq, ots=ots)


def plays(seq, *names):
    return f"{BRANCH}/up/plays", plays_payload(EPOCH, seq, *(names or ("a",)))


def acks(publications):
    said = [(one.topic, json.loads(one.payload)) for one in publications]
    assert all(topic == f"{BRANCH}/down/ack" for topic, _ in said)
    return sorted((ack["stream"], ack["epoch"], ack["seq"]) for _, ack in said)


def totals(url):
    return read_totals(Settings.model_validate({"central": {"database": url}}).central)


def test_a_batch_is_acknowledged_once_per_stream(worker, url):
    answers = worker.handle([hours(1), plays(1), hours(2), hours(4), plays(2, "b")])
    assert acks(answers) == [("hours", EPOCH, 2), ("plays", EPOCH, 2)]
    assert all(one.qos == 1 and not one.retain for one in answers)
    assert worker.handle([]) == []
    assert totals(url)["messages"] == 5


def test_garbage_does_not_stop_what_comes_with_it(worker, url, caplog):
    rubbish = [(f"{BRANCH}/up/hours", payload) for payload in (b"", b"\x00\xff", b"{}", b"null")]
    strange = [("kiosk/v1/a", b"{}"), ("another/tree", b"{}"), (f"{BRANCH}/up/nonsense/x", b"{}")]
    answers = worker.handle([*rubbish, hours(1), *strange, plays(1)])
    assert acks(answers) == [("hours", EPOCH, 1), ("plays", EPOCH, 1)]
    # A line for each device, and an alert that counts.
    assert caplog.text.count("event=payload_rejected") == 2
    assert "event=payload_rejected device=demo/shop-1/kiosk-1 messages=5" in caplog.text
    books = Books(worker.engine, url)
    assert books.rows("alerts", "kind", "count", "device_id")[0] == ("payload_rejected", 2, None)
    assert books.rows("alerts", "kind", "count")[1] == ("payload_rejected", 5)


def test_a_message_that_cannot_be_written_is_set_aside_and_the_others_are_committed(
    worker, url, caplog, monkeypatch
):
    """Whatever a database may refuse that no check foresaw."""
    from kiosk.central.ingest import worker as module

    true_write = module.write

    def write(connection, entries, received):
        progress = true_write(connection, entries, received)
        if any(entry.content.seq == 3 for entry in entries):
            raise DataError("INSERT", {}, ValueError("a value that no column takes"))
        return progress

    monkeypatch.setattr(module, "write", write)
    answers = worker.handle([hours(seq) for seq in range(1, 9)])
    assert acks(answers) == [("hours", EPOCH, 2)]
    assert [seq for (seq,) in Books(worker.engine, url).rows("hours", "seq")] == [
        1,
        2,
        4,
        5,
        6,
        7,
        8,
    ]
    assert Books(worker.engine, url).alerts() == {"payload_rejected": 1}
    assert "cannot be written: a value that no column takes" in caplog.text


def test_what_could_not_be_committed_is_not_answered_for(worker, url, clock, caplog):
    _break(worker.engine)
    assert worker.handle([hours(1)]) is None
    assert caplog.text.count("event=central_database_failed") == 1
    _mend(worker.engine)
    assert worker.handle([hours(1)]) is None  # it is not hammered either
    clock.advance(6)
    assert acks(worker.handle([hours(1)])) == [("hours", EPOCH, 1)]
    books = Books(worker.engine, url)
    assert books.alerts() == {"central_database_failed": 1}
    ((sentence,),) = books.rows("alerts", "sentence")
    assert "from 2026-01-02 11:05:00 to 11:05:06 UTC" in sentence
    assert caplog.text.count("event=central_database_failed reason") == 1


def _break(engine):
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE streams RENAME TO elsewhere")


def _mend(engine):
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO streams")


def test_a_server_that_is_restarted_loses_nothing(clock):
    server = postgres.Postgres()
    try:
        server.start()
        url = server.database()
        worker = Worker(Settings.model_validate({"central": {"database": url}}), clock, Heartbeat())
        assert acks(worker.handle([hours(1)])) == [("hours", EPOCH, 1)]
        server.stop(signal.SIGQUIT)
        assert worker.handle([hours(2)]) is None
        server.start()
        clock.advance(6)
        assert acks(worker.handle([hours(2), hours(1)])) == [("hours", EPOCH, 2)]
        assert totals(url)["hours"] == 2
        worker.close()
    finally:
        server.remove()


def test_a_full_disk_stops_nothing_but_the_acknowledgements(worker, url, clock, caplog):
    if "://" in url:
        pytest.skip("a full disk of a server is the same to a worker as a server that is away")
    worker.handle([hours(1)])
    limits = [1, 2**30]
    event.listen(
        worker.engine,
        "connect",
        lambda connection, _: connection.execute(f"PRAGMA max_page_count={limits[0]}").close(),
    )
    worker.engine.dispose()
    many = [plays(seq, *(f"{seq}-{number}" for number in range(50))) for seq in range(1, 200)]
    assert worker.handle(many) is None
    assert "database or disk is full" in caplog.text
    worker.rest("connected")
    limits.pop(0)
    worker.engine.dispose()
    clock.advance(6)
    assert acks(worker.handle(many)) == [("plays", EPOCH, 199)]
    assert totals(url)["plays"] == 199 * 50
    assert Books(worker.engine, url).alerts() == {"central_database_failed": 1}


def test_another_file_in_the_database_s_place_is_taken_up(worker, url, clock, tmp_path):
    """A backup that was put back while the worker runs: its numbers of devices are others."""
    if "://" in url:
        pytest.skip("a server is restarted for that")
    worker.handle([hours(1), plays(1)])
    for path in tmp_path.glob("central.db*"):
        path.rename(tmp_path / f"old-{path.name}")
    assert acks(worker.handle([hours(1), hours(2)])) == [("hours", EPOCH, 2)]
    assert totals(url) == {"hours": 2, "plays": 0, "messages": 2, "conflicts": 0}


def test_sums_alerts_and_a_sign_of_life_are_made_between_messages(worker, url, clock):
    worker.handle([hours(1), hours(3)])
    for _ in range(12):
        clock.advance(31)
        worker.rest("connected")
    books = Books(worker.engine, url)
    assert books.rows("site_days", "site_id", "device_hours") == [(0, 2), (1, 2)]
    assert books.alerts() == {"sequence_gap": 1}
    assert books.rows("workers", "name", "state", "seen") == [
        ("ingest-1", "connected", clock.utc())
    ]
    if not books.is_file:
        with worker.engine.connect() as connection:
            names = connection.exec_driver_sql(
                "SELECT DISTINCT tableoid::regclass::text FROM hours"
            )
            assert names.all() == [("hours_2026_01",)]
