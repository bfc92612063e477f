"""A new certificate from afar: with a real broker, a power cut at each step, and a way back."""

from __future__ import annotations

import json
import os
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kiosk.clock import SystemClock
from kiosk.errors import BrokerError
from kiosk.uplink import Link, Publication, Session
from kiosk.uplink.desired.certificates import Certificates
from kiosk.uplink.desired.trust import RefusedError
from kiosk.wire import Branch, Reply
from tests.uplink.authority import Authority
from tests.uplink.fleet import BRANCH, drive, settings_for, uplink_for
from tests.uplink.head_office import TARGET, HeadOffice
from tests.uplink.test_tls import ShippedMosquitto, tls_of

NAME = Branch("demo", "shop-1", "kiosk-1")
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


class Files:
    """A device's folder of certificates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(NOW)
        folder.mkdir()
        (folder / "ca.crt").write_text(self.authority.pem)
        tls = tls_of(folder, "device")
        self.cert, self.key = Path(str(tls["cert_file"])), Path(str(tls["key_file"]))
        self.settings = settings_for(folder, 1, broker={"tls": tls}).broker.tls
        self.made = Certificates(self.settings, NAME)
        csr = self.made.request()
        (folder / "device.key.new").rename(self.key)
        self.cert.write_text(self.authority.sign(csr, TARGET))

    def pair(self) -> tuple[bytes, bytes]:
        return self.cert.read_bytes(), self.key.read_bytes()

    def fits(self) -> bool:
        """The key at work is the certificate's."""
        try:
            ssl.create_default_context().load_cert_chain(self.cert, self.key)
        except ssl.SSLError:
            return False
        return True


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path / "tls")


def test_a_new_key_never_leaves_and_is_read_by_nobody_else(files):
    csr = x509.load_pem_x509_csr(files.made.request().encode())
    assert csr.is_signature_valid
    assert isinstance(csr.public_key().curve, ec.SECP256R1)
    assert csr.subject.rfc4514_string() == f"CN={TARGET}"
    waiting = files.folder / "device.key.new"
    assert waiting.stat().st_mode & 0o777 == 0o600


def test_a_certificate_is_installed_on_trial_and_stays_when_it_proved_itself(files):
    before = files.pair()
    pem = files.authority.sign(files.made.request(), TARGET)
    files.made.install(pem, "id-1", NOW)
    assert files.cert.read_text() == pem
    assert files.fits()
    assert files.key.stat().st_mode & 0o777 == 0o600
    assert files.made.on_trial(0)
    with pytest.raises(RefusedError, match="not proved itself"):
        files.made.request()
    assert files.made.given_up(119) is None
    assert files.made.proved() == "id-1"
    assert not files.made.on_trial(0)
    assert files.made.proved() is None
    assert files.pair() != before


def test_a_certificate_that_does_not_prove_itself_gives_way_to_the_one_before(files):
    before = files.pair()
    files.made.install(files.authority.sign(files.made.request(), TARGET), "id-1", NOW)
    assert files.made.on_trial(1000)
    assert files.made.given_up(1121) == "id-1"
    assert files.pair() == before
    assert not files.made.on_trial(1122)
    assert files.made.given_up(9999) is None


def wrong_certificates(files: Files) -> dict[str, tuple[str, str]]:
    csr = files.made.request()
    other = Authority(NOW, "another authority")
    own = files.authority
    key = ec.generate_private_key(ec.SECP256R1())
    forged = x509.CertificateSigningRequestBuilder().subject_name(own.name)
    forged_csr = forged.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    return {
        "for another key": (own.sign(forged_csr, TARGET), "another key"),
        "for another device": (own.sign(csr, "demo/shop-1/kiosk-2"), "common name"),
        "of another authority": (other.sign(csr, TARGET), "authority"),
        "with that authority beside it": (
            other.sign(csr, TARGET) + other.pem,
            "authority",
        ),
        "not valid yet": (own.sign(csr, TARGET, since=NOW + timedelta(days=1)), "not valid now"),
        "not valid any more": (
            own.sign(csr, TARGET, since=NOW - timedelta(days=31)),
            "not valid now",
        ),
        "no certificate": ("-----BEGIN CERTIFICATE-----\n", "cannot be read"),
        "nothing": ("", "cannot be read"),
    }


def test_a_wrong_certificate_is_never_installed(files):
    before = files.pair()
    for what, (pem, why) in wrong_certificates(files).items():
        with pytest.raises(RefusedError, match=why):
            files.made.install(pem, "id-1", NOW)
        assert files.pair() == before, what
        assert not files.made.on_trial(0)


def with_a_weak_one_beside_it(files: Files) -> str:
    key, name = rsa.generate_private_key(65537, 1024), x509.Name([])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + timedelta(days=9))
    weak = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    return files.authority.sign(files.made.request(), TARGET) + weak


def test_a_certificate_with_which_nothing_could_start_is_never_installed(files):
    before = files.pair()
    with pytest.raises(RefusedError, match="cannot be used for TLS"):
        files.made.install(with_a_weak_one_beside_it(files), "id-1", NOW)
    assert files.pair() == before
    assert not files.made.on_trial(0)


def test_one_on_trial_that_cannot_be_used_gives_way_at_a_start(files, caplog):
    before = files.pair()
    files.made.install(files.authority.sign(files.made.request(), TARGET), "id-1", NOW)
    files.cert.write_text("damaged on the disk")
    files.made.recover()
    assert files.pair() == before
    assert not files.made.on_trial(0)
    assert "event=certificate_given_up id=id-1" in caplog.text


def test_a_certificate_that_nobody_asked_for_is_refused(files):
    with pytest.raises(RefusedError, match="rotate-certificate first"):
        files.made.install(files.cert.read_text(), "id-1", NOW)


def test_a_device_without_a_certificate_or_a_place_for_one_says_so(tmp_path, files):
    bare = Certificates(settings_for(tmp_path, 1).broker.tls, NAME)
    bare.recover()
    with pytest.raises(RefusedError, match="no certificate"):
        bare.request()
    blocked = tmp_path / "file"
    blocked.write_text("in the place of a folder")
    tls = tls_of(files.folder, "device") | {"key_file": blocked / "device.key"}
    settings = settings_for(tmp_path, 1, broker={"tls": tls}).broker.tls
    with pytest.raises(RefusedError, match="cannot write a key there"):
        Certificates(settings, NAME).request()
    with pytest.raises(RefusedError, match="64 signs"):
        Certificates(files.settings, Branch("a" * 30, "b" * 30, "c" * 30)).request()


class PowerCutError(BaseException):
    """Nothing of the process goes on after it."""


@pytest.mark.parametrize("work", ["install", "given_up"])
def test_a_power_cut_at_any_step_leaves_a_key_with_its_certificate(files, monkeypatch, work):
    for last in range(60):
        before = files.cert.read_bytes()
        pem = files.authority.sign(files.made.request(), TARGET)
        if work == "given_up":
            files.made.install(pem, "id-1", NOW)
            files.made.on_trial(0)
        with monkeypatch.context() as patch:
            cut_after(patch, last)
            try:
                if work == "install":
                    files.made.install(pem, "id-1", NOW)
                else:
                    files.made.given_up(500)
                done = True
            except PowerCutError:
                done = False
        files.made = Certificates(files.settings, NAME)
        files.made.recover()
        assert files.fits(), f"cut after {last} steps"
        assert files.cert.read_bytes() in {before, pem.encode()}
        files.made.on_trial(0)
        files.made.proved()
        if done:
            assert files.cert.read_bytes() == (pem.encode() if work == "install" else before)
            break
    else:
        pytest.fail("it never came to its end")
    assert last > 3


def cut_after(patch: pytest.MonkeyPatch, steps: int) -> None:
    left = [steps]

    def counted(name: str):
        real = getattr(os, name)

        def step(*arguments: Any, **options: Any) -> Any:
            if left[0] == 0:
                raise PowerCutError
            left[0] -= 1
            return real(*arguments, **options)

        return step

    for name in ("fsync", "link", "rename", "replace", "unlink"):
        patch.setattr(os, name, counted(name))


def test_a_change_that_cannot_be_finished_is_one_sentence_at_the_start(files):
    files.made.install(files.authority.sign(files.made.request(), TARGET), "id-1", NOW)
    (files.folder / "device.crt.new").mkdir()
    with pytest.raises(BrokerError, match="cannot be finished"):
        Certificates(files.settings, NAME).recover()


# ---- with a broker ------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path):
    """The broker's, with everybody's pair in its folder."""
    made = Authority(datetime.now(UTC) - timedelta(minutes=1))
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / "ca.crt").write_text(made.pem)
    for stem, name in (("broker", "broker"), ("device", TARGET), ("central", "kiosk-central")):
        made.write_pair(folder, stem, name)
    return made


class Central:
    """Head office's client at the broker, with its certificate."""

    def __init__(self, port: int, folder: Path, office: HeadOffice) -> None:
        self.replies: dict[str, Reply] = {}
        self._office = office
        settings = settings_for(folder.parent, port, broker={"tls": tls_of(folder, "central")})
        self.link = Link(
            settings.broker,
            Session("head-office", (f"{BRANCH}/up/reply",)),
            self,
            clock=SystemClock(),
            pause=time.sleep,
            random=Random(1),
        )

    def turn(self) -> None:
        self.link.turn(0.01)

    def order(self, name: str, **changes: Any) -> str:
        """Give a command; returns its id."""
        command = self._office.command(name, **changes)
        self.link.publish(Publication(f"{BRANCH}/down/command", command))
        return str(json.loads(json.loads(command)["body"])["id"])

    def is_heard(self) -> bool:
        """Whether the device answers; it is asked again each time."""
        if self.link.connected:
            self.order("ping")
        return bool(self.replies)

    def on_connected(self) -> None: ...

    def on_lost(self) -> None: ...

    def on_answer(self, mid: int, refusal: str | None) -> None: ...

    def on_message(self, message: Any) -> None:
        reply = Reply.model_validate_json(message.payload)
        assert reply.id not in self.replies, "exactly one reply"
        self.replies[reply.id] = reply


@pytest.mark.parametrize("taken", [True, False], ids=["the broker takes it", "it refuses it"])
def test_a_certificate_is_renewed_over_the_wire_or_the_old_one_is_back(
    tmp_path, authority, monkeypatch, taken
):
    monkeypatch.setattr("kiosk.uplink.desired.certificates.TRIAL_S", 1.0)
    certificates = tmp_path / "certificates"
    other = Authority(datetime.now(UTC) - timedelta(minutes=1), "another authority")
    with ShippedMosquitto(tmp_path / "broker", certificates) as broker:
        office = HeadOffice(tmp_path)
        tls = tls_of(certificates, "device")
        if not taken:
            # The device trusts two authorities, the broker only one of them.
            (certificates / "both.crt").write_text(authority.pem + other.pem)
            tls |= {"ca_file": certificates / "both.crt"}
        before = (certificates / "device.crt").read_text()
        uplink = uplink_for(
            settings_for(
                tmp_path,
                broker.port,
                broker={"tls": tls},
                desired={"public_keys": [office.key_file], "folder": tmp_path / "desired"},
                clock={"trust": "always"},
            )
        )
        central = Central(broker.port, certificates, office)
        drive(uplink, central, until=central.is_heard, what="the device hears")
        asked = central.order("rotate-certificate")
        drive(uplink, central, until=lambda: asked in central.replies, what="the request came")
        csr = str(central.replies[asked].data["csr"])
        pem = (authority if taken else other).sign(csr, TARGET)
        given = central.order("install-certificate", args={"certificate": pem})
        drive(uplink, central, until=lambda: given in central.replies, what="it is answered")
        reply = central.replies[given]
        assert reply.name == "install-certificate"
        assert reply.outcome == ("done" if taken else "failed")
        now = (certificates / "device.crt").read_text()
        assert now == (pem if taken else before)
        uplink.close()
        central.link.close(None, 1)
