"""An authority in this process, which is faster than a program; it signs well or badly."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


class Authority:
    """A key, its own certificate, and what it signs.

    Args:
        since: from when on its certificate is valid.
        name: its own.
    """

    def __init__(self, since: datetime, name: str = "test authority") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._since = since
        authority = x509.BasicConstraints(ca=True, path_length=None)
        self.certificate = self._made(self.name, self.key.public_key(), since, [authority])

    @property
    def pem(self) -> str:
        """Its own certificate."""
        return self.certificate.public_bytes(PEM).decode()

    def sign(self, csr: str, name: str, since: datetime | None = None) -> str:
        """The certificate that a request asks for, under a name."""
        request = x509.load_pem_x509_csr(csr.encode())
        made = self._made(_named(name), request.public_key(), since or self._since, [])
        return made.public_bytes(PEM).decode()

    def write_pair(self, folder: Path, stem: str, name: str) -> None:
        """A new key and its certificate, for a server on this machine too."""
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        made = self._made(_named(name), key.public_key(), self._since, [address])
        (folder / f"{stem}.crt").write_bytes(made.public_bytes(PEM))
        (folder / f"{stem}.key").write_bytes(
            key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )

    def _made(
        self, subject: x509.Name, key: Any, since: datetime, more: Sequence[x509.ExtensionType]
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(since + timedelta(days=30))
        )
        for extension in more:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
