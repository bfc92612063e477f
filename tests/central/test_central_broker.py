"""Head office with a real broker."""

from __future__ import annotations

import json

import pytest

from kiosk.central import read_totals
from tests.mosquitto import Mosquitto
from tests.uplink.fleet import (
    BRANCH,
    Observer,
    central_for,
    drive,
    hours_payload,
    plays_payload,
    settings_for,
)

EPOCH = "0123abcd"


@pytest.fixture(autouse=True)
def _short_polls(monkeypatch):
    monkeypatch.setattr("kiosk.central.process.POLL_S", 0.01)


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path / "broker") as started:
        yield started


@pytest.fixture
def observer(broker):
    found = Observer(broker.port, "kiosk/v1/+/+/+/down/ack")
    yield found
    found.close()


@pytest.fixture
def central(tmp_path, broker):
    started = central_for(settings_for(tmp_path, broker.port))
    drive(
        started, until=lambda: "Received SUBSCRIBE from kiosk-central" in broker.log, what="ready"
    )
    yield started
    started.close()


def acks(observer):
    return [
        (ack["stream"], ack["epoch"], ack["seq"])
        for ack in (json.loads(payload) for payload in observer.of("/down/ack"))
    ]


def test_what_is_committed_is_acknowledged_to_the_device(tmp_path, central, observer):
    observer.publish(f"{BRANCH}/up/hours", hours_payload(EPOCH, 1))
    observer.publish(f"{BRANCH}/up/plays", plays_payload(EPOCH, 1, "a", "b"))
    drive(
        central,
        until=lambda: {("hours", EPOCH, 1), ("plays", EPOCH, 1)} <= set(acks(observer)),
        what="both are acknowledged",
    )
    assert read_totals(tmp_path / "central.db") == {
        "hours": 1,
        "plays": 2,
        "messages": 2,
        "conflicts": 0,
    }


def test_garbage_does_not_stop_what_comes_after_it(tmp_path, central, observer, caplog):
    for payload in (b"", b"\x00\xff", b"{}", b"null", b"[" * 10_000):
        observer.publish(f"{BRANCH}/up/hours", payload)
    observer.publish(f"{BRANCH}/up/nonsense/deeper", b"{}")
    observer.publish(f"{BRANCH}/up/hours", hours_payload(EPOCH, 1))
    drive(central, until=lambda: acks(observer), what="the good one is acknowledged")
    assert caplog.text.count("event=payload_rejected") == 6
    assert read_totals(tmp_path / "central.db")["hours"] == 1


def test_a_contradiction_is_kept_aside_and_the_first_stands(tmp_path, central, observer, caplog):
    observer.publish(f"{BRANCH}/up/hours", hours_payload(EPOCH, 1, ots=12))
    observer.publish(f"{BRANCH}/up/hours", hours_payload(EPOCH, 1, ots=13))
    database = tmp_path / "central.db"
    drive(central, until=lambda: read_totals(database)["conflicts"] == 1, what="it is kept aside")
    assert read_totals(database)["hours"] == 1
    assert "event=payload_conflict" in caplog.text


def test_what_could_not_be_committed_is_not_answered_for(tmp_path, broker, observer, caplog):
    settings = settings_for(tmp_path, broker.port)
    central = central_for(settings)
    drive(central, until=lambda: "Received SUBSCRIBE from kiosk-c" in broker.log, what="ready")
    central._store.db.execute("PRAGMA query_only = 1")
    observer.publish(f"{BRANCH}/up/hours", hours_payload(EPOCH, 1))
    drive(central, until=lambda: "event=central_database_failed" in caplog.text, what="it is told")
    assert "Received PUBACK from kiosk-central" not in broker.log
    central.close()
    assert acks(observer) == []
    second = central_for(settings)
    drive(second, until=lambda: acks(observer), what="the broker has repeated it")
    assert acks(observer) == [("hours", EPOCH, 1)]
    second.close()


def test_a_gap_is_told_once_and_acknowledged_as_far_as_it_goes(central, observer, caplog):
    for count, seq in enumerate((1, 3, 4), start=1):
        observer.publish(f"{BRANCH}/up/hours", hours_payload(EPOCH, seq))
        drive(central, until=lambda count=count: len(acks(observer)) >= count, what="acked")
    assert {seq for _, _, seq in acks(observer)} == {1}
    assert caplog.text.count("event=sequence_gap") == 1
