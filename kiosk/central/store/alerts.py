"""What went wrong, for the pages: one open row per device and kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Connection, Engine, bindparam, func, text, update

from kiosk.central.store.kinds import Moment
from kiosk.central.store.names import names_of
from kiosk.central.store.tables import alerts
from kiosk.wire import Branch

FORGET_AFTER = timedelta(days=7)
"""An event that has not come again for so long is no alert any more."""

SENTENCE_MAX = 500

COUNT_MAX = 10**15
"""Counting ends here: a device can make numbers up, and a column holds 64 bits."""

RAISE = text("""
INSERT INTO alerts (device_id, kind, since, last, count, sentence)
VALUES (:device_id, :kind, :at, :at, :count, :sentence)
ON CONFLICT (coalesce(device_id, 0), kind) WHERE cleared IS NULL
DO UPDATE SET last = excluded.last, sentence = excluded.sentence,
    count = CASE WHEN alerts.count > :most - excluded.count THEN :most
    ELSE alerts.count + excluded.count END
""").bindparams(bindparam("at", type_=Moment()), bindparam("most", COUNT_MAX, type_=BigInteger()))


@dataclass(frozen=True)
class Alert:
    """Something that asks for a hand.

    Attributes:
        device_id: whose; none: head office's own.
        kind: stable name, that of the event in the log.
        sentence: what, where, what to do.
        count: how often.
    """

    device_id: int | None
    kind: str
    sentence: str
    count: int = 1


def raise_alerts(connection: Connection, found: Iterable[Alert], at: datetime) -> None:
    """Open each alert, or count it up where it is open; the last sentence stands."""
    merged: dict[tuple[int, str], Alert] = {}
    for alert in found:
        key = (alert.device_id or 0, alert.kind)
        count = alert.count + (merged[key].count if key in merged else 0)
        merged[key] = Alert(alert.device_id, alert.kind, alert.sentence[:SENTENCE_MAX], count)
    if not merged:
        return
    rows = [
        {
            "device_id": alert.device_id,
            "kind": alert.kind,
            "at": at,
            "count": min(alert.count, COUNT_MAX),
            "sentence": alert.sentence,
        }
        for _, alert in sorted(merged.items())  # in one order: two workers wait in turn
    ]
    connection.execute(RAISE, rows)


def clear_alerts(
    connection: Connection, kind: str, at: datetime, device_ids: Sequence[int] | None = None
) -> None:
    """Close the open alerts of a kind: those of some devices, or all."""
    query = update(alerts).where(alerts.c.kind == kind, alerts.c.cleared.is_(None))
    if device_ids is not None:
        query = query.where(func.coalesce(alerts.c.device_id, 0).in_(device_ids))
    connection.execute(query.values(cleared=at))


def note_alerts(engine: Engine, found: Iterable[Alert], at: datetime) -> None:
    """The same in a transaction of its own."""
    with engine.begin() as connection:
        raise_alerts(connection, found, at)


def note_rejected(
    engine: Engine, found: Sequence[tuple[Branch | None, str, int]], at: datetime
) -> None:
    """Raise an alert for each device that sent what cannot be taken.

    Args:
        engine: the database.
        found: device (none: no device that can be), what was wrong with the first, and how many.
        at: now.
    """
    with engine.begin() as connection:
        branches = [branch for branch, _, _ in found if branch is not None]
        numbers = names_of(connection).device_ids(connection, branches, at)
        raised = []
        for branch, reason, count in found:
            device_id = numbers[branch][1] if branch is not None else None
            sentence = (
                f"a message of {branch or 'no known device'} was refused: {reason}; "
                "see whether it runs a version that is newer than head office"
            )
            raised.append(Alert(device_id, "payload_rejected", sentence, count))
        raise_alerts(connection, raised, at)
