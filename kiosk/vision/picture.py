"""A picture from outside: what it is and how large, before a decoder touches it; then its pixels.

The size is read from the header by ourselves, so that a small file that unfolds into gigabytes is
refused without being unfolded. Formats: JPEG (ITU-T T.81), PNG (W3C, third edition), WebP
(RFC 9649), GIF (89a), BMP.
"""

from __future__ import annotations

import struct
from typing import Callable, Optional

import cv2
import numpy as np

from kiosk.errors import BadInputError
from kiosk.vision.faces import Image

MOST_BYTES = 32 << 20
"""A phone's largest JPEG has about half of that."""

MOST_PIXELS = 50_000_000
"""What phones with 50 megapixels make; decoded and turned upright it takes 300 MB for a moment."""

LEAST_SIDE_PX = 8
"""Less than this shows no face, and no model's resampling is meant for it."""

MOST_SEGMENTS = 4096
"""Of a JPEG before its size: a colour profile and maker's notes have some hundred."""

READ = "JPEG, PNG, WebP, GIF or BMP"

Size = tuple[int, int]


def read_picture(data: bytes) -> Image:
    """Decode a picture: uint8 BGR [height, width, 3].

    It is turned as its EXIF orientation says; of an animation it is the first picture; grey becomes
    three equal channels, alpha is dropped.

    Args:
        data: the file.

    Raises:
        BadInputError: with a sentence that does not name the file.
    """
    if not data:
        raise BadInputError("the file is empty")
    if len(data) > MOST_BYTES:
        raise BadInputError(
            f"{len(data) / 2**20:.0f} MB are more than the {MOST_BYTES >> 20} MB that are read",
            hint="a smaller copy of it will do: faces need no more than some 200 pixels",
        )
    kind, size = _kind_and_size(data)
    if size is None:
        raise BadInputError(f"damaged: it begins as a {kind} picture, and does not say its size")
    width, height = size
    if width * height > MOST_PIXELS:
        raise BadInputError(
            f"{width}x{height} pixels are more than the {MOST_PIXELS // 10**6} million that are"
            " read",
            hint="a smaller copy of it will do: faces need no more than some 200 pixels",
        )
    if min(width, height) < LEAST_SIDE_PX:
        raise BadInputError(
            f"{width}x{height} pixels are too few for a face"
            f" (at least {LEAST_SIDE_PX}x{LEAST_SIDE_PX})"
        )
    image = _decoded(data)
    if image is None or image.shape[0] * image.shape[1] != width * height:
        raise BadInputError(f"damaged: it begins as a {kind} picture, and cannot be decoded")
    return image


def _decoded(data: bytes) -> Optional[Image]:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if image is None else np.ascontiguousarray(image, np.uint8)


def _kind_and_size(data: bytes) -> tuple[str, Optional[Size]]:
    for kind, begins, size_of in _FORMATS:
        if begins(data):
            try:
                return kind, size_of(data)
            except (struct.error, IndexError):
                return kind, None
    if data[4:8] == b"ftyp":
        raise BadInputError(
            "HEIC, AVIF and films are not read; save or send it as a JPEG",
            hint="on an iPhone: Settings, Camera, Formats, Most Compatible",
        )
    raise BadInputError(f"it is no picture that is read here ({READ})")


def _jpeg(data: bytes) -> Optional[Size]:
    at = 2
    for _ in range(MOST_SEGMENTS):
        if at + 4 > len(data) or data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # Any number of them may stand before a marker.
            at += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # These have no length.
            at += 2
            continue
        # SOF0 to SOF15, but DHT, JPG and DAC, which lie among them.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])
    return None


def _png(data: bytes) -> Optional[Size]:
    if data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> Optional[Size]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _webp(data: bytes) -> Optional[Size]:
    chunk = data[12:16]
    if chunk == b"VP8X":
        wide, tall = data[24:27], data[27:30]
        if len(tall) < 3:
            return None
        return int.from_bytes(wide, "little") + 1, int.from_bytes(tall, "little") + 1
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _bmp(data: bytes) -> Optional[Size]:
    (header,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header == 12 else "<ii", data, 18)
    return abs(width), abs(height)


_Format = tuple[str, Callable[[bytes], bool], Callable[[bytes], Optional[Size]]]

_FORMATS: tuple[_Format, ...] = (
    ("JPEG", lambda data: data.startswith(b"\xff\xd8\xff"), _jpeg),
    ("PNG", lambda data: data.startswith(b"\x89PNG\r\n\x1a\n"), _png),
    ("WebP", lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP", _webp),
    ("GIF", lambda data: data[:6] in (b"GIF87a", b"GIF89a"), _gif),
    ("BMP", lambda data: data.startswith(b"BM"), _bmp),
)
