"""A worker on a real broker."""

from __future__ import annotations

import json
import time
from functools import partial
from random import Random

import pytest

from kiosk.central.ingest.mqtt import MqttIngest
from kiosk.central.store import read_totals
from kiosk.clock import SystemClock
from kiosk.service import Heartbeat
from kiosk.uplink import Guard
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
    monkeypatch.setattr("kiosk.central.ingest.mqtt.POLL_S", 0.01)


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path / "broker") as started:
        yield started


@pytest.fixture
def observer(broker):
    found = Observer(broker.port, "kiosk/v1/+/+/+/down/ack")
    yield found
    found.close()


def acks(observer):
    return [
        (ack["stream"], ack["epoch"], ack["seq"])
        for ack in (json.loads(payload) for payload in observer.of("/down/ack"))
    ]


def subscribed(broker, name):
    return lambda: f"Received SUBSCRIBE from {name}" in broker.log


def test_what_is_committed_is_acknowledged_to_the_device(tmp_path, broker, observer):
    settings = settings_for(tmp_path, broker.port)
    central = central_for(settings)
    drive(central, until=subscribed(broker, "kiosk-central-1"), what="ready")
    observer.publish(f"{BRANCH}/up/hours", b"rubbish")
    observer.publish(f"{BRANCH}/up/hours", hours_payload(EPOCH, 1))
    observer.publish(f"{BRANCH}/up/plays", plays_payload(EPOCH, 1, "a", "b"))
    drive(
        central,
        until=lambda: {("hours", EPOCH, 1), ("plays", EPOCH, 1)} <= set(acks(observer)),
        what="both are acknowledged",
    )
    totals = {"hours": 1, "plays": 2, "messages": 2, "conflicts": 0}
    assert read_totals(settings.central) == totals
    central.close()


def test_what_could_not_be_committed_is_repeated_by_the_broker(tmp_path, broker, observer, caplog):
    settings = settings_for(tmp_path, broker.port)
    central = central_for(settings)
    drive(central, until=subscribed(broker, "kiosk-central-1"), what="ready")
    with central.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE streams RENAME TO elsewhere")
    observer.publish(f"{BRANCH}/up/hours", hours_payload(EPOCH, 1))
    drive(central, until=lambda: "event=central_database_failed" in caplog.text, what="it is told")
    assert "Received PUBACK from kiosk-central" not in broker.log
    with central.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO streams")
    central.close()
    assert acks(observer) == []
    second = central_for(settings)
    drive(second, until=lambda: acks(observer), what="the broker has repeated it")
    assert acks(observer) == [("hours", EPOCH, 1)]
    second.close()


def worker_for(settings, slot, slots):
    ingest = settings.central.ingest.model_copy(update={"slot": slot, "slots": slots})
    central = settings.central.model_copy(update={"ingest": ingest})
    return MqttIngest(
        settings.model_copy(update={"central": central}),
        clock=SystemClock(),
        pause=time.sleep,
        random=Random(slot),
        heartbeat=Heartbeat(),
    )


def test_workers_share_what_comes_and_each_message_counts_once(tmp_path, broker, observer):
    settings = settings_for(tmp_path, broker.port)
    workers = [worker_for(settings, slot, 2) for slot in (1, 2)]
    for slot in (1, 2):
        drive(*workers, until=subscribed(broker, f"kiosk-central-{slot}"), what="ready")
    for seq in range(1, 21):
        observer.publish(f"{BRANCH}/up/hours", hours_payload(EPOCH, seq))
    drive(
        *workers, until=lambda: ("hours", EPOCH, 20) in acks(observer), what="all are acknowledged"
    )
    for slot in (1, 2):
        assert broker.log.count(f"Sending PUBLISH to kiosk-central-{slot} ") == 10
    assert read_totals(settings.central)["hours"] == 20
    for worker in workers:
        worker.close()


def test_what_came_while_a_worker_was_away_is_kept_for_its_slot(tmp_path, broker, observer):
    settings = settings_for(tmp_path, broker.port)
    workers = [worker_for(settings, slot, 2) for slot in (1, 2)]
    for slot in (1, 2):
        drive(*workers, until=subscribed(broker, f"kiosk-central-{slot}"), what="ready")
    workers[1].close()
    for seq in range(1, 11):
        observer.publish(f"{BRANCH}/up/hours", hours_payload(EPOCH, seq))
    again = worker_for(settings, 2, 2)
    drive(
        workers[0],
        again,
        until=lambda: ("hours", EPOCH, 10) in acks(observer),
        what="all are acknowledged",
    )
    assert read_totals(settings.central)["hours"] == 10
    workers[0].close()
    again.close()


def test_memory_is_bounded_while_the_database_is_away_and_nothing_is_lost(
    tmp_path, broker, observer, monkeypatch, caplog
):
    monkeypatch.setattr("kiosk.central.ingest.worker.Guard", partial(Guard, retry_s=0.05))
    settings = settings_for(tmp_path, broker.port, central={"ingest": {"batch_max": 2}})
    central = central_for(settings)
    drive(central, until=subscribed(broker, "kiosk-central-1"), what="ready")
    with central.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE streams RENAME TO elsewhere")
    for seq in range(1, 61):
        observer.publish(f"{BRANCH}/up/hours", hours_payload(EPOCH, seq))
    sent = "Sending PUBLISH to kiosk-central-1 "
    drive(central, until=lambda: broker.log.count(sent) >= 60, what="all are with the worker")
    assert central.held <= 20
    with central.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO streams")
    drive(
        central, until=lambda: ("hours", EPOCH, 60) in acks(observer), what="all are acknowledged"
    )
    assert read_totals(settings.central)["hours"] == 60
    central.close()
