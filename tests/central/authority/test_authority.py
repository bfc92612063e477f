"""Certificates that are given out and taken back."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from kiosk.central.authority import (
    Authority,
    find_authority,
    load_public_key,
    load_signing_key,
    make_signing_key,
    open_authority,
    parse_branch,
)
from kiosk.config import CentralSettings, FleetBrokerSettings
from kiosk.errors import BadInputError, StateError
from tests.fakes import FakeClock

WINDOW = parse_branch("acme/berlin-1/window")


def settings_in(folder: Path, **broker: object) -> CentralSettings:
    return CentralSettings(
        database=str(folder / "central.db"),
        folder=folder / "central",
        broker=FleetBrokerSettings.model_validate(broker),
    )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return open_authority(settings_in(tmp_path), FakeClock())


def serial_of(certificate: bytes) -> int:
    return x509.load_pem_x509_certificate(certificate).serial_number


def revoked_serials(authority: Authority) -> list[int]:
    return [one.serial_number for one in x509.load_pem_x509_crl(authority.revocations)]


def request(name: str = "acme/berlin-1/window", key: object = None) -> bytes:
    private = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(private, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_an_authority_is_made_once_and_its_secrets_are_its_owners_alone(tmp_path):
    settings = settings_in(tmp_path)
    first = open_authority(settings, FakeClock()).certificate
    make_signing_key(settings.folder)
    assert open_authority(settings, FakeClock()).certificate == first
    secrets = [settings.folder / "authority" / "ca.key", settings.folder / "keys" / "signing.key"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in secrets] == [0o600, 0o600]


def test_an_authority_whose_making_was_cut_short_is_begun_anew(tmp_path):
    settings = settings_in(tmp_path)
    open_authority(settings, FakeClock())
    (settings.folder / "authority" / "ca.crt").unlink()
    assert find_authority(settings, FakeClock()) is None
    again = open_authority(settings, FakeClock())
    issued = x509.load_pem_x509_certificate(again.enrol(WINDOW, again=False).certificate)
    issued.verify_directly_issued_by(x509.load_pem_x509_certificate(again.certificate))


def test_names_that_are_enrolled_are_taken_until_they_are_enrolled_again(authority):
    first = authority.enrol(WINDOW, again=False)
    with pytest.raises(BadInputError, match="acme/berlin-1/window: enrolled already, until"):
        authority.enrol(WINDOW, again=False)
    second = authority.enrol(WINDOW, again=True)
    assert revoked_serials(authority) == [serial_of(first.certificate)]
    assert {one.serial: one.revoked is None for one in authority.enrolled()} == {
        f"{serial_of(first.certificate):x}": False,
        f"{serial_of(second.certificate):x}": True,
    }


def test_names_that_only_begin_alike_are_not_taken(authority):
    authority.enrol(parse_branch("acme/berlin/window"), again=False)
    authority.enrol(parse_branch("acme/berlin/window-2"), again=False)
    authority.enrol(parse_branch("acme/berlin-1/window"), again=False)
    assert [str(one.branch) for one in authority.enrolled()] == [
        "acme/berlin-1/window",
        "acme/berlin/window",
        "acme/berlin/window-2",
    ]


def test_a_certificate_that_has_run_out_does_not_keep_its_names(tmp_path):
    clock = FakeClock()
    authority = open_authority(settings_in(tmp_path, certificate_days=2), clock)
    authority.enrol(WINDOW, again=False)
    clock.advance(3 * 86400)
    authority.enrol(WINDOW, again=False)
    with pytest.raises(BadInputError, match="enrolled already"):
        authority.enrol(WINDOW, again=False)


def test_a_device_is_told_of_when_its_last_good_certificate_is_near_its_end(tmp_path):
    clock = FakeClock()
    authority = open_authority(settings_in(tmp_path, certificate_days=100), clock)
    for name in ("renewed", "ending", "revoked"):
        authority.enrol(parse_branch(f"acme/berlin-1/{name}"), again=False)
    authority.revoke(parse_branch("acme/berlin-1/revoked"))
    clock.advance(80 * 86400)
    authority.sign_request(parse_branch("acme/berlin-1/renewed"), request("acme/berlin-1/renewed"))
    soon = clock.utc() + timedelta(days=30)
    assert [one.branch.device for one in authority.ending_before(soon)] == ["ending"]
    clock.advance(21 * 86400)
    assert authority.ending_before(soon) == []


def test_revoking_takes_back_every_certificate_of_a_device_and_no_others(authority):
    other = authority.enrol(parse_branch("acme/berlin-1/door"), again=False)
    first = authority.enrol(WINDOW, again=False).certificate
    second = authority.sign_request(WINDOW, request())
    assert authority.revoke(WINDOW) == 2
    assert sorted(revoked_serials(authority)) == sorted([serial_of(first), serial_of(second)])
    assert serial_of(other.certificate) not in revoked_serials(authority)
    with pytest.raises(BadInputError, match="has no valid certificate"):
        authority.revoke(WINDOW)


def test_the_certificates_before_one_are_revoked_and_that_one_is_not(authority):
    first = authority.enrol(WINDOW, again=False)
    second = authority.sign_request(WINDOW, request())
    kept = f"{serial_of(second):x}"
    assert authority.revoke(WINDOW, keep=kept) == 1
    assert revoked_serials(authority) == [serial_of(first.certificate)]
    assert authority.revoke(WINDOW, keep=kept) == 0


def test_nothing_is_revoked_for_a_certificate_that_was_never_given_out(authority):
    authority.enrol(WINDOW, again=False)
    with pytest.raises(BadInputError, match="no valid certificate of number abc; none was revoked"):
        authority.revoke(WINDOW, keep="abc")
    assert revoked_serials(authority) == []


def test_a_certificate_that_is_still_being_written_is_not_read(tmp_path, authority):
    authority.enrol(WINDOW, again=False)
    issued = tmp_path / "central" / "authority" / "issued"
    (issued / ".part-acme.berlin-1.window.1f.crt").write_bytes(b"")
    assert len(authority.enrolled()) == 1


def test_a_first_list_without_a_number_is_followed_by_numbered_ones(tmp_path, authority):
    authority.enrol(WINDOW, again=False)
    folder = tmp_path / "central" / "authority"
    key = load_pem_private_key((folder / "ca.key").read_bytes(), None)
    before = x509.load_pem_x509_crl(authority.revocations)
    plain = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(before.issuer)
        .last_update(before.last_update_utc)
        .next_update(before.next_update_utc)
        .sign(key, hashes.SHA256())
    )
    (folder / "revoked.crl").write_bytes(plain.public_bytes(Encoding.PEM))
    authority.revoke(WINDOW)
    after = x509.load_pem_x509_crl(authority.revocations)
    assert after.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 1
    assert len(after) == 1


def test_each_list_of_revoked_certificates_has_a_higher_number_and_outlives_all(authority):
    numbers = []
    for device in ("a", "b"):
        branch = parse_branch(f"acme/berlin-1/{device}")
        authority.enrol(branch, again=False)
        authority.revoke(branch)
        found = x509.load_pem_x509_crl(authority.revocations)
        numbers.append(found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number)
    assert numbers == [2, 3]
    assert len(found) == 2
    own = x509.load_pem_x509_certificate(authority.certificate)
    assert found.next_update_utc == own.not_valid_after_utc


def test_a_request_is_signed_for_the_key_that_it_holds(authority):
    authority.enrol(WINDOW, again=False)
    private = ec.generate_private_key(ec.SECP256R1())
    issued = x509.load_pem_x509_certificate(authority.sign_request(WINDOW, request(key=private)))
    assert issued.public_key() == private.public_key()
    assert issued.subject.rfc4514_string() == "CN=acme/berlin-1/window"


def tampered() -> bytes:
    private = ec.generate_private_key(ec.SECP256R1())
    parsed = x509.load_pem_x509_csr(request(key=private))
    der = bytearray(parsed.public_bytes(Encoding.DER))
    der[-1] ^= 1
    return x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM)


def with_two_names() -> bytes:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "acme/berlin-1/window"),
            x509.NameAttribute(NameOID.COMMON_NAME, "kiosk-central"),
        ]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    private = ec.generate_private_key(ec.SECP256R1())
    return builder.sign(private, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    ("csr", "reason"),
    [
        (request("acme/berlin-1/door"), "asks for another name"),
        (request("kiosk-central"), "asks for another name"),
        (with_two_names(), "asks for another name"),
        (tampered(), "not signed with its own key"),
        (request(key=rsa.generate_private_key(65537, 2048)), "not on P-256"),
        (request(key=ec.generate_private_key(ec.SECP384R1())), "not on P-256"),
        (b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n", "no certificate request"),
        (b"", "no certificate request"),
    ],
    ids=["another device", "head office", "two names", "forged", "rsa", "p-384", "cut", "empty"],
)
def test_a_request_that_does_not_fit_its_sender_is_refused(authority, csr, reason):
    authority.enrol(WINDOW, again=False)
    with pytest.raises(BadInputError, match=reason):
        authority.sign_request(WINDOW, csr)
    assert len(authority.enrolled()) == 1


def test_a_revoked_device_gets_no_new_certificate(authority):
    authority.enrol(WINDOW, again=False)
    authority.revoke(WINDOW)
    with pytest.raises(BadInputError, match="no valid certificate to renew"):
        authority.sign_request(WINDOW, request())


@pytest.mark.parametrize(
    "text",
    [
        "acme/berlin-1",
        "acme/berlin-1/window/2",
        "acme//window",
        "acme/+/window",
        "acme/#/x",
        "a/b/c d",
    ],
)
def test_what_is_not_three_names_is_refused(text):
    with pytest.raises(BadInputError, match="tenant/site/device"):
        parse_branch(text)


def test_names_that_no_certificate_can_hold_are_refused():
    parse_branch("a" * 20 + "/" + "b" * 20 + "/" + "c" * 22)
    with pytest.raises(BadInputError, match="take 65 characters"):
        parse_branch("a" * 20 + "/" + "b" * 20 + "/" + "c" * 23)


def test_a_certificate_of_our_own_is_kept_until_it_is_time(tmp_path):
    clock = FakeClock()
    authority = open_authority(settings_in(tmp_path, certificate_days=90), clock)
    pair = authority.own_pair(None, ["shop.example", "10.0.0.5"])
    assert authority.own_pair(pair, ["10.0.0.5", "shop.example"]) == pair
    clock.advance(59 * 86400)
    assert authority.own_pair(pair, ["shop.example", "10.0.0.5"]) == pair
    clock.advance(2 * 86400)
    assert authority.own_pair(pair, ["shop.example", "10.0.0.5"]) != pair


def test_a_certificate_of_our_own_is_renewed_when_it_does_not_fit(tmp_path, authority):
    pair = authority.own_pair(None, ["shop.example"])
    assert authority.own_pair(pair, ["other.example"]) != pair
    mixed = type(pair)(pair.certificate, authority.own_pair(None).key)
    assert authority.own_pair(mixed, ["shop.example"]) != mixed
    elsewhere = open_authority(settings_in(tmp_path / "elsewhere"), FakeClock())
    assert elsewhere.own_pair(pair, ["shop.example"]) != pair


def test_a_certificate_of_a_day_is_not_renewed_at_each_look(tmp_path):
    authority = open_authority(settings_in(tmp_path, certificate_days=1), FakeClock())
    pair = authority.own_pair(None)
    assert authority.own_pair(pair) == pair


def test_certificates_reach_back_for_devices_without_a_clock(authority):
    clock = FakeClock()
    issued = x509.load_pem_x509_certificate(authority.enrol(WINDOW, again=False).certificate)
    assert issued.not_valid_before_utc <= clock.utc() - timedelta(days=6)


def test_the_signing_key_is_made_once_and_its_public_half_lies_beside_it(tmp_path):
    first = make_signing_key(tmp_path)
    public = load_public_key(tmp_path / "keys" / "office.pub")
    assert make_signing_key(tmp_path).private_bytes_raw() == first.private_bytes_raw()
    assert load_signing_key(tmp_path).public_key() == public == first.public_key()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"-----BEGIN PRIVATE KEY-----\nAA==\n"])
def test_a_damaged_key_is_one_sentence_with_its_file(tmp_path, content):
    make_signing_key(tmp_path)
    (tmp_path / "keys" / "signing.key").write_bytes(content)
    with pytest.raises(StateError, match=r"keys/signing\.key: not a private key in PEM"):
        load_signing_key(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_folder_of_another_user_is_refused_before_files_of_ours_are_in_it(tmp_path):
    settings = settings_in(tmp_path)
    open_authority(settings, FakeClock())
    os.chown(settings.folder, 65534, 65534)
    with pytest.raises(StateError, match="belongs to user nobody") as caught:
        open_authority(settings, FakeClock())
    assert caught.value.hint == "begin the command with `sudo -u nobody kiosk central`"


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "central").write_text("a file")
    with pytest.raises(StateError, match="central: cannot be used") as caught:
        open_authority(settings_in(tmp_path), FakeClock())
    assert "\n" not in str(caught.value)
