"""A camera that comes and goes: reopened when it falls silent, waited for when it is not there."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Callable, Optional

from kiosk.config import VisionSettings
from kiosk.errors import CameraAwayError, SourceError
from kiosk.vision.sources import EndOfSourceError, Frame, is_live, open_source, source_name

log = logging.getLogger(__name__)

POLL_S = 0.25
"""Longest wait for a frame before signals are looked at."""

WORD_S = 1.0
"""Between two words of a process that waits for its camera."""

FIRST_PAUSE_S = 2.0
"""Between the first two tries to open a camera; doubles up to ``camera.no_frame_s``."""

Awaiting = Optional[Callable[[str], None]]
"""Told about once a second why a camera is waited for; ``None``: none is waited for."""


class Reopening:
    """The source, opened again for as long as that may help.

    A camera that is there and gives nothing is reopened a bounded number of times in a row: what
    hangs in its driver stays behind, until the process ends. One that is not there costs nothing,
    and is waited for without end. A file does not get better by being opened again: its errors are
    final, and it may be slow.
    """

    def __init__(
        self,
        settings: VisionSettings,
        over: Callable[[], bool],
        stop: threading.Event,
        awaiting: Awaiting,
    ) -> None:
        """Open the source, or find that its camera has to be waited for, which :meth:`read` does.

        Args:
            settings: of the vision process.
            over: the source is not to be read any more, nor opened again.
            stop: cuts a wait short.
            awaiting: told while a camera that is not there is waited for; ``None``: it is not.

        Raises:
            SourceError: it cannot be opened, and waiting does not help or is not wanted.
        """
        self._settings = settings
        self._over = over
        self._stop = stop
        self._awaiting = awaiting
        self._name = source_name(settings.source)
        self._live = is_live(settings.source)
        self._source: Any = None
        self._attempts = 0
        self._told = ""
        self._seen_s = self._opened_s = time.monotonic()
        if away := self._try():
            if awaiting is None:
                raise away
            self._tell(away)

    def read(self) -> Frame | None:
        """The next frame, or ``None`` when it is over.

        Raises:
            EndOfSourceError: a file is over.
            SourceError: a file cannot be read, or a camera fell silent for good.
        """
        while not self._over():
            try:
                if self._source is None:
                    self._open_patiently()
                    continue
                frame = self._wait()
            except EndOfSourceError:
                raise
            except SourceError as bad:
                if not self._live:
                    raise
                self._reopen(str(bad), bad.hint)
                continue
            if frame is not None:
                self._seen()
                return frame
            if not self._over():
                self._reopen(f"no frame in {self._settings.camera.no_frame_s:g} s")
        return None

    def relax(self, fps: float | None) -> None:
        """Frames per second that are wanted of a camera; ``None``: all."""
        self._source.relax(fps)

    def close(self) -> None:
        """Let go of it."""
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def _wait(self) -> Frame | None:
        until = time.monotonic() + self._settings.camera.no_frame_s
        while not self._over():
            frame: Frame | None = self._source.read(POLL_S)
            if frame is not None:
                return frame
            if self._live and time.monotonic() >= until:
                break
        return None

    def _seen(self) -> None:
        now_s = time.monotonic()
        # One that gives a frame and hangs, each time, is as broken as a silent one.
        if now_s - self._opened_s >= self._settings.camera.no_frame_s:
            self._attempts = 0
        if self._told:
            log.info("event=camera_back source=%s away_s=%.0f", self._name, now_s - self._seen_s)
            self._told = ""
        self._seen_s = now_s

    def _reopen(self, why: str, hint: str | None = None) -> None:
        camera = self._settings.camera
        hint = hint or "check the cable; the service manager starts this process again"
        self.close()
        why = self._without_name(why)
        while self._attempts < camera.reopen_attempts:
            if self._over():
                return
            self._attempts += 1
            self._told = why
            log.warning(
                'event=camera_silent source=%s why="%s" attempt=%d', self._name, why, self._attempts
            )
            try:
                self._open_patiently()
            except SourceError as bad:
                why, hint = self._without_name(str(bad)), bad.hint or hint
            else:
                return
            if self._attempts < camera.reopen_attempts:
                self._stop.wait(min(FIRST_PAUSE_S * 2.0 ** (self._attempts - 1), camera.no_frame_s))
        raise SourceError(
            f"{self._name}: {why}; reopening it {camera.reopen_attempts} times did not help",
            hint=hint,
        )

    def _open_patiently(self) -> None:
        """Open the source as soon as it is there, or leave it when it is over.

        Raises:
            SourceError: it is there and cannot be opened, or it is not to be waited for.
        """
        pause_s = FIRST_PAUSE_S
        while not self._over():
            away = self._try()
            if away is None:
                return
            if self._awaiting is None:
                raise away
            self._tell(away)
            pause_s = min(pause_s, self._settings.camera.no_frame_s)
            self._pause(pause_s, self._awaiting, self._without_name(str(away)))
            pause_s *= 2

    def _try(self) -> CameraAwayError | None:
        """Open the source; returns why it is not there, if it is not."""
        try:
            self._source = open_source(self._settings)
        except CameraAwayError as away:
            # With its callers it would hold the first picture after the wait.
            return away.with_traceback(None)
        self._opened_s = time.monotonic()
        return None

    def _pause(self, seconds: float, awaiting: Callable[[str], None], why: str) -> None:
        until = time.monotonic() + seconds
        while not self._over():
            awaiting(why)
            left_s = until - time.monotonic()
            if left_s <= 0:
                return
            self._stop.wait(min(WORD_S, left_s))

    def _tell(self, away: CameraAwayError) -> None:
        """Say that it is waited for, and what to do; once for each reason."""
        why = self._without_name(str(away))
        if why != self._told:
            log.warning(
                'event=camera_silent source=%s why="%s": it is waited for; %s',
                self._name,
                why,
                away.hint or "check its cable and power",
            )
        self._told = why

    def _without_name(self, sentence: str) -> str:
        for name in (self._settings.source, self._name):
            sentence = sentence.removeprefix(f"{name}: ")
        return sentence
