"""What broker and database do on this machine when nothing else is asked of them."""

from __future__ import annotations

import asyncio
import secrets
import time

from sqlalchemy import Engine, text

from kiosk.bench.fleet import packets

BYTES = 3_400
"""Of a batch of twenty plays."""

WINDOW = 500
ROWS_PER_COMMIT = 1_000


def broker_rate(
    port: int, number: int, username: str | None = None, password: str | None = None
) -> float:
    """Messages a second from one client to another, at least once each way.

    Args:
        port: of the broker, on loopback.
        number: of messages.
        username: of both; ``None``: anonymous.
        password: of that user.
    """
    return asyncio.run(_broker_rate(port, number, (username, password)))


def insert_rate(engine: Engine, number: int) -> float:
    """So many rows into a table with a key, a commit for every thousand: rows a second."""
    payload = secrets.token_hex(BYTES // 2)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS bench_bare"))
        connection.execute(
            text("CREATE TABLE bench_bare (id bigint PRIMARY KEY, payload text NOT NULL)")
        )
    began = time.monotonic()
    for first in range(0, number, ROWS_PER_COMMIT):
        with engine.begin() as connection:
            connection.execute(
                text("INSERT INTO bench_bare (id, payload) VALUES (:id, :payload)"),
                [
                    {"id": row, "payload": payload}
                    for row in range(first, min(first + ROWS_PER_COMMIT, number))
                ],
            )
    took = time.monotonic() - began
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE bench_bare"))
    return number / took


async def _broker_rate(port: int, number: int, who: tuple[str | None, str | None]) -> float:
    loop = asyncio.get_running_loop()
    ear = _Ear(number, who)
    await loop.create_connection(lambda: ear, "127.0.0.1", port)
    await asyncio.wait_for(ear.ready.wait(), 10)
    mouth = _Mouth(number, who)
    await loop.create_connection(lambda: mouth, "127.0.0.1", port)
    await asyncio.wait_for(mouth.ready.wait(), 10)
    began = loop.time()
    mouth.more()
    await asyncio.wait_for(ear.done.wait(), 120)
    took = loop.time() - began
    for end in (ear, mouth):
        assert end.transport is not None  # noqa: S101 - it is connected
        end.transport.close()
    return number / took


class _Client(asyncio.Protocol):
    def __init__(self, number: int, who: tuple[str | None, str | None]) -> None:
        self.number = number
        self._who = who
        self.ready = asyncio.Event()
        self.transport: asyncio.WriteTransport | None = None
        self._reader = packets.Reader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - what TCP gives
        self.transport = transport
        transport.write(packets.connect(f"bare-{type(self).__name__}", *self._who))

    def data_received(self, data: bytes) -> None:
        for kind, flags, body in self._reader.feed(data):
            self.took(kind, flags, body)

    def took(self, kind: int, flags: int, body: bytes) -> None:
        raise NotImplementedError

    def say(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)


class _Ear(_Client):
    def __init__(self, number: int, who: tuple[str | None, str | None]) -> None:
        super().__init__(number, who)
        self.done = asyncio.Event()
        self._heard = 0

    def took(self, kind: int, flags: int, body: bytes) -> None:
        if kind == packets.CONNACK:
            self.say(packets.subscribe(1, ["bench/bare"]))
        elif kind == packets.SUBACK:
            self.ready.set()
        elif kind == packets.PUBLISH:
            _, packet_id, _ = packets.published(flags, body)
            if packet_id is not None:
                self.say(packets.puback(packet_id))
            self._heard += 1
            if self._heard >= self.number:
                self.done.set()


class _Mouth(_Client):
    def __init__(self, number: int, who: tuple[str | None, str | None]) -> None:
        super().__init__(number, who)
        self._said = self._answered = 0
        self._payload = secrets.token_bytes(BYTES)

    def more(self) -> None:
        while self._said < self.number and self._said - self._answered < WINDOW:
            self._said += 1
            self.say(packets.publish("bench/bare", self._payload, self._said % 65535 + 1))

    def took(self, kind: int, flags: int, body: bytes) -> None:  # noqa: ARG002
        if kind == packets.CONNACK:
            self.ready.set()
        elif kind == packets.PUBACK:
            self._answered += 1
            self.more()
