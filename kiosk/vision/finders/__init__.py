"""Face detectors: a frame in, faces out; one file per way of decoding."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Protocol, runtime_checkable

from kiosk.config import DetectionSettings, VisionSettings
from kiosk.errors import ModelError
from kiosk.vision.cards import Card, FaceDecoder, FaceDetection, load_bundle
from kiosk.vision.faces import Faces, Floats, Image
from kiosk.vision.finders.haar import HaarFinder
from kiosk.vision.finders.mediapipe import MediaPipeFinder
from kiosk.vision.finders.mtcnn import MtcnnFinder
from kiosk.vision.finders.ssd import SsdFinder
from kiosk.vision.finders.tiny_yolo import TinyYoloFinder
from kiosk.vision.finders.yunet import YuNetFinder
from kiosk.vision.runtime import Models, Runtime


class Finder(Protocol):
    """A face detector."""

    def search(self, frame: Image) -> Faces:
        """Every face of a uint8 BGR frame [height, width, 3]; boxes in its pixels."""
        ...


@runtime_checkable
class NearFinder(Finder, Protocol):
    """A face detector that can also look where faces were, which costs less than a search."""

    def look_again(self, frame: Image, boxes: Floats) -> Faces:
        """The faces that are still about where ``boxes`` [n, 4] say they were."""
        ...


_FINDERS: dict[FaceDecoder, Callable[[tuple[Card, ...], Models, DetectionSettings], Finder]] = {
    "mediapipe-anchors": MediaPipeFinder,
    "yunet": YuNetFinder,
    "ssd": SsdFinder,
    "tiny-yolo": TinyYoloFinder,
    "mtcnn": MtcnnFinder,
    "haar": HaarFinder,
}


def make_finder(cards: tuple[Card, ...], models: Models, settings: DetectionSettings) -> Finder:
    """The detector of a bundle.

    Args:
        cards: its models, in the order that the bundle gives.
        models: loads them.
        settings: what counts as a face.

    Raises:
        ModelError: a card does not say what its decoder needs.
    """
    faces: FaceDetection | None = cards[0].faces
    if faces is None:
        raise ModelError(f"{cards[0].name}: it does not find faces")
    return _FINDERS[faces.decoder](cards, models, settings)


def open_finder(settings: VisionSettings) -> Finder:
    """The detector of a bundle, loaded by itself.

    Raises:
        ModelError: a model is missing, altered, or not what its card says.
        AcceleratorError: no configured processor can run it.
    """
    models_dir = Path(settings.models_dir)
    cards = load_bundle(models_dir, settings.bundle)
    return Runtime(settings.inference, models_dir).on_first_device(
        lambda models: make_finder(cards.detector, models, settings.detection)
    )
