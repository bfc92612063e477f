"""The audit of what head office asks of devices."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert

from kiosk.central.store.tables import audit


def record(
    connection: Connection, at: datetime, *, who: str, action: str, target: str, detail: str = ""
) -> None:
    """Write one row, in the transaction of what it tells of."""
    row = {"at": at, "who": who, "action": action, "target": target, "detail": detail}
    connection.execute(insert(audit).values(row))
