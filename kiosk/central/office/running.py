"""`kiosk central run`: broker, ingest and pages as children of one foreground command."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from kiosk.central.authority import make_signing_key, open_authority
from kiosk.central.courier import forget_deliveries
from kiosk.central.office.broker import ALWAYS, BrokerFolder, client_settings, reachable
from kiosk.central.office.pages import has_own_certificate, page_address, with_certificate
from kiosk.central.store import open_database
from kiosk.central.store.tables import users
from kiosk.clock import Clock, SystemClock
from kiosk.config import BrokerSettings, Settings, write_settings
from kiosk.errors import BrokerError, PortInUseError, StateError
from kiosk.run import GaveUpError, Supervisor
from kiosk.service import Heartbeat

log = logging.getLogger(__name__)

POLL_S = 0.2

BROKER_START_S = 10.0
"""It starts in a tenth of a second; one that takes this long does not start."""

PAGES_START_S = 60.0
"""Their address is told then, answer or not: a slow machine loads their libraries for long."""

LOOK_S = 1.0
"""Between two looks at the list of revoked certificates."""

RETRY_S = 60.0
"""After the broker's files could not be written."""

RENEW_EVERY_S = 24 * 3600.0
"""Between two looks whether a certificate of ours is near its end."""

EXPIRING = timedelta(days=30)
"""From then on a device's certificate is told of each day."""

EXPIRING_TOLD = 20
"""Devices of whose certificates each day's log speaks; more are a number."""

KIOSK = (sys.executable, "-m", "kiosk")

WORKERS = ("web", "ingest")
"""In the order of stopping; the broker is needed until the last acknowledgement has left."""

Say = Callable[[str], object]


class Office:
    """The children of one head office, and the broker's files."""

    def __init__(self, settings: Settings, clock: Clock, folder: Path) -> None:
        """Make what is missing: authority, keys, broker's files, database.

        Args:
            settings: the whole configuration.
            clock: the time.
            folder: where the children's configuration is written.

        Raises:
            StateError: ``central.folder`` or the database cannot be used.
            PortInUseError: another program listens where the broker should.
            BrokerError: Mosquitto is not installed, or may not listen there.
        """
        self._settings = settings
        self._clock = clock
        self._authority = open_authority(settings.central, clock)
        make_signing_key(settings.central.folder)
        self._broker = BrokerFolder(settings, self._authority)
        commands: dict[str, Sequence[str]] = {"broker": self._broker.command()}
        self._broker.check_port()
        _check_page_port(settings)
        self._broker.prepare()
        config = folder / "config.yaml"
        self._client = client_settings(settings, self._authority)
        derived, _ = with_certificate(settings, self._authority)
        write_settings(_for_children(derived, self._client), config)
        for name in ("ingest", "web"):
            commands[name] = [*KIOSK, "central", name, "--config", str(config)]
        self._prepare_database()
        self._supervisor = Supervisor(commands, settings.run)
        self._revocations = self._authority.revocations
        self._renew_every_s = renew_every_s(settings.central.broker.certificate_days)
        self._renew_at = clock.monotonic() + self._renew_every_s
        self._look_at = float("-inf")

    def start(self, stop: threading.Event) -> None:
        """Start the children, and return when broker and pages answer.

        Raises:
            BrokerError: the broker does not.
            GaveUpError: a child refused what it was given.
        """
        began = self._clock.monotonic()
        self._look_after()
        broker = self._supervisor.children["broker"]
        while not stop.wait(POLL_S / 2) and not self._broker_answers():
            self._look_after()
            if broker.deaths or self._clock.monotonic() - began > BROKER_START_S:
                raise BrokerError("the broker does not start; what it said stands above")
        while not stop.wait(POLL_S / 2) and not self._pages_answer():
            self._look_after()
            if self._clock.monotonic() - began > PAGES_START_S:
                break

    def tick(self) -> None:
        """Look after the children and the broker's files; called a few times a second.

        Raises:
            GaveUpError: a child refused what it was given.
        """
        self._look_after()
        now = self._clock.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_S
        try:
            self._keep_files(now)
        except StateError as bad:
            self._look_at = now + RETRY_S
            log.error(
                'event=broker_files_failed reason="%s" retry_s=%g: revoked devices may still get'
                " in; check the disk of central.folder",
                bad,
                RETRY_S,
            )

    def first_password(self) -> str | None:
        """The password of the first operator, made now if nobody can sign in yet."""
        engine = open_database(self._settings.central)
        try:
            with engine.connect() as connection:
                if connection.execute(select(users.c.id).limit(1)).first() is not None:
                    return None
            # At the first start only: the pages' libraries take 100 MB, for as long as we run.
            from kiosk.central.web import ensure_first_operator  # noqa: PLC0415

            return ensure_first_operator(engine, self._clock)
        finally:
            engine.dispose()

    def stop(self) -> None:
        """Stop the children in order; none is left."""
        try:
            for name in WORKERS:
                self._supervisor.stop(name)
        finally:
            self._supervisor.stop_all()

    def _prepare_database(self) -> None:
        """Make its tables before the children ask for them."""
        engine = open_database(self._settings.central)
        if self._broker.is_fresh:
            with engine.begin() as connection:
                forget_deliveries(connection)
        engine.dispose()

    def _keep_files(self, now: float) -> None:
        """Have the broker follow what was revoked, and renew certificates of ours."""
        revocations = self._authority.revocations
        if revocations == self._revocations and now < self._renew_at:
            return
        client_settings(self._settings, self._authority)
        if with_certificate(self._settings, self._authority)[1]:
            self._supervisor.restart("web")
        if self._broker.prepare():
            # It would read its files again on SIGHUP, but let revoked devices stay connected.
            log.info("event=broker_restarts: its certificates or the revoked ones have changed")
            self._supervisor.restart("broker")
        self._revocations = revocations
        if now >= self._renew_at:
            self._renew_at = now + self._renew_every_s
            self._tell_of_ends()

    def _look_after(self) -> None:
        self._supervisor.tick()
        for child in self._supervisor.children.values():
            if child.state == "refused":
                raise GaveUpError(f"{child.name} cannot start; what it said stands above")

    def _pages_answer(self) -> bool:
        web = self._settings.central.web
        with contextlib.suppress(OSError):
            socket.create_connection((reachable(web.host), web.port), timeout=1).close()
            return True
        return False

    def _broker_answers(self) -> bool:
        host, tls = self._client.host, self._client.tls
        try:
            context = ssl.create_default_context(cafile=tls.ca_file)
            context.load_cert_chain(str(tls.cert_file), tls.key_file)
            with (
                socket.create_connection((host, self._client.port), timeout=1) as plain,
                context.wrap_socket(plain, server_hostname=host) as wrapped,
                # That it speaks TLS is enough, whatever it makes of the end.
                contextlib.suppress(OSError),
            ):
                wrapped.unwrap()
        except OSError:
            return False
        return True

    def _tell_of_ends(self) -> None:
        ending = self._authority.ending_before(self._clock.utc() + EXPIRING)
        for one in ending[:EXPIRING_TOLD]:
            log.warning(
                "event=certificate_expiring device=%s until=%s devices=%d: order"
                " rotate-certificate on its page",
                one.branch,
                f"{one.expires:%Y-%m-%d}",
                len(ending),
            )


def run_office(
    settings: Settings, stop: threading.Event, say: Say, clock: Clock | None = None
) -> None:
    """Be head office until ``stop`` is set.

    Args:
        settings: the whole configuration.
        stop: set to end.
        say: shows a person one line.
        clock: the time; by default the machine's.

    Raises:
        StateError: ``central.folder`` or the database cannot be used.
        PortInUseError: another program listens where the broker should.
        BrokerError: the broker cannot be started.
        GaveUpError: ingest or pages refused what they were given.
    """
    settings = _with_port(settings)
    clock = clock or SystemClock()
    heartbeat = Heartbeat(clock.monotonic)
    with tempfile.TemporaryDirectory(prefix="kiosk-central-") as folder:
        office = Office(settings, clock, Path(folder))
        try:
            office.start(stop)
            # Not before the broker runs: a password is said once, and must not be lost.
            for line in greeting(settings, office.first_password()):
                say(line)
            while not stop.wait(POLL_S):
                office.tick()
                heartbeat.progress("head office is open")
            heartbeat.stopping()
        finally:
            office.stop()


def renew_every_s(days: int) -> float:
    """Seconds between two looks at certificates of so many days, several before one is due."""
    return min(RENEW_EVERY_S, timedelta(days=days).total_seconds() / 10)


def greeting(settings: Settings, password: str | None) -> list[str]:
    """What a person needs to know, line by line."""
    central = settings.central
    lines = [f"pages    {page_address(settings)}"]
    if password is not None:
        lines.append(f"sign in  operator, password {password} (shown only now)")
    names = central.broker.names[0]
    lines += [
        f"broker   {names}:{central.broker.port}, TLS, a certificate for each device",
        "enrol    kiosk central enrol TENANT/SITE/DEVICE --out FOLDER, and bring FOLDER there",
        f"files    {central.folder}: back it up; who has it can speak to every device",
    ]
    if names in ALWAYS:
        lines.append(f"note     devices elsewhere do not find {names}: set central.broker.names")
    if has_own_certificate(settings):
        authority = central.folder / "authority" / "ca.crt"
        lines.append(f"note     a browser asks about the pages until it trusts {authority}")
    return lines


def _for_children(settings: Settings, client: BrokerSettings) -> Settings:
    """What ingest and pages are started with."""
    # One worker, at our own broker, whatever a fleet's settings would say.
    ingest = settings.central.ingest.model_copy(update={"source": "mqtt", "slot": 1, "slots": 1})
    central = settings.central.model_copy(update={"ingest": ingest})
    return settings.model_copy(update={"broker": client, "central": central})


def _check_page_port(settings: Settings) -> None:
    """Before anything is made or told: a password is shown only once."""
    web = settings.central.web
    with socket.socket(socket.AF_INET6 if ":" in web.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((web.host, web.port))
        except OSError as bad:
            raise PortInUseError(
                f"the pages cannot listen on {web.host}, port {web.port}: {bad.strerror}",
                hint="end what listens there, or choose another central.web.port",
            ) from bad


def _with_port(settings: Settings) -> Settings:
    """The settings with a real port for the pages: their address is told before they run."""
    central = settings.central
    if central.web.port != 0:
        return settings
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        web = central.web.model_copy(update={"port": probe.getsockname()[1]})
    return settings.model_copy(update={"central": central.model_copy(update={"web": web})})
