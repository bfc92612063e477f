"""Photos for the suggest room, and the default bundle loaded once."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.clock import SystemClock
from kiosk.config import Settings, load_settings
from kiosk.suggest import Suggester
from kiosk.vision import open_photo_reader
from kiosk.vision.faces import Image
from kiosk.vision.photo import PhotoReader
from tests.vision.conftest import models_dir, portrait, sample

__all__ = ["models_dir", "portrait", "sample"]

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "config.yaml"

CARD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 9"><rect width="9" height="9"/></svg>'
)

CAMPAIGN = """\
version: 1
name: shop
creatives:
  - {id: house, kind: image, file: card.svg, duration_s: 5}
  - {id: opening-hours, kind: html, file: hours.html, duration_s: 5}
  - {id: coats, kind: image, file: card.svg, duration_s: 5, weight: 8,
     targeting: {gender: [female]}}
  - {id: razors, kind: image, file: card.svg, duration_s: 5, targeting: {gender: [male]}}
  - {id: moods, kind: image, file: card.svg, duration_s: 5, weight: 4,
     targeting: {mood: [positive, neutral, negative]}}
  - {id: armchair, kind: image, file: card.svg, duration_s: 5, targeting: {age: ["65+"]}}
  - {id: table, kind: image, file: card.svg, duration_s: 5, targeting: {group: {min: 2}}}
  - {id: beer, kind: image, file: card.svg, duration_s: 5, category: alcohol, all_ages: false}
"""
"""Something for everybody, for a woman, and for others."""

HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(64)

ORIENTED = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + b"\x06\0\0\0" + b"\0\0\0\0"
"""EXIF that says: turn me by 90 degrees to the right to see me upright."""


def jpeg(image: Image) -> bytes:
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 97])[1])


def lying(image: Image) -> bytes:
    """The picture as a phone stores it that was held upright."""
    stored = jpeg(np.asarray(cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE), np.uint8))
    size = struct.pack(">H", len(ORIENTED) + 2)
    return stored[:2] + b"\xff\xe1" + size + ORIENTED + stored[2:]


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of a few bytes that unfolds into gigabytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1 << 20))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@pytest.fixture(scope="session")
def changes(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """What differs from the annotated configuration: a campaign of our own, and no device."""
    folder = tmp_path_factory.mktemp("campaign")
    (folder / "campaign.yaml").write_text(CAMPAIGN)
    (folder / "card.svg").write_text(CARD)
    (folder / "hours.html").write_text("<p>Open till nine</p>")
    return f"ads.campaign={folder / 'campaign.yaml'}", f"state.path={folder / 'state.db'}"


@pytest.fixture(scope="session")
def configured(models_dir: Path, changes: tuple[str, ...]) -> Callable[..., Settings]:
    """The annotated configuration, with single settings changed."""
    return lambda *overrides: load_settings(CONFIG, (*changes, *overrides))


@pytest.fixture(scope="session")
def reader(configured: Callable[..., Settings]) -> PhotoReader:
    """The default bundle, loaded once."""
    return open_photo_reader(configured().seeing)


@pytest.fixture(scope="session")
def suggester(configured: Callable[..., Settings], reader: PhotoReader) -> Suggester:
    """The default bundle and a campaign."""
    return Suggester(configured(), SystemClock(), reader)


@pytest.fixture(scope="session")
def woman(portrait: Image) -> bytes:
    """One woman, as a JPEG."""
    return jpeg(portrait)


@pytest.fixture(scope="session")
def four(portrait: Image) -> bytes:
    """The same woman four times, each narrower than the one before."""
    widths = [640, 560, 480, 400]
    shrunk = [cv2.resize(portrait, (wide, wide * 9 // 16)) for wide in widths]
    padded = [
        cv2.copyMakeBorder(one, 0, 360 - len(one), 0, 0, cv2.BORDER_REPLICATE) for one in shrunk
    ]
    rows = [np.hstack(padded[:2]), np.hstack([padded[2], padded[3]])]
    across = max(row.shape[1] for row in rows)
    rows = [
        cv2.copyMakeBorder(one, 0, 0, 0, across - one.shape[1], cv2.BORDER_REPLICATE)
        for one in rows
    ]
    return jpeg(np.asarray(np.vstack(rows), np.uint8))


@pytest.fixture(scope="session")
def nobody() -> bytes:
    """A wall."""
    grey = np.random.default_rng(0).normal(150, 6, (360, 640, 1)).clip(0, 255)
    return jpeg(np.asarray(np.broadcast_to(grey, (360, 640, 3)), np.uint8))
