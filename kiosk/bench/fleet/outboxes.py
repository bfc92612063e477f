"""Outboxes of a part of a fleet: what is to be sent, what was, and what head office has."""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from kiosk.simulate import BATCH, PLAYS_PER_HOUR, Fleet

BATCHES = PLAYS_PER_HOUR // BATCH
"""Messages of plays in an hour of one device."""

MESSAGES = BATCHES + 1
"""Those, and the hour's tables, which are the last of them."""

BATCH_TIME = timedelta(hours=1) / BATCHES

Key = tuple[int, int]
"""A device of the fleet, and which of its messages, from 0."""


@dataclass
class Tally:
    """What devices did.

    Attributes:
        sent: publications of hours and plays, every repetition counted.
        again: those of them that were sent before.
        acknowledged: messages that head office has, each counted once.
        health: health messages.
        acks: acknowledgements that came.
    """

    sent: int = 0
    again: int = 0
    acknowledged: int = 0
    health: int = 0
    acks: int = 0


def device_payloads(fleet: Fleet, devices: Sequence[int], hour: datetime) -> dict[Key, bytes]:
    """Everything that the devices have to send of an hour."""
    found: dict[Key, bytes] = {}
    for device, payload in fleet.hours_encoded(devices, hour, [1] * len(devices)):
        found[device, BATCHES] = payload
        for batch in range(BATCHES):
            found[device, batch] = fleet.plays_encoded(device, hour + batch * BATCH_TIME, batch + 1)
    return found


def sending_order(
    devices: Sequence[int], random: Random, duplicates: float, disorder: float
) -> deque[Key]:
    """In which order messages first leave: as an hour passes, some twice, some out of turn.

    Args:
        devices: of the fleet.
        random: draws which.
        duplicates: share of messages that are sent twice.
        disorder: share of devices whose messages leave in any order.
    """
    slots: list[list[Key]] = [[] for _ in range(MESSAGES + 2)]
    for device in devices:
        turn = list(range(MESSAGES))
        if random.random() < disorder:
            random.shuffle(turn)
        for slot, message in enumerate(turn):
            slots[slot].append((device, message))
            if random.random() < duplicates:
                slots[slot + random.randint(0, 2)].append((device, message))
    for keys in slots:
        random.shuffle(keys)
    return deque(key for keys in slots for key in keys)


@dataclass
class Outboxes:
    """What devices keep until head office has it.

    A message is on its way, then at the broker, then acknowledged. It is sent again when its
    connection was lost before the broker answered, and when head office is silent for too long.

    Attributes:
        window: messages that may be on their way or unacknowledged at once, of all devices.
        patience_s: wait for an acknowledgement before a message is sent again.
    """

    waiting: deque[Key]
    window: int
    patience_s: float
    epochs: dict[int, str]
    tally: Tally = field(default_factory=Tally)
    _open: OrderedDict[Key, float] = field(default_factory=OrderedDict)
    _reached: dict[tuple[int, str], int] = field(default_factory=dict)
    _sent: set[Key] = field(default_factory=set)

    def next(self) -> Key | None:
        """The next message to send, if one may leave now."""
        while self.waiting and len(self._open) < self.window:
            key = self.waiting.popleft()
            if not self.has(key):
                return key
        return None

    def sent(self, key: Key, now: float) -> None:
        """It has left."""
        self.tally.sent += 1
        if key in self._sent:
            self.tally.again += 1
        self._sent.add(key)
        self._open[key] = now
        self._open.move_to_end(key)

    def lost(self, keys: Iterator[Key]) -> None:
        """Their connection ended before the broker answered for them."""
        for key in keys:
            if self._open.pop(key, None) is not None:
                self.waiting.appendleft(key)

    def overdue(self, now: float) -> int:
        """Put back what head office has not answered for; how many."""
        number = 0
        while self._open:
            key, since = next(iter(self._open.items()))
            if now - since < self.patience_s:
                break
            del self._open[key]
            self.waiting.append(key)
            number += 1
        return number

    def acknowledge(self, device: int, payload: bytes) -> None:
        """Head office says how far it has a stream."""
        ack = json.loads(payload)
        self.tally.acks += 1
        stream, upto = ack["stream"], int(ack["seq"])
        if ack["epoch"] != self.epochs[device]:
            return
        before = self._reached.get((device, stream), 0)
        for seq in range(before + 1, upto + 1):
            self._open.pop((device, BATCHES if stream == "hours" else seq - 1), None)
            self.tally.acknowledged += 1
        self._reached[device, stream] = max(before, upto)

    def has(self, key: Key) -> bool:
        """Whether head office has a message."""
        device, message = key
        if message == BATCHES:
            return self._reached.get((device, "hours"), 0) >= 1
        return self._reached.get((device, "plays"), 0) > message

    @property
    def finished(self) -> bool:
        """Whether head office has everything of every device."""
        return self.tally.acknowledged >= len(self.epochs) * MESSAGES
