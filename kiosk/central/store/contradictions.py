"""What says something else under a number that is taken: the first stands, the other is kept."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

from kiosk.central.store.alerts import Alert
from kiosk.central.store.bulk import find_digests
from kiosk.central.store.entry import Entry, Sequenced
from kiosk.central.store.rows import at_of, digest_of
from kiosk.central.store.tables import conflicts, hours, play_batches
from kiosk.wire import EarlierHours, EarlierPlays, Hours, Plays

log = logging.getLogger(__name__)

KEPT_MAX = 100
"""Contradictions of one device that are kept to be looked at; later ones are only counted."""


@dataclass(frozen=True)
class Replay:
    """A message whose number is there already."""

    device_id: int
    entry: Entry
    content: Sequenced


def keep_contradictions(
    connection: Connection, replays: Sequence[Replay], received: datetime
) -> Iterator[Alert]:
    """Compare replays with what was committed first; yields an alert for each that differs."""
    for table, kinds in ((hours, (Hours, EarlierHours)), (play_batches, (Plays, EarlierPlays))):
        some = [replay for replay in replays if isinstance(replay.content, kinds)]
        for replay, digest in _differing(connection, table, some):
            _keep(connection, replay, digest, received)
            yield Alert(
                replay.device_id,
                "payload_conflict",
                f"{replay.entry.branch} sent {replay.content.stream} {replay.content.seq} twice "
                "with different content; the first stands, the other is kept aside: see whether "
                "two machines use its name",
            )


def is_there(connection: Connection, replay: Replay) -> bool:
    """Whether a row has the number of a replay."""
    table = play_batches if isinstance(replay.content, Plays | EarlierPlays) else hours
    return _look_everywhere(connection, table, replay) is not None


def _differing(
    connection: Connection, table: Table, replays: Iterable[Replay]
) -> Iterator[tuple[Replay, bytes]]:
    some = list(replays)
    keys = [(one.device_id, at_of(one.content), one.content.epoch, one.content.seq) for one in some]
    for replay, found in zip(some, find_digests(connection, table, keys), strict=True):
        digest = digest_of(replay.entry.payload)
        # A true replay stands under its own time; only a lie has to be looked for everywhere.
        first = found if found is not None else _look_everywhere(connection, table, replay)
        if first is not None and first != digest:
            yield replay, digest


def _look_everywhere(connection: Connection, table: Table, replay: Replay) -> bytes | None:
    query = select(table.c.digest).where(
        table.c.device_id == replay.device_id,
        table.c.epoch == replay.content.epoch,
        table.c.seq == replay.content.seq,
    )
    digest: bytes | None = connection.execute(query).scalar()
    return digest


def _keep(connection: Connection, replay: Replay, digest: bytes, received: datetime) -> None:
    content = replay.content
    kept = select(func.count()).where(conflicts.c.device_id == replay.device_id)
    if (connection.scalar(kept) or 0) >= KEPT_MAX:
        return
    log.error(
        "event=payload_conflict device=%s stream=%s epoch=%s seq=%d: differs from what was "
        "committed under this number, which stands; kept in the table conflicts",
        replay.entry.branch,
        content.stream,
        content.epoch,
        content.seq,
    )
    row = {
        "device_id": replay.device_id,
        "epoch": content.epoch,
        "stream": content.stream,
        "seq": content.seq,
        "digest": digest,
        "payload": replay.entry.payload,
        "received": received,
    }
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(insert(conflicts).on_conflict_do_nothing(), row)


__all__ = ["Replay", "is_there", "keep_contradictions"]
