"""Certificates (X.509, RFC 5280) built from plain values; nothing here touches a file."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kiosk.errors import BadInputError

COMMON_NAME_MAX = 64
"""RFC 5280, ub-common-name."""

AUTHORITY_DAYS = 20 * 365
"""It is renewed by enrolling every device anew, so it outlives any of them."""

EARLIER = timedelta(days=7)
"""Certificates are valid since then: a device whose clock was never set must be able to connect."""


def new_key() -> ec.EllipticCurvePrivateKey:
    """A private key on P-256, which every TLS library speaks."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(private: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key in PEM, not encrypted."""
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True)
class Issuer:
    """An authority: its certificate and its private key."""

    certificate: x509.Certificate
    private: ec.EllipticCurvePrivateKey


def new_authority(name: str, now: datetime) -> Issuer:
    """A certificate that signs others, signed by itself."""
    private = new_key()
    begun = _begun(_named(name), _named(name), private.public_key())
    made = (
        begun.not_valid_before(now - EARLIER)
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_others=True), critical=True)
        .sign(private, hashes.SHA256())
    )
    return Issuer(made, private)


def new_certificate(
    issuer: Issuer,
    public: ec.EllipticCurvePublicKey,
    name: str,
    *,
    now: datetime,
    days: int,
    hosts: Sequence[str] = (),
) -> x509.Certificate:
    """A certificate for one end of a connection.

    Args:
        issuer: who signs.
        public: whose certificate it is.
        name: the common name, by which the broker knows a client.
        now: the time.
        days: validity, cut to the issuer's own.
        hosts: host names and addresses, of a broker; none: it is a client's.
    """
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    last = issuer.certificate.not_valid_after_utc
    builder = (
        _begun(_named(name), issuer.certificate.subject, public)
        .not_valid_before(now - EARLIER)
        .not_valid_after(min(now + timedelta(days=days), last))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_others=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(_signed_by(issuer), critical=False)
    )
    if hosts:
        known = x509.SubjectAlternativeName([_general(one) for one in hosts])
        builder = builder.add_extension(known, critical=False)
    return builder.sign(issuer.private, hashes.SHA256())


def new_revocations(
    issuer: Issuer, revoked: Sequence[tuple[int, datetime]], number: int, now: datetime
) -> bytes:
    """The list of revoked certificates, in PEM.

    It never expires before the authority does: with a list that has, a broker refuses everybody.

    Args:
        issuer: who signs.
        revoked: serial numbers, and since when.
        number: of this list, counted up.
        now: the time.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now - EARLIER)
        .next_update(issuer.certificate.not_valid_after_utc)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(_signed_by(issuer), critical=False)
    )
    for serial, since in revoked:
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since)
        builder = builder.add_revoked_certificate(one.build())
    return builder.sign(issuer.private, hashes.SHA256()).public_bytes(Encoding.PEM)


def list_number(revocations: x509.CertificateRevocationList) -> int:
    """The number of a list; 0: it has none, as the first list of some tools."""
    try:
        found = revocations.extensions.get_extension_for_class(x509.CRLNumber)
    except x509.ExtensionNotFound:
        return 0
    return found.value.crl_number


def requested_key(request: bytes, name: str) -> ec.EllipticCurvePublicKey:
    """The public key of a certificate request (PKCS #10) whose sender has proved to hold it.

    Args:
        request: in PEM.
        name: the common name that it has to ask for.

    Raises:
        BadInputError: it is not one, is not signed by its own key, asks for another name, or its
            key is not on P-256.
    """
    try:
        parsed = x509.load_pem_x509_csr(request)
        public = parsed.public_key()
        holds = parsed.is_signature_valid
        asked = [part.value for part in parsed.subject]
    except (ValueError, UnsupportedAlgorithm) as bad:
        raise BadInputError(f"{name}: what it sent is no certificate request") from bad
    if not holds:
        raise BadInputError(f"{name}: its certificate request is not signed with its own key")
    if asked != [name]:
        raise BadInputError(f"{name}: its certificate request asks for another name")
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(
        public.curve, ec.SECP256R1
    ):
        raise BadInputError(f"{name}: the key of its certificate request is not on P-256")
    return public


def common_name(certificate: x509.Certificate) -> str:
    """Whose certificate it is."""
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def names_of(certificate: x509.Certificate) -> list[str]:
    """The host names and addresses that a broker's certificate is good for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [str(one.value) for one in found.value]


def _begun(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _signed_by(issuer: Issuer) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.private.public_key())


def _usage(*, signs_others: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_others,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_others,
        crl_sign=signs_others,
        encipher_only=False,
        decipher_only=False,
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError as bad:
        raise BadInputError(
            f"central.broker.names: {name!r} is no host name", hint="write it in ASCII letters"
        ) from bad
