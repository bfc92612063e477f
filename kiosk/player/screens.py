"""The pages that are connected: one screen that speaks for all, mirrors, and operators."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import quote

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from kiosk.ads import Campaign, Creative
from kiosk.config import Attribute, NoticeSettings, PlayerSettings
from kiosk.player.events import ScreenEvents
from kiosk.player.notices import notice_message
from kiosk.player.schedule import Play

log = logging.getLogger(__name__)

MAX_PAGES = 8
"""Pages of a kind that may be connected at once."""

BEAT_S = 3.0
"""A page that draws says so within this (screen.js: every two seconds, at its own pace)."""

SILENT_S = 10.0
"""Five beats that did not come: what such a page shows nobody knows."""

ROTATION_LOOK_S = 2.0
"""Between two looks whether what may loop is another one: media are checked meanwhile, or fail."""

SAID_GOODBYE = (1000, 1001)
"""How a page closes its connection when it is closed itself or leaves (RFC 6455, 7.4.1)."""

OPERATOR_EVERY_S = 0.25

PAGE_PATIENCE = 0.8
"""Share of the time that a creative may take to load after which the page says that it does not:
sooner than the director finds out by itself, so that it learns why."""

ALL_KINDS = frozenset({"image", "video", "html"})
"""Of creatives; a screen that shows fewer names them in its address (``?kinds=image,video``)."""


def media_url(creative: Creative) -> str:
    """Where the page finds a creative; another address when the medium changes."""
    try:
        version = creative.path.stat().st_mtime_ns
    except OSError:
        version = 0
    return f"/media/{creative.id}/{quote(creative.path.name)}?v={version:x}"


def _described(creative: Creative) -> dict[str, Any]:
    return {
        "id": creative.id,
        "kind": creative.kind,
        "url": media_url(creative),
        "duration_s": creative.duration_s,
    }


class Screens:
    """Connected pages. One screen is believed; others only mirror it.

    It is the newest of those that say that they stand on the shop's display (``?main``, as the
    screen session's own), and the oldest where none does.
    """

    def __init__(
        self,
        events: ScreenEvents,
        campaign: Callable[[], Campaign],
        notice: NoticeSettings,
        snapshot: Callable[[], dict[str, Any]],
        estimated: Collection[Attribute],
        *,
        settings: PlayerSettings | None = None,
        refused: Callable[[], Collection[str]] = tuple,
        aiming_view: Callable[[], dict[str, Any]] = dict,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """No page is connected yet.

        Args:
            events: hears what the screen says.
            campaign: what is in rotation now.
            notice: what stands on the screen beside what plays.
            snapshot: the state of things, for operators.
            estimated: what is estimated of a face, for the notice to say.
            settings: how one play follows the other.
            refused: ids of creatives whose media must not be shown.
            aiming_view: of whom vision sees, for who aims the camera.
            now_s: monotonic seconds.
        """
        self._events = events
        self._campaign = campaign
        self._notice = notice_message(notice, estimated)
        self._notice_shown = False
        self._snapshot = snapshot
        self._aiming_view = aiming_view
        self._settings = settings or PlayerSettings()
        self._refused = refused
        self._hidden = self._silent = False
        self._aim_until_s: float | None = None
        self._screens: list[WebSocket] = []
        self._operators = 0
        self._now_s = now_s
        self._beat_s: float | None = None
        self._last_prepare: dict[str, Any] | None = None
        self._told: dict[WebSocket, list[dict[str, Any]]] = {}
        self._look_s = float("-inf")
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def kinds(self) -> frozenset[str]:
        """Which creatives the screen that speaks can show; a page, and no screen at all: any."""
        said = self._screens[0].query_params.get("kinds") if self._screens else None
        return ALL_KINDS if said is None else ALL_KINDS & frozenset(said.split(","))

    @property
    def count(self) -> int:
        """How many screen pages are connected."""
        return len(self._screens)

    @property
    def main(self) -> bool:
        """The screen that speaks says that it stands on the shop's display."""
        return bool(self._screens) and "main" in self._screens[0].query_params

    @property
    def beat_age_s(self) -> float | None:
        """Seconds since the screen that speaks said that it draws; ``None`` when it never did."""
        return None if self._beat_s is None else self._now_s() - self._beat_s

    def prepare(self, play: Play) -> None:
        """Tell every screen what comes next."""
        message = {
            "type": "prepare",
            "play_id": play.play_id,
            "creative": _described(play.choice.creative),
        }
        self._last_prepare = message
        self._broadcast(message)

    def identify(self, name: str, seconds: float) -> None:
        """Have every screen say which one it is, over what plays and without cutting it.

        Args:
            name: of the device.
            seconds: for how long.
        """
        self._broadcast({"type": "identify", "name": name, "seconds": round(seconds, 1)})

    @property
    def aiming(self) -> bool:
        """The aiming page covers the screens: nothing that plays is presented."""
        return self._aim_until_s is not None

    def aim(self, seconds: float) -> None:
        """Lay the aiming page over what plays on every screen, or take it away.

        Until it is away nobody sees what plays, so the screen counts as lost.

        Args:
            seconds: from now; 0 takes it away.
        """
        was, was_covered = self.aiming, self._covered
        self._aim_until_s = self._now_s() + seconds if seconds > 0 else None
        # Before anything else is prepared: a play's first frame has to be seen.
        self._broadcast(self._aim_message())
        if was != self.aiming:
            log.info("event=aiming covered=%s", self.aiming)
        self._tell_if_changed(was_covered)

    @property
    def _covered(self) -> bool:
        """Nobody sees what plays on the screen that speaks, as far as is known."""
        return self.aiming or self._hidden or self._silent

    def _tell_if_changed(self, was_covered: bool) -> None:
        if was_covered == self._covered or not self._screens:
            return
        if not self._covered:
            self._events.screen_connected()
        elif self._silent:
            self._events.screen_lost(broken=True, silent_s=self._silent_for_s())
        else:
            self._events.screen_lost()

    def tick(self) -> None:
        """Do what only time brings about; called many times a second."""
        if self.aiming and self._aim_left_s() <= 0:
            self.aim(0)
        self._look_for_silence()
        if self._now_s() >= self._look_s:
            self._look_s = self._now_s() + ROTATION_LOOK_S
            self._greet_if_rotation_changed()

    def _look_for_silence(self) -> None:
        """A page that draws no longer proves nothing; what it loaded or showed is suspected."""
        age_s, was_covered = self.beat_age_s, self._covered
        silent = age_s is not None and age_s > SILENT_S
        if silent != self._silent:
            self._silent = silent
            log.info("event=screen_silent silent=%s", silent)
            self._hear_of_notice(False)
            # Greeted, it tells whether the notice can be seen, as soon as it does anything.
            self._send_soon(self._screens[0], self._hello(self._screens[0]))
            self._tell_if_changed(was_covered)

    def _silent_for_s(self) -> float:
        return max(0.0, (self.beat_age_s or 0.0) - BEAT_S)

    def _greet_if_rotation_changed(self) -> None:
        rotation = self._rotation() if self._screens else []
        for page in self._screens:
            if self._told.get(page) != rotation:
                self._send_soon(page, self._hello(page))

    def _aim_left_s(self) -> float:
        return 0.0 if self._aim_until_s is None else max(0.0, self._aim_until_s - self._now_s())

    def _aim_message(self) -> dict[str, Any]:
        return {"type": "aim", "seconds": round(self._aim_left_s(), 1)}

    def greet_again(self) -> None:
        """The campaign changed: every screen gets the new rotation."""
        for page in self._screens:
            self._send_soon(page, self._hello(page))

    async def serve_screen(self, page: WebSocket) -> None:
        """One screen page, until it goes."""
        await page.accept()
        main = "main" in page.query_params
        # However many mirrors there are, the shop's own display is let in.
        if len(self._screens) >= MAX_PAGES + main:
            await page.close(1013, "too many screens")
            return
        if main:
            self._step_down()
        self._screens.insert(0 if main else len(self._screens), page)
        log.info("event=screen_connected primary=%s", primary := page is self._screens[0])
        code = 0
        try:
            await page.send_text(json.dumps(self._hello(page)))
            if self.aiming:
                await page.send_text(json.dumps(self._aim_message()))
            elif primary:
                self._events.screen_connected()
            elif self._last_prepare is not None:
                await page.send_text(json.dumps(self._last_prepare))
            while True:
                said = await page.receive()
                if said["type"] == "websocket.disconnect":
                    code = int(said.get("code") or 0)
                    break
                self._hear(page, said.get("text") or "")
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self._drop(page, broken=code not in SAID_GOODBYE)

    async def serve_operator(self, page: WebSocket) -> None:
        """One operator's page: the state of things, a few times a second."""
        await self._serve_figures(page, self._snapshot)

    async def serve_aiming(self, page: WebSocket) -> None:
        """An aiming page: whom vision sees, for as long as it was asked for and no longer."""
        await self._serve_figures(page, self._aim_figures)

    def _aim_figures(self) -> dict[str, Any]:
        if not self.aiming:
            return {"aiming": False}
        return {"aiming": True, "left_s": round(self._aim_left_s(), 1), **self._aiming_view()}

    async def _serve_figures(self, page: WebSocket, figures: Callable[[], dict[str, Any]]) -> None:
        await page.accept()
        if self._operators >= MAX_PAGES:
            await page.close(1013, "too many operator pages")
            return
        self._operators += 1
        try:
            while page.client_state == WebSocketState.CONNECTED:
                await page.send_text(json.dumps(figures()))
                await asyncio.sleep(OPERATOR_EVERY_S)
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self._operators -= 1

    def _hello(self, page: WebSocket, *, steps_down: bool = False) -> dict[str, Any]:
        self._told[page] = self._rotation()
        return {
            "type": "hello",
            "primary": page is self._screens[0] and not steps_down,
            "rotation": self._told[page],
            "transition_ms": self._settings.transition_ms,
            "load_timeout_s": self._settings.load_timeout_s * PAGE_PATIENCE,
            "notice": self._notice,
        }

    def _rotation(self) -> list[dict[str, Any]]:
        refused = self._refused()
        return [_described(one) for one in self._campaign().rotation if one.id not in refused]

    def _hear(self, page: WebSocket, text: str) -> None:
        if not self._screens or page is not self._screens[0]:
            return
        try:
            said = json.loads(text)
            if said["type"] == "beat":
                self._beat_s = self._now_s()
                self._look_for_silence()
            elif said["type"] == "notice":
                self._hear_of_notice(said["shown"])
            elif said["type"] == "visible":
                self._hear_of_sight(said["shown"])
            else:
                self._hear_of_play(said["type"], str(said["play_id"]), said)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as bad:
            log.warning("event=screen_message_refused reason=%.200r", bad)

    def _hear_of_play(self, kind: str, play_id: str, said: dict[str, Any]) -> None:
        if self._covered:
            # It plays on underneath, where nobody sees it.
            return
        if kind == "started":
            self._events.screen_started(play_id)
        elif kind == "ended":
            self._events.screen_ended(play_id, float(said["shown_s"]))
        elif kind == "failed":
            # One line of the journal, whatever the page made of the error.
            error = " ".join(str(said.get("error", ""))[:200].split())
            self._events.screen_failed(play_id, error)

    def _hear_of_notice(self, shown: object) -> None:
        if not isinstance(shown, bool):
            raise TypeError("shown: true or false is expected")
        if shown != self._notice_shown:
            self._notice_shown = shown
            self._events.notice_shown(shown)

    def _hear_of_sight(self, shown: object) -> None:
        if not isinstance(shown, bool):
            raise TypeError("shown: true or false is expected")
        was_covered, self._hidden = self._covered, not shown
        self._tell_if_changed(was_covered)

    def _step_down(self) -> None:
        """Whoever spoke is a mirror from now on."""
        if not self._screens:
            return
        former = self._screens[0]
        self._beat_s = None
        self._hear_of_notice(False)
        if not self._covered:
            self._events.screen_lost()
        self._hidden = self._silent = False
        self._send_soon(former, self._hello(former, steps_down=True))

    def _drop(self, page: WebSocket, *, broken: bool) -> None:
        if page not in self._screens:
            return
        was_primary = page is self._screens[0]
        self._screens.remove(page)
        self._told.pop(page, None)
        log.warning("event=screen_lost primary=%s left=%d", was_primary, len(self._screens))
        if not was_primary:
            return
        silent_s = self._silent_for_s()
        self._beat_s = None
        self._hear_of_notice(False)
        if not self._covered:
            self._events.screen_lost(broken=broken, silent_s=silent_s)
        self._hidden = self._silent = False
        if self._screens:
            self._send_soon(self._screens[0], self._hello(self._screens[0]))
            if not self.aiming:
                self._events.screen_connected()

    def _broadcast(self, message: dict[str, Any]) -> None:
        for page in self._screens:
            self._send_soon(page, message)

    def _send_soon(self, page: WebSocket, message: dict[str, Any]) -> None:
        task = asyncio.ensure_future(_send(page, message))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)


async def _send(page: WebSocket, message: dict[str, Any]) -> None:
    try:
        await page.send_text(json.dumps(message))
    except (WebSocketDisconnect, RuntimeError):
        # Its own reader notices and drops it.
        return
