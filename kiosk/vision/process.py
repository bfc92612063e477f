"""The vision process: a source, a pipeline, and records that leave by a socket."""

from __future__ import annotations

import logging
import resource
import threading
import time
from typing import Any, Callable

from kiosk.config import VisionSettings
from kiosk.errors import SourceError
from kiosk.service import Heartbeat
from kiosk.vision.pace import Pace
from kiosk.vision.pipeline import Pipeline
from kiosk.vision.sources import EndOfSourceError, Frame, is_live, open_source, source_name

log = logging.getLogger(__name__)

POLL_S = 0.25
"""Longest wait for a frame before signals are looked at."""


class _Reopening:
    """A camera or stream that is reopened when it falls silent, a bounded number of times in a row.

    A file does not get better by being opened again: its errors are final, and it may be slow.
    """

    def __init__(self, settings: VisionSettings, stop: threading.Event) -> None:
        self._settings = settings
        self._stop = stop
        self._name = source_name(settings.source)
        self._live = is_live(settings.source)
        self._source: Any = open_source(settings)
        self._opened_s = time.monotonic()
        self._attempts = 0

    def read(self) -> Frame | None:
        """The next frame, or ``None`` when we were asked to stop."""
        while not self._stop.is_set():
            try:
                frame = self._wait()
            except EndOfSourceError:
                raise
            except SourceError as bad:
                if not self._live:
                    raise
                self._reopen(str(bad))
                continue
            if frame is not None:
                # One that gives a frame and hangs, each time, is as broken as a silent one.
                if time.monotonic() - self._opened_s >= self._settings.camera.no_frame_s:
                    self._attempts = 0
                return frame
            if not self._stop.is_set():
                self._reopen(f"no frame in {self._settings.camera.no_frame_s:g} s")
        return None

    def _wait(self) -> Frame | None:
        until = time.monotonic() + self._settings.camera.no_frame_s
        while not self._stop.is_set():
            frame: Frame | None = self._source.read(POLL_S)
            if frame is not None:
                return frame
            if self._live and time.monotonic() >= until:
                break
        return None

    def _reopen(self, why: str) -> None:
        camera = self._settings.camera
        hint = "check the cable; the service manager starts this process again"
        self._source.close()
        why = self._without_name(why)
        while self._attempts < camera.reopen_attempts:
            self._attempts += 1
            log.warning(
                'event=camera_silent source=%s why="%s" attempt=%d', self._name, why, self._attempts
            )
            try:
                self._source = open_source(self._settings)
            except SourceError as bad:
                why, hint = self._without_name(str(bad)), bad.hint or hint
            else:
                self._opened_s = time.monotonic()
                return
            pause_s = min(2.0**self._attempts, camera.no_frame_s)
            if self._attempts < camera.reopen_attempts and self._stop.wait(pause_s):
                return
        raise SourceError(
            f"{self._name}: {why}; reopening it {camera.reopen_attempts} times did not help",
            hint=hint,
        )

    def _without_name(self, sentence: str) -> str:
        for name in (self._settings.source, self._name):
            sentence = sentence.removeprefix(f"{name}: ")
        return sentence

    def relax(self, fps: float | None) -> None:
        """Frames per second that are wanted of a camera; ``None``: all."""
        self._source.relax(fps)

    def close(self) -> None:
        self._source.close()


def run(
    settings: VisionSettings,
    emit: Callable[[bytes], None],
    stop: threading.Event,
    heartbeat: Heartbeat,
) -> None:
    """Process frames until the source ends or ``stop`` is set.

    Args:
        settings: of the vision process.
        emit: takes one encoded record per frame; must not block.
        stop: set by a signal.
        heartbeat: fed by every frame.

    Raises:
        SourceError: the source cannot be opened, or fell silent for good.
        ModelError: a model is missing or altered.
        AcceleratorError: no configured processor can run the models.
    """
    # A crash must not leave what we hold in a file; systemd's unit says the same of the whole.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    name = source_name(settings.source)
    source = _Reopening(settings, stop)
    try:
        pipeline = Pipeline(settings, name)
        log.info("event=vision_started source=%s accelerator=%s", name, pipeline.device)
        pace = Pace(settings.pace)
        while not stop.is_set():
            frame = source.read()
            if frame is None:
                break
            if not pace.wants(frame.image, frame.t_s):
                continue
            record = pipeline.process(frame.image, frame.t_s)
            emit(record.encode())
            pace.looked(pipeline.somebody, frame.t_s)
            source.relax(settings.pace.motion_fps if pace.idle else None)
            if record.frames == 1:
                height, width = frame.image.shape[:2]
                log.info("event=first_frame source=%s size=%dx%d", name, width, height)
            heartbeat.progress(
                f"{record.fps:.0f} fps on {record.accelerator}, {len(record.viewers)} in view"
            )
    except EndOfSourceError:
        log.info("event=source_ended source=%s", name)
    finally:
        heartbeat.stopping()
        source.close()
