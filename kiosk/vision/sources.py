"""Cameras, streams and files as one thing: the next frame, its time, and a deadline.

A camera's driver can hang for ever when it opens or reads, so one thread opens, reads and releases
a live source, and the newest frame wins; a thread that hangs is left behind when its source is
reopened, and the process ends after a bounded number of reopenings. A source that is not there is
told by an error of its own: nothing is left behind by trying it again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Protocol

import cv2
import numpy as np

from kiosk.config import CameraSettings, VisionSettings
from kiosk.errors import CameraAwayError, SourceError
from kiosk.vision.faces import Image
from kiosk.vision.v4l2 import check_camera, is_busy, is_held_here, who_holds

STREAMS = ("rtsp", "rtsps", "http", "https")
FALLBACK_FPS = 25.0
"""Pace of a file that does not say its own."""

WARM_UP_S = 5.0
"""What a live source may take to open, beyond the silence that it is allowed."""


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


class Producer(Protocol):
    """An open source; only one thread may use it."""

    def next(self, period_s: float) -> Frame:
        """Wait for the next frame, at least ``period_s`` after the last.

        Raises:
            SourceError: there will be none.
        """
        ...

    def close(self) -> None:
        """Release it."""
        ...


def source_name(source: str) -> str:
    """A source's name without folders, query and credentials."""
    if not is_live(source) or source.startswith("/dev/"):
        return Path(source).name
    scheme, _, rest = source.partition("://")
    # A password may hold any sign, so everything up to the last @ goes; some cameras take name and
    # password as a part of the path.
    host, *path = rest.rpartition("@")[2].partition("?")[0].split("/")
    shown = "/".join([host, *("..." if "=" in part else part for part in path)])
    return f"{scheme.lower()}://{shown}"


def is_live(source: str) -> bool:
    """Whether a source is a camera or a stream, not a file."""
    scheme, found, _ = source.partition("://")
    return source.startswith("/dev/") or (bool(found) and scheme.lower() in STREAMS)


def as_bgr(image: Any) -> Image:
    """A capture's picture (grey, 16 bit or with an alpha channel, too) as uint8 BGR."""
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    channels = 1 if image.ndim == 2 else image.shape[2]
    if channels == 1:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    elif channels == 4:
        image = cv2.cvtColor(image, cv2.COLOR_BGRA2BGR)
    return np.asarray(image, np.uint8)


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
        image = _picture(self._capture, self._path)
        if image is None:
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

    def relax(self, fps: float | None) -> None:
        """It has every frame."""

    def close(self) -> None:
        """Release the file."""
        self._reader.close()


def footage(path: str) -> Iterator[Frame]:
    """Every frame of a file, with the file's own time.

    Raises:
        SourceError: it cannot be decoded.
    """
    reader = FileReader(path, loop=False)
    try:
        while True:
            yield reader.next()
    except EndOfSourceError:
        return
    finally:
        reader.close()


class Latest:
    """One thread opens, reads and releases a producer; the newest frame is handed out."""

    def __init__(self, open_it: Callable[[], Producer], name: str, open_within_s: float) -> None:
        """Open the source and start to read it.

        Args:
            open_it: opens the producer, in the thread that reads it.
            name: of the source, for errors.
            open_within_s: a source that is not open by then is given up.

        Raises:
            SourceError: it cannot be opened, or not in time.
        """
        self._open_it = open_it
        self._condition = threading.Condition()
        self._opened = False
        self._frame: Frame | None = None
        self._error: SourceError | None = None
        self._closed = False
        self._period_s = 0.0
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()
        with self._condition:
            self._condition.wait_for(lambda: self._opened or self._error is not None, open_within_s)
            if self._opened:
                return
            self._closed = True
            raise copy(self._error) or SourceError(
                f"{name}: it does not open in {open_within_s:g} s",
                hint="does its driver hang? unplug it and plug it in again",
            )

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
                # What is raised holds its callers, and with them the picture that they come by.
                raise copy(self._error)
            return None

    def relax(self, fps: float | None) -> None:
        """Frames per second that are wanted; ``None``: all. What is not decoded costs nothing."""
        self._period_s = 1 / fps if fps else 0.0

    def close(self) -> None:
        """Stop the thread; one that hangs in its driver is left behind, without a picture."""
        with self._condition:
            self._closed, self._frame = True, None
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        try:
            producer = self._open_it()
        except SourceError as bad:
            self._tell(error=bad)
            return
        try:
            self._tell()
            while not self._closed:
                self._tell(frame=producer.next(self._period_s))
        except SourceError as bad:
            self._tell(error=bad)
        finally:
            # By this thread and no other: to release what another thread reads crashes OpenCV.
            producer.close()

    def _tell(self, frame: Frame | None = None, error: SourceError | None = None) -> None:
        with self._condition:
            self._opened = self._opened or error is None
            self._frame = None if self._closed else frame or self._frame
            self._error = error
            self._condition.notify_all()


class _Paced:
    """A file at its own pace, on the monotonic clock."""

    def __init__(self, settings: VisionSettings) -> None:
        self._reader = FileReader(settings.source, loop=settings.loop)
        self._begun_s = time.monotonic()

    def next(self, period_s: float) -> Frame:  # noqa: ARG002 - a file shows all of its frames
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
        self._name = source_name(source)
        self._capture = _open_camera(source, settings)
        self._gave = False
        self._taken_s = float("-inf")

    def next(self, period_s: float) -> Frame:
        # A V4L2 camera's frame is decoded when it is retrieved, not when it is grabbed.
        try:
            while time.monotonic() - self._taken_s < period_s and self._capture.grab():
                pass
        except cv2.error as bad:
            raise SourceError(f"{self._name}: a picture cannot be read: {bad}") from bad
        self._taken_s = time.monotonic()
        image = _picture(self._capture, self._name)
        if image is None:
            why = "it stopped giving pictures" if self._gave else "it opens, but gives no picture"
            raise SourceError(f"{self._name}: {why}", hint="is its cable loose?")
        self._gave = True
        return Frame(image, time.monotonic())

    def close(self) -> None:
        self._capture.release()


def open_source(settings: VisionSettings) -> Any:
    """The configured source, with ``read(timeout_s)`` and ``close()``.

    Raises:
        CameraAwayError: a camera or stream is not there now.
        SourceError: one sentence on why it cannot be opened, with what to do.
    """
    source = settings.source
    if is_live(source):
        patience_s = settings.camera.no_frame_s + WARM_UP_S
        return Latest(lambda: _Camera(source, settings.camera), source_name(source), patience_s)
    if settings.as_fast_as_possible:
        return FastFile(settings)
    paced = _Paced(settings)
    return Latest(lambda: paced, source_name(source), WARM_UP_S)


def _picture(capture: Any, name: str) -> Image | None:
    try:
        grabbed, image = capture.read()
    except cv2.error as bad:
        raise SourceError(f"{name}: a picture cannot be read: {bad}") from bad
    return as_bgr(image) if grabbed and image is not None and image.size else None


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
        check_camera(source)
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
    if source.startswith("/dev/") and is_held_here(source):
        raise SourceError(
            f"{name}: it still hangs from the time before",
            hint="unplug it and plug it in again",
        )
    if source.startswith("/dev/") and is_busy(source):
        holder = who_holds(source) or "another program"
        raise CameraAwayError(
            f"{name}: busy: {holder} uses it",
            hint=f"stop that program; `fuser -v {source}`, as root, names it",
        )
    hint = "is the address right, and does the camera answer there?"
    if source.startswith("/dev/"):
        hint = "is it plugged in and switched on?"
    raise CameraAwayError(f"{name}: it cannot be opened as a camera", hint=hint)
