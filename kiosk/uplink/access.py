"""What proves who we are to the broker, and who it is to us: password and TLS."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from kiosk.config import BrokerSettings, TlsSettings
from kiosk.errors import BrokerError

CREDENTIAL = "broker-password"
"""The name of the password among systemd's credentials."""


def read_password(broker: BrokerSettings, environ: Mapping[str, str] = os.environ) -> str | None:
    """The password that goes with ``broker.username``, or ``None`` when there is none.

    ``broker.password_file`` comes first, then systemd's credential ``broker-password``. One line
    end after the password is not part of it.

    Raises:
        BrokerError: the file cannot be read, is empty, there is no user name to go with it, or the
            password would cross a network unencrypted.
    """
    path = broker.password_file
    if path is None:
        folder = environ.get("CREDENTIALS_DIRECTORY")
        path = Path(folder) / CREDENTIAL if folder else None
        if path is None or broker.username is None or not path.is_file():
            return None
    if broker.username is None:
        raise BrokerError(
            "broker.password_file is set and broker.username is not",
            hint="set broker.username to the name that the broker knows this device by",
        )
    try:
        password = path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as bad:
        reason = bad.strerror if isinstance(bad, OSError) else "not UTF-8 text"
        raise BrokerError(
            f"{path}: the broker's password cannot be read: {reason}",
            hint="write the password there, readable by this process's user only",
        ) from bad
    if not password:
        raise BrokerError(f"{path}: the broker's password is empty", hint="write it there")
    if not broker.tls.wanted and not is_loopback(broker.host):
        raise BrokerError(
            f"broker.host {broker.host} is another machine and broker.tls is not set: the password "
            "would cross the network for everybody to read",
            hint="set broker.tls.ca_file, or broker.tls.system_ca, and the broker's port for TLS",
        )
    return password


def is_loopback(host: str) -> bool:
    """Whether what is sent to a host cannot leave this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def tls_context(tls: TlsSettings) -> ssl.SSLContext | None:
    """The TLS context of these settings, or ``None`` when no key is set.

    Raises:
        BrokerError: a certificate or key cannot be read.
    """
    if not tls.wanted:
        return None
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except OSError as bad:
        raise _unusable(tls.ca_file, bad) from bad
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.cert_file is not None:
        try:
            # An empty pass phrase: without one, OpenSSL would ask for it on a terminal.
            context.load_cert_chain(tls.cert_file, tls.key_file, password="")
        except OSError as bad:
            raise _unusable(tls.cert_file, bad, tls.key_file) from bad
    return context


def _unusable(path: Path | None, bad: OSError, key: Path | None = None) -> BrokerError:
    files = " and ".join(str(part) for part in (path, key) if part is not None)
    return BrokerError(
        f"{files}: not usable for TLS: {bad.strerror or bad}",
        hint="check broker.tls in the configuration, and that this process's user can read them",
    )
