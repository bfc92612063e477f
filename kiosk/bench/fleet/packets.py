"""The few packets of MQTT 3.1.1 that a simulated device speaks.

A client of the library that devices use costs three sockets and some hundred kilobytes each; a
bench holds twenty thousand connections in one process, so it writes and reads packets itself. The
section numbers are those of the OASIS standard "MQTT Version 3.1.1".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

CONNACK, PUBLISH, PUBACK, SUBACK = 2, 3, 4, 9

KEEPALIVE_S = 600
"""Longer than a bench: devices speak more often than that."""


def connect(client_id: str, username: str | None = None, password: str | None = None) -> bytes:
    """CONNECT (3.1) with a clean session."""
    flags = 0x02 | (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
    body = _text("MQTT") + bytes([4, flags]) + KEEPALIVE_S.to_bytes(2, "big") + _text(client_id)
    for word in (username, password):
        if word is not None:
            body += _text(word)
    return _packet(0x10, body)


def publish(topic: str, payload: bytes, packet_id: int | None, *, retain: bool = False) -> bytes:
    """PUBLISH (3.3); with a packet id at least once, without at most once."""
    head = 0x30 | (0x02 if packet_id is not None else 0) | (0x01 if retain else 0)
    identity = b"" if packet_id is None else packet_id.to_bytes(2, "big")
    return _packet(head, _text(topic) + identity + payload)


def subscribe(packet_id: int, topics: Sequence[str]) -> bytes:
    """SUBSCRIBE (3.8), at least once."""
    wanted = b"".join(_text(topic) + b"\x01" for topic in topics)
    return _packet(0x82, packet_id.to_bytes(2, "big") + wanted)


def puback(packet_id: int) -> bytes:
    """PUBACK (3.4)."""
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


class Reader:
    """Cuts what a socket gives into packets."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Kind, flags and body of each packet that is whole."""
        kept = self._kept + data if self._kept else data
        at = 0
        while True:
            found = _length(kept, at + 1)
            if found is None or len(kept) < found[1] + found[0]:
                break
            length, begin = found
            yield kept[at] >> 4, kept[at] & 0x0F, kept[begin : begin + length]
            at = begin + length
        self._kept = kept[at:]


def published(flags: int, body: bytes) -> tuple[str, int | None, bytes]:
    """Topic, packet id and payload of a PUBLISH."""
    end = 2 + int.from_bytes(body[:2], "big")
    topic = body[2:end].decode()
    if flags & 0x06:
        return topic, int.from_bytes(body[end : end + 2], "big"), body[end + 2 :]
    return topic, None, body[end:]


def _packet(head: int, body: bytes) -> bytes:
    """A fixed header (2.2) and what follows it."""
    left, length = len(body), bytearray()
    while True:
        left, digit = left >> 7, left & 0x7F
        length.append(digit | (0x80 if left else 0))
        if not left:
            return bytes([head]) + bytes(length) + body


def _text(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def _length(data: bytes, at: int) -> tuple[int, int] | None:
    """The remaining length (2.2.3) and where what it counts begins; ``None``: not all there."""
    value = 0
    for place in range(4):
        if at + place >= len(data):
            return None
        value |= (data[at + place] & 0x7F) << (7 * place)
        if not data[at + place] & 0x80:
            return value, at + place + 1
    raise ValueError("a length of more than four bytes is no MQTT")
