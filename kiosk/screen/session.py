"""The session: one loop that sees to display, compositor, browser and page, in this order.

Where it says browser, it is mpv on a device that is set to it (``player.backend``).
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from kiosk.clock import Clock, SystemClock
from kiosk.config import Settings
from kiosk.errors import BadInputError, KioskError
from kiosk.screen.browser import Browser
from kiosk.screen.children import needed
from kiosk.screen.compositor import Compositor, mode_refused
from kiosk.screen.displays import what_is_missing
from kiosk.screen.mpv import PROGRAM as MPV
from kiosk.screen.mpv import Mpv
from kiosk.screen.page import Director
from kiosk.screen.patience import Pace, Silence
from kiosk.screen.places import environment, session_folder
from kiosk.service import Heartbeat

log = logging.getLogger(__name__)

TURN_S = 0.5
"""How soon an end is noticed."""

IDLE_S = 2.0
"""The same while there is no display."""

LOOK_S = 2.0
"""Between two questions to the compositor and the director; the page beats as often."""

GRACE_S = 30.0
"""What a browser may take on a slow machine until its page is seen."""

DEAF_MAX = 2
"""Questions that the compositor may leave unanswered."""

HUNG_MAX = 2
"""Browsers that hung before their first sign; then it may be the compositor's fault."""

FAILED_MAX = 5
"""Starts of a compositor that fail in a row until the process ends, and is begun anew."""


def run(settings: Settings, stop: threading.Event, clock: Clock | None = None) -> None:
    """Keep the page on the display until ``stop`` is set.

    Raises:
        KioskError: a program is missing, the page has no fixed port, we are root, or the compositor
            does not start.
    """
    if os.geteuid() == 0:
        raise BadInputError(
            "the screen's compositor and the browser's sandbox refuse to run as root",
            hint="systemctl start kiosk-screen runs it as kiosk-screen",
        )
    for program, hint in screen_programs(settings).items():
        needed(program, hint)
    director = Director(settings.player)
    with session_folder() as folder, tempfile.TemporaryDirectory(prefix="kiosk-screen-") as scratch:
        session = Session(settings, director, folder, Path(scratch), clock or SystemClock())
        session.run(stop, Heartbeat())


def screen_programs(settings: Settings) -> dict[str, str]:
    """What a session runs, each with what to do where it is missing; the last one draws."""
    if settings.player.backend == "mpv":
        draws = {MPV: "apt install mpv, or set player.backend to chromium"}
    else:
        draws = {settings.screen.browser: "apt install chromium, or set screen.browser"}
    return {"sway": "apt install sway"} | draws


class Player(Protocol):
    """What draws the page's part: a browser, or mpv."""

    @property
    def started(self) -> bool:
        """It was started and not ended by us; it may have ended by itself."""
        ...

    @property
    def alive(self) -> bool:
        """It runs."""
        ...

    @property
    def ended_by(self) -> str:
        """How it ended, and why as far as is known."""
        ...

    def start(self, display: str, url: str) -> None:
        """Have it draw what the director serves there."""
        ...

    def end(self, patience_s: float = ...) -> None:
        """End it, and all of it."""
        ...

    def seen(self, display: bool) -> None:
        """Whether there is a display to be seen on."""
        ...


def player_of(settings: Settings, scratch: Path, env: Mapping[str, str]) -> Player:
    """What the configuration asks for, not started.

    Args:
        settings: the whole configuration.
        scratch: a folder in memory.
        env: what it sees, but for the display.
    """
    if settings.player.backend == "mpv":
        return Mpv(scratch, env)
    return Browser(settings.screen.browser, scratch, env)


class Session:
    """What is running, and what an operator was told of it."""

    def __init__(
        self, settings: Settings, director: Director, folder: Path, scratch: Path, clock: Clock
    ) -> None:
        """Start nothing yet.

        Args:
            settings: the whole configuration.
            director: says how the page is.
            folder: of the session's sockets.
            scratch: a folder in memory, for all else.
            clock: the time.
        """
        self._screen = settings.screen
        self._director = director
        self._clock = clock
        env = environment(folder, scratch)
        # Another backend than the graphics card's makes displays of its own.
        self._real = "drm" in env["WLR_BACKENDS"].split(",")
        self._compositor = Compositor(self._screen, folder, env)
        self._browser = player_of(settings, scratch, env)
        self._compositor_pace, self._browser_pace = Pace(), Pace()
        self._silence = Silence(self._screen.hung_s, GRACE_S)
        self._look_due = float("-inf")
        self._deaf = 0
        self._hung = 0
        self._failed = 0
        self._absent = ""
        self._waits_since: float | None = None
        self._waiting_told = False

    def run(self, stop: threading.Event, heartbeat: Heartbeat) -> None:
        """Take turns until ``stop`` is set, then end everything."""
        try:
            while not stop.is_set():
                heartbeat.progress(self._turn(stop))
                stop.wait(IDLE_S if self._absent else TURN_S)
        finally:
            heartbeat.stopping()
            self._browser.end()
            self._compositor.end()

    def _turn(self, stop: threading.Event) -> str:
        """See to the first thing that is missing; returns how things are."""
        if not self._compositor.alive and not self._start_compositor(stop):
            return self._absent or "starting the compositor"
        now = self._clock.monotonic()
        looks = now >= self._look_due
        if looks:
            self._look_due = now + LOOK_S
            if not self._look_at_displays(now):
                return self._absent or "the compositor does not answer"
        if self._absent:
            return self._absent
        if not self._browser.alive:
            return self._start_browser(now)
        if looks:
            self._look_at_page(self._clock.monotonic())
        return "showing the page"

    # ------------------------------------------------------------ the compositor

    def _start_compositor(self, stop: threading.Event) -> bool:
        now = self._clock.monotonic()
        if self._compositor.started:
            log.warning("event=screen_compositor_ended how=%r", self._compositor.ended_by)
            self._end_all(now)
        if missing := what_is_missing(self._screen.output) if self._real else "":
            self._tell_absent(missing)
            return False
        if not self._compositor_pace.is_due(now):
            return False
        self._compositor_pace.started(now)
        try:
            self._compositor.start(stop)
        except KioskError as bad:
            if not stop.is_set():
                log.error("event=screen_compositor_ended how=%r", str(bad))
                self._failed += 1
            self._compositor_pace.ended(self._clock.monotonic())
            if self._failed >= FAILED_MAX:
                # What this process was given at its start (the seat's socket) may be what is wrong.
                raise
            return False
        self._deaf, self._hung, self._failed = 0, 0, 0
        self._look_due = float("-inf")
        outputs = self._compositor.outputs() or []
        log.info(
            "event=screen_compositor_started outputs=%s",
            ",".join(f"{o.name}:{o.width}x{o.height}:{o.transform}" for o in outputs) or "none",
        )
        if other := mode_refused(self._screen, outputs):
            log.warning(
                "event=screen_mode_refused mode=%s: %s; set screen.mode to a size that the display "
                "offers",
                self._screen.mode,
                other,
            )
        return True

    def _end_all(self, now: float) -> None:
        """The browser cannot outlive the compositor."""
        self._browser.end(0)
        self._compositor.end(0)
        self._compositor_pace.ended(now)
        # That it went was no fault of its own.
        self._browser_pace = Pace()

    def _look_at_displays(self, now: float) -> bool:
        outputs = self._compositor.outputs()
        if outputs is None:
            self._deaf += 1
            if self._deaf >= DEAF_MAX:
                log.error("event=screen_compositor_hung: starting it again")
                self._deaf = 0
                self._end_all(now)
            return False
        self._deaf = 0
        if outputs:
            if self._absent:
                log.info("event=screen_display_back output=%s", outputs[0].name)
                self._absent = ""
                self._browser.seen(True)
                # A page that nobody showed may not have drawn, and was not hung for that.
                self._silence.excuse(now)
            return True
        missing = what_is_missing(self._screen.output) if self._real else ""
        self._tell_absent(missing or "the display was switched off or unplugged")
        return False

    def _tell_absent(self, why: str) -> None:
        if why != self._absent:
            log.warning("event=screen_no_display: %s; it is shown again when there is one", why)
        self._absent = why
        self._browser.seen(False)

    # ------------------------------------------------------------ the browser

    def _start_browser(self, now: float) -> str:
        if self._browser.started:
            log.warning(
                "event=screen_browser_ended how=%r: starting it again", self._browser.ended_by
            )
            self._browser.end(0)
            self._browser_pace.ended(now)
        if not self._browser_pace.is_due(now):
            return "starting the browser"
        # A browser that finds nobody shows an error, and stays there.
        if not self._director.serves():
            self._tell_waiting(now)
            return "waiting for the director"
        self._waits_since = None
        self._browser.start(self._compositor.display, self._director.page_url)
        self._browser_pace.started(now)
        self._silence.begin(now)
        log.info("event=screen_started url=%s", self._director.page_url)
        return "showing the page"

    def _tell_waiting(self, now: float) -> None:
        """Only when it lasts: both start with the machine."""
        if self._waits_since is None:
            self._waits_since, self._waiting_told = now, False
        if not self._waiting_told and now - self._waits_since > self._screen.hung_s:
            self._waiting_told = True
            log.warning(
                "event=screen_no_director url=%s: the screen stays empty until the director serves "
                "its page",
                self._director.page_url,
            )

    def _look_at_page(self, now: float) -> None:
        page = self._director.page()
        if page is None:
            # It starts again or hangs: the page loops what it has, and comes back by itself.
            self._silence.excuse(self._clock.monotonic())
            return
        self._silence.hear(now, page)
        if self._silence.beaten:
            self._hung = 0
        if not self._silence.is_hung(now):
            return
        log.error(
            "event=screen_hung silent_s=%.0f pages=%d: starting the browser again",
            self._silence.lasts_s(now),
            page.pages,
        )
        self._hung += 0 if self._silence.beaten else 1
        self._browser.end(0)
        if self._hung >= HUNG_MAX:
            self._end_all(now)
