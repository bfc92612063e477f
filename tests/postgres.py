"""A real PostgreSQL as a child process, one for the whole test session."""

from __future__ import annotations

import atexit
import ctypes
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest

from tests.mosquitto import free_port, wait_for

ORDINARY_USER = "postgres"
"""Debian's package makes this user; the server refuses to run as root."""

PREFIX = "kiosk-postgres-"
"""Of folders; the number of the process that owns them follows."""

PARENT_DIED = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


INITDB = (
    "--auth=trust",
    "--no-sync",
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
)

RULES = """
host all office 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""
"""Everybody gets in, but for one who is asked for a password."""


class Postgres:
    """A server on a loopback port with files of its own, in memory.

    Args:
        fsync: whether commits wait for the file system, as in a shop.
    """

    def __init__(self, *, fsync: bool = True) -> None:
        # A test's own folder cannot be entered by the ordinary user.
        root = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()
        _remove_leftovers(Path(root))
        self._folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=root))
        self._data = self._folder / "data"
        self._log = self._folder / "postgres.log"
        self._user = ORDINARY_USER if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)
        self._fsync = fsync
        self.port = free_port()
        if self._user is not None:
            entry = pwd.getpwnam(self._user)
            os.chown(self._folder, entry.pw_uid, entry.pw_gid)
        subprocess.run(
            [_program("initdb"), "--pgdata", str(self._data), *INITDB],
            check=True,
            capture_output=True,
            cwd=self._folder,
            user=self._user,
            env=_environment(),
        )
        (self._data / "pg_hba.conf").write_text(RULES)

    @property
    def log(self) -> str:
        """Everything that it has logged."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def url(self) -> str:
        """The server's own database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and return when it answers; its port stays the same over restarts."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self._folder),
            "fsync": "on" if self._fsync else "off",
            "max_connections": "60",
            "max_wal_size": "512MB",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [_program("postgres"), "-D", str(self._data), *options],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                user=self._user,
                env=_environment(),
                preexec_fn=_die_with_parent,  # noqa: PLW1509
            )
        wait_for(self._answers, "PostgreSQL answers", 30)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"PostgreSQL ended: {self.log}"
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it: ``SIGINT`` rolls everything back first, ``SIGQUIT`` is as good as a crash."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(30)

    def remove(self) -> None:
        """End it at once, and delete its files."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def database(self, template: str = "template1") -> str:
        """A fresh database: its URL, as ``central.database`` wants it."""
        name = f"test_{next(self._names)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"


_servers: list[Postgres] = []


def server() -> Postgres:
    """The session's server: started at its first use, ended with the session."""
    if not _servers:
        if not _program("postgres"):
            pytest.skip("PostgreSQL is not here: apt-get install postgresql")
        started = Postgres()
        _servers.append(started)
        atexit.register(started.remove)
        started.start()
    return _servers[0]


def database() -> str:
    """A fresh, empty database of the session's server: its URL."""
    return server().database()


def connect(url: str) -> psycopg.Connection:
    """A connection without transactions, beside what is under test."""
    return psycopg.connect(url, autocommit=True)


def _program(name: str) -> str:
    """Debian keeps the server's programs of each version out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else (shutil.which(name) or "")


def _remove_leftovers(root: Path) -> None:
    """Folders of test runs that were killed; those that run have theirs."""
    for folder in root.glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _die_with_parent() -> None:
    # A test run that is killed must not leave a server behind.
    ctypes.CDLL(None).prctl(PARENT_DIED, signal.SIGQUIT)
