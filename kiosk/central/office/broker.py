"""The broker's own folder: configuration, access list, certificates, and the store that it keeps.

The configuration says what ``deploy/mosquitto`` says, for a Mosquitto that is our child.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import pwd
import shutil
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kiosk.central.authority import Authority, Pair
from kiosk.config import BrokerSettings, FleetBrokerSettings, Settings, TlsSettings
from kiosk.errors import BrokerError, PortInUseError, StateError

SBIN = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
"""Where programs for daemons are; an ordinary user's PATH may lack it."""

ACCOUNTS = ("mosquitto", "nobody")
"""As whom it runs when we are root: the first one that there is."""

ALWAYS = ("localhost", "127.0.0.1", "::1")
"""By these names head office itself knows it."""

CONFIG = """\
# Written by kiosk at each start; central.broker in config.yaml is what to change.
per_listener_settings false
listener {port} {host}
cafile ca.crt
certfile broker.crt
keyfile broker.key
crlfile revoked.crl
tls_version tlsv1.2
require_certificate true
# The certificate's common name is the user: tenant/site/device, or kiosk-central.
use_identity_as_username true
# It is the client id as well: nobody takes another one's session by calling itself so.
use_username_as_clientid true
allow_anonymous false
acl_file acl
persistence true
persistence_location store/
autosave_interval 60
autosave_on_changes false
persistent_client_expiration 14d
max_inflight_messages 200
max_queued_messages 100000
max_queued_bytes 268435456
max_packet_size 1048576
max_keepalive 3600
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages true
"""

ACCESS = """\
# Written by kiosk at each start. Head office reads every device, and answers each.
user kiosk-central
topic read kiosk/v1/+/+/+/status
topic read kiosk/v1/+/+/+/up/#
topic write kiosk/v1/+/+/+/down/#

# A device has its own branch and nothing else.
pattern write kiosk/v1/%u/status
pattern write kiosk/v1/%u/up/#
pattern read kiosk/v1/%u/down/#
"""


@dataclass(frozen=True)
class Account:
    """Whom the broker runs as."""

    name: str
    user: int
    group: int


class BrokerFolder:
    """What the broker reads and writes; its account owns nothing but the store."""

    def __init__(self, settings: Settings, authority: Authority) -> None:
        """Nothing is written before :meth:`prepare`."""
        self._broker = settings.central.broker
        self._authority = authority
        self.path = settings.central.folder / "broker"
        self._account = _account()

    @property
    def is_fresh(self) -> bool:
        """The broker keeps nothing yet: no session, no retained message."""
        return not (self.path / "store" / "mosquitto.db").exists()

    def prepare(self) -> bool:
        """Write what has changed; returns whether the broker has to start again for it.

        Raises:
            StateError: the folder cannot be written.
        """
        present = _pair(self.path / "broker.crt", self.path / "broker.key")
        pair = self._authority.own_pair(present, known_names(self._broker))
        config = CONFIG.format(port=self._broker.port, host=_bindable(self._broker.host))
        try:
            self._make(self.path, 0o750)
            self._make(self.path / "store", 0o700)
            if self._account is not None:
                os.chown(self.path / "store", self._account.user, self._account.group)
            changed = [
                self._write("mosquitto.conf", config.encode()),
                self._write("acl", ACCESS.encode()),
                self._write("ca.crt", self._authority.certificate),
                self._write("revoked.crl", self._authority.revocations),
                self._write("broker.crt", pair.certificate),
                self._write("broker.key", pair.key),
            ]
        except OSError as bad:
            raise StateError(
                f"{bad.filename or self.path}: cannot be written: {bad.strerror}",
                hint="check central.folder, its disk, and that this user may write there",
            ) from bad
        return any(changed)

    def command(self) -> Sequence[str]:
        """How the broker is started: within its folder, as its account, and never outliving us.

        Raises:
            BrokerError: Mosquitto is not installed.
        """
        program = shutil.which("mosquitto", path=SBIN)
        if program is None:
            raise BrokerError(
                "mosquitto is not installed, and it is the broker",
                hint="apt-get install mosquitto",
            )
        # Names of files are relative to the folder, so no folder above has to let the account in.
        command = ["env", f"--chdir={self.path}", "setpriv", "--pdeathsig=TERM"]
        if self._account is not None:
            user, group = self._account.user, self._account.group
            command += [f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        return [*command, program, "-c", "mosquitto.conf"]

    def check_port(self) -> None:
        """Find out whether it may listen where it should.

        Raises:
            PortInUseError: another program listens there.
            BrokerError: there is no such address here.
        """
        host, port = _bindable(self._broker.host), self._broker.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except PermissionError as bad:
                raise BrokerError(
                    f"the broker may not listen on port {port}",
                    hint="choose central.broker.port above 1023",
                ) from bad
            except OSError as bad:
                if bad.errno == errno.EADDRINUSE:
                    raise PortInUseError(
                        f"another program listens on {host}, port {port}",
                        hint="end it, or choose another central.broker.port",
                    ) from bad
                raise BrokerError(
                    f"the broker cannot listen on {host}: {bad.strerror or bad}",
                    hint="check central.broker.host",
                ) from bad

    def _make(self, folder: Path, mode: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
        if self._account is not None:
            os.chown(folder, 0, self._account.group)

    def _write(self, name: str, content: bytes) -> bool:
        path = self.path / name
        if path.exists() and path.read_bytes() == content:
            return False
        part = path.with_name(f"{name}.part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            if self._account is not None:
                os.fchown(file.fileno(), 0, self._account.group)
                os.fchmod(file.fileno(), 0o640)
        part.replace(path)
        return True


def known_names(broker: FleetBrokerSettings) -> list[str]:
    """Every name and address that the broker's certificate is good for."""
    names = [*broker.names, *ALWAYS]
    if not is_any(broker.host):
        names.append(broker.host)
    return list(dict.fromkeys(names))


def client_settings(settings: Settings, authority: Authority) -> BrokerSettings:
    """How head office's own processes connect; their certificate is made or renewed.

    Raises:
        StateError: the certificate cannot be written.
    """
    folder = settings.central.folder / "client"
    certificate, key = folder / "client.crt", folder / "client.key"
    authority.keep_pair(certificate, key)
    broker = settings.central.broker
    tls = TlsSettings(
        ca_file=settings.central.folder / "authority" / "ca.crt",
        cert_file=certificate,
        key_file=key,
    )
    return BrokerSettings(host=reachable(broker.host), port=broker.port, tls=tls)


def reachable(host: str) -> str:
    """Where something on this machine that listens on ``host`` answers."""
    if not is_any(host):
        return host
    return "::1" if ":" in host else "127.0.0.1"


def _bindable(host: str) -> str:
    return "127.0.0.1" if host == "localhost" else host


def is_any(host: str) -> bool:
    """Whether to listen on it is to listen on every address."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _account() -> Account | None:
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, found.pw_uid, found.pw_gid)
    return None


def _pair(certificate: Path, key: Path) -> Pair | None:
    try:
        return Pair(certificate.read_bytes(), key.read_bytes())
    except OSError:
        return None
