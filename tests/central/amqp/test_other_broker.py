"""The same device and the same worker on a broker that is neither Mosquitto nor RabbitMQ."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from random import Random

from kiosk.central.ingest.mqtt import MqttIngest
from kiosk.clock import SystemClock
from kiosk.service import Heartbeat
from tests.nats import Nats
from tests.uplink.fleet import NOW, Device, drive, settings_for, uplink_for


def test_nats_carries_what_a_device_sends_and_what_it_is_answered(tmp_path, caplog):
    caplog.set_level("INFO")
    with Nats(tmp_path / "nats") as broker:
        settings = settings_for(tmp_path, broker.port, broker={"protocol": "3.1.1"})
        worker = MqttIngest(
            settings,
            clock=SystemClock(),
            pause=time.sleep,
            random=Random(2),
            heartbeat=Heartbeat(),
        )
        # What nobody has subscribed to yet is dropped, and sent again only after a while.
        drive(worker, until=lambda: "event=broker_connected" in caplog.text, what="it is connected")
        worker.turn()
        device = Device(tmp_path / "state.db")
        device.publish_plays(3)
        device.publish_hour(NOW)
        uplink = uplink_for(settings)
        drive(uplink, worker, until=lambda: device.outbox() == [], what="both are acknowledged")
        uplink.close()
        worker.close()
    with closing(sqlite3.connect(settings.central.database)) as connection:
        kept = "SELECT (SELECT count(*) FROM hours), (SELECT sum(plays) FROM play_batches)"
        assert connection.execute(kept).fetchone() == (1, 3)
