"""Streams of numbered messages: how far each is, and what a transaction adds to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from kiosk.central.store.bulk import one_of, upsert_rows
from kiosk.central.store.entry import Entry, Progress, Sequenced, StreamKey
from kiosk.central.store.presence import Device
from kiosk.central.store.runs import Run
from kiosk.central.store.tables import streams
from kiosk.wire import Branch, Health

NAMES = ("hours", "plays")

Key = tuple[int, str, str]
"""Device, epoch and stream, as the table has them."""


class Stream:
    """One stream in the life of one state file of one device."""

    __slots__ = ("changed", "device", "gap_since", "given_up", "key", "run")

    def __init__(self, device: Device, epoch: str, name: str, row: Any = None) -> None:
        """As the row has it, or a new one."""
        self.device = device
        self.key = StreamKey(device.branch, epoch, name)
        self.run = Run() if row is None else Run.read(row.contiguous, row.beyond)
        self.given_up: int = 0 if row is None else row.given_up
        self.gap_since: datetime | None = None if row is None else row.gap_since
        self.changed = False

    def add(self, number: int, received: datetime) -> bool:
        """Take in a number that is not there; false: refused, there are too many holes."""
        before = self.run.contiguous
        if not self.run.add(number):
            return False
        self._moved(before, received)
        return True

    def give_up_below(self, lowest: int, received: datetime) -> int | None:
        """Wait no longer for what is below; how many never came, or none when all is there."""
        before = self.run.contiguous
        missing = self.run.give_up_below(lowest)
        if self.run.contiguous == before:
            return None
        self.given_up += missing
        self._moved(before, received)
        return missing

    def take_after_all(self) -> None:
        """A number that was given up has come."""
        self.given_up -= 1
        self.changed = True

    def _moved(self, before: int, received: datetime) -> None:
        self.changed = True
        if not self.run.is_broken:
            self.gap_since = None
        elif self.gap_since is None or self.run.contiguous != before:
            self.gap_since = received


class Streams:
    """The streams that a batch is about."""

    def __init__(self, rows: Mapping[Key, Any]) -> None:
        """Rows of the table, by their key."""
        self._rows = rows
        self._open: dict[Key, Stream] = {}
        self._touched: dict[Key, Stream] = {}

    @classmethod
    def load(
        cls, connection: Connection, entries: Sequence[Entry], devices: Mapping[Branch, Device]
    ) -> Streams:
        """Read those that the entries belong to or tell of."""
        wanted: set[tuple[int, str]] = set()
        for entry in entries:
            content = entry.content
            if isinstance(content, Sequenced):
                wanted.add((devices[entry.branch].id, content.epoch))
            elif isinstance(content, Health):
                wanted.add((devices[entry.branch].id, content.outbox.epoch))
        if not wanted:
            return cls({})
        query = select(streams).where(
            one_of(connection, streams.c.device_id, {device_id for device_id, _ in wanted}),
            # As an expression: a file would else look up every epoch for every device.
            one_of(connection, streams.c.epoch + "", {epoch for _, epoch in wanted}),
        )
        return cls({(row[0], row[1], row[2]): row for row in connection.execute(query)})

    def of(self, device: Device, epoch: str, name: str) -> Stream:
        """A stream, which begins if it is not there."""
        key = (device.id, epoch, name)
        stream = self._open.get(key)
        if stream is None:
            stream = self._open[key] = Stream(device, epoch, name, self._rows.get(key))
        return stream

    def know(self, device: Device, epoch: str, name: str) -> bool:
        """Whether anything of a stream is there."""
        key = (device.id, epoch, name)
        stream = self._open.get(key)
        return key in self._rows or (stream is not None and stream.changed)

    def touch(self, stream: Stream) -> None:
        """Its progress is to be told."""
        self._touched[stream.device.id, stream.key.epoch, stream.key.stream] = stream

    def save(self, connection: Connection) -> None:
        """Write those that have changed."""
        upsert_rows(
            connection,
            streams,
            [
                {
                    "device_id": stream.device.id,
                    "epoch": stream.key.epoch,
                    "stream": stream.key.stream,
                    "contiguous": stream.run.contiguous,
                    "beyond": stream.run.beyond,
                    "given_up": stream.given_up,
                    "gap_since": stream.gap_since,
                }
                for stream in self._touched.values()
                if stream.changed
            ],
        )

    def progress(self) -> Iterable[Progress]:
        """How far each is that was touched."""
        for stream in self._touched.values():
            yield Progress(stream.key, stream.run.contiguous, stream.run.highest)


__all__ = ["NAMES", "Stream", "Streams"]
