"""Channel: the broker. Every packet is taken apart; what is published is checked twice.

Once against the schemas that are committed in ``deploy/schemas``, once against the list that is
frozen beside this file: whoever adds a field to the payload and renews the schemas meets the list.
The broker of the test speaks without TLS, which would wrap these same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from tests.e2e.tap import fields, shapes

SCHEMAS = Path(__file__).parents[3] / "deploy/schemas"
CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PING, DISCONNECT = 1, 3, 4, 8, 12, 14
MOST_IN_A_SMALL_PACKET = 64


class NotUnderstoodError(Exception):
    """Bytes that are no packet of MQTT 5."""


@dataclass
class Told:
    """What one connection told.

    Attributes:
        published: topic and payload of every message, the last will too.
    """

    published: list[tuple[str, bytes]] = field(default_factory=list)
    offences: list[str] = field(default_factory=list)


def check_broker(stream: bytes, branch: str) -> Told:
    """Everything that one connection told the broker.

    Args:
        stream: all of its bytes.
        branch: the topics of this device begin with it.
    """
    told = Told()
    try:
        for kind, flags, body in packets(stream):
            _one(told, kind, flags, _Reader(body), branch)
    except (NotUnderstoodError, IndexError, UnicodeDecodeError) as bad:
        told.offences.append(f"broker: not MQTT 5: {bad}")
    for topic, payload in told.published:
        told.offences += check_message(topic, payload, branch)
    return told


def check_message(
    topic: str, payload: bytes, branch: str, seen: set[str] | None = None
) -> list[str]:
    """One message."""
    leaf = topic.removeprefix(f"{branch}/")
    if leaf == topic or leaf not in fields.MESSAGES:
        return [f"broker: a topic that is not the device's own: {topic}"]
    try:
        document = json.loads(payload)
    except ValueError:
        return [f"broker: {leaf}: no JSON"]
    schema = json.loads((SCHEMAS / f"{leaf.replace('/', '-')}.schema.json").read_text())
    found = [one.message[:200] for one in _validator(schema).iter_errors(document)]
    found += shapes.offences(document, fields.MESSAGES[leaf], fields.KEYS, seen)
    return [f"broker: {leaf}: {one}" for one in found]


def packets(stream: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Kind, flags and body of each packet; one that the end cut is not whole and is left out."""
    reader = _Reader(stream)
    while reader.left:
        head = reader.take(1)[0]
        length = reader.variable()
        if length > reader.left:
            raise NotUnderstoodError(f"a packet of {length} bytes, of which {reader.left} came")
        yield head >> 4, head & 15, reader.take(length)


def _validator(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema)


def _one(told: Told, kind: int, flags: int, body: _Reader, branch: str) -> None:
    if kind == PUBLISH:
        topic = body.text()
        if flags & 6:
            body.take(2)
        if body.take(body.variable()):
            told.offences.append("broker: a message with properties")
        told.published.append((topic, body.rest()))
    elif kind == CONNECT:
        _connect(told, body)
    elif kind == SUBSCRIBE:
        body.take(2)
        body.take(body.variable())
        while body.left:
            topic, _ = body.text(), body.take(1)
            if topic != f"{branch}/down/ack":
                told.offences.append(f"broker: it listens to {topic}")
    elif kind not in (PUBACK, PING, DISCONNECT):
        told.offences.append(f"broker: a packet of kind {kind}")
    elif body.left > MOST_IN_A_SMALL_PACKET:
        told.offences.append(f"broker: {body.left} bytes in a packet of kind {kind}")


def _connect(told: Told, body: _Reader) -> None:
    name, version, flags = body.text(), body.take(1)[0], body.take(1)[0]
    body.take(2)
    if (name, version) != ("MQTT", 5):
        raise NotUnderstoodError(f"{name} {version}")
    body.take(body.variable())
    client = body.text()
    if len(client) > MOST_IN_A_SMALL_PACKET:
        told.offences.append(f"broker: a client id of {len(client)} characters")
    if flags & 4:
        body.take(body.variable())
        topic = body.text()
        told.published.append((topic, body.take(int.from_bytes(body.take(2)))))
    if body.left:
        told.offences.append("broker: a name or password where none is configured")


class _Reader:
    """Fields of a packet, from its front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise NotUnderstoodError(f"{count} bytes wanted, {self.left} are left")
        self._at += count
        return self._data[self._at - count : self._at]

    def rest(self) -> bytes:
        return self.take(self.left)

    def text(self) -> str:
        return self.take(int.from_bytes(self.take(2))).decode()

    def variable(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                return value
            if shift > 21:
                raise NotUnderstoodError("a length of five bytes")
