"""What `kiosk doctor` finds at the broker, and what it leaves alone there."""

from __future__ import annotations

import socket

import pytest

from kiosk.doctor import _broker
from tests.mosquitto import Mosquitto, free_port, wait_for
from tests.uplink.fleet import Observer, drive, settings_for, uplink_for


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_broker_that_takes_us_is_told_and_a_connected_uplink_is_left_alone(tmp_path, protocol):
    with Mosquitto(tmp_path / "broker") as broker:
        observer = Observer(broker.port)
        settings = settings_for(tmp_path, broker.port, broker={"protocol": protocol})
        found = _broker(settings)
        assert (found.state, found.hint) == ("ok", "")
        assert f"takes us (MQTT {protocol})" in found.message
        wait_for(lambda: "kiosk-1.doctor disconnected" in broker.log, "the doctor has left")
        uplink = uplink_for(settings)
        drive(uplink, until=lambda: observer.of("/status"), what="the birth message")
        tried = broker.log.count("kiosk-1.doctor")
        found = _broker(settings)
        assert (found.state, "the uplink that runs is connected" in found.message) == ("ok", True)
        drive(uplink, until=lambda: observer.of("up/health"), what="the uplink goes on")
        assert len(observer.of("/status")) == 1, "no last will, no birth of its own"
        assert broker.log.count("kiosk-1.doctor") == tried
        uplink.close()
        observer.close()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize(
    ("password", "hint"),
    [("wrong", "check broker.username"), (None, "a credential of systemd is seen by the service")],
)
def test_what_the_broker_says_to_a_wrong_log_in_is_told(tmp_path, protocol, password, hint):
    access: dict[str, object] = {"username": "kiosk", "protocol": protocol}
    if password is not None:
        (tmp_path / "password").write_text(password)
        access["password_file"] = tmp_path / "password"
    with Mosquitto(tmp_path / "broker", users={"kiosk": "right"}) as broker:
        found = _broker(settings_for(tmp_path, broker.port, broker=access))
    assert found.state == "fail"
    assert "the broker refuses us: Not authorized" in found.message
    assert hint in found.hint


def test_a_broker_that_is_away_is_a_warning_for_nothing_is_lost(tmp_path):
    found = _broker(settings_for(tmp_path, free_port()))
    assert found.state == "warn"
    assert "not reached" in found.message
    assert "counts are kept" in found.hint


def test_another_service_on_the_port_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("kiosk.uplink.probe.PATIENCE_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = settings_for(tmp_path, server.getsockname()[1])
        found = _broker(settings)
    assert found.state == "fail"
    assert "nobody answers in MQTT 5" in found.message


def test_a_password_that_would_cross_the_network_readable_is_a_failure(tmp_path):
    (tmp_path / "password").write_text("secret")
    access = {"host": "192.0.2.1", "username": "kiosk", "password_file": tmp_path / "password"}
    found = _broker(settings_for(tmp_path, 1883, broker=access))
    assert found.state == "fail"
    assert "for everybody to read" in found.message
    assert "broker.tls.ca_file" in found.hint
