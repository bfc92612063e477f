"""Looks at what vision needs, for the doctor: models, processors, one picture that is not kept."""

from __future__ import annotations

from pathlib import Path

from kiosk.config import VisionSettings
from kiosk.errors import SourceError
from kiosk.vision.cards import load_bundle
from kiosk.vision.engine import seen_devices
from kiosk.vision.ir import checked_ir
from kiosk.vision.sources import open_source, source_name


def verify_models(settings: VisionSettings) -> list[str]:
    """Names of the bundle's models, after their files were compared with what was built.

    Raises:
        ModelError: one is missing or altered.
    """
    models_dir = Path(settings.models_dir)
    cards = load_bundle(models_dir, settings.bundle).cards
    for card in cards:
        checked_ir(models_dir, card.name)
    return [card.name for card in cards]


def accelerators() -> list[str]:
    """Processors that OpenVINO sees."""
    return seen_devices()


def look_once(settings: VisionSettings) -> str:
    """Open the source, wait for one frame, and say its size.

    Raises:
        SourceError: it cannot be opened, or gives no frame in time.
    """
    name = source_name(settings.source)
    source = open_source(settings)
    try:
        frame = source.read(settings.camera.no_frame_s)
    finally:
        source.close()
    if frame is None:
        raise SourceError(
            f"{name}: no frame in {settings.camera.no_frame_s:g} s",
            hint="is another program using it, or its lens cable loose?",
        )
    height, width = frame.image.shape[:2]
    return f"{name}: {width}x{height}"
