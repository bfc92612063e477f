"""A device's outbox, an observer at the broker, and a way to drive processes turn by turn."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Protocol

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from sqlalchemy import select

from kiosk.central.ingest.mqtt import MqttIngest
from kiosk.central.store import make_engine, tables
from kiosk.clock import SystemClock
from kiosk.config import Settings
from kiosk.service import Heartbeat
from kiosk.state import Closing, PlayBook, PlayStart, Store, close_hour, open_store
from kiosk.uplink.process import Uplink
from kiosk.wire import CreativeHour, Hours, HourTables, PlayProof, Plays
from tests.mosquitto import DEADLINE_S, wait_for

NOW = "2026-01-02T10:00:00Z"
BRANCH = "kiosk/v1/demo/shop-1/kiosk-1"


class Turning(Protocol):
    def turn(self) -> None: ...


def settings_for(folder: Path, port: int, **changes: dict[str, Any]) -> Settings:
    data: dict[str, dict[str, Any]] = {
        "state": {"path": folder / "state.db"},
        "central": {"database": str(folder / "central.db")},
        "broker": {
            "port": port,
            "backoff_min_s": 0.05,
            "backoff_max_s": 0.2,
            "connect_timeout_s": 2,
        },
        "uplink": {"poll_s": 0.02, "ack_timeout_s": 30},
    }
    for section, values in changes.items():
        data.setdefault(section, {}).update(values)
    return Settings.model_validate(data)


def uplink_for(settings: Settings) -> Uplink:
    return Uplink(
        settings,
        clock=SystemClock(),
        pause=time.sleep,
        random=Random(1),
        heartbeat=Heartbeat(),
    )


def central_for(settings: Settings) -> MqttIngest:
    return MqttIngest(
        settings,
        clock=SystemClock(),
        pause=time.sleep,
        random=Random(2),
        heartbeat=Heartbeat(),
    )


def committed_plays(settings: Settings) -> list[str]:
    """The identities of all plays that head office has, in their order."""
    with make_engine(settings.central).connect() as connection:
        batches = connection.scalars(select(tables.play_batches.c.proofs)).all()
    return sorted(play["play_id"] for batch in batches for play in json.loads(batch))


def drive(
    *parts: Turning, until: Callable[[], object], what: str, deadline_s: float = DEADLINE_S
) -> None:
    def step() -> object:
        for part in parts:
            part.turn()
        return until()

    wait_for(step, what, deadline_s)


def hours_payload(epoch: str, seq: int, hour: str = NOW, ots: int = 12) -> bytes:
    people = {"25-34": {"female": ots, "male": 0, "unknown": 0}}
    one = {"plays": 3, "ots": ots, "watchers": 7, "dwell_s": 60, "attention_s": 40}
    one |= {"age_gender": people, "mood": None, "group_size": None}
    tables = HourTables.model_validate(
        one
        | {"impressions": 9, "impressions_age_gender": people}
        | {"creatives": {"coffee": CreativeHour.model_validate(one)}}
    )
    return Hours.model_validate(
        {
            "epoch": epoch,
            "seq": seq,
            "hour": hour,
            "policy": "full",
            "noise": "off",
            "clamps": {"dwell_s": 30, "attention_s": 30, "impressions": 4},
            "notice_s": 0,
            "tables": tables,
        }
    ).encode()


def plays_payload(epoch: str, seq: int, *play_ids: str) -> bytes:
    return Plays(
        epoch=epoch,
        seq=seq,
        plays=[
            PlayProof.model_validate(
                {
                    "play_id": play_id,
                    "creative": "coffee",
                    "campaign": "spring",
                    "contract": None,
                    "start": NOW,
                    "duration_s": 8.0,
                    "completed": True,
                    "presented": True,
                }
            )
            for play_id in play_ids
        ],
    ).encode()


class Device:
    """The director's side of a state file."""

    def __init__(self, path: Path) -> None:
        self.store: Store = open_store(path, SystemClock())
        self.plays = 0

    def publish_hour(self, hour: str) -> None:
        epoch = self.store.epoch
        closing = Closing(hour, "off", None, "{}", "{}", NOW)
        close_hour(self.store, closing, lambda seq: hours_payload(epoch, seq, hour))

    def publish_plays(self, count: int) -> None:
        book = PlayBook(self.store)
        names = [f"play-{self.plays + number}" for number in range(count)]
        self.plays += count
        for name in names:
            book.start(PlayStart(name, "coffee", "spring", "rotation", "its turn", NOW, True))
            book.end(name, 8.0, completed=True)
        epoch = self.store.epoch
        book.batch(lambda seq, plays: plays_payload(epoch, seq, *(p.play_id for p in plays)), NOW)

    def outbox(self) -> list[tuple[str, int, int]]:
        """Stream, number and mark of each row."""
        rows = self.store.db.execute(
            "SELECT stream, seq, at_broker FROM outbox ORDER BY stream, seq"
        )
        return [tuple(row) for row in rows]


class Observer:
    """An ordinary client of the broker; its messages are (topic, payload) in order of arrival."""

    def __init__(
        self, port: int, topic: str = "kiosk/v1/#", username: str | None = None, password: str = ""
    ) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self._answered: set[int] = set()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        if username is not None:
            self._client.username_pw_set(username, password)
        self._client.on_connect = lambda *_: self._client.subscribe(topic, qos=1)
        ready: list[object] = []
        self._client.on_subscribe = lambda *answer: ready.append(answer)
        self._client.on_message = lambda _client, _data, message: self.messages.append(
            (message.topic, bytes(message.payload))
        )
        self._client.connect(
            "127.0.0.1",
            port,
            clean_start=True,
            properties=Properties(PacketTypes.CONNECT),
        )
        self._client.loop_start()
        wait_for(lambda: ready, "the observer has subscribed")

    def publish(self, topic: str, payload: bytes) -> None:
        info = self._client.publish(topic, payload, qos=1)
        wait_for(info.is_published, "the observer's message is at the broker")

    def of(self, leaf: str) -> list[bytes]:
        return [payload for topic, payload in list(self.messages) if topic.endswith(leaf)]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
