"""A new certificate: a key made here that never leaves, and a way back when the broker refuses it.

The four steps of an installation are such that a power cut between any two of them is made good by
:meth:`Certificates.recover`, and the connection never meets a key without its certificate:

1. links to the pair at work are made, named ``.old``;
2. the new certificate is written as ``.new``, beside the new key, and then ``.trial``;
3. both are renamed over the pair at work;
4. once a session has begun with them, ``.trial`` goes. Without a session in time, the ``.old`` pair
   is put back.
"""

from __future__ import annotations

import json
import logging
import os
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kiosk.config import TlsSettings
from kiosk.errors import BrokerError
from kiosk.uplink.desired.files import sync_folder, write_whole
from kiosk.uplink.desired.trust import RefusedError
from kiosk.wire import Branch

log = logging.getLogger(__name__)

TRIAL_S = 120.0
"""A broker that can be reached takes a good certificate at the first try, within seconds."""

LONGEST_CHAIN = 5

COMMON_NAME_MAX = 64
"""RFC 5280, appendix A.1."""

PRIVATE = 0o600


@dataclass(frozen=True)
class Trial:
    """A certificate that has not proved itself yet.

    Attributes:
        command: id of the command that brought it.
        back: it was given up; the pair before is being put back.
    """

    command: str
    back: bool = False


class Certificates:
    """This device's certificate and key, and their successors."""

    def __init__(self, tls: TlsSettings, branch: Branch) -> None:
        """Nothing is changed yet; call :meth:`recover` before a connection is made.

        Args:
            tls: where the pair at work is, and who signs.
            branch: whose name the certificate has to bear.
        """
        self._tls = tls
        self._branch = branch
        self._since: float | None = None

    def recover(self) -> None:
        """Bring to its end what a power cut interrupted.

        Raises:
            BrokerError: the files cannot be renamed.
        """
        if self._tls.cert_file is None or self._tls.key_file is None:
            return
        try:
            trial = self._trial()
            if trial is not None and trial.back:
                self._put_back()
            elif trial is not None:
                self._switch()
                self._drop_if_unusable(trial)
        except OSError as bad:
            raise BrokerError(
                f"{self._tls.cert_file.parent}: a change of certificate cannot be finished:"
                f" {bad.strerror or bad}",
                hint="make the folder writable for this process's user",
            ) from bad

    def request(self) -> str:
        """Make a new key and the request to have it certified, in PEM.

        Raises:
            RefusedError: there is no place for it.
        """
        cert, key_file = self._pair()
        if self._trial() is not None:
            raise RefusedError("the last certificate has not proved itself yet")
        if len(str(self._branch)) > COMMON_NAME_MAX:
            raise RefusedError(f"{self._branch}: a certificate's name has at most 64 signs")
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        try:
            write_whole(_named(key_file, "new"), pem, PRIVATE)
            # An earlier request's answer does not fit this key.
            _named(cert, "new").unlink(missing_ok=True)
        except OSError as bad:
            raise RefusedError(
                f"{key_file.parent}: this device cannot write a key there: {bad.strerror or bad}"
            ) from bad
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(self._branch))])
        request = x509.CertificateSigningRequestBuilder().subject_name(name)
        signed = request.sign(key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM).decode("ascii")

    def install(self, pem: str, command: str, now: datetime) -> None:
        """Put a new certificate to work, on trial until a session has begun with it.

        Args:
            pem: the certificate, and those between it and head office's authority.
            command: id of the command that brought it.
            now: the time, in UTC.

        Raises:
            RefusedError: it is not for the key that waits, not for this device, not valid now, or
                not from our authority; or it cannot be written.
        """
        cert, key = self._pair()
        if self._trial() is not None:
            raise RefusedError("the last certificate has not proved itself yet")
        self._check(pem, now)
        try:
            for path in (cert, key):
                old = _named(path, "old")
                old.unlink(missing_ok=True)
                os.link(path, old)
                sync_folder(path.parent)
            write_whole(_named(cert, "new"), pem.encode())
            why = _unusable(_named(cert, "new"), _named(key, "new"))
            if why:
                # Before it replaces anything: no process could start with such a pair.
                _named(cert, "new").unlink()
                raise RefusedError(f"it cannot be used for TLS: {why}")
            self._write_trial(Trial(command))
            self._switch()
        except OSError as bad:
            raise RefusedError(f"it cannot be written: {bad.strerror or bad}") from bad

    def on_trial(self, now: float) -> bool:
        """Whether a certificate has to prove itself; its time runs from the first call.

        Args:
            now: monotonic seconds.
        """
        if self._trial() is None:
            return False
        if self._since is None:
            self._since = now
        return True

    def proved(self) -> str | None:
        """A session has begun; returns the command whose certificate it began with."""
        trial = self._trial()
        if trial is None:
            return None
        self._end_trial()
        return trial.command

    def given_up(self, now: float) -> str | None:
        """Put the pair before back when the new one has had its time.

        Returns:
            The command whose certificate was given up, or ``None``.
        """
        trial = self._trial()
        if trial is None or self._since is None or now - self._since < TRIAL_S:
            return None
        try:
            self._write_trial(Trial(trial.command, back=True))
            self._put_back()
        except OSError as bad:
            log.error(
                'event=certificate_stuck reason="%s": the new certificate is refused and the one'
                " before cannot be put back; do it by hand",
                bad,
            )
            self._since = now
            return None
        return trial.command

    def _pair(self) -> tuple[Path, Path]:
        if self._tls.cert_file is None or self._tls.key_file is None:
            raise RefusedError("this device has no certificate: broker.tls.cert_file is not set")
        return self._tls.cert_file, self._tls.key_file

    def _check(self, pem: str, now: datetime) -> None:
        _, key_file = self._pair()
        try:
            chain = x509.load_pem_x509_certificates(pem.encode())
            waiting = serialization.load_pem_private_key(
                _named(key_file, "new").read_bytes(), password=None
            )
        except FileNotFoundError as bad:
            raise RefusedError("no key waits for a certificate; rotate-certificate first") from bad
        except (OSError, ValueError, TypeError) as bad:
            raise RefusedError(f"it cannot be read: {bad}") from bad
        leaf = chain[0]
        names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if leaf.public_key() != waiting.public_key():
            raise RefusedError("it is for another key than the one that waits here")
        if [name.value for name in names] != [str(self._branch)]:
            raise RefusedError(f"its common name is not {self._branch}")
        if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
            raise RefusedError("it is not valid now; see its dates, and this machine's clock")
        if not _leads_to(chain, self._authorities()):
            raise RefusedError("it is not signed by an authority of broker.tls.ca_file")

    def _authorities(self) -> list[x509.Certificate]:
        if self._tls.ca_file is None:
            raise RefusedError("broker.tls.ca_file is not set, so no authority of ours is known")
        try:
            return x509.load_pem_x509_certificates(self._tls.ca_file.read_bytes())
        except (OSError, ValueError) as bad:
            raise RefusedError(f"{self._tls.ca_file}: cannot be read: {bad}") from bad

    def _switch(self) -> None:
        cert, key = self._pair()
        for path in (key, cert):
            if _named(path, "new").exists():
                _named(path, "new").replace(path)
                sync_folder(path.parent)

    def _drop_if_unusable(self, trial: Trial) -> None:
        # At a start nobody waits for the trial's end: without a pair there would be no process.
        why = _unusable(*self._pair())
        if why:
            log.error(
                'event=certificate_given_up id=%s reason="%s": it cannot be used for TLS; the one'
                " before is back; see head office's authority",
                trial.command,
                why,
            )
            self._put_back()

    def _put_back(self) -> None:
        for path in self._pair():
            if _named(path, "old").exists():
                _named(path, "old").replace(path)
                sync_folder(path.parent)
        self._end_trial()

    def _trial(self) -> Trial | None:
        if self._tls.cert_file is None:
            return None
        try:
            found = json.loads(_named(self._tls.cert_file, "trial").read_bytes())
            return Trial(str(found["command"]), bool(found["back"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write_trial(self, trial: Trial) -> None:
        cert, _ = self._pair()
        write_whole(_named(cert, "trial"), json.dumps(vars(trial)).encode())

    def _end_trial(self) -> None:
        cert, _ = self._pair()
        self._since = None
        _named(cert, "trial").unlink(missing_ok=True)
        sync_folder(cert.parent)


def _unusable(cert: Path, key: Path) -> str:
    """Why TLS would not take a pair; empty when it does."""
    try:
        # An empty pass phrase: without one, OpenSSL would ask for it on a terminal.
        ssl.create_default_context().load_cert_chain(cert, key, password="")
    except OSError as bad:
        return str(getattr(bad, "reason", None) or bad.strerror or bad)
    return ""


def _named(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}.{suffix}")


def _leads_to(chain: list[x509.Certificate], authorities: list[x509.Certificate]) -> bool:
    """Whether each certificate is signed by the next, and one of them by an authority."""
    for below, above in zip(chain[:LONGEST_CHAIN], [*chain[1:], None], strict=False):
        if any(_signed(below, authority) for authority in authorities):
            return True
        if above is None or not _signed(below, above):
            return False
    return False


def _signed(below: x509.Certificate, above: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
