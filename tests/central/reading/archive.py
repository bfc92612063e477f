"""A database with the hours of a small fleet over the end of summer time, and its sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, insert, select

from kiosk.central.reading import Period
from kiosk.central.store import Entry, open_database, tables, work_off, write
from kiosk.config import CentralSettings, Settings
from kiosk.simulate import Fleet
from kiosk.wire import Hours

ZONE = ZoneInfo("Europe/Berlin")
FIRST = datetime(2026, 10, 23, 22, tzinfo=UTC)
"""Midnight in Berlin, a Saturday; the night to the 25th has two hours from two to three."""

HOURS = 73
"""Three days there, one of which has 25 hours."""

PERIOD = Period(date(2026, 10, 24), date(2026, 10, 26), ZONE)
FLEET = Fleet(3, seed=11, sites=2, zone=ZONE)
HOUR = timedelta(hours=1)


@dataclass
class Archive:
    """An open database, and what was written into it."""

    engine: Engine
    settings: CentralSettings
    hours: list[tuple[int, datetime, Hours]]

    def connect(self) -> Connection:
        return self.engine.connect()

    def told(self, devices: Iterable[int]) -> Sequence[Hours]:
        """What some devices sent."""
        wanted = set(devices)
        return [content for device, _, content in self.hours if device in wanted]

    def book(self, creative: str, begin: str, end: str, plays: int) -> None:
        with self.engine.begin() as connection:
            number = connection.execute(
                select(tables.creatives.c.id).where(tables.creatives.c.name == creative)
            ).scalar_one()
            row = {"creative_id": number, "begin": begin, "end": end, "plays": plays, "note": ""}
            connection.execute(insert(tables.bookings).values(row))


def fill(url: str) -> Archive:
    settings = Settings.model_validate({"central": {"database": url, "timezone": ZONE.key}}).central
    engine = open_database(settings)
    hours = [
        (device, FIRST + number * HOUR, FLEET.hours(device, FIRST + number * HOUR, number + 1))
        for number in range(HOURS)
        for device in range(FLEET.devices)
    ]
    entries = [Entry(FLEET.branch(device), one, one.encode()) for device, _, one in hours]
    with engine.begin() as connection:
        write(connection, entries, FIRST + (HOURS + 1) * HOUR)
    while work_off(engine, ZONE.key):
        pass
    return Archive(engine, settings, hours)
