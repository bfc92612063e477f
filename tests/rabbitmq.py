"""A real RabbitMQ for tests: who may connect, how a worker is told of it, and what its queue holds.

Its nodes and how they are started: :mod:`kiosk.bench.fleet.rabbitmq`.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random
from typing import Any

import pika
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from pika.exceptions import ChannelClosedByBroker

from kiosk.bench.fleet.rabbitmq import PrivateRabbit, User, definitions, password_hash
from kiosk.central.ingest.amqp import AmqpIngest
from kiosk.clock import SystemClock
from kiosk.config import Settings
from kiosk.service import Heartbeat
from tests.mosquitto import wait_for

OFFICE = "kiosk-central"
PASSWORD = "not-a-secret"
DEVICE = "demo/shop-1/kiosk-1"

DEFINITIONS = Path(__file__).parents[1] / "deploy" / "rabbitmq" / "definitions.json"


def deployed() -> dict[str, Any]:
    """Queue, users and rights as in ``deploy/rabbitmq``, with passwords.

    Beside head office and one device there is ``fleet``, who may say anything.
    """
    found: dict[str, Any] = json.loads(DEFINITIONS.read_text())
    everything = definitions({"fleet": User(PASSWORD)})
    for user in found["users"]:
        user["password_hash"] = password_hash(PASSWORD)
    for part in ("users", "permissions"):
        found[part] += everything[part]
    return found


def settings_for_amqp(
    folder: Path, rabbit: PrivateRabbit, queue: str, **changes: dict[str, Any]
) -> Settings:
    """A worker's settings."""
    folder.mkdir(parents=True, exist_ok=True)
    password = folder / "password"
    password.write_text(PASSWORD)
    data: dict[str, dict[str, Any]] = {
        "broker": {
            "port": rabbit.mqtt_port,
            "protocol": "3.1.1",
            "username": OFFICE,
            "password_file": password,
            "backoff_min_s": 0.05,
            "backoff_max_s": 0.5,
        },
        "central": {
            "database": str(folder / "central.db"),
            "folder": folder / "office",
            "ingest": {"source": "amqp", "amqp_hosts": rabbit.amqp_hosts, "amqp_queue": queue},
        },
    }
    for section, values in changes.items():
        for name, value in values.items():
            before = data.setdefault(section, {}).get(name)
            data[section][name] = {**before, **value} if isinstance(before, dict) else value
    return Settings.model_validate(data)


def worker_for(settings: Settings) -> AmqpIngest:
    """A worker in this process."""
    return AmqpIngest(
        settings, clock=SystemClock(), pause=time.sleep, random=Random(3), heartbeat=Heartbeat()
    )


def depth(rabbit: PrivateRabbit, queue: str, node: int = 0) -> int:
    """Messages that wait in the queue and are not on their way; -1: there is no such queue."""
    host = rabbit.nodes[node]
    parameters = pika.ConnectionParameters(
        host.host, host.amqp_port, credentials=pika.PlainCredentials("fleet", PASSWORD)
    )
    connection = pika.BlockingConnection(parameters)
    try:
        answer = connection.channel().queue_declare(queue, passive=True)
        return int(answer.method.message_count)
    except ChannelClosedByBroker:
        return -1
    finally:
        connection.close()


class Sender:
    """An ordinary client of one node; its messages are (topic, payload, retained)."""

    def __init__(
        self, rabbit: PrivateRabbit, user: str = "fleet", topic: str | None = None, node: int = 0
    ) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self.lost: list[int] = []
        ready: list[int] = []
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311)
        self._client.username_pw_set(user, PASSWORD)
        self._client.max_inflight_messages = 0
        self._client.on_subscribe = lambda *_: ready.append(1)
        self._client.on_connect = lambda *_: (
            self._client.subscribe(topic, qos=1) if topic else ready.append(1)
        )
        self._client.on_message = lambda _c, _d, message: self.messages.append(
            (message.topic, message.payload, message.retain)
        )
        self._client.on_disconnect = lambda *_: self.lost.append(1)
        self._client.reconnect_delay_set(60)
        self._client.connect(rabbit.nodes[node].host, rabbit.mqtt_port)
        self._client.loop_start()
        wait_for(lambda: ready, "the sender is connected")

    def send(self, *messages: tuple[str, bytes]) -> None:
        """Publish, and wait until RabbitMQ has them all."""
        sent = [self._client.publish(topic, payload, qos=1) for topic, payload in messages]
        wait_for(lambda: all(one.is_published() for one in sent), "RabbitMQ has them", 30)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish, and wait for nothing."""
        self._client.publish(topic, payload, qos=1)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()
