"""Vision: pixels in, viewers out.

Comes in: frames of one camera or file; by hand, a photo. Goes out: :class:`VisionRecord` lines on a
Unix socket, one per processed frame, with an estimate and its probability for every viewer. Never
writes a file, never reaches a network, never keeps a picture, crop or embedding past the frame it
came from, never recognises anybody again. The only room that runs cv2; it imports on Python 3.9.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from kiosk.vision.cards import (
    Bundle,
    BundleCards,
    Card,
    Crop,
    Fusion,
    NpmSource,
    Source,
    UrlSource,
    WheelSource,
    load_bundle,
    load_card,
)
from kiosk.vision.emit import SocketEmitter
from kiosk.vision.ir import BUILT, checked_ir, int8_name
from kiosk.vision.records import Viewer, VisionRecord, decode_record

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Callable, Optional

    from kiosk.config import TrackingSettings, VisionSettings
    from kiosk.service import Heartbeat
    from kiosk.vision.attributes import Estimate as Estimate
    from kiosk.vision.faces import Faces as Faces
    from kiosk.vision.finders import Finder
    from kiosk.vision.pace import Pace as Pace
    from kiosk.vision.photo import Photo as Photo
    from kiosk.vision.photo import PhotoFace as PhotoFace
    from kiosk.vision.photo import PhotoReader as PhotoReader
    from kiosk.vision.pipeline import Pipeline as Pipeline
    from kiosk.vision.sources import Frame
    from kiosk.vision.stills import Examiner
    from kiosk.vision.track import PassTracker

__all__ = [
    "BUILT",
    "Bundle",
    "BundleCards",
    "Card",
    "Crop",
    "Fusion",
    "NpmSource",
    "SocketEmitter",
    "Source",
    "UrlSource",
    "Viewer",
    "VisionRecord",
    "WheelSource",
    "accelerators",
    "annotate_photo",
    "checked_ir",
    "decode_record",
    "int8_name",
    "load_bundle",
    "load_card",
    "look_once",
    "open_examiner",
    "open_finder",
    "open_footage",
    "open_pace",
    "open_photo_reader",
    "open_pipeline",
    "open_tracker",
    "openvino_core",
    "run",
    "verify_models",
]


def run(
    settings: VisionSettings,
    emit: Callable[[bytes], None],
    stop: threading.Event,
    heartbeat: Heartbeat,
    is_off: Callable[[], bool] = lambda: False,
    *,
    awaiting: Optional[Callable[[], None]] = None,
) -> None:
    """Process frames until the source ends or ``stop`` is set; see :mod:`kiosk.vision.process`."""
    _prepare_libraries(settings)
    from kiosk.vision.process import run as start

    start(settings, emit, stop, heartbeat, is_off, awaiting=awaiting)


def open_examiner(settings: VisionSettings, *, raw_scores: bool = False) -> Examiner:
    """A bundle for still pictures; see :mod:`kiosk.vision.stills`."""
    _prepare_libraries(settings)
    from kiosk.vision.stills import Examiner

    return Examiner(settings, raw_scores=raw_scores)


def open_photo_reader(settings: VisionSettings) -> PhotoReader:
    """A bundle for photos with any number of faces; see :mod:`kiosk.vision.photo`."""
    _prepare_libraries(settings)
    from kiosk.vision.photo import PhotoReader as PhotoReader

    return PhotoReader(settings)


def annotate_photo(data: bytes, boxes: Sequence[tuple[tuple[int, int, int, int], str]]) -> bytes:
    """A JPEG copy of a photo with named boxes; see :func:`kiosk.vision.photo.annotated`."""
    from kiosk.vision.photo import annotated

    return annotated(data, boxes)


def open_pipeline(settings: VisionSettings, source: str) -> Pipeline:
    """The loop's inside, without a camera; see :mod:`kiosk.vision.pipeline`."""
    _prepare_libraries(settings)
    from kiosk.vision.pipeline import Pipeline

    return Pipeline(settings, source)


def open_finder(settings: VisionSettings) -> Finder:
    """A bundle's face detector alone; see :mod:`kiosk.vision.finders`."""
    _prepare_libraries(settings)
    from kiosk.vision.finders import open_finder

    return open_finder(settings)


def open_footage(settings: VisionSettings, path: Path) -> Iterator[Frame]:
    """Every frame of a video file or GIF; see :mod:`kiosk.vision.sources`."""
    _prepare_libraries(settings)
    from kiosk.vision.sources import footage

    return footage(str(path))


def open_tracker(settings: TrackingSettings) -> PassTracker:
    """What makes passes of faces; see :mod:`kiosk.vision.track`."""
    from kiosk.vision.track import PassTracker

    return PassTracker(settings)


def open_pace(settings: VisionSettings) -> Pace:
    """What chooses the frames that are looked at; see :mod:`kiosk.vision.pace`."""
    _prepare_libraries(settings)
    from kiosk.vision.pace import Pace as Pace

    return Pace(settings.pace)


def look_once(settings: VisionSettings) -> str:
    """Size of one frame of the source; see :mod:`kiosk.vision.inspect`."""
    _prepare_libraries(settings)
    from kiosk.vision import inspect

    return inspect.look_once(settings)


def verify_models(settings: VisionSettings) -> list[str]:
    """Names of the bundle's sound models; see :mod:`kiosk.vision.inspect`."""
    from kiosk.vision import inspect

    return inspect.verify_models(settings)


def openvino_core() -> Any:
    """The process's one OpenVINO core; see :mod:`kiosk.vision.engine`."""
    from kiosk.vision import engine

    return engine.openvino_core()


def accelerators() -> list[str]:
    """Processors that OpenVINO sees; see :mod:`kiosk.vision.inspect`."""
    from kiosk.vision import inspect

    return inspect.accelerators()


def _prepare_libraries(settings: VisionSettings) -> None:
    """Tell OpenCV what it reads only when it is first imported."""
    # OpenCV and FFmpeg write to standard error by themselves; what is wrong, we say.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    # A capture that waits for longer than we do still holds the camera when we reopen it.
    patience_s = max(1, int(settings.camera.no_frame_s) - 1)
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(patience_s))
