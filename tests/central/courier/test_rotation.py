"""A device asks for a certificate and gets it."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy import func, select, update

from kiosk.central.authority import make_signing_key, open_authority
from kiosk.central.courier import Courier, order_command
from kiosk.central.store import open_database
from kiosk.central.store.tables import commands
from kiosk.wire import Reply
from tests.central.courier.desks import (
    WINDOW,
    Desk,
    add_device,
    audited,
    command_in,
    settings_in,
)
from tests.fakes import FakeClock


class Rotation:
    """A device that was told to rotate its certificate."""

    def __init__(self, folder):
        self.clock = FakeClock()
        settings = settings_in(folder)
        self.engine = open_database(settings.central)
        self.authority = open_authority(settings.central, self.clock)
        self.public = make_signing_key(settings.central.folder).public_key()
        self.desk = Desk(Courier(self.engine, settings, self.clock))
        self.settings = settings
        with self.engine.begin() as connection:
            device = add_device(connection, str(WINDOW))
            now = self.clock.utc()
            self.asked = order_command(connection, device, "rotate-certificate", {}, "ada", now)
        self.round()

    def round(self):
        self.clock.advance(10)
        self.desk.courier.due(self.desk.publish)
        self.desk.answer()
        return [command_in(one, self.public) for one in self.desk.collect()]

    def reply(self, outcome="done", **data):
        now = self.clock.utc()
        reply = Reply(
            id=self.asked, name="rotate-certificate", outcome=outcome, at=now, data=data
        ).encode()
        with self.engine.begin() as connection:
            connection.execute(
                update(commands)
                .where(commands.c.id == self.asked)
                .values(outcome=outcome, reply=reply.decode(), replied=now)
            )


@pytest.fixture
def rotation(tmp_path):
    return Rotation(tmp_path)


def csr(private, name=str(WINDOW)):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(private, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def test_a_request_is_answered_with_a_certificate_for_its_key_once(rotation):
    rotation.authority.enrol(WINDOW, again=False)
    private = ec.generate_private_key(ec.SECP256R1())
    rotation.reply(csr=csr(private))
    (command,) = rotation.round()
    assert (command.name, command.target) == ("install-certificate", str(WINDOW))
    issued = x509.load_pem_x509_certificate(command.args["certificate"].encode())
    assert issued.public_key() == private.public_key()
    assert audited(rotation.engine)[1:] == [
        ("courier", "issue certificate", str(WINDOW), f"asked by {rotation.asked}")
    ]
    assert rotation.round() == []
    rotation.desk = Desk(Courier(rotation.engine, rotation.settings, rotation.clock))
    assert rotation.round() == []
    assert len(rotation.authority.enrolled()) == 2


@pytest.mark.parametrize(
    ("enrolled", "data", "reason"),
    [
        (True, {"csr": csr(ec.generate_private_key(ec.SECP256R1()), "kiosk-central")}, "another"),
        (True, {"csr": "no request"}, "no certificate request"),
        (True, {}, "holds no certificate request"),
        (True, {"csr": 7}, "holds no certificate request"),
        (False, {"csr": csr(ec.generate_private_key(ec.SECP256R1()))}, "no valid certificate"),
    ],
    ids=["another name", "no request", "nothing", "a number", "not enrolled"],
)
def test_a_request_that_does_not_fit_is_refused_once_and_in_the_audit(
    rotation, caplog, enrolled, data, reason
):
    if enrolled:
        rotation.authority.enrol(WINDOW, again=False)
    rotation.reply(**data)
    assert rotation.round() == []
    assert rotation.round() == []
    assert caplog.text.count("event=certificate_refused device=acme/berlin-1/window") == 1
    (refused,) = audited(rotation.engine)[1:]
    assert refused[:3] == ("courier", "refuse certificate", str(WINDOW))
    assert reason in refused[3]


def test_a_folder_that_cannot_be_written_now_is_told_once_and_tried_again(rotation, caplog):
    rotation.authority.enrol(WINDOW, again=False)
    rotation.reply(csr=csr(ec.generate_private_key(ec.SECP256R1())))
    issued = rotation.settings.central.folder / "authority" / "issued"
    issued.rename(issued.with_name("away"))
    issued.write_text("no folder")
    assert rotation.round() == []
    assert rotation.round() == []
    assert caplog.text.count("event=authority_unusable") == 1
    issued.unlink()
    issued.with_name("away").rename(issued)
    assert [one.name for one in rotation.round()] == ["install-certificate"]


def test_a_reply_that_is_no_success_or_long_past_is_not_answered(rotation):
    rotation.authority.enrol(WINDOW, again=False)
    request = csr(ec.generate_private_key(ec.SECP256R1()))
    rotation.reply(outcome="failed", csr=request)
    assert rotation.round() == []
    rotation.reply(csr=request)
    rotation.clock.advance(3700)
    assert rotation.round() == []
    with rotation.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(commands)).scalar() == 1
