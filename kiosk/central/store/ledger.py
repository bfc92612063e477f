"""Writing checked messages, so that a replay is harmless and a contradiction is kept aside."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from kiosk.central.store.alerts import Alert, raise_alerts
from kiosk.central.store.bulk import insert_rows
from kiosk.central.store.contradictions import Replay, is_there, keep_contradictions
from kiosk.central.store.entry import Entry, Progress, Sequenced
from kiosk.central.store.names import names_of
from kiosk.central.store.presence import Device, lock_devices, save_devices, take_replies
from kiosk.central.store.rows import Row, at_of, creative_names, digest_of, hour_row, play_row
from kiosk.central.store.streams import NAMES, Stream, Streams
from kiosk.central.store.tables import hours, marks, play_batches
from kiosk.wire import EarlierHours, EarlierPlays, Health, Hours, Plays, Reply, StreamHealth

log = logging.getLogger(__name__)

AHEAD = timedelta(hours=1)
"""An hour that begins later than this from now was labelled by a clock that is wrong."""

LATE_MAX = timedelta(days=60)
"""Twice as long as devices keep a message. What is older and has no row was dropped for its age
when it had long been counted, and must not be counted again."""

CLONE_AFTER = timedelta(minutes=10)
"""What an earlier life of a state file left at the broker arrives sooner than this."""


@dataclass
class _Batch:
    """What one transaction has gathered to write."""

    received: datetime
    streams: Streams
    hours: list[tuple[Entry, Hours | EarlierHours, Device, bytes]] = field(default_factory=list)
    plays: list[Row] = field(default_factory=list)
    replays: list[Replay] = field(default_factory=list)
    replies: list[tuple[Device, Entry, Reply]] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    cloned: set[int] = field(default_factory=set)
    doubtful: list[tuple[Stream, Replay, Device]] = field(default_factory=list)


def write(connection: Connection, entries: Sequence[Entry], received: datetime) -> list[Progress]:
    """Write the entries; they are there once the caller's transaction is committed.

    Args:
        connection: within ``engine.begin()``, with nothing else written.
        entries: in the order in which they came.
        received: now.

    Returns:
        How far each stream is now that one of the entries belongs to or gives a hint about.

    Raises:
        SQLAlchemyError: nothing was written.
    """
    if not entries:
        return []
    names = names_of(connection)
    numbers = names.device_ids(connection, (entry.branch for entry in entries), received)
    devices = lock_devices(connection, numbers)
    batch = _Batch(received, Streams.load(connection, entries, devices))
    for entry in entries:
        _sort(batch, entry, devices[entry.branch])
    _insert(connection, batch)
    _take_after_all(connection, batch)
    batch.alerts += keep_contradictions(connection, batch.replays, received)
    take_replies(connection, batch.replies, received)
    batch.streams.save(connection)
    save_devices(connection, devices.values(), received)
    raise_alerts(connection, batch.alerts, received)
    return list(batch.streams.progress())


def _sort(batch: _Batch, entry: Entry, device: Device) -> None:
    content = entry.content
    if isinstance(content, Sequenced):
        device.is_alive = True
        _take(batch, device, entry, content)
    elif isinstance(content, Reply):
        device.is_alive = True
        batch.replies.append((device, entry, content))
    else:
        device.hear(content, batch.received)
        if isinstance(content, Health):
            _move_past(batch, device, content)


def _take(batch: _Batch, device: Device, entry: Entry, content: Sequenced) -> None:
    stream = batch.streams.of(device, content.epoch, content.stream)
    batch.streams.touch(stream)
    if content.seq in stream.run:
        replay = Replay(device.id, entry, content)
        batch.replays.append(replay)
        if stream.given_up:
            batch.doubtful.append((stream, replay, device))
        return
    _watch_epoch(batch, stream)
    if not stream.add(content.seq, batch.received):
        batch.alerts.append(_too_many_holes(stream))
        return
    _gather(batch, device, entry, content)


def _gather(batch: _Batch, device: Device, entry: Entry, content: Sequenced) -> None:
    digest = digest_of(entry.payload)
    if isinstance(content, Plays | EarlierPlays):
        row = play_row(entry.payload, content, digest)
        batch.plays.append({"device_id": device.id, "received": batch.received, **row})
        return
    batch.hours.append((entry, content, device, digest))
    _watch_label(batch, device, content)


def _insert(connection: Connection, batch: _Batch) -> None:
    _insert_hours(connection, batch)
    insert_rows(connection, play_batches, batch.plays)


def _take_after_all(connection: Connection, batch: _Batch) -> None:
    """Take a number that was given up and comes yet, out of what a broker had kept."""
    late = _Batch(batch.received, batch.streams)
    taken = set()
    for stream, replay, device in batch.doubtful:
        key = (stream.key, replay.content.seq)
        if at_of(replay.content) < batch.received - LATE_MAX:
            continue
        if key not in taken and not is_there(connection, replay):
            taken.add(key)
            stream.take_after_all()
            _gather(late, device, replay.entry, replay.content)
    _insert(connection, late)
    batch.alerts += late.alerts


def _watch_epoch(batch: _Batch, stream: Stream) -> None:
    """Two machines of one name tell on themselves by two lives that both go on."""
    device, epoch = stream.device, stream.key.epoch
    if device.epoch == epoch:
        return
    if not any(batch.streams.know(device, epoch, name) for name in NAMES):
        device.begin_epoch(epoch, batch.received)
    elif device.epoch_since is None or batch.received - device.epoch_since > CLONE_AFTER:
        if device.id not in batch.cloned:
            batch.cloned.add(device.id)
            log.warning(
                "event=device_cloned device=%s epoch=%s newest=%s: two machines use this name; "
                "give one of them another name and certificate",
                device.branch,
                epoch,
                device.epoch,
            )
        batch.alerts.append(
            Alert(
                device.id,
                "device_cloned",
                f"{device.branch} goes on with state file {epoch} after it began {device.epoch}: "
                "two machines use this name; give one of them another name and certificate",
            )
        )


def _watch_label(batch: _Batch, device: Device, content: Any) -> None:
    at = at_of(content)
    if at > batch.received + AHEAD:
        log.warning(
            "event=clock_ahead device=%s hour=%s: kept as it is; check that machine's clock",
            device.branch,
            at.isoformat(),
        )
        batch.alerts.append(
            Alert(
                device.id,
                "clock_ahead",
                f"{device.branch} sent an hour of {at:%Y-%m-%d %H:%M} UTC, which is yet to come: "
                "check its clock and its time service",
            )
        )
    elif content.hour is not None:
        device.reach(at)


def _too_many_holes(stream: Stream) -> Alert:
    return Alert(
        stream.device.id,
        "sequence_gap",
        f"{stream.key.branch}: its {stream.key.stream} have too many holes to keep account of; "
        "what comes out of order is not taken until they are filled",
    )


def _move_past(batch: _Batch, device: Device, health: Health) -> None:
    """Wait no longer for what the device has deleted because a head office had it.

    So it is after the device got another name, or this database was lost or restored.
    """
    held: dict[str, StreamHealth] = {"hours": health.outbox.hours, "plays": health.outbox.plays}
    for name, numbers in held.items():
        if numbers.lowest == 1:
            continue
        stream = batch.streams.of(device, health.outbox.epoch, name)
        missing = stream.give_up_below(numbers.lowest, batch.received)
        if missing is None:
            continue
        batch.streams.touch(stream)
        if missing:
            batch.alerts.append(_given_up(stream, missing, numbers.lowest))


def _given_up(stream: Stream, missing: int, lowest: int) -> Alert:
    log.warning(
        "event=numbers_given_up device=%s stream=%s epoch=%s numbers=%d below=%d: a head office "
        "acknowledged them, and they are not in this database; look in the one before, or under "
        "the device's former name",
        stream.key.branch,
        stream.key.stream,
        stream.key.epoch,
        missing,
        lowest,
    )
    return Alert(
        stream.device.id,
        "numbers_given_up",
        f"{missing} messages of {stream.key.stream} of {stream.key.branch} were acknowledged once "
        "and are not here: the device was renamed, or this database was restored; look under its "
        "former name, or in a backup",
        missing,
    )


def _insert_hours(connection: Connection, batch: _Batch) -> None:
    if not batch.hours:
        return
    wanted = {
        (entry.branch.tenant, name)
        for entry, content, _, _ in batch.hours
        for name in creative_names(content)
    }
    found = names_of(connection).creative_ids(connection, wanted)
    of_tenant: dict[str, dict[str, int]] = defaultdict(dict)
    for (tenant, name), number in found.items():
        of_tenant[tenant][name] = number
    rows = [
        {
            "device_id": device.id,
            "received": batch.received,
            **hour_row(content, of_tenant[entry.branch.tenant], digest),
        }
        for entry, content, device, digest in batch.hours
    ]
    insert_rows(connection, hours, rows)
    keys = ("device_id", "at", "epoch", "seq")
    insert_rows(
        connection,
        marks,
        [
            {"site_id": device.site_id, **{key: row[key] for key in keys}}
            for row, (_, _, device, _) in zip(rows, batch.hours, strict=True)
        ],
    )


__all__ = ["write"]
