"""Channel: the pages on loopback: files as on the disk, messages with no field but the known.

The test's own screen and operator are the only clients, one request a connection, so the bytes of a
connection are one answer: a file, or the upgrade to a WebSocket and its messages.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.e2e.tap import fields, scan, shapes

TEXT_FRAME, CLOSE_FRAME, PING_FRAME, PONG_FRAME = 1, 8, 9, 10
MOST_IN_A_HEADER = 2000
SHORT_FRAME = 125

SOCKETS = {"/screen/ws": fields.SCREEN, "/operator/ws": {"": fields.OPERATOR}}
PLAIN = {"/health": b"ok\n"}


def check_page(
    path: str, stream: bytes, files: Mapping[str, Path], seen: set[str] | None = None
) -> list[str]:
    """Everything that the director sent on one connection.

    Args:
        path: what was asked for.
        stream: all of its bytes.
        files: where the file behind each address lies.
        seen: gathers the fields that the messages had.
    """
    head, _, body = stream.partition(b"\r\n\r\n")
    # The policy of the pages allows creatives to hold pictures of their own.
    offences = scan.find_all(head.replace(b" data:;", b""))
    if len(head) > MOST_IN_A_HEADER:
        offences.append(f"headers of {len(head)} bytes")
    where = urlsplit(path).path
    if where in SOCKETS:
        offences += _messages(where, body, seen)
    elif where in PLAIN:
        offences += [] if body == PLAIN[where] else ["not the answer that is known"]
    elif unquote(where) in files:
        if _sha256(body) != _sha256(files[unquote(where)].read_bytes()):
            offences.append("not the file that is on the disk")
    else:
        offences.append("an address that is not in the list")
    return [f"page {where}: {one}" for one in offences]


def check_said(path: str, message: bytes, seen: set[str] | None = None) -> list[str]:
    """One message of a WebSocket."""
    try:
        document = json.loads(message)
    except ValueError:
        return ["a message that is no JSON"]
    shape = SOCKETS[path].get(document.get("type", ""))
    if shape is None:
        return [f"a message of type {document.get('type')!r}"]
    found = shapes.offences(document, shape, fields.KEYS, seen)
    return found + scan.find_pictures(message) + scan.find_features(message)


def _messages(path: str, stream: bytes, seen: set[str] | None) -> list[str]:
    offences = []
    for kind, data in frames(stream):
        if kind == TEXT_FRAME:
            offences += check_said(path, data, seen)
        elif kind in (CLOSE_FRAME, PING_FRAME, PONG_FRAME) and len(data) <= SHORT_FRAME:
            continue
        else:
            offences.append(f"a frame of kind {kind}")
    return sorted(set(offences))


def frames(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each whole frame; a server's are not masked."""
    at = 0
    while at + 2 <= len(stream):
        # With a reserved bit (compression) or in parts, the kind below is none that is known.
        kind = stream[at] & 0x7F if stream[at] & 0x80 else -1
        length, at = stream[at + 1], at + 2
        if length == SHORT_FRAME + 1:
            (length,), at = struct.unpack_from(">H", stream, at), at + 2
        elif length == SHORT_FRAME + 2:
            (length,), at = struct.unpack_from(">Q", stream, at), at + 8
        if at + length <= len(stream):
            yield kind, stream[at : at + length]
        at += length


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
