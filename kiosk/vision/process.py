"""The vision process: a source, a pipeline, and records that leave by a socket."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from typing import Callable, Optional

from kiosk.config import VisionSettings
from kiosk.service import Heartbeat
from kiosk.vision.memory import keep_in_ram
from kiosk.vision.pace import Pace
from kiosk.vision.pipeline import Pipeline
from kiosk.vision.records import VisionRecord
from kiosk.vision.reopening import Reopening
from kiosk.vision.sources import EndOfSourceError, source_name

log = logging.getLogger(__name__)

REST_S = 1.0
"""Between two words of a process whose camera is closed."""


class _Watch:
    """Looks at frames, and rests in the hours in which nobody is to be looked at."""

    def __init__(
        self,
        settings: VisionSettings,
        emit: Callable[[bytes], None],
        stop: threading.Event,
        heartbeat: Heartbeat,
        is_off: Callable[[], bool],
        *,
        awaiting: Optional[Callable[[], None]],
    ) -> None:
        self._settings = settings
        self._emit = emit
        self._stop = stop
        self._heartbeat = heartbeat
        self._is_off = is_off
        self._awaiting = awaiting
        self._name = source_name(settings.source)
        self._device: str = settings.inference.device
        self._pipeline: Optional[Pipeline] = None
        self._frames = 0
        self._dark = False

    def go_on(self) -> None:
        """Look until something ends it, by the shop's hours."""
        while not self._stop.is_set():
            if self._is_off():
                self._rest()
            else:
                self._look()

    def _over(self) -> bool:
        return self._stop.is_set() or self._is_off()

    def _look(self) -> None:
        """Look at frames until an hour begins in which nobody is to be looked at."""
        settings, name = self._settings, self._name
        patient = self._await_camera if self._awaiting else None
        source = Reopening(settings, self._over, self._stop, patient)
        try:
            # Made anew after each rest: what was known of a face must not outlive the closing.
            self._pipeline = Pipeline(settings, name)
            self._device = self._pipeline.device
            log.info("event=vision_started source=%s accelerator=%s", name, self._device)
            pace, before = Pace(settings.pace), self._frames
            while self._see(source, self._pipeline, pace, before):
                pass
        finally:
            self._pipeline = None
            source.close()

    def _see(self, source: Reopening, pipeline: Pipeline, pace: Pace, before: int) -> bool:
        """Look at the next frame, which nothing holds any more when another one is waited for.

        Returns:
            Whether there may be more.
        """
        frame = source.read()
        if frame is None:
            return False
        if not pace.wants(frame.image, frame.t_s):
            return True
        record = pipeline.process(frame.image, frame.t_s)
        self._frames = before + record.frames
        self._device = record.accelerator
        self._emit(replace(record, frames=self._frames).encode())
        self._tell_darkness(record.dark)
        pace.looked(pipeline.somebody, frame.t_s)
        source.relax(self._settings.pace.motion_fps if pace.idle else None)
        if record.frames == 1:
            height, width = frame.image.shape[:2]
            log.info("event=first_frame source=%s size=%dx%d", self._name, width, height)
        self._heartbeat.progress(
            f"{record.fps:.0f} fps on {record.accelerator}, {len(record.viewers)} in view"
        )
        return True

    def _await_camera(self, why: str) -> None:
        """Live on without a camera: no record says that nobody is there, for nobody knows."""
        self._heartbeat.progress(f"waiting for {self._name}: {why}")
        pipeline = self._pipeline
        if pipeline is not None:
            had_somebody = pipeline.somebody
            pipeline.go_blind(time.monotonic())
            if had_somebody and not pipeline.somebody:
                # But whoever was there has passed, and is to be counted now: by its silence alone
                # the director cannot tell a wait of days from one of a moment.
                self._emit(self._nobody().encode())
        if self._awaiting is not None:
            self._awaiting()

    def _tell_darkness(self, dark: bool) -> None:
        if dark and not self._dark:
            log.warning(
                "event=camera_dark source=%s: nothing but black pictures; take off what covers it",
                self._name,
            )
        elif self._dark and not dark:
            log.info("event=camera_light source=%s", self._name)
        self._dark = dark

    def _rest(self) -> None:
        """Say that nobody is seen, with the camera closed, until its hours come."""
        log.info("event=vision_off source=%s", self._name)
        while not self._over_with_rest():
            self._emit(self._nobody().encode())
            self._heartbeat.progress("camera closed in these hours")
            self._stop.wait(REST_S)
        if not self._stop.is_set():
            log.info("event=vision_on source=%s", self._name)

    def _over_with_rest(self) -> bool:
        return self._stop.is_set() or not self._is_off()

    def _nobody(self) -> VisionRecord:
        return VisionRecord(
            t_s=round(time.monotonic(), 4),
            frames=self._frames,
            fps=0.0,
            inference_ms=0.0,
            accelerator=self._device,
            source=self._name,
            viewers=(),
        )


def run(
    settings: VisionSettings,
    emit: Callable[[bytes], None],
    stop: threading.Event,
    heartbeat: Heartbeat,
    is_off: Callable[[], bool] = lambda: False,
    *,
    awaiting: Optional[Callable[[], None]] = None,
) -> None:
    """Process frames until the source ends or ``stop`` is set.

    Args:
        settings: of the vision process.
        emit: takes one encoded record per frame; must not block.
        stop: set by a signal.
        heartbeat: fed by every frame, and about once a second while the camera is closed or waited
            for.
        is_off: whether the camera is to be closed now; then nobody is in the records, of which
            there is about one a second.
        awaiting: called about once a second while a camera that is not there is waited for, for as
            long as that takes; ``None``: it is not waited for.

    Raises:
        SourceError: the source cannot be opened, or fell silent for good.
        ModelError: a model is missing or altered.
        AcceleratorError: no configured processor can run the models.
    """
    keep_in_ram()
    try:
        _Watch(settings, emit, stop, heartbeat, is_off, awaiting=awaiting).go_on()
    except EndOfSourceError:
        log.info("event=source_ended source=%s", source_name(settings.source))
    finally:
        heartbeat.stopping()
