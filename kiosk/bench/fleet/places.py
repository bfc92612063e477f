"""Brokers and databases that a bench starts for itself, and how each is disturbed."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kiosk.bench.fleet.children import Mosquitto, Postgres, processor_s
from kiosk.bench.fleet.rabbitmq import PrivateRabbit, User
from kiosk.config import BrokerSettings, CentralSettings


class Database(Protocol):
    """Where head office writes."""

    @property
    def name(self) -> str:
        """For the result."""
        ...

    @property
    def url(self) -> str:
        """As ``central.database`` wants it."""
        ...

    @property
    def pid(self) -> int | None:
        """Of its server, if it is a process of ours."""
        ...

    def processor_s(self) -> float:
        """Processor time that it took so far, where it is a process of ours."""
        ...

    def disturb(self, seconds: float) -> str:
        """Take it away for so long; returns what was done."""
        ...


@dataclass
class File:
    """SQLite."""

    path: Path
    name: str = "sqlite"
    pid: int | None = None

    def processor_s(self) -> float:
        """None of its own."""
        return 0.0

    @property
    def url(self) -> str:
        """The file."""
        return str(self.path)

    def disturb(self, seconds: float) -> str:
        """Somebody else holds the file's lock."""
        other = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        try:
            other.execute("BEGIN EXCLUSIVE")
            time.sleep(seconds)
            other.execute("ROLLBACK")
        finally:
            other.close()
        return f"the database was locked for {seconds:g} s"


@dataclass
class Server:
    """PostgreSQL of our own."""

    server: Postgres
    name: str = "postgresql"
    before_s: float = 0.0

    @property
    def pid(self) -> int | None:
        """Of the server."""
        return self.server.pid

    def processor_s(self) -> float:
        """Of all its lives."""
        return self.before_s + (0.0 if self.pid is None else processor_s(self.pid))

    @property
    def url(self) -> str:
        """On loopback."""
        return self.server.url

    def disturb(self, seconds: float) -> str:
        """Shut down and start again."""
        self.before_s = self.processor_s()
        self.server.stop()
        time.sleep(seconds)
        self.server.start()
        return f"the database was shut down, and started again after {seconds:g} s"


@dataclass
class Given:
    """Somebody else's server, which we may not restart."""

    url: str
    name: str = "postgresql (given)"
    pid: int | None = None

    def processor_s(self) -> float:
        """None of its own."""
        return 0.0

    def disturb(self, seconds: float) -> str:  # noqa: ARG002 - as the others'
        """Leave it alone."""
        return "the database is not ours to restart"


@dataclass(frozen=True)
class Broker:
    """What carries the messages.

    Attributes:
        mqtt_port: of devices, on loopback.
        devices: name and password of theirs; ``None`` where everybody may connect.
        settings: sections of the workers' configuration.
        pid: of its process.
    """

    name: str
    mqtt_port: int
    devices: tuple[str | None, str | None]
    settings: dict[str, Any]
    pid: int


@contextmanager
def database_for(wanted: str, folder: Path) -> Iterator[Database]:
    """The database of a bench; what it made is gone afterwards.

    Raises:
        StateError: a server of our own does not start.
    """
    if wanted == "sqlite":
        yield File(folder / "central.db")
    elif wanted != "postgresql":
        yield Given(wanted)
    else:
        # The server runs as somebody else, who may not enter our own folder.
        own = Path(tempfile.mkdtemp(prefix="kiosk-bench-postgresql-"))
        try:
            server = Postgres(own)
            try:
                yield Server(server)
            finally:
                server.close()
        finally:
            shutil.rmtree(own, ignore_errors=True)


@contextmanager
def broker_for(wanted: str, folder: Path, central: CentralSettings) -> Iterator[Broker]:
    """The broker of a bench.

    Raises:
        BrokerError: it is not installed or does not start.
    """
    if wanted == "mosquitto":
        mosquitto = Mosquitto(folder)
        try:
            own = BrokerSettings(host="127.0.0.1", port=mosquitto.port, backoff_min_s=0.2)
            yield Broker(wanted, mosquitto.port, (None, None), {"broker": own}, mosquitto.pid)
        finally:
            mosquitto.close()
        return
    password = folder / "rabbitmq-password"
    with PrivateRabbit(folder / "rabbitmq", users={"kiosk": User("bench")}) as rabbit:
        password.write_text("bench", encoding="utf-8")
        own = BrokerSettings(
            host="127.0.0.1",
            port=rabbit.mqtt_port,
            protocol="3.1.1",
            username="kiosk",
            password_file=password,
            backoff_min_s=0.2,
        )
        ingest = central.ingest.model_copy(
            update={"source": "amqp", "amqp_hosts": rabbit.amqp_hosts}
        )
        yield Broker(
            wanted,
            rabbit.mqtt_port,
            ("kiosk", "bench"),
            {"broker": own, "central": central.model_copy(update={"ingest": ingest})},
            rabbit.nodes[0].pid,
        )
