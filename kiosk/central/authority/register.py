"""The authority of one fleet: its own certificate, those it gave out, and those it took back."""

from __future__ import annotations

import os
import pwd
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from kiosk.central.authority import certificates
from kiosk.central.authority.files import (
    PUBLIC,
    SECRET,
    locked,
    make_folder,
    names_in,
    read_file,
    write_file,
)
from kiosk.clock import Clock
from kiosk.config import CentralSettings
from kiosk.errors import BadInputError, StateError
from kiosk.wire import Branch

OFFICE = "kiosk-central"
"""The name by which the broker's access list knows head office."""

SERVER = "kiosk-server"
"""Of broker and pages; clients check the host names of a certificate, not this."""

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

RENEW_BEFORE = timedelta(days=30)
"""Our own certificates are renewed that long before their end."""


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, both in PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True)
class Enrolled:
    """A certificate that was given to a device.

    Attributes:
        serial: the certificate's number, in hexadecimal.
        revoked: since when, or ``None``.
    """

    branch: Branch
    serial: str
    issued: datetime
    expires: datetime
    revoked: datetime | None


def parse_branch(text: str) -> Branch:
    """A device's three names from ``tenant/site/device``.

    Raises:
        BadInputError: they are not three names, or too long together for a certificate.
    """
    parts = text.split("/")
    if len(parts) != 3 or not all(NAME.fullmatch(part) for part in parts):
        raise BadInputError(
            f"{text!r} is not tenant/site/device",
            hint="three names of letters, digits, _ and -, such as acme/berlin-1/window",
        )
    if len(text) > certificates.COMMON_NAME_MAX:
        raise BadInputError(
            f"{text}: the three names take {len(text)} characters, and a certificate holds"
            f" {certificates.COMMON_NAME_MAX}",
            hint="shorten one of them",
        )
    return Branch(*parts)


class Authority:
    """Gives out certificates and takes them back; several processes may use one folder."""

    def __init__(self, settings: CentralSettings, clock: Clock) -> None:
        """Read what :func:`open_authority` has made.

        Raises:
            StateError: the folder's files cannot be read or are not an authority's.
        """
        self._clock = clock
        self._days = settings.broker.certificate_days
        self._folder = settings.folder / "authority"
        self._issued = self._folder / "issued"
        self._lock = self._folder / "lock"
        self._issuer = certificates.Issuer(
            _certificate(self._folder / "ca.crt"), _private(self._folder / "ca.key")
        )

    @property
    def certificate(self) -> bytes:
        """The authority's own certificate, in PEM: whom devices and broker trust."""
        return self._issuer.certificate.public_bytes(Encoding.PEM)

    @property
    def revocations(self) -> bytes:
        """The list of revoked certificates, in PEM; the broker refuses who is on it.

        Raises:
            StateError: it cannot be read.
        """
        return read_file(self._folder / "revoked.crl")

    def enrol(self, branch: Branch, *, again: bool) -> Pair:
        """A certificate and a new key for a device.

        Args:
            branch: its names.
            again: a device of these names may be enrolled already; its certificates are revoked.

        Raises:
            BadInputError: the names are taken.
            StateError: the folder cannot be written.
        """
        parse_branch(str(branch))
        with locked(self._lock):
            valid = [one for one in self._of(branch) if self._is_good(one)]
            if valid and not again:
                raise BadInputError(
                    f"{branch}: enrolled already, until {valid[-1].expires:%Y-%m-%d}",
                    hint="--again enrols it anew and revokes what it has",
                )
            private = certificates.new_key()
            issued = self._issue(branch, private.public_key())
            if valid:
                self._revoke([one.serial for one in valid])
        return Pair(issued, certificates.key_pem(private))

    def sign_request(self, branch: Branch, request: bytes) -> bytes:
        """A certificate for the key of a device that is enrolled, in PEM.

        Args:
            branch: which device has sent it, as the broker vouches for.
            request: a certificate request in PEM.

        Raises:
            BadInputError: the device has no good certificate, or the request does not fit.
            StateError: the folder cannot be written.
        """
        parse_branch(str(branch))
        public = certificates.requested_key(request, str(branch))
        with locked(self._lock):
            if not any(self._is_good(one) for one in self._of(branch)):
                raise BadInputError(f"{branch}: has no valid certificate to renew")
            return self._issue(branch, public)

    def revoke(self, branch: Branch, *, keep: str | None = None) -> int:
        """Take back the certificates of a device; returns how many.

        Args:
            branch: its names.
            keep: the number of one that stays good, in hexadecimal: those before it go.

        Raises:
            BadInputError: it has none, or not the one to keep.
            StateError: the folder cannot be written.
        """
        with locked(self._lock):
            valid = [one.serial for one in self._of(branch) if self._is_good(one)]
            if not valid:
                raise BadInputError(
                    f"{branch}: has no valid certificate", hint="kiosk central devices"
                )
            if keep is not None:
                if keep not in valid:
                    raise BadInputError(
                        f"{branch}: has no valid certificate of number {keep}; none was revoked",
                        hint="kiosk central devices",
                    )
                valid.remove(keep)
            if valid:
                self._revoke(valid)
        return len(valid)

    def enrolled(self) -> list[Enrolled]:
        """Every certificate that was given to a device, by names; of one device the newest last.

        Raises:
            StateError: the folder cannot be read.
        """
        return self._read("")

    def ending_before(self, moment: datetime) -> list[Enrolled]:
        """The last good certificate of each device whose last one ends before a moment.

        Raises:
            StateError: the folder cannot be read.
        """
        last = {one.branch: one for one in self._read("") if self._is_good(one)}
        return [one for one in last.values() if one.expires < moment]

    def own_pair(self, present: Pair | None, names: Sequence[str] = ()) -> Pair:
        """A certificate of head office's own: the present one, or a new one when it is time.

        Args:
            present: what is in use.
            names: host names and addresses of a server; none: the client certificate of head
                office.
        """
        now = self._clock.utc()
        if present is not None and self._still_good(present, names, now):
            return present
        private = certificates.new_key()
        name = SERVER if names else OFFICE
        made = certificates.new_certificate(
            self._issuer, private.public_key(), name, now=now, days=self._days, hosts=names
        )
        return Pair(made.public_bytes(Encoding.PEM), certificates.key_pem(private))

    def keep_pair(self, certificate: Path, key: Path, names: Sequence[str] = ()) -> bool:
        """Have a certificate of head office's own in two files; returns whether it is a new one.

        Raises:
            StateError: they cannot be written.
        """
        make_folder(certificate.parent)
        try:
            present = Pair(certificate.read_bytes(), key.read_bytes())
        except OSError:
            present = None
        pair = self.own_pair(present, names)
        if pair == present:
            return False
        write_file(key, pair.key, SECRET)
        write_file(certificate, pair.certificate, PUBLIC)
        return True

    def _still_good(self, present: Pair, names: Sequence[str], now: datetime) -> bool:
        try:
            found = x509.load_pem_x509_certificate(present.certificate)
            found.verify_directly_issued_by(self._issuer.certificate)
            key = load_pem_private_key(present.key, None)
        except (ValueError, TypeError, InvalidSignature):
            return False
        # A short validity must not make each look a renewal.
        margin = min(RENEW_BEFORE, timedelta(days=self._days) / 3)
        return (
            # A power cut between two writes leaves the key of one and the certificate of another.
            key.public_key() == found.public_key()
            and sorted(certificates.names_of(found)) == sorted(names)
            and now < found.not_valid_after_utc - margin
        )

    def _issue(self, branch: Branch, public: ec.EllipticCurvePublicKey) -> bytes:
        made = certificates.new_certificate(
            self._issuer, public, str(branch), now=self._clock.utc(), days=self._days
        )
        content = made.public_bytes(Encoding.PEM)
        name = f"{_stem(branch)}.{made.serial_number:x}.crt"
        write_file(self._issued / name, content, PUBLIC)
        return content

    def _of(self, branch: Branch) -> list[Enrolled]:
        return self._read(f"{_stem(branch)}.")

    def _read(self, beginning: str) -> list[Enrolled]:
        revoked = {f"{one.serial_number:x}": one.revocation_date_utc for one in self._list()}
        found = [
            Enrolled(
                Branch(*certificates.common_name(one).split("/")),
                f"{one.serial_number:x}",
                one.not_valid_before_utc,
                one.not_valid_after_utc,
                revoked.get(f"{one.serial_number:x}"),
            )
            for one in map(_certificate, names_in(self._issued, beginning, ".crt"))
        ]
        # Of one name, the one that counts comes last.
        return sorted(found, key=lambda one: (str(one.branch), one.revoked is None, one.expires))

    def _is_good(self, one: Enrolled) -> bool:
        return one.revoked is None and one.expires > self._clock.utc()

    def _list(self) -> x509.CertificateRevocationList:
        path = self._folder / "revoked.crl"
        try:
            return x509.load_pem_x509_crl(read_file(path))
        except ValueError as bad:
            raise StateError(f"{path}: not a list of revoked certificates in PEM") from bad

    def _revoke(self, serials: Sequence[str]) -> None:
        now = self._clock.utc()
        before = self._list()
        number = certificates.list_number(before)
        revoked = [(one.serial_number, one.revocation_date_utc) for one in before]
        revoked += [(int(serial, 16), now) for serial in serials]
        content = certificates.new_revocations(self._issuer, revoked, number + 1, now)
        write_file(self._folder / "revoked.crl", content, PUBLIC)


def open_authority(settings: CentralSettings, clock: Clock) -> Authority:
    """The authority in ``central.folder``, made on first use.

    Raises:
        StateError: the folder cannot be written, or what is there is not an authority's.
    """
    folder = settings.folder / "authority"
    make_folder(settings.folder, 0o755)
    _check_owner(settings.folder)
    make_folder(folder)
    make_folder(folder / "issued")
    with locked(folder / "lock"):
        # The certificate comes last: an authority whose making was cut short is begun anew.
        if not (folder / "ca.crt").exists():
            now = clock.utc()
            # A name of its own: two fleets' authorities must not be taken for one another.
            made = certificates.new_authority(f"kiosk authority {secrets.token_hex(4)}", now)
            write_file(folder / "ca.key", certificates.key_pem(made.private), SECRET)
            none = certificates.new_revocations(made, [], 1, now)
            write_file(folder / "revoked.crl", none, PUBLIC)
            write_file(folder / "ca.crt", made.certificate.public_bytes(Encoding.PEM), PUBLIC)
    return Authority(settings, clock)


def find_authority(settings: CentralSettings, clock: Clock) -> Authority | None:
    """The authority in ``central.folder``, or ``None`` on a machine that has none.

    Raises:
        StateError: what is there is not an authority's.
    """
    try:
        is_there = (settings.folder / "authority" / "ca.crt").is_file()
    except OSError:
        return None
    return Authority(settings, clock) if is_there else None


def _check_owner(folder: Path) -> None:
    owner = folder.stat().st_uid
    if owner == os.geteuid():
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"#{owner}"
    # Files of another user here would stop head office the next time that it writes.
    raise StateError(
        f"{folder}: belongs to user {name}",
        hint=f"begin the command with `sudo -u {name} kiosk central`",
    )


def _stem(branch: Branch) -> str:
    # No name holds a dot.
    return f"{branch.tenant}.{branch.site}.{branch.device}"


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(read_file(path))
    except ValueError as bad:
        raise StateError(f"{path}: not a certificate in PEM") from bad


def _private(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        private = load_pem_private_key(read_file(path), None)
    except (ValueError, TypeError) as bad:
        raise StateError(f"{path}: not a private key in PEM") from bad
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise StateError(f"{path}: not a key on an elliptic curve")
    return private
