"""Whom the broker of head office lets in, and to what: with real clients and real certificates."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from kiosk.central.authority import open_authority
from kiosk.central.courier import order_command
from kiosk.central.office import enrol_device, enrolled_devices, publish_config, revoke_device
from kiosk.central.office.broker import BrokerFolder, client_settings
from kiosk.central.store import open_database
from kiosk.central.store.tables import commands, devices
from kiosk.clock import SystemClock
from kiosk.config import load_settings
from kiosk.errors import BrokerError, PortInUseError, StateError
from tests.central.courier.desks import settings_in
from tests.central.office.devices import Stranger, files_in
from tests.mosquitto import free_port, wait_for
from tests.uplink.fleet import Device, central_for, drive, uplink_for

WINDOW, DOOR = "acme/berlin-1/window", "acme/berlin-1/door"


class Door:
    """The broker that ``kiosk central run`` would start, with two devices enrolled."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.settings = settings_in(folder, broker={"host": "127.0.0.1", "port": self.port})
        self.authority = open_authority(self.settings.central, SystemClock())
        self.folder = BrokerFolder(self.settings, self.authority)
        self.devices = {names: folder / names.rsplit("/")[-1] for names in (WINDOW, DOOR)}
        for names, out in self.devices.items():
            enrol_device(self.settings, names, out)
        self.broker = client_settings(self.settings, self.authority)
        self._log = folder / "log"
        self.start()

    def start(self) -> None:
        self.folder.prepare()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self.folder.command(), stdout=log, stderr=log)
        wait_for(self._accepts, "Mosquitto accepts connections")

    def _accepts(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    @property
    def pid(self) -> int:
        return self._process.pid

    def device(self, names: str, client_id: str = "") -> Stranger:
        files = files_in(self.devices[names])
        return Stranger(self.port, **files, name=client_id)

    def office(self, client_id: str = "office") -> Stranger:
        tls = self.broker.tls
        assert tls.ca_file is not None
        return Stranger(self.port, tls.ca_file, tls.cert_file, tls.key_file, client_id)


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    opened = Door(tmp_path_factory.mktemp("door"))
    yield opened
    opened.stop()


def test_the_uplink_of_an_enrolled_device_delivers_and_is_acknowledged(door, tmp_path):
    central = central_for(door.settings.model_copy(update={"broker": door.broker}))
    shutil.copytree(door.devices[WINDOW], tmp_path / "device")
    config = tmp_path / "device" / "kiosk.yaml"
    overrides = [f"state.path={tmp_path / 'state.db'}", "uplink.poll_s=0.02"]
    overrides.append("uplink.ack_timeout_s=0.5")  # head office may come second
    settings = load_settings(config, overrides)
    device = Device(settings.state.path)
    device.publish_hour("2026-01-02T10:00:00Z")
    uplink = uplink_for(settings)
    drive(uplink, central, until=lambda: device.outbox() == [], what="all is acknowledged")
    uplink.close()
    central.close()


def test_a_device_gets_what_head_office_wants_of_it_and_rotates_its_certificate(door, tmp_path):
    wanted = tmp_path / "wanted.yaml"
    wanted.write_text("log:\n  level: warning\n")
    out = tmp_path / "device"
    enrol_device(door.settings, "acme/berlin-1/shelf", out)
    publish_config(door.settings, wanted, "acme/*/shelf")
    overrides = ["uplink.poll_s=0.02", "uplink.health_s=0.2", "clock.trust=always"]
    overrides += [f"state.path={tmp_path / 'state.db'}", f"desired.folder={tmp_path / 'desired'}"]
    first = (out / "device.crt").read_bytes()
    central = central_for(door.settings.model_copy(update={"broker": door.broker}))
    uplink = uplink_for(load_settings(out / "kiosk.yaml", overrides))
    engine = open_database(door.settings.central)

    def found(*wanted: Any) -> list[Any]:
        with engine.connect() as connection:
            return list(connection.execute(select(*wanted)).all())

    taken = tmp_path / "desired" / "config" / "installed.json"
    drive(uplink, central, until=taken.exists, what="the device takes the configuration")
    assert json.loads(taken.read_text())["content"] == {"log": {"level": "warning"}}
    (device,) = [row.id for row in found(devices) if row.name == "shelf"]
    with engine.begin() as connection:
        order_command(connection, device, "rotate-certificate", {}, "ada", datetime.now(UTC))

    def outcomes() -> dict[str, str]:
        return {row.name: row.outcome for row in found(commands) if row.device_id == device}

    done = {"rotate-certificate": "done", "install-certificate": "done"}
    drive(uplink, central, until=lambda: outcomes() == done, what="it has a new certificate")
    uplink.close()
    central.close()
    engine.dispose()
    second = (out / "device.crt").read_bytes()
    assert second != first
    shelves = [one for one in enrolled_devices(door.settings) if one.branch.device == "shelf"]
    assert len(shelves) == 2
    with Stranger(door.port, **files_in(out)) as device_again:
        assert device_again.is_in


def test_a_device_may_write_to_its_own_branch_and_to_no_other(door):
    with door.device(WINDOW) as window:
        assert window.publish(f"kiosk/v1/{WINDOW}/up/hours") == "Success"
        for topic in (
            f"kiosk/v1/{DOOR}/up/hours",
            f"kiosk/v1/{DOOR}/status",
            f"kiosk/v1/{WINDOW}/down/command",
            f"kiosk/v1/{DOOR}/down/command",
            "kiosk/v1/acme/berlin-1/up/hours",
            "homeassistant/x",
            "$SYS/x",
        ):
            assert window.publish(topic) == "Not authorized", topic


def test_a_device_hears_its_own_branch_and_nothing_else(door):
    with door.device(WINDOW) as window, door.device(DOOR) as other, door.office() as office:
        window.subscribe("#")
        window.subscribe("$SYS/#")
        window.subscribe(f"kiosk/v1/{DOOR}/down/#")
        other.publish(f"kiosk/v1/{DOOR}/up/hours", b"secret")
        office.publish(f"kiosk/v1/{DOOR}/down/command", b"secret")
        office.publish(f"kiosk/v1/{WINDOW}/down/command", b"for the window")
        wait_for(lambda: window.messages, "the window hears head office")
        assert [(topic, text) for topic, text, _ in window.messages] == [
            (f"kiosk/v1/{WINDOW}/down/command", b"for the window")
        ]


def test_what_is_kept_reaches_a_device_that_comes_later(door):
    topic = f"kiosk/v1/{WINDOW}/down/config"
    with door.office() as office:
        office.subscribe("kiosk/v1/+/+/+/status")
        office._client.publish(topic, b"document", qos=1, retain=True).wait_for_publish(5)
        with door.device(WINDOW) as window:
            window.subscribe(f"kiosk/v1/{WINDOW}/down/#")
            wait_for(lambda: window.messages, "the document arrives")
            assert window.messages == [(topic, b"document", True)]
        office._client.publish(topic, b"", qos=1, retain=True).wait_for_publish(5)


def test_nobody_comes_in_without_a_certificate_of_ours(door, tmp_path):
    ca = door.devices[WINDOW] / "ca.crt"
    with Stranger(door.port, ca) as nobody:
        assert not nobody.is_in
    elsewhere = settings_in(tmp_path)
    enrol_device(elsewhere, WINDOW, tmp_path / "forged")
    forged = files_in(tmp_path / "forged") | {"ca": ca}
    with Stranger(door.port, **forged) as forger:
        assert not forger.is_in
        assert forger.answers == []


def test_the_certificate_of_the_broker_opens_no_client_connection(door):
    folder = door.folder.path
    ca = door.devices[WINDOW] / "ca.crt"
    with Stranger(door.port, ca, folder / "broker.crt", folder / "broker.key") as broker:
        assert not broker.is_in


def test_a_device_cannot_throw_out_others_by_using_their_client_id(door):
    with door.office("kiosk-central-1") as office, door.device(DOOR, "the-door") as other:
        with door.device(WINDOW, "kiosk-central-1") as first:
            assert first.is_in
        with door.device(WINDOW, "the-door") as second:
            assert second.is_in
        assert (office.is_in, other.is_in) == (True, True)


def test_a_clone_with_the_same_certificate_takes_the_session_and_is_noticed(door):
    with door.device(WINDOW, "original") as original, door.device(WINDOW, "clone") as clone:
        wait_for(lambda: original.ended, "the original is thrown out")
        assert clone.is_in


def test_the_broker_does_not_run_as_root_and_owns_no_secret(door):
    status = Path(f"/proc/{door.pid}/status").read_text()
    users = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    if os.geteuid() == 0:
        assert "0" not in users
        assert (door.folder.path / "broker.key").stat().st_uid == 0
        assert door.folder.path.stat().st_mode & 0o777 == 0o750
    assert (door.settings.central.folder / "authority").stat().st_mode & 0o077 == 0


def test_a_revoked_device_is_refused_once_the_broker_has_started_again(tmp_path):
    door = Door(tmp_path)
    try:
        with door.device(WINDOW) as before:
            assert before.is_in
        assert door.folder.prepare() is False
        revoke_device(door.settings, WINDOW)
        assert door.folder.prepare() is True
        door.stop()
        assert not door.folder.is_fresh
        door.start()
        with door.device(WINDOW) as revoked, door.device(DOOR) as other:
            assert not revoked.is_in
            assert other.is_in
        enrol_device(door.settings, WINDOW, tmp_path / "again")
        with Stranger(door.port, **files_in(tmp_path / "again")) as again:
            assert again.is_in
    finally:
        door.stop()


def test_a_broker_that_is_told_another_name_gets_another_certificate(tmp_path):
    settings = settings_in(tmp_path)
    authority = open_authority(settings.central, SystemClock())
    assert BrokerFolder(settings, authority).prepare() is True
    assert BrokerFolder(settings, authority).prepare() is False
    named = settings_in(tmp_path, broker={"names": ["shop.example"]})
    assert BrokerFolder(named, authority).prepare() is True
    certificate = (settings.central.folder / "broker" / "broker.crt").read_bytes()
    assert BrokerFolder(named, authority).prepare() is False
    assert certificate == (settings.central.folder / "broker" / "broker.crt").read_bytes()


def folder_at(tmp_path: Path, **broker: object) -> BrokerFolder:
    settings = settings_in(tmp_path, broker=broker)
    return BrokerFolder(settings, open_authority(settings.central, SystemClock()))


def test_a_port_that_is_taken_is_one_sentence(door, tmp_path):
    with pytest.raises(
        PortInUseError, match=f"another program listens on 127.0.0.1, port {door.port}"
    ):
        folder_at(tmp_path, host="127.0.0.1", port=door.port).check_port()


def test_an_address_that_is_not_ours_is_one_sentence(tmp_path):
    with pytest.raises(BrokerError, match=r"cannot listen on 192\.0\.2\.1"):
        folder_at(tmp_path, host="192.0.2.1", port=free_port()).check_port()


def test_a_missing_mosquitto_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("kiosk.central.office.broker.SBIN", str(tmp_path))
    with pytest.raises(BrokerError, match="mosquitto is not installed") as caught:
        folder_at(tmp_path).command()
    assert caught.value.hint == "apt-get install mosquitto"


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    folder = folder_at(tmp_path)
    (tmp_path / "central" / "broker").write_text("a file")
    with pytest.raises(StateError, match="central/broker: cannot be written"):
        folder.prepare()
