"""Many rows at once, in the way that each database takes them fastest.

What is written for each message goes this way; everything else is SQLAlchemy's plain statements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import psycopg
from sqlalchemy import Boolean, ColumnElement, Connection, Table, any_, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError

from kiosk.central.store.kinds import Integers, Moment

Convert = Callable[[Any], Any]


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same keys.

    Raises:
        SQLAlchemyError: nothing was written; on SQLite also OverflowError.
    """
    if not rows:
        return
    names = tuple(rows[0])
    if connection.dialect.name == "postgresql":
        _copy(connection, table, names, rows)
        return
    converts = _converts("sqlite", table, names)
    places = ", ".join("?" * len(names))
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({places})",  # noqa: S608
        [
            tuple(convert(row[name]) for name, convert in zip(names, converts, strict=True))
            for row in rows
        ],
    )


def _copy(
    connection: Connection,
    table: Table,
    names: tuple[str, ...],
    rows: Iterable[Mapping[str, Any]],
) -> None:
    converts = _converts("postgresql", table, names)
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - the dialect's own driver
    statement = f"COPY {table.name} ({', '.join(names)}) FROM STDIN"
    try:
        with driver.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            for row in rows:
                copy.write_row(
                    [convert(row[name]) for name, convert in zip(names, converts, strict=True)]
                )
    except psycopg.Error as bad:
        # It speaks to the driver directly, and fails as everything else does.
        raise DBAPIError.instance(
            statement, None, bad, psycopg.Error, dialect=connection.dialect
        ) from bad


def upsert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or replace all but the primary key where that is known."""
    if not rows:
        return
    names = tuple(rows[0])
    key = [column.name for column in table.primary_key]
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key)
    into = f"INSERT INTO {table.name} ({', '.join(names)})"
    conflict = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    if connection.dialect.name == "postgresql":
        kinds = [table.c[name].type.compile(connection.dialect) for name in names]
        arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
        connection.exec_driver_sql(
            f"{into} SELECT * FROM unnest({arrays}) {conflict}",  # noqa: S608
            tuple([row[name] for row in rows] for name in names),
        )
        return
    converts = _converts("sqlite", table, names)
    places = ", ".join("?" * len(names))
    connection.exec_driver_sql(
        f"{into} VALUES ({places}) {conflict}",
        [
            tuple(convert(row[name]) for name, convert in zip(names, converts, strict=True))
            for row in rows
        ],
    )


RowKey = tuple[int, datetime, str, int]
"""Device, time, epoch and number."""


def find_digests(
    connection: Connection, table: Table, keys: Sequence[RowKey]
) -> list[bytes | None]:
    """What stands in the column ``digest`` under each key; none where there is no such row."""
    if not keys:
        return []
    if connection.dialect.name == "postgresql":
        # Row by row over the primary key of one partition each.
        same = " AND ".join(f"r.{name} = k.{name}" for name in ("device_id", "at", "epoch", "seq"))
        found = connection.exec_driver_sql(
            "SELECT t.digest FROM unnest(%s::int[], %s::timestamptz[], %s::text[], %s::bigint[])"  # noqa: S608
            " WITH ORDINALITY AS k(device_id, at, epoch, seq, place) LEFT JOIN LATERAL"
            f" (SELECT digest FROM {table.name} AS r WHERE {same} LIMIT 1) AS t"
            " ON true ORDER BY k.place",
            tuple(list(column) for column in zip(*keys, strict=True)),
        )
        return [row[0] for row in found]
    query = (
        f"SELECT digest FROM {table.name}"  # noqa: S608
        " WHERE device_id = ? AND at = ? AND epoch = ? AND seq = ?"
    )
    return [
        connection.exec_driver_sql(query, (device_id, _text_of_moment(at), epoch, seq)).scalar()
        for device_id, at, epoch, seq in keys
    ]


def one_of(
    connection: Connection, column: ColumnElement[Any], values: Iterable[Any]
) -> ColumnElement[bool]:
    """Whether a column is one of many values, as one parameter where the database has arrays."""
    wanted = sorted(values)
    if connection.dialect.name == "postgresql":
        return column == any_(bindparam(None, wanted, type_=ARRAY(column.type)))
    return column.in_(wanted)


def _as_it_is(value: Any) -> Any:
    return value


def _text_of_moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")


def _json_of_integers(value: list[int] | None) -> str | None:
    return None if value is None else str(value).replace(" ", "")


def _literal_of_integers(value: list[int] | None) -> str | None:
    return None if value is None else "{" + str(value)[1:-1] + "}"


_FOR_FILES: Mapping[type, Convert] = {
    Moment: _text_of_moment,
    Integers: _json_of_integers,
    Boolean: int,
}
_FOR_COPY: Mapping[type, Convert] = {Integers: _literal_of_integers}


@lru_cache(maxsize=64)
def _converts(dialect: str, table: Table, names: tuple[str, ...]) -> tuple[Convert, ...]:
    kinds = _FOR_COPY if dialect == "postgresql" else _FOR_FILES
    return tuple(kinds.get(type(table.c[name].type), _as_it_is) for name in names)


__all__ = ["RowKey", "find_digests", "insert_rows", "one_of", "upsert_rows"]
