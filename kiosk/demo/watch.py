"""Reads the operator's page as a browser would, for the demo's live line."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

RETRY_S = 0.5


@dataclass(frozen=True)
class Seen:
    """What the page last said of vision.

    Attributes:
        mean_fps: frames per second since the first frame that the page told of.
    """

    frames: int = 0
    mean_fps: float = 0.0
    inference_ms: float = 0.0


class PageWatcher:
    """A WebSocket to the director that may not be there yet."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._page: ClientConnection | None = None
        self._next_try_s = 0.0
        self._state: dict[str, Any] = {}
        self._first: tuple[float, int] | None = None
        self._seen = Seen()

    def poll(self) -> Seen:
        """Take in what the page has said since the last call."""
        if self._page is None and not self._connect():
            return self._seen
        try:
            while self._page is not None:
                self._take(json.loads(self._page.recv(timeout=0)))
        except TimeoutError:
            pass
        except (WebSocketException, OSError):
            self.close()
        return self._seen

    def line(self) -> str:
        """The state of things in one line."""
        play = self._state.get("play") or {}
        viewers = self._state.get("viewers") or []
        people = (
            "; ".join(f"{v['gender']} {v['age_band']} {v['mood']}" for v in viewers[:3])
            or "nobody in view"
        )
        if not self._state:
            return "starting"
        return (
            f"{self._seen.mean_fps:5.1f} fps  {people:32.32}  "
            f"{play.get('creative', '-'):18.18}  {play.get('reason', ''):44.44}"
        )

    def close(self) -> None:
        """Let go of the page."""
        if self._page is not None:
            self._page.close()
            self._page = None

    def _connect(self) -> bool:
        now_s = time.monotonic()
        if now_s < self._next_try_s:
            return False
        self._next_try_s = now_s + RETRY_S
        try:
            self._page = connect(self._url, open_timeout=1, close_timeout=0.5)
        except (WebSocketException, OSError):
            return False
        return True

    def _take(self, state: dict[str, Any]) -> None:
        self._state = state
        vision = state.get("vision") or {}
        frames = int(vision.get("frames") or 0)
        now_s = time.monotonic()
        if not frames:
            return
        if self._first is None:
            self._first = (now_s, frames)
        since_s = now_s - self._first[0]
        mean = (frames - self._first[1]) / since_s if since_s > 1 else float(vision["fps"] or 0)
        self._seen = Seen(frames, mean, float(vision.get("inference_ms") or 0))
