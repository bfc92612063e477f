"""Cameras, streams and files as one thing: the next frame, its time, and a deadline.

A camera's driver can hang for ever in a read, so live sources are read by a thread of their own
and the newest frame wins; a thread that hangs is left behind when its source is reopened, and the
process ends after a bounded number of reopenings.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable
from urllib.parse import urlsplit

import cv2

from kiosk.config import CameraSettings, VisionSettings
from kiosk.errors import SourceError
from kiosk.vision.faces import Image
from kiosk.vision.holders import who_holds

STREAMS = ("rtsp", "rtsps", "http", "https")
FALLBACK_FPS = 25.0
"""Pace of a file that does not say its own."""


@dataclass(frozen=True)
class Frame:
    """One picture.

    Attributes:
        image: uint8 BGR [height, width, 3].
        t_s: when it was taken: monotonic seconds, or the file's own time when it is read as fast
            as possible.
    """

    image: Image
    t_s: float


class EndOfSourceError(SourceError):
    """A file is over and is not to be looped."""


def source_name(source: str) -> str:
    """A source's name without folders, query and credentials."""
    if _is_stream(source):
        parts = urlsplit(source)
        return f"{parts.scheme}://{parts.hostname or '?'}{parts.path}"
    return Path(source).name


class FileReader:
    """A video file or GIF, frame by frame; shared by both ways of reading a file."""

    def __init__(self, path: str, *, loop: bool) -> None:
        """Open ``path``.

        Raises:
            SourceError: it does not exist or cannot be decoded.
        """
        self._path = path
        self._loop = loop
        self._capture = _open_file(path)
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.period_s = 1 / fps if 1 <= fps <= 240 else 1 / FALLBACK_FPS
        self._offset_s = 0.0
        self._last_s = -self.period_s
        self._frames = 0

    def next(self) -> Frame:
        """The next frame, stamped with the file's own time, which never goes back.

        Raises:
            EndOfSourceError: the file is over.
            SourceError: there was not a single frame in it.
        """
        grabbed, image = self._capture.read()
        if not grabbed:
            if self._frames == 0:
                raise SourceError(f"{self._path}: no frame can be decoded from it")
            if not self._loop:
                raise EndOfSourceError(f"{self._path}: the end")
            self._capture.release()
            self._capture = _open_file(self._path)
            self._offset_s = self._last_s + self.period_s
            self._frames = 0
            return self.next()
        stamp = self._offset_s + float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        if stamp <= self._last_s:
            stamp = self._last_s + self.period_s
        self._last_s = stamp
        self._frames += 1
        return Frame(image, stamp)

    def close(self) -> None:
        """Release the file."""
        self._capture.release()


class FastFile:
    """A file without a pace: every frame, as soon as it is asked for."""

    def __init__(self, settings: VisionSettings) -> None:
        self._reader = FileReader(settings.source, loop=settings.loop)

    def read(self, timeout_s: float) -> Frame | None:  # noqa: ARG002 - a file never waits
        """The next frame; raises as :meth:`FileReader.next` does."""
        return self._reader.next()

    def close(self) -> None:
        """Release the file."""
        self._reader.close()


class Latest:
    """Runs a producer in a thread and hands out its newest frame; older ones are dropped."""

    def __init__(self, produce: Callable[[], Frame], release: Callable[[], None]) -> None:
        self._produce = produce
        self._release = release
        self._condition = threading.Condition()
        self._frame: Frame | None = None
        self._error: SourceError | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def read(self, timeout_s: float) -> Frame | None:
        """The newest frame not handed out yet, or ``None`` when none comes in time.

        Raises:
            SourceError: the producer ended.
        """
        with self._condition:
            self._condition.wait_for(
                lambda: self._frame is not None or self._error is not None, timeout_s
            )
            if self._frame is not None:
                frame, self._frame = self._frame, None
                return frame
            if self._error is not None:
                raise self._error
            return None

    def close(self) -> None:
        """Stop the thread; one that hangs in its driver is left behind."""
        with self._condition:
            self._closed = True
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        try:
            while not self._closed:
                frame = self._produce()
                with self._condition:
                    self._frame = frame
                    self._condition.notify_all()
        except SourceError as bad:
            with self._condition:
                self._error = bad
                self._condition.notify_all()
        finally:
            self._release()


class _Paced:
    """A file at its own pace, on the monotonic clock."""

    def __init__(self, settings: VisionSettings) -> None:
        self._reader = FileReader(settings.source, loop=settings.loop)
        self._begun_s = time.monotonic()

    def next(self) -> Frame:
        frame = self._reader.next()
        due_s = self._begun_s + frame.t_s
        wait_s = due_s - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        return Frame(frame.image, due_s)

    def close(self) -> None:
        self._reader.close()


class _Camera:
    """A V4L2 device or a network stream."""

    def __init__(self, source: str, settings: CameraSettings) -> None:
        self._source = source
        self._capture = _open_camera(source, settings)

    def next(self) -> Frame:
        grabbed, image = self._capture.read()
        if not grabbed:
            raise SourceError(f"{source_name(self._source)}: it stopped giving pictures")
        return Frame(image, time.monotonic())

    def close(self) -> None:
        self._capture.release()


def open_source(settings: VisionSettings) -> Any:
    """The configured source, with ``read(timeout_s)`` and ``close()``.

    Raises:
        SourceError: one sentence on why it cannot be opened, with what to do.
    """
    source = settings.source
    if _is_stream(source) or source.startswith("/dev/"):
        camera = _Camera(source, settings.camera)
        return Latest(camera.next, camera.close)
    if settings.as_fast_as_possible:
        return FastFile(settings)
    paced = _Paced(settings)
    return Latest(paced.next, paced.close)


def _is_stream(source: str) -> bool:
    return urlsplit(source).scheme in STREAMS


def _open_file(path: str) -> Any:
    if not Path(path).is_file():
        raise SourceError(
            f"{path}: there is no such video file", hint="set vision.source, or --source FILE"
        )
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise SourceError(f"{path}: it cannot be decoded as a video", hint="is it a video at all?")
    return capture


def _open_camera(source: str, settings: CameraSettings) -> Any:
    name = source_name(source)
    if source.startswith("/dev/"):
        _check_device(source)
        capture = cv2.VideoCapture(source, cv2.CAP_V4L2)
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width_px)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height_px)
        capture.set(cv2.CAP_PROP_FPS, settings.fps)
    else:
        patience = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(settings.no_frame_s * 1000)]
        patience += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(settings.no_frame_s * 1000)]
        capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, patience)
    if capture.isOpened():
        return capture
    holder = who_holds(source)
    if holder:
        raise SourceError(f"{name}: busy: {holder} uses it", hint="stop that program")
    raise SourceError(
        f"{name}: it cannot be opened as a camera",
        hint="is it plugged in and switched on? `kiosk doctor` looks closer",
    )


def _check_device(source: str) -> None:
    path = Path(source)
    if not path.exists():
        others = sorted(str(found) for found in Path("/dev").glob("video*"))
        raise SourceError(
            f"{source}: there is no camera",
            hint=f"cameras here: {', '.join(others) or 'none; plug one in'}",
        )
    try:
        path.open("rb").close()
    except PermissionError:
        raise SourceError(
            f"{source}: no permission to read it",
            hint="add the user to the group `video`",
        ) from None
    except OSError as bad:
        raise SourceError(f"{source}: {bad.strerror}: is another program using it?") from bad
