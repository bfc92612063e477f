"""A database under test, and messages for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select

from kiosk.central.ingest.decode import decode
from kiosk.central.store import Entry, Progress, tables, write
from kiosk.config import CentralSettings, Settings
from kiosk.wire import Health
from tests.uplink.fleet import BRANCH, hours_payload, plays_payload

EPOCH = "0123abcd"
LATER_EPOCH = "ffffffff"
HOUR = datetime(2026, 1, 2, 10, tzinfo=UTC)
NOW = HOUR + timedelta(minutes=65)


def central(url: str, **changes: Any) -> CentralSettings:
    return Settings.model_validate({"central": {"database": url, **changes}}).central


def hours(
    seq: int, epoch: str = EPOCH, ots: int = 12, at: datetime = HOUR, of: str = BRANCH
) -> Entry:
    return decode(f"{of}/up/hours", hours_payload(epoch, seq, at.isoformat(), ots))


def plays(seq: int, *names: str, epoch: str = EPOCH, of: str = BRANCH) -> Entry:
    return decode(f"{of}/up/plays", plays_payload(epoch, seq, *(names or (f"play-{seq}",))))


def earlier_plays(seq: int, *names: str) -> Entry:
    """The bytes of a version that knew no contracts."""
    text = plays_payload(EPOCH, seq, *(names or (f"play-{seq}",)))
    text = text.replace(b'"schema":2', b'"schema":1').replace(b'"contract":null,', b"")
    return decode(f"{BRANCH}/up/plays", text)


def health(lowest: int, at: datetime = NOW, epoch: str = EPOCH) -> Entry:
    held = {"lowest": lowest, "next": lowest + 5}
    said = Health.model_validate(
        {
            "at": at,
            "version": "1",
            "uptime_s": 5,
            "clock": "set",
            "vision": None,
            "resting": False,
            "screens": 1,
            "outbox": {"epoch": epoch, "waiting": 0, "unacknowledged": 0, "kb": 1}
            | {"hours": held, "plays": {"lowest": 1, "next": 1}},
            "config": {"version": 0},
            "campaign": {"version": 0},
            "disk_free_mb": 1000,
            "temperature_c": None,
        }
    )
    return decode(f"{BRANCH}/up/health", said.encode())


@dataclass
class Books:
    """An open database."""

    engine: Engine
    url: str

    @property
    def is_file(self) -> bool:
        return "://" not in self.url

    def write(self, *entries: Entry, at: datetime = NOW) -> list[Progress]:
        with self.engine.begin() as connection:
            return write(connection, entries, at)

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Some columns of all rows, in their order."""
        found = getattr(tables, table)
        wanted: Sequence[Any] = [found.c[name] for name in columns]
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(select(*wanted).order_by(*wanted))]

    def alerts(self) -> dict[str, int]:
        """Kinds that are open, and how often each came."""
        return {
            kind: count
            for kind, count, cleared in self.rows("alerts", "kind", "count", "cleared")
            if cleared is None
        }

    def play_ids(self) -> list[str]:
        batches = self.rows("play_batches", "proofs")
        return sorted(play["play_id"] for (batch,) in batches for play in json.loads(batch))


def contiguous(progress: Iterable[Progress]) -> dict[tuple[str, str], int]:
    return {(state.key.epoch, state.key.stream): state.contiguous for state in progress}
