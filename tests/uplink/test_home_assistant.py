"""Home Assistant's discovery: what it is told, and that nothing is told unasked."""

from __future__ import annotations

import json
import re

import jinja2
import pytest

from kiosk.config import Settings
from kiosk.uplink.homeassistant import discovery, node_name
from kiosk.wire import Branch
from tests.mosquitto import Mosquitto
from tests.uplink.fleet import (
    BRANCH,
    NOW,
    Device,
    Observer,
    drive,
    settings_for,
    uplink_for,
)

KNOWN = {
    *("name", "unique_id", "state_topic", "value_template", "device", "origin"),
    *("availability_topic", "availability_template", "expire_after", "device_class"),
    *("state_class", "unit_of_measurement", "entity_category", "payload_on", "payload_off"),
}
"""Keys that Home Assistant's documentation of both components names; it refuses others."""


def described(observer: Observer) -> dict[str, dict]:
    return {
        topic: json.loads(payload)
        for topic, payload in observer.messages
        if topic.startswith("homeassistant/")
    }


def shown(description: dict, messages: dict[str, bytes]) -> str:
    """What Home Assistant makes of a message: its template, over the JSON."""
    said = json.loads(messages[description["state_topic"]])
    return jinja2.Template(description["value_template"]).render(value_json=said)


def test_each_sensor_is_described_and_reads_what_is_published(tmp_path):
    asked = {"home_assistant": {"discovery": True}, "health_s": 60}
    with Mosquitto(tmp_path / "broker") as broker:
        observer = Observer(broker.port)
        device = Device(tmp_path / "state.db")
        device.publish_hour(NOW)
        uplink = uplink_for(settings_for(tmp_path, broker.port, uplink=asked))
        drive(uplink, until=lambda: observer.of("up/health"), what="health")
        drive(uplink, until=lambda: observer.of("up/hours"), what="an hour")
        late = Observer(broker.port, "homeassistant/#")
        drive(uplink, until=lambda: len(late.messages) == 10, what="descriptions are retained")
        observer.messages += late.messages
        found, messages = described(observer), dict(observer.messages)
        values = {topic.split("/")[3]: shown(one, messages) for topic, one in found.items()}
        uplink.close()
        late.close()
        observer.close()
    assert {"online": "online", "ots": "12", "watchers": "7", "dark": "OFF"}.items() <= (
        values.items()
    )
    assert values["vision"] == "None", "the director has not spoken: unknown, in its words"
    assert values["outbox"] in {"0", "1"}
    for topic, one in found.items():
        assert re.fullmatch(
            r"homeassistant/(sensor|binary_sensor)/[A-Za-z0-9_-]+/[a-z_]+/config", topic
        )
        assert set(one) <= KNOWN
        assert one["state_topic"].startswith(f"{BRANCH}/")
        assert one["device"]["identifiers"] == ["kiosk/demo/shop-1/kiosk-1"]
        assert one["origin"]["name"] == "kiosk"
        if "availability_topic" in one:
            said = jinja2.Template(one["availability_template"]).render(
                value_json=json.loads(messages[one["availability_topic"]])
            )
            assert said == "online", "what payload_available is by default"
    assert len({one["unique_id"] for one in found.values()}) == len(found)


def test_no_more_is_sent_at_once_than_the_broker_takes(tmp_path):
    asked = {"home_assistant": {"discovery": True}, "health_s": 60}
    with Mosquitto(tmp_path / "broker", extra="max_inflight_messages 4\n") as broker:
        observer = Observer(broker.port, "homeassistant/#")
        device = Device(tmp_path / "state.db")
        device.publish_plays(10)
        uplink = uplink_for(settings_for(tmp_path, broker.port, uplink=asked))
        most = 0

        def described_all() -> bool:
            nonlocal most
            most = max(most, len(uplink._link._unanswered))
            return len(observer.messages) == 10

        drive(uplink, until=described_all, what="all descriptions")
        assert 0 < most <= 4
        uplink.close()
        observer.close()


def test_unasked_nothing_is_described(tmp_path):
    with Mosquitto(tmp_path / "broker") as broker:
        observer = Observer(broker.port, "#")
        uplink = uplink_for(settings_for(tmp_path, broker.port))
        drive(uplink, until=lambda: observer.of("up/health"), what="health")
        uplink.close()
        assert all(topic.startswith(f"{BRANCH}/") for topic, _ in observer.messages)
        observer.close()


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a_b", "c", "d"), ("a", "b_c", "d")), (("a", "b", "c_d"), ("a", "b_c", "d"))],
)
def test_two_devices_never_share_a_description(one, other):
    assert node_name(Branch(*one)) != node_name(Branch(*other))


def test_no_description_holds_anything_of_people():
    said = json.dumps([p.payload.decode() for p in discovery(Settings(), Branch("a", "b", "c"))])
    assert not re.search("age_|gender|mood|viewer|dwell|creative", said)
