"""A worker on a queue of a real RabbitMQ, and a real uplink that speaks MQTT 3.1.1 to it."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime

import pika
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.bench.fleet.rabbitmq import PrivateRabbit
from kiosk.central.courier import Draft, publish_document
from kiosk.central.ingest.rabbit import topic_of
from kiosk.central.store import open_database
from kiosk.central.store.tables import (
    alerts,
    conflicts,
    deliveries,
    devices,
    hours,
    play_batches,
)
from kiosk.wire import Sealed
from tests.mosquitto import wait_for
from tests.rabbitmq import DEVICE, PASSWORD, Sender, deployed, depth, settings_for_amqp, worker_for
from tests.uplink.fleet import NOW, Device, drive, hours_payload, settings_for, uplink_for

EPOCH = "0badcafe"
TOPIC = "kiosk/v1/demo/shop-1/kiosk-1"


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory):
    with PrivateRabbit(tmp_path_factory.mktemp("rabbit"), loaded=deployed()) as one:
        yield one


def asked(settings, query):
    with closing(sqlite3.connect(settings.central.database)) as connection:
        return connection.execute(query).fetchone()[0]


def counted(settings, table):
    return asked(settings, f"SELECT count(*) FROM {table.name}")


def state_of(settings):
    return asked(settings, "SELECT state FROM devices")


def hourly(count, begin=1):
    return [
        (
            f"{TOPIC}/up/hours",
            hours_payload(
                EPOCH, number, f"2026-01-{1 + number // 24:02d}T{number % 24:02d}:00:00Z"
            ),
        )
        for number in range(begin, begin + count)
    ]


def test_what_a_device_sends_is_committed_and_leaves_its_outbox(rabbit, tmp_path):
    settings = settings_for_amqp(tmp_path / "office", rabbit, "kiosk-up-whole")
    worker = worker_for(settings)
    device = Device(tmp_path / "state.db")
    device.publish_plays(3)
    device.publish_hour(NOW)
    worker.turn()
    password = tmp_path / "office" / "password"
    access = {"username": DEVICE, "password_file": password, "protocol": "3.1.1"}
    uplink = uplink_for(settings_for(tmp_path, rabbit.mqtt_port, broker=access))
    drive(uplink, worker, until=lambda: device.outbox() == [], what="both are acknowledged")
    assert counted(settings, hours) == 1
    assert counted(settings, play_batches) == 1
    uplink.close()
    drive(worker, until=lambda: state_of(settings) == "offline", what="the farewell is committed")
    worker.close()
    assert depth(rabbit, "kiosk-up-whole") == 0


def test_a_killed_worker_s_messages_are_given_to_the_next_and_none_is_doubled(rabbit, tmp_path):
    settings = settings_for_amqp(
        tmp_path,
        rabbit,
        "kiosk-up-killed",
        central={"ingest": {"batch_max": 20, "amqp_prefetch": 200}},
    )
    first = worker_for(settings)
    first.turn()
    first.close()
    sender = Sender(rabbit)
    sender.send(*hourly(400))
    config = tmp_path / "kiosk.yaml"
    config.write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    code = "import sys; from kiosk.config import load_settings; from kiosk.central.ingest.amqp "
    code += "import run_amqp; from pathlib import Path; run_amqp(load_settings(Path(sys.argv[1])))"
    child = subprocess.Popen([sys.executable, "-c", code, str(config)])
    wait_for(lambda: counted(settings, hours) > 0, "it commits", 30)
    child.send_signal(signal.SIGKILL)
    child.wait()
    before = counted(settings, hours)
    assert before < 400, "it was killed too late for this test to say anything"
    second = worker_for(settings)
    drive(second, until=lambda: depth(rabbit, "kiosk-up-killed") == 0, what="the queue is empty")
    drive(second, until=lambda: counted(settings, hours) == 400, what="all are committed")
    assert counted(settings, conflicts) == 0
    second.close()
    sender.close()
    assert depth(rabbit, "kiosk-up-killed") == 0, "nothing was left unacknowledged"


def test_a_message_that_is_no_good_does_not_come_again(rabbit, tmp_path, caplog):
    settings = settings_for_amqp(tmp_path, rabbit, "kiosk-up-poison")
    worker = worker_for(settings)
    worker.turn()
    sender = Sender(rabbit)
    sender.send((f"{TOPIC}/up/hours", b"\xff not JSON"), *hourly(1))
    drive(worker, until=lambda: counted(settings, hours) == 1, what="the good one is committed")
    worker.close()
    sender.close()
    assert depth(rabbit, "kiosk-up-poison") == 0
    assert "event=payload_rejected" in caplog.text
    assert counted(settings, alerts) == 1


def test_nothing_is_taken_off_the_queue_while_the_database_is_away(rabbit, tmp_path):
    settings = settings_for_amqp(tmp_path / "office", rabbit, "kiosk-up-away")
    worker = worker_for(settings)
    worker.turn()
    home, elsewhere = tmp_path / "office", tmp_path / "elsewhere"
    home.rename(elsewhere)
    home.write_text("a file where a folder should be")
    sender = Sender(rabbit)
    sender.send(*hourly(3))
    for _ in range(3):
        worker.turn()
    worker.close()
    assert depth(rabbit, "kiosk-up-away") == 3
    home.unlink()
    elsewhere.rename(home)
    again = worker_for(settings)
    drive(again, until=lambda: counted(settings, hours) == 3, what="all are committed")
    again.close()
    sender.close()


@pytest.mark.parametrize(
    "topic",
    ["kiosk/v1/demo/shop-1/kiosk-2/up/hours", "kiosk/v1/demo/shop-1.kiosk-1/up/up/hours"],
    ids=["another's", "a dot for a slash"],
)
def test_a_device_cannot_speak_for_another(rabbit, tmp_path, topic):
    settings = settings_for_amqp(tmp_path, rabbit, "kiosk-up-forged")
    worker = worker_for(settings)
    worker.turn()
    forger = Sender(rabbit, DEVICE)
    forger.publish(topic, hours_payload(EPOCH, 1))
    wait_for(lambda: forger.lost, "RabbitMQ has thrown it out")
    honest = Sender(rabbit, DEVICE)
    honest.send(*hourly(1))
    drive(worker, until=lambda: counted(settings, hours) == 1, what="its own is committed")
    worker.close()
    assert depth(rabbit, "kiosk-up-forged") == 0
    assert counted(settings, devices) == 1
    forger.close()
    honest.close()


def test_a_document_is_kept_for_a_device_that_comes_later(rabbit, tmp_path):
    second = {"ingest": {"slot": 2, "slots": 2}}
    other = worker_for(settings_for_amqp(tmp_path, rabbit, "kiosk-up-kept", central=second))
    other.turn()
    settings = settings_for_amqp(tmp_path, rabbit, "kiosk-up-kept")
    engine = open_database(settings.central)
    sender = Sender(rabbit)
    sender.send(*hourly(1))
    drive(other, until=lambda: counted(settings, devices) == 1, what="the device is known")
    other.close()
    draft = Draft("config", "demo/*/*", {})
    with engine.begin() as connection:
        publish_document(
            connection, draft, "a test", datetime.now(UTC), Ed25519PrivateKey.generate()
        )
    worker = worker_for(settings)
    drive(worker, until=lambda: counted(settings, deliveries) == 1, what="it is delivered")
    later = Sender(rabbit, topic=f"{TOPIC}/down/config")
    wait_for(lambda: later.messages, "the device has it")
    topic, payload, retained = later.messages[0]
    assert (topic, retained) == (f"{TOPIC}/down/config", True)
    assert json.loads(Sealed.model_validate_json(payload).body)["target"] == "demo/*/*"
    worker.close()
    engine.dispose()
    for one in (sender, later):
        one.close()


def test_a_wrong_password_is_told_and_rarely_tried(rabbit, tmp_path, caplog):
    settings = settings_for_amqp(tmp_path, rabbit, "kiosk-up-refused")
    (tmp_path / "password").write_text("wrong")
    worker = worker_for(settings)
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        worker.turn()
    worker.close()
    assert caplog.text.count("event=queue_refused") == 1
    assert 'reason="user name or password" retry_s=300.0' in caplog.text
    assert PASSWORD not in caplog.text


def test_a_queue_of_another_type_is_told(rabbit, tmp_path, caplog):
    node = rabbit.nodes[0]
    parameters = pika.ConnectionParameters(
        node.host, node.amqp_port, credentials=pika.PlainCredentials("fleet", PASSWORD)
    )
    with pika.BlockingConnection(parameters) as connection:
        connection.channel().queue_declare("kiosk-up-classic", durable=True)
    worker = worker_for(settings_for_amqp(tmp_path, rabbit, "kiosk-up-classic"))
    worker.turn()
    worker.close()
    assert "event=queue_refused" in caplog.text
    assert "x-queue-type" in caplog.text


def test_a_worker_goes_on_to_the_next_node_when_one_is_away(rabbit, tmp_path, caplog):
    caplog.set_level("INFO")
    hosts = ["127.0.0.1:9", *rabbit.amqp_hosts]
    settings = settings_for_amqp(
        tmp_path, rabbit, "kiosk-up-next", central={"ingest": {"amqp_hosts": hosts}}
    )
    worker = worker_for(settings)
    drive(worker, until=lambda: "event=queue_connected" in caplog.text, what="it is connected")
    worker.close()
    assert "event=queue_unreachable address=127.0.0.1:9" in caplog.text


@pytest.mark.parametrize(
    ("routing_key", "topic"),
    [
        ("kiosk.v1.demo.shop-1.kiosk-1.up.hours", "kiosk/v1/demo/shop-1/kiosk-1/up/hours"),
        ("kiosk.v1.demo.a/b.kiosk-1.status", "kiosk/v1/demo/a.b/kiosk-1/status"),
    ],
    ids=["names", "a dot in a name stays one"],
)
def test_a_routing_key_is_the_topic_it_came_from(routing_key, topic):
    assert topic_of(routing_key) == topic
