"""MQTT 3.1.1: the same promises with a broker that can say less."""

from __future__ import annotations

import json

import pytest

from kiosk.uplink import Publication, Session
from kiosk.wire import Ack
from tests.mosquitto import Mosquitto, wait_for
from tests.nats import Nats
from tests.uplink.fleet import (
    BRANCH,
    NOW,
    Device,
    Observer,
    drive,
    settings_for,
    uplink_for,
)
from tests.uplink.listeners import Listener

OLD = {"protocol": "3.1.1"}


def test_a_device_speaks_311_and_loses_nothing(tmp_path, caplog):
    caplog.set_level("INFO")
    with Mosquitto(tmp_path / "broker") as broker:
        observer = Observer(broker.port)
        device = Device(tmp_path / "state.db")
        device.publish_plays(2)
        device.publish_hour(NOW)
        uplink = uplink_for(settings_for(tmp_path, broker.port, broker=OLD))
        drive(
            uplink,
            until=lambda: device.outbox() == [("hours", 1, 1), ("plays", 1, 1)],
            what="both rows are marked",
        )
        for stream in ("plays", "hours"):
            ack = Ack(stream=stream, epoch=device.store.epoch, seq=1)
            observer.publish(f"{BRANCH}/down/ack", ack.encode())
        drive(uplink, until=lambda: device.outbox() == [], what="both are acknowledged")
        uplink.close()
        wait_for(lambda: len(observer.of("/status")) == 2, "the farewell")
        states = [json.loads(payload)["state"] for payload in observer.of("/status")]
        assert states == ["online", "offline"]
        assert "as kiosk.demo.shop-1.kiosk-1 (p2, c1, k22)" in broker.log, "clean, in 3.1.1"
        observer.close()
    assert caplog.text.count("event=refusals_unseen") == 1


def test_a_refusal_that_311_hides_deletes_nothing_and_is_tried_again(tmp_path, caplog):
    with Mosquitto(tmp_path / "broker", acl="topic read nothing\n") as broker:
        device = Device(tmp_path / "state.db")
        device.publish_plays(1)
        again = {"ack_timeout_s": 0.3}
        uplink = uplink_for(settings_for(tmp_path, broker.port, broker=OLD, uplink=again))
        drive(uplink, until=lambda: "event=ack_overdue" in caplog.text, what="it is missed")
        assert [row[:2] for row in device.outbox()] == [("plays", 1)]
        uplink.close()


def test_a_wrong_password_is_told_apart_from_a_broker_that_is_away(tmp_path, caplog):
    (tmp_path / "password").write_text("wrong\n")
    with Mosquitto(tmp_path / "broker", users={"kiosk": "right"}) as broker:
        access = {"username": "kiosk", "password_file": tmp_path / "password", **OLD}
        uplink = uplink_for(settings_for(tmp_path, broker.port, broker=access))
        drive(uplink, until=lambda: "event=broker_refused" in caplog.text, what="it is told")
        assert "retry_s=300" in caplog.text
        uplink.close()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_what_came_while_its_owner_was_away_is_kept_for_a_session_that_lasts(tmp_path, protocol):
    with Mosquitto(tmp_path / "broker") as broker:
        session = Session("office", ("x/#",), clean_start=False, expiry_s=60, manual_ack=True)
        settings = settings_for(tmp_path, broker.port, broker={"protocol": protocol}).broker
        first = Listener(settings, session)
        first.turn()
        drive(first, until=lambda: "SUBACK" in broker.log, what="it has subscribed")
        first.close()
        observer = Observer(broker.port, "y")
        observer.publish("x/1", b"while you were away")
        observer.close()
        second = Listener(settings, session)
        drive(second, until=lambda: second.messages, what="it came")
        second.close()
        third = Listener(settings, session)
        drive(third, until=lambda: third.messages, what="unanswered, it comes again")
        third.link.acknowledge(third.messages[0])
        third.link.publish(Publication("y", b"after it"))
        drive(third, until=lambda: third.answers, what="the acknowledgement has gone out")
        third.close()
        fourth = Listener(settings, session)
        drive(fourth, until=lambda: fourth.link.connected, what="it is connected")
        fourth.link.publish(Publication("y", b"after it"))
        drive(fourth, until=lambda: fourth.answers, what="a round trip")
        assert fourth.messages == []
        fourth.close()


def test_a_device_on_nats_delivers_is_acknowledged_and_is_seen_online(tmp_path):
    with Nats(tmp_path / "nats") as broker:
        settings = settings_for(tmp_path, broker.port, broker=OLD)
        office = Listener(settings.broker, Session("office", ("kiosk/v1/+/+/+/up/#",)))
        office.turn()
        device = Device(tmp_path / "state.db")
        device.publish_plays(2)
        uplink = uplink_for(settings)

        def came() -> bool:
            return any(one.topic.endswith("up/plays") for one in office.messages)

        drive(office, uplink, until=came, what="head office has the plays")
        drive(uplink, until=lambda: device.outbox() == [("plays", 1, 1)], what="the row is marked")
        ack = Ack(stream="plays", epoch=device.store.epoch, seq=1)
        office.link.publish(Publication(f"{BRANCH}/down/ack", ack.encode()))
        drive(office, uplink, until=lambda: device.outbox() == [], what="it is acknowledged")
        late = Listener(settings.broker, Session("late", (f"{BRANCH}/status",)))
        drive(late, uplink, until=lambda: late.messages, what="the state is retained")
        assert json.loads(late.messages[0].payload)["state"] == "online"
        uplink.close()
        drive(late, until=lambda: len(late.messages) == 2, what="the farewell")
        assert json.loads(late.messages[1].payload)["state"] == "offline"
        for part in (office, late):
            part.close()
