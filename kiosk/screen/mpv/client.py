"""The page's part, by a program: the director's word is shown by mpv, and what mpv shows is said.

A sign of life goes to the director only when mpv draws: its core answered a question that it can
only answer with its video output (so neither of the two hangs), and a film that is shown has moved.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from kiosk.screen.card import draw_card
from kiosk.screen.mpv.command import KINDS
from kiosk.screen.mpv.link import Link
from kiosk.screen.mpv.overlays import Overlays
from kiosk.screen.mpv.pipe import Pipe, PipeError, RefusedError
from kiosk.screen.mpv.shelf import Shelf
from kiosk.screen.mpv.stage import Stage
from kiosk.screen.mpv.turns import Creative, Turns
from kiosk.screen.mpv.words import NO_SIZE

BEAT_S = 2.0
"""As the page's."""

LOOK_S = 1.0
"""Between two looks at the window's size and at the languages' turns."""

UNSENT_MAX = 64
"""Reports that found no connection; the director restarts in seconds, so few are enough."""

INBOX_MAX = 1000
"""Events that nobody has looked at yet; mpv sends a few for each play."""


class Client:
    """One loop, which everything comes to: the director's messages, mpv's events, and the time."""

    def __init__(
        self,
        pipe_path: Path,
        scratch: Path,
        origin: str,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect to mpv, and begin to connect to the director.

        Args:
            pipe_path: mpv's socket.
            scratch: a folder in memory.
            origin: of the director's server, such as ``http://127.0.0.1:8765``.
            stop: ends it.
            clock: monotonic seconds.

        Raises:
            PipeError: mpv does not listen.
        """
        self._stop, self._clock = stop, clock
        self._inbox: queue.Queue[tuple[str, Any]] = queue.Queue(INBOX_MAX)
        self._shelf = Shelf(origin, scratch / "media")
        card = scratch / "card.png"
        draw_card(card)
        self._pipe = Pipe(pipe_path, lambda event: self._inbox.put(("mpv", event)))
        self._stage = Stage(self._pipe, self._shelf.where, card)
        self._turns = Turns(self._stage, self._report)
        self._overlays = Overlays(self._pipe, f"{origin}/aim")
        address = origin.replace("http", "ws", 1) + f"/screen/ws?main&kinds={','.join(KINDS)}"
        self._link = Link(address, lambda kind, said: self._inbox.put((kind, said)))
        self._primary = self._greeted = False
        self._unsent: list[dict[str, Any]] = []
        self._notice_told: bool | None = None
        self._display = self._display_told = True
        self._wake = self._beat_due = self._look_due = float("-inf")
        self._at: object = None
        self._fitted = NO_SIZE
        self._moved = True

    def seen(self, display: bool) -> None:
        """Whether there is a display; while there is none, nothing counts as shown."""
        self._display = display

    def run(self) -> None:
        """Until it is to stop.

        Raises:
            PipeError: mpv does not answer, or has ended.
            RefusedError: mpv refuses what it needs.
        """
        self._pipe.ask("observe_property", 1, "eof-reached")
        self._stage.begin()
        while not self._stop.is_set():
            due = min(self._wake, self._beat_due, self._look_due)
            kind, said = self._next(max(0.0, due - self._clock()))
            if kind:
                self._hear(kind, said)
            self._keep_time()

    def close(self) -> None:
        """Let go of both."""
        self._link.close()
        self._pipe.close()

    def _next(self, within_s: float) -> tuple[str, Any]:
        with suppress(queue.Empty):
            return self._inbox.get(timeout=within_s) if within_s else self._inbox.get_nowait()
        return "", None

    def _keep_time(self) -> None:
        now = self._clock()
        self._wake = self._turns.advance(now)
        if now >= self._look_due:
            self._look_due = now + LOOK_S
            self._overlays.look(now, on_card=self._stage.on_card)
            self._fit()
            self._tell_sight()
            self._tell_notice()
        if now >= self._beat_due:
            self._beat_due = now + BEAT_S
            # Asked of a mirror, too: it is what finds an mpv that hangs.
            if self._draws() and self._primary and self._greeted:
                self._link.send({"type": "beat"})

    def _fit(self) -> None:
        size = self._overlays.size
        if size not in (NO_SIZE, self._fitted):
            self._fitted = size
            self._stage.fit(size.width, size.height)

    def _draws(self) -> bool:
        # The scale is asked of the window in mpv's drawing thread; that there is none is an answer.
        with suppress(RefusedError):
            self._pipe.ask("get_property", "display-hidpi-scale")
        shown = self._turns.shown
        if shown is None or shown.kind != "video":
            return True
        before, self._at = self._at, None
        with suppress(RefusedError):
            self._at = self._pipe.ask("get_property", "time-pos")
        moved, self._moved = self._moved or self._at != before, False
        return moved

    # ------------------------------------------------------------ what is heard

    def _hear(self, kind: str, said: Any) -> None:
        now = self._clock()
        if kind == "mpv":
            self._hear_mpv(now, said)
        elif kind == "opened":
            self._turns.connected(now)
        elif kind == "closed":
            self._greeted = False
            self._turns.lost(now)
        else:
            self._hear_director(now, said)

    def _hear_mpv(self, now: float, event: dict[str, Any]) -> None:
        if event.get("event") in ("closed", "shutdown"):
            raise PipeError("mpv has ended")
        if event.get("event") == "playback-restart":
            self._moved = True
        what, why = self._stage.hear(event) or ("", "")
        if what == "began":
            self._turns.began(now)
            self._overlays.look(now, on_card=self._stage.on_card)
        elif what == "failed":
            self._turns.failed(now, why)
        elif what == "broke_off":
            self._turns.broke_off(now, why)

    def _hear_director(self, now: float, said: dict[str, Any]) -> None:
        kind = said.get("type")
        if kind == "hello":
            self._hear_hello(now, said)
        elif kind == "prepare":
            self._hear_prepare(now, said)
        elif kind == "identify":
            detail = "main screen" if self._primary else "mirror"
            self._overlays.identify(now, str(said.get("name") or ""), said.get("seconds"), detail)
        elif kind == "aim":
            self._overlays.aim(now, said.get("seconds"))

    def _hear_hello(self, now: float, said: dict[str, Any]) -> None:
        if not self._greeted:
            # A director that has just begun says so when the aiming page is to stay.
            self._overlays.aim(now, 0)
        self._greeted, self._primary = True, said.get("primary") is True
        rotation = [one for one in map(_creative, said.get("rotation") or ()) if one]
        self._shelf.keep(one.url for one in rotation)
        notice = said.get("notice")
        self._overlays.notice(now, notice if isinstance(notice, dict) else {})
        self._notice_told, self._display_told = None, True
        # A director that is back counts the silence from its start.
        self._beat_due = now
        self._tell_sight()
        self._tell_notice()
        waiting, self._unsent = self._unsent, []
        for message in waiting:
            self._report(message)
        self._turns.greeted(now, rotation)

    def _hear_prepare(self, now: float, said: dict[str, Any]) -> None:
        play_id = said.get("play_id")
        if not isinstance(play_id, str) or not play_id:
            return
        try:
            creative = Creative.of(said.get("creative"))
        except ValueError as bad:
            self._report({"type": "failed", "play_id": play_id, "error": str(bad)})
        else:
            self._turns.prepare(now, play_id, creative)

    # ------------------------------------------------------------ what is said

    def _report(self, message: dict[str, Any]) -> None:
        if not self._primary:
            return
        if not (self._greeted and self._link.send(message)):
            self._unsent = [*self._unsent, message][-UNSENT_MAX:]

    def _tell_sight(self) -> None:
        """A screen counts as seen until it says otherwise."""
        shown = self._display
        if not (self._primary and self._greeted) or shown == self._display_told:
            return
        if self._link.send({"type": "visible", "shown": shown}):
            self._display_told = shown

    def _tell_notice(self) -> None:
        shown = self._overlays.notice_stands and self._display
        if not (self._primary and self._greeted) or shown == self._notice_told:
            return
        if self._link.send({"type": "notice", "shown": shown}):
            self._notice_told = shown


def _creative(value: object) -> Creative | None:
    try:
        return Creative.of(value)
    except ValueError:
        return None
