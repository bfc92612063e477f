"""Vision: pixels in, viewers out.

Comes in: frames of one camera or file. Goes out: :class:`VisionRecord` lines on a Unix socket,
one per processed frame, with an estimate and its probability for every viewer. Never writes a
file, never reaches a network, never keeps a picture, crop or embedding past the frame it came
from, never recognises anybody again. The only room that runs cv2; it imports on Python 3.9.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kiosk.vision.cards import Bundle, Card, Crop, load_bundle, load_card
from kiosk.vision.emit import SocketEmitter
from kiosk.vision.ir import BUILT, checked_ir
from kiosk.vision.records import Viewer, VisionRecord, decode_record

if TYPE_CHECKING:
    import threading
    from typing import Callable

    from kiosk.config import VisionSettings
    from kiosk.service import Heartbeat

__all__ = [
    "BUILT",
    "Bundle",
    "Card",
    "Crop",
    "SocketEmitter",
    "Viewer",
    "VisionRecord",
    "accelerators",
    "checked_ir",
    "decode_record",
    "load_bundle",
    "load_card",
    "look_once",
    "run",
    "verify_models",
]


def run(
    settings: VisionSettings,
    emit: Callable[[bytes], None],
    stop: threading.Event,
    heartbeat: Heartbeat,
) -> None:
    """Process frames until the source ends or ``stop`` is set; see :mod:`kiosk.vision.process`."""
    _prepare_libraries(settings)
    from kiosk.vision.process import run as start

    start(settings, emit, stop, heartbeat)


def look_once(settings: VisionSettings) -> str:
    """Size of one frame of the source; see :mod:`kiosk.vision.inspect`."""
    _prepare_libraries(settings)
    from kiosk.vision import inspect

    return inspect.look_once(settings)


def verify_models(settings: VisionSettings) -> list[str]:
    """Names of the bundle's sound models; see :mod:`kiosk.vision.inspect`."""
    from kiosk.vision import inspect

    return inspect.verify_models(settings)


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
