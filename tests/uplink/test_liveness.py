"""Whether the broker is there is told by its answers, not by a connection that seems to stand."""

from __future__ import annotations

import os
import signal

from kiosk.clock import SystemClock
from kiosk.config import BrokerSettings
from kiosk.uplink import Publication, Session
from tests.mosquitto import Mosquitto
from tests.uplink.fleet import drive
from tests.uplink.listeners import HalfDeadBroker, Listener

KEEPALIVE_S = 2
"""Less than a configuration may ask for, so that the tests are short."""

SLACK_S = 0.5


def broker_at(port: int, **changes: object) -> BrokerSettings:
    settings = BrokerSettings(port=port, backoff_min_s=0.05, backoff_max_s=0.2)
    return settings.model_copy(update={"keepalive_s": KEEPALIVE_S, **changes})


def test_a_broker_that_freezes_is_noticed_in_one_and_a_half_keepalives(tmp_path, caplog):
    clock = SystemClock()
    with Mosquitto(tmp_path / "broker") as broker:
        listener = Listener(broker_at(broker.port, connect_timeout_s=1), Session("device", ()))
        drive(listener, until=lambda: listener.link.connected, what="it is connected")
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            frozen = clock.monotonic()
            drive(listener, until=lambda: not listener.link.connected, what="it is noticed")
            assert clock.monotonic() - frozen <= 1.5 * KEEPALIVE_S + SLACK_S
            assert listener.losses == 1
            drive(
                listener,
                until=lambda: "event=broker_unreachable" in caplog.text,
                what="a listening socket alone is no broker",
            )
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        drive(listener, until=lambda: listener.connections == 2, what="it is connected again")
        listener.close()
    assert "event=broker_silent" in caplog.text


def test_a_broker_that_answers_pings_only_is_left_and_tried_again(caplog):
    broker = HalfDeadBroker()
    listener = Listener(broker_at(broker.port, protocol="3.1.1"), Session("device", ()))
    drive(listener, until=lambda: listener.link.connected, what="it is connected")
    listener.link.publish(Publication("kiosk/v1/a/b/c/up/plays", b"{}"))
    began = SystemClock().monotonic()
    drive(listener, until=lambda: broker.connections == 2, what="another connection")
    assert SystemClock().monotonic() - began <= 1.5 * KEEPALIVE_S + SLACK_S
    assert broker.pings >= 1
    assert listener.answers == []
    assert "event=broker_silent" in caplog.text
    assert 'reason="a message got no answer"' in caplog.text
    listener.close()
    broker.close()


def test_an_owner_that_fails_in_every_call_keeps_its_connection(tmp_path, caplog):
    class Failing(Listener):
        def on_connected(self) -> None:
            super().on_connected()
            raise RuntimeError("connected")

        def on_answer(self, mid: int, refusal: str | None) -> None:
            super().on_answer(mid, refusal)
            raise RuntimeError("answer")

        def on_message(self, message: object) -> None:
            self.messages.append(message)
            raise RuntimeError("message")

    with Mosquitto(tmp_path / "broker") as broker:
        failing = Failing(broker_at(broker.port), Session("device", ("echo",)))
        drive(failing, until=lambda: failing.link.connected, what="it is connected")
        for count in (1, 2):
            failing.link.publish(Publication("echo", b"x"))
            drive(failing, until=lambda n=count: len(failing.messages) == n, what="it came back")
        drive(failing, until=lambda: len(failing.answers) == 2, what="both were answered")
        assert failing.link.connected
        assert caplog.text.count("event=callback_failed") == 5
        failing.close()


def test_a_new_connection_is_made_at_once_when_it_is_asked_for(tmp_path):
    with Mosquitto(tmp_path / "broker") as broker:
        slow = broker_at(broker.port, backoff_min_s=30, backoff_max_s=60)
        listener = Listener(slow, Session("device", ()))
        drive(listener, until=lambda: listener.link.connected, what="it is connected")
        listener.link.begin_anew()
        assert not listener.link.connected
        drive(listener, until=lambda: listener.connections == 2, what="it is connected again")
        assert listener.losses == 1
        assert listener.link.failure is None
        listener.close()
