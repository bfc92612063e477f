"""Numbers for names: sites, devices and creatives, made at their first message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, Table, event, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from kiosk.central.store.tables import creatives, devices, sites
from kiosk.wire import Branch

CACHE_MAX = 200_000
"""Names that are remembered; ten times the largest fleet we know of."""

CHUNK = 500
"""Names of one question; SQLite takes 32,766 values."""

Key = tuple[Any, ...]


class Names:
    """Numbers that other transactions have committed, so that they can be remembered."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Key], int] = {}

    def forget(self) -> None:
        """A new connection may lead to another database, such as one from a backup."""
        self._known.clear()

    def site_ids(self, connection: Connection, branches: Iterable[Branch]) -> dict[Key, int]:
        """By tenant and site."""
        keys = {(branch.tenant, branch.site) for branch in branches}
        return self._ids(connection, sites, ("tenant", "site"), keys, {})

    def device_ids(
        self, connection: Connection, branches: Iterable[Branch], now: datetime
    ) -> dict[Branch, tuple[int, int]]:
        """Numbers of site and device; a new device is seen ``now``."""
        wanted = set(branches)
        of_site = self.site_ids(connection, wanted)
        keys = {branch: (of_site[branch.tenant, branch.site], branch.device) for branch in wanted}
        new = {"first_seen": now, "seen": now}
        found = self._ids(connection, devices, ("site_id", "name"), set(keys.values()), new)
        return {branch: (key[0], found[key]) for branch, key in keys.items()}

    def creative_ids(
        self, connection: Connection, names: Iterable[tuple[str, str]]
    ) -> dict[Key, int]:
        """By tenant and name."""
        return self._ids(connection, creatives, ("tenant", "name"), set(names), {})

    def _ids(
        self,
        connection: Connection,
        table: Table,
        columns: tuple[str, str],
        keys: set[Key],
        new: dict[str, Any],
    ) -> dict[Key, int]:
        found = {}
        for key in keys:
            number = self._known.get((table.name, key))
            if number is not None:
                found[key] = number
        missing = sorted(keys - found.keys())
        if not missing:
            return found
        committed = _look(connection, table, columns, missing)
        if len(self._known) > CACHE_MAX:
            self._known.clear()
        self._known.update(((table.name, key), number) for key, number in committed.items())
        found |= committed
        # In one order, so that two workers who make the same names wait in turn.
        missing = [key for key in missing if key not in committed]
        if missing:
            rows = [dict(zip(columns, key, strict=True)) | new for key in missing]
            connection.execute(_insert_if_absent(connection, table), rows)
            found |= _look(connection, table, columns, missing)
        return found


def _look(
    connection: Connection, table: Table, columns: tuple[str, str], keys: Sequence[Key]
) -> dict[Key, int]:
    first, second = (table.c[column] for column in columns)
    found: dict[Key, int] = {}
    for start in range(0, len(keys), CHUNK):
        query = select(first, second, table.c.id).where(
            tuple_(first, second).in_(keys[start : start + CHUNK])
        )
        found.update(((row[0], row[1]), row[2]) for row in connection.execute(query))
    return found


def _insert_if_absent(connection: Connection, table: Table) -> Any:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()


_OF_ENGINE: WeakKeyDictionary[Engine, Names] = WeakKeyDictionary()


def names_of(connection: Connection) -> Names:
    """What is remembered of this connection's database."""
    engine = connection.engine
    names = _OF_ENGINE.get(engine)
    if names is None:
        names = _OF_ENGINE[engine] = Names()
        event.listen(engine, "connect", lambda *_: names.forget())
    return names


def forget_names(engine: Engine) -> None:
    """Look every number up again: the database may be another one now."""
    names = _OF_ENGINE.get(engine)
    if names is not None:
        names.forget()
