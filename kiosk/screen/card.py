"""The picture for when there is nothing else: a gradient, in the colours of the page's own card."""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise
from pathlib import Path

WIDTH, HEIGHT = 640, 360
"""Stretched over the screen: large enough that no step is seen, nor that swaybg fades half a dot at
each edge."""

COLOURS = ((0.0, 0x0D1B3D), (0.42, 0x2B2F6B), (0.74, 0x8A4A7D), (1.0, 0xE88A72))
"""From the top down, as a share of the height."""


def draw_card(file: Path) -> None:
    """Write it as PNG (ISO/IEC 15948)."""
    rows = b"".join(b"\0" + _colour(y / (HEIGHT - 1)) * WIDTH for y in range(HEIGHT))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks))


def _colour(at: float) -> bytes:
    for (low, first), (high, second) in pairwise(COLOURS):
        if at <= high:
            share = (at - low) / (high - low)
            mixed = zip(first.to_bytes(3), second.to_bytes(3), strict=True)
            return bytes(round(a + (b - a) * share) for a, b in mixed)
    return COLOURS[-1][1].to_bytes(3)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
