"""The media of a campaign, as far as a look at their headers tells."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import imagesize

from kiosk.ads.campaigns.campaign import Kind
from kiosk.ads.campaigns.films import sizes_of

SUFFIXES: dict[Kind, set[str]] = {
    "image": {".svg", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif"},
    "video": {".mp4", ".webm"},
    "html": {".html", ".htm"},
}

MAX_PIXELS = 50_000_000
"""Of one image: a browser unpacks each pixel into 4 bytes, and 200 MB is what a screen's computer
can spare. Two pictures of 8K still pass."""

MAX_FILM_PIXELS = 8192 * 4352
"""Of one picture of a film: level 6.2 of H.264, HEVC, VP9 and AV1 ends there alike, and decoders in
hardware with it. 8K passes in both its shapes (7680 x 4320, 8192 x 4320), upright as well."""

MAX_FILM_SIDE = 8192
"""Of one picture of a film: most decoders in hardware take none that is longer or higher."""

GIF_HEAD = struct.Struct("<6sHH")
"""Signature, width and height (GIF89a, section 18)."""

LARGE_FILE_BYTES = 1_000_000_000
"""A larger medium takes a shop's line for hours, and a device's disk."""


def fault_of(path: Path, name: str, kind: Kind) -> str | None:
    """Why a medium cannot be shown, in a sentence; ``None``: nothing speaks against it.

    It reads a few kilobytes at most.
    """
    try:
        if not path.is_file():
            return f"{name}: there is no such file"
        if path.suffix.lower() not in SUFFIXES[kind]:
            return f"{name} is no {kind} ({', '.join(sorted(SUFFIXES[kind]))})"
        if path.stat().st_size == 0:
            return f"{name}: is empty"
        return _too_large(path, name, kind)
    except (OSError, ValueError) as bad:
        reason = bad.strerror if isinstance(bad, OSError) else bad
        return f"{name}: cannot be read: {reason}"


def _too_large(path: Path, name: str, kind: Kind) -> str | None:
    if kind == "image":
        width, height = _size_of(path)
        if width * height > MAX_PIXELS:
            return (
                f"{name}: has {width} x {height} pixels; {MAX_PIXELS // 10**6} million are the most"
                " that a screen's computer can hold, make it smaller"
            )
    if kind == "video":
        with path.open("rb", buffering=0) as content:
            sizes = sizes_of(content)
        for width, height in sizes:
            if max(width, height) > MAX_FILM_SIDE or width * height > MAX_FILM_PIXELS:
                return (
                    f"{name}: has {width} x {height} pixels; {MAX_FILM_SIDE} on a side, and in all"
                    " as many as 8192 x 4352 (8K), are the most that a screen's decoder takes,"
                    " make it smaller"
                )
    return None


def oddity_of(path: Path, name: str, kind: Kind) -> str | None:
    """What about a medium that can be read is most likely not meant so, in a sentence."""
    size = path.stat().st_size
    if size > LARGE_FILE_BYTES:
        return f"{name}: has {size / 1e9:.1f} GB; it takes hours to reach a shop"
    if kind == "image" and path.suffix.lower() != ".svg" and min(_size_of(path)) < 1:
        return f"{name}: its header is none of an image; it will most likely not be shown"
    return None


def digest_of(path: Path) -> str:
    """The sha256 of a medium in hex, read piece by piece."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _size_of(path: Path) -> tuple[int, int]:
    """Width and height in pixels by the header; an SVG is drawn at the screen's size: 0 and 0."""
    if path.suffix.lower() == ".svg":
        return 0, 0
    # Never the path: what begins with http:// would be fetched.
    with path.open("rb") as content:
        head = content.read(GIF_HEAD.size)
        if head.startswith(b"GIF8") and len(head) == GIF_HEAD.size:
            # The library takes these for signed, so that the largest come out negative.
            _, width, height = GIF_HEAD.unpack(head)
            return width, height
        width, height = imagesize.get(content, exif_rotation=False)
    return int(width), int(height)
