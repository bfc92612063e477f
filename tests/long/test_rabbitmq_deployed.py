"""The configuration in ``deploy/rabbitmq`` on a real node: TLS, certificates, rights."""

from __future__ import annotations

import json
import re

import pytest

from kiosk.bench.fleet.rabbitmq import PrivateRabbit
from kiosk.central.authority import open_authority, parse_branch
from kiosk.clock import SystemClock
from kiosk.config import Settings
from tests.mosquitto import free_port
from tests.rabbitmq import DEFINITIONS, DEVICE, settings_for_amqp, worker_for
from tests.uplink.fleet import NOW, Device, drive, settings_for, uplink_for

pytestmark = pytest.mark.long

DEPLOYED = DEFINITIONS.parent


def config_for(node, folder):
    """What is in the repository, on ports and in a folder of this test, and without a cluster."""
    text = (DEPLOYED / "rabbitmq.conf").read_text()
    for pattern, here in (
        (
            r"^mqtt\.listeners\.ssl\.default = .*$",
            f"mqtt.listeners.ssl.1 = 127.0.0.1:{node.mqtt_port}",
        ),
        (r"^listeners\.ssl\.default = .*$", f"listeners.ssl.1 = 127.0.0.1:{node.amqp_port}"),
        (r"^prometheus\.tcp\.port = .*$", f"prometheus.tcp.port = {free_port()}"),
        (r"^disk_free_limit\.absolute = .*$", "disk_free_limit.absolute = 50MB"),
        (r"^cluster_formation\..*$", ""),
        (r"/etc/rabbitmq/kiosk", str(folder)),
    ):
        text, count = re.subn(pattern, here, text, flags=re.MULTILINE)
        assert count, pattern
    return f"{text}\nload_definitions = {folder}/rabbit/definitions.json\n"


def authority_in(folder):
    settings = Settings.model_validate({"central": {"folder": folder}})
    return open_authority(settings.central, SystemClock())


def test_devices_and_workers_come_in_by_certificate_and_by_nothing_else(tmp_path, caplog):
    authority = authority_in(tmp_path / "office")
    pairs = {
        "node": authority.own_pair(None, ["127.0.0.1"]),
        "central": authority.own_pair(None),
        "device": authority.enrol(parse_branch(DEVICE), again=False),
    }
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    for name, pair in pairs.items():
        (tmp_path / f"{name}.crt").write_bytes(pair.certificate)
        (tmp_path / f"{name}.key").write_bytes(pair.key)
        (tmp_path / f"{name}.key").chmod(0o600)

    def tls(name):
        files = {"cert_file": tmp_path / f"{name}.crt", "key_file": tmp_path / f"{name}.key"}
        return {"tls": {"ca_file": tmp_path / "ca.crt", **files}, "protocol": "3.1.1"}

    with PrivateRabbit(
        tmp_path / "rabbit",
        loaded=json.loads(DEFINITIONS.read_text()),
        config=lambda node: config_for(node, tmp_path),
        plugins=(DEPLOYED / "enabled_plugins").read_text(),
    ) as rabbit:
        certified = {**tls("central"), "username": None, "password_file": None}
        worker = worker_for(settings_for_amqp(tmp_path, rabbit, "kiosk-up", broker=certified))
        worker.turn()
        device = Device(tmp_path / "state.db")
        device.publish_plays(3)
        device.publish_hour(NOW)
        uplink = uplink_for(settings_for(tmp_path, rabbit.mqtt_port, broker=tls("device")))
        drive(uplink, worker, until=lambda: device.outbox() == [], what="both are acknowledged")
        uplink.close()
        worker.close()
        nobody = {"tls": {"ca_file": tmp_path / "ca.crt"}, "protocol": "3.1.1"}
        anonymous = uplink_for(settings_for(tmp_path, rabbit.mqtt_port, broker=nobody))
        drive(anonymous, until=lambda: "event=broker_un" in caplog.text, what="it is refused")
        anonymous.close()
        (tmp_path / "ca.crt").write_bytes(authority_in(tmp_path / "another").certificate)
        misled = worker_for(settings_for_amqp(tmp_path, rabbit, "kiosk-up", broker=certified))
        misled.turn()
        misled.close()
        assert "event=queue_untrusted address=127.0.0.1:" in caplog.text
