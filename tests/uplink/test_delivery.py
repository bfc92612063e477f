"""From the outbox of a device into the tables of head office."""

from __future__ import annotations

import signal

import pytest

from kiosk.central.store import read_totals
from tests.mosquitto import Mosquitto
from tests.uplink.fleet import Device, central_for, committed_plays, drive, settings_for, uplink_for


@pytest.fixture(autouse=True)
def _short_polls(monkeypatch):
    monkeypatch.setattr("kiosk.central.ingest.mqtt.POLL_S", 0.01)


def hour(number: int) -> str:
    return f"2026-01-{1 + number // 24:02}T{number % 24:02}:00:00Z"


@pytest.mark.parametrize("kills", [0, 1, 3])
def test_everything_arrives_exactly_once_though_the_broker_is_killed(tmp_path, kills):
    settings = settings_for(
        tmp_path, 1, uplink={"ack_timeout_s": 0.5, "max_inflight": 5, "poll_s": 0.01}
    )
    with Mosquitto(tmp_path / "broker") as broker:
        settings = settings.model_copy(
            update={"broker": settings.broker.model_copy(update={"port": broker.port})}
        )
        device, uplink, central = (
            Device(tmp_path / "state.db"),
            uplink_for(settings),
            central_for(settings),
        )
        for number in range(40):
            device.publish_hour(hour(number))
            device.publish_plays(3)
        for kill in range(1, kills + 1):
            drive(
                uplink,
                central,
                until=lambda kill=kill: len(device.outbox()) < 80 - 15 * kill,
                what="a part is through",
            )
            uplink.turn()
            broker.stop(signal.SIGKILL)
            device.publish_plays(1)
            for _ in range(5):
                uplink.turn()
                central.turn()
            broker.start()
        drive(uplink, central, until=lambda: device.outbox() == [], what="the outbox is empty")
        central.turn()
        assert read_totals(settings.central) == {
            "hours": 40,
            "plays": 120 + kills,
            "messages": 80 + kills,
            "conflicts": 0,
        }
        assert committed_plays(settings) == sorted(
            f"play-{number}" for number in range(120 + kills)
        )
        uplink.close()
        central.close()


def test_what_was_sent_before_head_office_ever_connected_arrives_too(tmp_path):
    with Mosquitto(tmp_path / "broker") as broker:
        settings = settings_for(tmp_path, broker.port, uplink={"ack_timeout_s": 0.3})
        device, uplink = Device(tmp_path / "state.db"), uplink_for(settings)
        device.publish_plays(2)
        drive(uplink, until=lambda: device.outbox() == [("plays", 1, 1)], what="the row is marked")
        central = central_for(settings)
        drive(uplink, central, until=lambda: device.outbox() == [], what="the outbox is empty")
        assert read_totals(settings.central)["plays"] == 2
        uplink.close()
        central.close()
