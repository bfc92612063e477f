"""The shipped example configuration of the broker, with certificates made for the test."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kiosk.doctor import _broker
from tests.mosquitto import Mosquitto, free_port
from tests.uplink.fleet import Device, central_for, drive, settings_for, uplink_for

SHIPPED = Path(__file__).parents[2] / "deploy/mosquitto"

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_authority(folder: Path) -> None:
    folder.mkdir()
    openssl(
        folder,
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
        *("-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test authority"),
    )


def make_certificate(folder: Path, stem: str, name: str) -> None:
    """A certificate for ``name``; slashes in it are the name's own."""
    subject = "/CN=" + name.replace("/", r"\/")
    openssl(
        folder,
        *f"req -newkey rsa:2048 -nodes -keyout {stem}.key -out {stem}.csr".split(),
        *("-subj", subject, "-addext", "subjectAltName=IP:127.0.0.1"),
    )
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl(
        folder,
        *f"x509 -req -in {stem}.csr -CA ca.crt -CAkey ca.key -CAcreateserial".split(),
        *f"-out {stem}.crt -days 2 -extfile names".split(),
    )


def tls_of(folder: Path, stem: str) -> dict[str, object]:
    return {
        "ca_file": folder / "ca.crt",
        "cert_file": folder / f"{stem}.crt",
        "key_file": folder / f"{stem}.key",
    }


@pytest.fixture
def certificates(tmp_path):
    folder = tmp_path / "certificates"
    make_authority(folder)
    make_certificate(folder, "broker", "broker")
    make_certificate(folder, "device", "demo/shop-1/kiosk-1")
    make_certificate(folder, "central", "kiosk-central")
    return folder


class ShippedMosquitto(Mosquitto):
    """The example configuration, with only its paths and its port replaced."""

    def __init__(self, folder: Path, certificates: Path) -> None:
        super().__init__(folder, port=free_port())
        shutil.copy(SHIPPED / "kiosk.acl", folder / "kiosk.acl")
        (folder / "kiosk.acl").chmod(0o600)
        lines = (SHIPPED / "kiosk.conf").read_text()
        for old, new in [
            ("/etc/mosquitto/certs/", f"{certificates}/"),
            ("/etc/mosquitto/kiosk.acl", str(folder / "kiosk.acl")),
            ("/var/lib/mosquitto/", f"{folder}/"),
            ("listener 8883", f"listener {self.port} 127.0.0.1"),
            ("log_dest syslog", "log_dest stderr"),
        ]:
            assert old in lines
            lines = lines.replace(old, new)
        user = re.search(r"^user .*$", self._config.read_text(), re.MULTILINE)
        assert user is not None
        self._config.write_text(f"{lines}\n{user.group()}\n")


def test_a_fleet_talks_by_the_shipped_configuration(tmp_path, certificates, monkeypatch):
    monkeypatch.setattr("kiosk.central.ingest.mqtt.POLL_S", 0.01)
    with ShippedMosquitto(tmp_path / "broker", certificates) as broker:
        device = Device(tmp_path / "state.db")
        device.publish_plays(2)
        tls = {stem: {"tls": tls_of(certificates, stem)} for stem in ("device", "central")}
        again = {"ack_timeout_s": 0.3}
        uplink = uplink_for(settings_for(tmp_path, broker.port, broker=tls["device"], uplink=again))
        central = central_for(settings_for(tmp_path, broker.port, broker=tls["central"]))
        drive(uplink, central, until=lambda: device.outbox() == [], what="it is acknowledged")
        uplink.close()
        central.close()


def test_a_broker_of_another_authority_is_not_trusted(tmp_path, certificates, caplog):
    make_authority(tmp_path / "other")
    with ShippedMosquitto(tmp_path / "broker", certificates) as broker:
        tls = tls_of(certificates, "device") | {"ca_file": tmp_path / "other/ca.crt"}
        uplink = uplink_for(settings_for(tmp_path, broker.port, broker={"tls": tls}))
        drive(uplink, until=lambda: "event=broker_untrusted" in caplog.text, what="it is told")
        assert not uplink._link.connected
        uplink.close()


def test_the_doctor_tells_a_wrong_authority_a_missing_certificate_and_a_good_one(
    tmp_path, certificates
):
    make_authority(tmp_path / "other")
    ours = tls_of(certificates, "device")
    with ShippedMosquitto(tmp_path / "broker", certificates) as broker:

        def told(tls: dict[str, object]) -> tuple[str, str]:
            found = _broker(settings_for(tmp_path, broker.port, broker={"tls": tls}))
            return found.state, found.message

        assert told(ours)[0] == "ok"
        state, message = told(ours | {"ca_file": tmp_path / "other/ca.crt"})
        assert (state, "TLS fails" in message) == ("fail", True)
        state, message = told({"ca_file": certificates / "ca.crt"})
        assert (state, "ended the connection" in message) == ("fail", True)
        state, message = told({})
        assert (state, "ended the connection" in message) == ("fail", True), "the port is for TLS"
