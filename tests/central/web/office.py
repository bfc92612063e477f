"""Head office's web application on a real port, with a small fleet in its database."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import httpx
import uvicorn
from sqlalchemy import Engine

from kiosk.central.store import Entry, open_database, work_off, write
from kiosk.central.web import add_user, create_token, make_app
from kiosk.config import Settings
from kiosk.simulate import Fleet
from tests.fakes import FakeClock
from tests.mosquitto import wait_for

NOW = datetime(2026, 11, 18, 14, 20, tzinfo=UTC)
FIRST = datetime(2026, 11, 18, 9, tzinfo=UTC)
HOURS = 5
DEVICES = 4
PASSWORD = "a password for tests"

FLEET = Fleet(DEVICES, seed=7, sites=2)


class Office:
    """The application over a database, with a user and a token of each role."""

    def __init__(self, folder: Path, database: str | None = None, **web) -> None:
        self.clock = FakeClock(wall=NOW)
        self.settings = Settings.model_validate(
            {
                "central": {
                    "database": database or str(folder / "central.db"),
                    "folder": str(folder / "central"),
                    "web": {"requests_per_min": 100_000, "sign_in_per_min": 1000, **web},
                }
            }
        )
        if database is None:
            shutil.copyfile(template(), folder / "central.db")
        self.engine = open_database(self.settings.central)
        if database is not None:
            add_users(self.engine, self.clock)
        self.tokens = {
            role: create_token(self.engine, role, role, self.clock)
            for role in ("viewer", "operator")
        }
        self.app = make_app(self.engine, self.settings, self.clock)
        self.url = ""

    def gather(self) -> None:
        """What four devices at two sites send in five hours."""
        with self.engine.begin() as connection:
            write(connection, list(messages()), NOW)
        work_off(self.engine, "UTC")

    def bearer(self, role: str = "viewer") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    def api(self, role: str = "viewer", **options) -> httpx.Client:
        """A program with a token."""
        url = f"{self.url}/api/v1"
        return httpx.Client(base_url=url, headers=self.bearer(role), timeout=20, **options)

    def browser(self, address: str = "127.0.0.1") -> httpx.Client:
        """A browser that has not signed in.

        Args:
            address: one of this machine's that it comes from.
        """
        transport = httpx.HTTPTransport(local_address=address)
        return httpx.Client(base_url=self.url, transport=transport, timeout=20)

    @contextmanager
    def signed_in(self, name: str = "viewer") -> Iterator[httpx.Client]:
        with self.browser() as browser:
            answer = browser.post("/sign-in", data={"name": name, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
            yield browser


def add_users(engine: Engine, clock: FakeClock) -> None:
    for role in ("viewer", "operator"):
        add_user(engine, role, role, PASSWORD, clock)


@cache
def template() -> Path:
    """A database with a user of each role: hashing passwords is slow, as it should be."""
    path = Path(tempfile.mkdtemp(prefix="kiosk-office-")) / "central.db"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    central = Settings.model_validate({"central": {"database": str(path)}}).central
    engine = open_database(central)
    add_users(engine, FakeClock(wall=NOW))
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path


def messages() -> Iterator[Entry]:
    for device in range(DEVICES):
        branch = FLEET.branch(device)

        def entry(content, branch=branch) -> Entry:
            return Entry(branch, content, content.encode())

        for number in range(HOURS):
            hour = FIRST + timedelta(hours=number)
            yield entry(FLEET.hours(device, hour, number + 1))
            yield entry(FLEET.plays(device, hour, number + 1))
        yield entry(FLEET.health(device, NOW, hours_next=HOURS + 1, plays_next=HOURS + 1))
        yield entry(FLEET.status(device, FIRST))


@contextmanager
def served(office: Office) -> Iterator[Office]:
    """The application on a free port of this machine."""
    config = uvicorn.Config(
        office.app, port=0, log_config=None, access_log=False, lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started, "the application serves")
    port = server.servers[0].sockets[0].getsockname()[1]
    office.url = f"http://127.0.0.1:{port}"
    try:
        yield office
    finally:
        server.should_exit = True
        thread.join(10)
        office.engine.dispose()
