"""How head office itself does: its own alerts, and the workers that take in messages."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from kiosk.central.reading.alerts import Alert
from kiosk.central.store import tables

WORKER_SILENT = timedelta(minutes=3)
"""Workers give a sign of life every few seconds; a busy database may hold one up for a minute."""

WORKER_FORGOTTEN = timedelta(days=7)
"""A worker that has been away for so long was taken out of use."""


def read_office(connection: Connection, now: datetime) -> tuple[Alert, ...]:
    """What is wrong with head office, not with a device; the oldest first."""
    alerts, workers = tables.alerts, tables.workers
    kept = connection.execute(
        select(alerts.c.kind, alerts.c.sentence, alerts.c.since)
        .where(alerts.c.device_id.is_(None), alerts.c.cleared.is_(None))
        .order_by(alerts.c.since)
    )
    found = [Alert(kind, "warn", sentence, since) for kind, sentence, since in kept]
    silent = connection.execute(
        select(workers.c.name, workers.c.seen)
        .where(workers.c.seen < now - WORKER_SILENT, workers.c.seen > now - WORKER_FORGOTTEN)
        .order_by(workers.c.name)
    )
    found += [
        Alert(
            "worker_silent",
            "bad",
            f"Worker {name} gives no sign of life: see that its kiosk central ingest runs and"
            " reaches the broker; devices keep what they send until then.",
            seen,
        )
        for name, seen in silent
    ]
    return tuple(found)
