"""A program of its own: a part of a fleet, each connection an MQTT client, until all is delivered.

Reads one JSON object from standard input and waits for a second line; writes some a second to
standard output, and ends by itself when head office has acknowledged everything, or with SIGTERM.
SIGUSR1 drops every connection at once.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from random import Random

from kiosk.bench.fleet import packets
from kiosk.bench.fleet.outboxes import (
    BATCHES,
    Key,
    Outboxes,
    device_payloads,
    sending_order,
)
from kiosk.simulate import Fleet

TICK_S = 0.02
TELL_S = 0.1
RETURN_MAX_S, RETURNS_PER_S = 5.0, 200
"""After a lost connection devices come back within the time that so many of them a second take, or
within the longest; each at a time of its own."""

DIALS_AT_ONCE = 200
"""Connections that are being made at once; the listening socket's queue is not longer."""

CONNECT_S = 60.0
"""Longest wait for all connections before the first message."""

HEALTH_S = 60.0


@dataclass(frozen=True)
class Task:
    """What one process of devices is to do.

    Attributes:
        devices: of the whole fleet.
        first: this process's first device; every ``step``-th from there on is its own.
        connections: of this process; each carries an equal part of its devices.
        window: messages unacknowledged at once.
        username: with ``password`` for all of them; ``None``: anonymous.
    """

    host: str
    port: int
    devices: int
    sites: int
    seed: int
    hour: str
    first: int
    step: int
    connections: int
    window: int
    patience_s: float
    duplicates: float
    disorder: float
    health: bool
    username: str | None = None
    password: str | None = None


class Part:
    """All devices of this process."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._random = Random(task.seed * 1000 + task.first)  # noqa: S311 - no secret
        self.fleet = Fleet(task.devices, task.seed, task.sites)
        self._own = list(range(task.first, task.devices, task.step))
        hour = datetime.fromisoformat(task.hour)
        self.payloads = device_payloads(self.fleet, self._own, hour)
        self.outboxes = Outboxes(
            waiting=sending_order(self._own, self._random, task.duplicates, task.disorder),
            window=task.window,
            patience_s=task.patience_s,
            epochs={device: self.fleet.epoch(device) for device in self._own},
        )
        self.device_of = {str(self.fleet.branch(device)): device for device in self._own}
        self._return_s = min(RETURN_MAX_S, task.devices / RETURNS_PER_S)
        self._dials = asyncio.Semaphore(DIALS_AT_ONCE)
        number = max(1, min(task.connections, len(self._own)))
        self._lines = [Line(self, self._own[start::number]) for start in range(number)]
        self._line_of = {device: line for line in self._lines for device in line.devices}
        self._health = self._turns()
        self._owed = self._paid_at = 0.0
        self._held = 0
        self.stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until everything is delivered."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self.storm)
        loop.add_signal_handler(signal.SIGTERM, self.stop.set)
        for line in self._lines:
            self.dial(line, first=True)
        told = 0.0
        await self._connected(loop)
        self._paid_at = loop.time()
        while not self.stop.is_set() and not self.outboxes.finished:
            self._send(loop.time())
            if loop.time() - told >= TELL_S:
                told = loop.time()
                self.outboxes.overdue(told)
                self.tell()
            await asyncio.sleep(TICK_S)
        self.tell()

    async def _connected(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for all connections, or for as long as it may take."""
        until = loop.time() + CONNECT_S
        while not all(line.ready for line in self._lines) and loop.time() < until:
            await asyncio.sleep(TICK_S)

    def back(self, line: Line) -> None:
        """A connection stands again: first goes what was held for it."""
        self._held -= len(line.held)
        self.outboxes.waiting.extendleft(reversed(line.held))
        line.held.clear()

    def storm(self) -> None:
        """Every connection ends, as when a shop's line or the broker's machine goes."""
        for line in self._lines:
            line.drop()

    def dial(self, line: Line, *, first: bool = False) -> None:
        """Connect: at once at first, then after a while."""
        within_s = 0.0 if first else self._return_s
        task = asyncio.get_running_loop().create_task(
            self._dial(line, self._random.uniform(0, within_s))
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _dial(self, line: Line, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        try:
            async with self._dials:
                await asyncio.get_running_loop().create_connection(
                    lambda: line, self._task.host, self._task.port
                )
        except OSError:
            self.dial(line)

    def hello(self, line: Line) -> bytes:
        """What a connection says first."""
        name = f"bench-{line.devices[0]}"
        return packets.connect(name, self._task.username, self._task.password)

    def _send(self, now: float) -> None:
        while self._held < self._task.window and (key := self.outboxes.next()) is not None:
            line = self._line_of[key[0]]
            if not line.ready:
                line.held.append(key)
                self._held += 1
                continue
            leaf = "up/hours" if key[1] == BATCHES else "up/plays"
            line.send(self.fleet.branch(key[0]).topic(leaf), self.payloads[key], key)
            self.outboxes.sent(key, now)
        if self._task.health:
            self._owed += (now - self._paid_at) * len(self._own) / HEALTH_S
            self._paid_at = now
            while self._owed >= 1:
                self._owed -= 1
                self._send_health(next(self._health))

    def _send_health(self, device: int) -> None:
        line = self._line_of[device]
        if line.ready:
            payload = self.fleet.health(device, datetime.now(UTC)).encode()
            line.send(self.fleet.branch(device).topic("up/health"), payload, None)
            self.outboxes.tally.health += 1

    def _turns(self) -> Iterator[int]:
        while True:
            yield from self._own

    def tell(self) -> None:
        """One line for whoever started us."""
        said = asdict(self.outboxes.tally) | {
            "connected": sum(line.ready for line in self._lines),
            "lines": len(self._lines),
            "finished": self.outboxes.finished,
        }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


class Line(asyncio.Protocol):
    """One connection, carrying one device or several."""

    def __init__(self, gang: Part, devices: list[int]) -> None:
        self.devices = devices
        self.ready = False
        self.held: list[Key] = []
        self._gang = gang
        self._transport: asyncio.WriteTransport | None = None
        self._reader = packets.Reader()
        self._unanswered: dict[int, Key] = {}
        self._ids = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who we are."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - what TCP gives
        self._transport = transport
        self._reader = packets.Reader()
        transport.write(self._gang.hello(self))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Come back by and by."""
        self.ready, self._transport = False, None
        lost, self._unanswered = self._unanswered, {}
        self._gang.outboxes.lost(iter(lost.values()))
        self._gang.dial(self)

    def data_received(self, data: bytes) -> None:
        """Answers of the broker, and of head office."""
        for kind, flags, body in self._reader.feed(data):
            if kind == packets.PUBACK:
                self._unanswered.pop(int.from_bytes(body[:2], "big"), None)
            elif kind == packets.PUBLISH:
                self._heard(flags, body)
            elif kind == packets.CONNACK:
                self._greeted(body)
            elif kind == packets.SUBACK:
                self.ready = True
                self._gang.back(self)

    def send(self, topic: str, payload: bytes, key: Key | None) -> None:
        """At least once with a key, at most once without."""
        if self._transport is None:
            return
        packet_id = None
        if key is not None:
            packet_id = self._next_id()
            self._unanswered[packet_id] = key
        self._transport.write(packets.publish(topic, payload, packet_id))

    def drop(self) -> None:
        """End without a word."""
        if self._transport is not None:
            self._transport.abort()

    def _greeted(self, body: bytes) -> None:
        if self._transport is None:
            return
        if body[1] != 0:
            self._transport.abort()
            return
        branches = [self._gang.fleet.branch(device) for device in self.devices]
        now = datetime.now(UTC)
        for device, branch in zip(self.devices, branches, strict=True):
            status = self._gang.fleet.status(device, now).encode()
            self._transport.write(
                packets.publish(branch.topic("status"), status, self._next_id(), retain=True)
            )
        acks = [branch.topic("down/ack") for branch in branches]
        self._transport.write(packets.subscribe(self._next_id(), acks))

    def _heard(self, flags: int, body: bytes) -> None:
        topic, packet_id, payload = packets.published(flags, body)
        if packet_id is not None and self._transport is not None:
            self._transport.write(packets.puback(packet_id))
        device = self._gang.device_of.get("/".join(topic.split("/")[2:5]))
        if device is not None:
            self._gang.outboxes.acknowledge(device, payload)

    def _next_id(self) -> int:
        self._ids = self._ids % 65535 + 1
        return self._ids


def main() -> None:
    """Be a part of a fleet."""
    task = Task(**json.loads(sys.stdin.readline()))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    async def live() -> None:
        gang = Part(task)
        gang.tell()
        sys.stdin.readline()  # until the others are ready too
        await gang.run()

    asyncio.run(live())


if __name__ == "__main__":
    main()
