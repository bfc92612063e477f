"""What a device last said of itself, and its answers to commands."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from kiosk.central.store.bulk import one_of
from kiosk.central.store.entry import Entry
from kiosk.central.store.tables import commands, devices
from kiosk.wire import Branch, EarlierHealth, Health, Reply, Status

log = logging.getLogger(__name__)

KEPT = (
    "state",
    "since",
    "version",
    "epoch",
    "epoch_since",
    "last_hour",
    "health",
    "health_at",
    "drift_s",
)
"""Columns that stay as they are when a batch says nothing of them."""


@dataclass
class Device:
    """A row of the table of devices, locked until the end of the transaction."""

    id: int
    site_id: int
    branch: Branch
    epoch: str | None
    epoch_since: datetime | None
    last_hour: datetime | None
    news: dict[str, Any] = field(default_factory=dict)
    is_alive: bool = False

    def hear(self, content: Status | Health | EarlierHealth, received: datetime) -> None:
        """Take in what it says of itself; of two messages the later arrival stands.

        A status is no sign of life: the broker keeps it, and tells it again to each new reader.
        """
        self.news["version"] = content.version
        if isinstance(content, Status):
            self.news |= {"state": content.state, "since": content.since}
            return
        self.is_alive = True
        self.news |= {
            "health": content.model_dump_json(by_alias=True),
            "health_at": content.at,
            "drift_s": (content.at - received).total_seconds(),
        }

    def begin_epoch(self, epoch: str, received: datetime) -> None:
        """Its state file has begun a new life."""
        self.epoch, self.epoch_since = epoch, received
        self.news |= {"epoch": epoch, "epoch_since": received}

    def reach(self, hour: datetime) -> None:
        """It has told of an hour."""
        if self.last_hour is None or hour > self.last_hour:
            self.last_hour = hour
            self.news["last_hour"] = hour


def lock_devices(
    connection: Connection, numbers: dict[Branch, tuple[int, int]]
) -> dict[Branch, Device]:
    """Everything about these devices waits until this transaction ends.

    One lock for all that a device writes, taken in one order, so that workers never wait for each
    other in a circle.
    """
    of_id = {device_id: branch for branch, (_, device_id) in numbers.items()}
    query = (
        select(
            devices.c.id,
            devices.c.site_id,
            devices.c.epoch,
            devices.c.epoch_since,
            devices.c.last_hour,
        )
        .where(one_of(connection, devices.c.id, of_id))
        .order_by(devices.c.id)
        .with_for_update(key_share=True)
    )
    return {
        of_id[row.id]: Device(
            row.id, row.site_id, of_id[row.id], row.epoch, row.epoch_since, row.last_hour
        )
        for row in connection.execute(query)
    }


SAVE = (
    update(devices)
    .where(devices.c.id == bindparam("device"))
    .values(
        seen=func.coalesce(bindparam("seen_now", type_=devices.c.seen.type), devices.c.seen),
        **{
            name: func.coalesce(
                bindparam(f"new_{name}", type_=devices.c[name].type), devices.c[name]
            )
            for name in KEPT
        },
    )
)


def save_devices(connection: Connection, heard: Iterable[Device], received: datetime) -> None:
    """Write what was heard."""
    rows = []
    seen = []
    for device in heard:
        if not device.news:
            if device.is_alive:
                seen.append(device.id)
            continue
        news = {f"new_{name}": device.news.get(name) for name in KEPT}
        now = received if device.is_alive else None
        rows.append({"device": device.id, "seen_now": now, **news})
    if seen:
        was_seen = update(devices).where(one_of(connection, devices.c.id, seen))
        connection.execute(was_seen.values(seen=received))
    if rows:
        connection.execute(SAVE, rows)


def take_replies(
    connection: Connection, replies: Sequence[tuple[Device, Entry, Reply]], received: datetime
) -> None:
    """Note what became of commands; the first answer of the device that was asked stands."""
    for device, entry, reply in replies:
        done = connection.execute(
            update(commands)
            .where(
                commands.c.id == reply.id,
                commands.c.device_id == device.id,
                commands.c.replied.is_(None),
            )
            .values(
                outcome=reply.outcome,
                reply=reply.model_dump_json(by_alias=True),
                replied=received,
            )
        )
        if not done.rowcount:
            log.info(
                "event=reply_ignored device=%s command=%s: not asked of this device, or answered",
                entry.branch,
                reply.id,
            )
