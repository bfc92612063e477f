"""Opening the database: a file or a server, with its tables as this version wants them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from pydantic import ValidationError
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from kiosk.central.store.former import carry_over, set_former_aside
from kiosk.config import CentralSettings
from kiosk.errors import NewerStateError, StateError

BUSY_TIMEOUT_MS = 10_000
"""How long a writer of the file waits for another one."""

CONNECT_TIMEOUT_S = 10

DEAD_AFTER_MS = 30_000
"""A server that has vanished without a word is given up after this long."""

MIGRATION_LOCK = 0x6B696F736B01
"""Name of the lock (PostgreSQL's advisory ones are numbers) of whoever makes tables."""

WRITES = "kiosk_writes"

MIGRATIONS = Path(__file__).parent / "migrations"


def open_database(central: CentralSettings) -> Engine:
    """Open ``central.database``, made or brought up to this version if need be.

    ``engine.begin()`` is for writing, ``engine.connect()`` for reading: on SQLite the first takes
    the write lock at once, the second never waits for it. Several processes may open it at a time.

    Raises:
        NewerStateError: a newer kiosk wrote it.
        StateError: it cannot be reached, read or written.
    """
    engine = make_engine(central)
    try:
        _migrate(engine)
    except ValidationError as bad:
        raise StateError(
            f"{_shown(engine)}: what the version before wrote cannot be carried over: "
            f"{bad.errors()[0]['msg']}",
            hint="move the file away to begin a new one; it was left as it is",
        ) from bad
    except (SQLAlchemyError, OSError) as bad:
        raise StateError(
            f"{_shown(engine)}: cannot be opened: {failure_reason(bad)}", hint=_hint(engine)
        ) from bad
    except CommandError as bad:
        raise NewerStateError(
            f"{_shown(engine)}: written by a newer kiosk ({bad})", hint="install that version again"
        ) from bad
    return engine


def make_engine(central: CentralSettings) -> Engine:
    """An engine that has not connected yet; tables are not looked at.

    Raises:
        StateError: the folder cannot be made, or the password cannot be read.
    """
    if "://" not in central.database:
        return _sqlite(Path(central.database))
    return _postgresql(central)


def _sqlite(path: Path) -> Engine:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as bad:
        raise StateError(
            f"{path.parent}: the folder cannot be made: {bad.strerror}",
            hint="check central.database",
        ) from bad
    with suppress(OSError):
        # It holds who may sign in. What is wrong with the file SQLite says better.
        path.touch(0o640)
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "cached_statements": 256},
    )
    event.listen(engine, "connect", _prepare_file)
    event.listen(engine, "begin", _begin_on_file)
    engine.begin = partial(_writing, engine)  # type: ignore[method-assign]
    return engine


def _prepare_file(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin where we say so
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_on_file(connection: Connection) -> None:
    # A reader that becomes a writer is refused when somebody else has written in between.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _writing(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        connection.execution_options(**{WRITES: True})
        with connection.begin():
            yield connection


def _postgresql(central: CentralSettings) -> Engine:
    url = make_url(central.database).set(drivername="postgresql+psycopg")
    engine = create_engine(
        url,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "tcp_user_timeout": DEAD_AFTER_MS,
            # Compiling a statement takes longer than any of ours runs.
            "options": "-c timezone=UTC -c jit=off",
        },
    )
    path = central.database_password_file
    if path is not None:
        _password(path)  # told at the start, not at the first message

        @event.listens_for(engine, "do_connect")
        def _with_password(
            _dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]
        ) -> None:
            parameters["password"] = _password(path)

    return engine


def _password(path: Path) -> str:
    try:
        password = path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as bad:
        why = bad.strerror if isinstance(bad, OSError) else "not UTF-8 text"
        raise StateError(
            f"{path}: the database's password cannot be read: {why}",
            hint="check central.database_password_file and who may read it",
        ) from bad
    if not password:
        raise StateError(f"{path}: the database's password is empty", hint="write it there")
    return password


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        former = set_former_aside(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if former:
            carry_over(connection)


def failure_reason(bad: BaseException) -> str:
    """Why a database failed, in one line, without the statement and its values."""
    inner = getattr(bad, "orig", None) or bad
    lines = [line.strip() for line in str(inner).splitlines() if line.strip()]
    return lines[0] if lines else type(inner).__name__


def _shown(engine: Engine) -> str:
    if engine.dialect.name == "sqlite":
        return str(engine.url.database)
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=True)


def _hint(engine: Engine) -> str:
    if engine.dialect.name == "sqlite":
        return "check central.database and its disk; restore a damaged file from a backup"
    return "check central.database, its password, and that the server runs and lets us in"
