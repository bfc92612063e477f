"""The player whole, in a thread of its own, and a browser that shows its page."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from kiosk.ads import Campaign, Creative, Decision, Targeting
from kiosk.config import NoticeSettings, PlayerSettings
from kiosk.player import Media, Play, Schedule, Screens, WebServer, make_app, media_url

KINDS = {".html": "html", ".webm": "video", ".mp4": "video"}
RED, GREEN, BLUE, WHITE = (224, 48, 48), (48, 176, 64), (48, 80, 224), (255, 255, 255)
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic"]


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: `make setup` installs it")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=[*ARGS, *more])
        yield running
        running.close()


def drawing(path: Path, colour: tuple[int, int, int], width: int = 1600, height: int = 900) -> Path:
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<rect width="{width}" height="{height}" fill="rgb{colour}"/></svg>'
    )
    return path


def page(path: Path, colour: tuple[int, int, int], script: str = "") -> Path:
    path.write_text(
        "<!doctype html><meta charset=utf-8>"
        f"<style>html {{ background: rgb{colour} }}</style><script>{script}</script>"
    )
    return path


def film(path: Path, colour: tuple[int, int, int], frames: int = 15) -> Path:
    with av.open(str(path), "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=15)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        picture = np.full((180, 320, 3), colour, np.uint8)
        for _ in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def creative(path: Path, duration_s: float = 1.0, sha256: str | None = None) -> Creative:
    kind = KINDS.get(path.suffix, "image")
    return Creative(path.stem, kind, path, duration_s, "g", 1, True, Targeting(), sha256=sha256)


class Theatre:
    """Plays creatives in turn to whoever opens its page; what happens is written down."""

    def __init__(
        self,
        *creatives: Creative,
        transition_ms: int = 0,
        load_timeout_s: float = PlayerSettings().load_timeout_s,
    ) -> None:
        self.campaigns = [Campaign("c", creatives)]
        self.settings = PlayerSettings(
            port=0, transition_ms=transition_ms, load_timeout_s=load_timeout_s, lead_s=0.7
        )
        self.said: list[tuple] = []
        self.started_plays: list[str] = []
        self.ends: list[tuple[str, float, bool]] = []
        self.failures: list[tuple[str, str]] = []
        self.turn = 0
        self.media = Media(lambda: self.campaigns)
        ids = count(1)
        self.schedule = Schedule(
            self.settings,
            self._choose,
            lambda: f"play-{next(ids)}",
            listener=self,
            refused=self.media.refused,
            version=media_url,
        )
        self.screens = Screens(
            self,
            lambda: self.campaigns[0],
            NoticeSettings(show=False),
            dict,
            (),
            settings=self.settings,
            refused=self.media.refused,
        )
        self._names: dict[str, str] = {}
        self._presented: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self.server = self._make_server(0)

    def _make_server(self, port: int) -> WebServer:
        server = WebServer(make_app(self.screens, self.media, dict), self.settings)
        server.port = port
        return server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/screen"

    def do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def call(self, work: Callable[[], object]) -> None:
        async def there():
            work()

        self.do(there())

    def stop_serving(self) -> None:
        self.do(self.server.stop())

    def serve_again(self) -> None:
        self.server = self._make_server(self.server.port)
        self.do(self.server.start())

    @contextmanager
    def open(self) -> Iterator[Theatre]:
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        self.do(self.server.start())
        aside = [
            asyncio.run_coroutine_threadsafe(work, self._loop)
            for work in (self._tick(), self.media.watch())
        ]
        try:
            yield self
        finally:
            for task in aside:
                task.cancel()
            self.do(self.server.stop())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)
            self._loop.close()

    async def _tick(self) -> None:
        while True:
            self.screens.tick()
            self.schedule.tick(time.monotonic())
            await asyncio.sleep(0.02)

    def _choose(self, broken: Mapping[str, str]) -> Decision | None:
        campaign = self.campaigns[0]
        able = [one for one in campaign.creatives if one.id not in broken]
        if not able:
            return None
        self.turn += 1
        return Decision(able[self.turn % len(able)], campaign.name, "rotation: test", "A test.")

    # What the schedule tells.

    def prepare(self, play: Play) -> None:
        self._names[play.play_id] = play.choice.creative.id
        self.screens.prepare(play)

    def started(self, play: Play, *, presented: bool) -> None:
        if presented:
            self._presented.add(play.play_id)
            self.started_plays.append(play.choice.creative.id)

    def ended(self, play: Play, duration_s: float, *, completed: bool) -> None:
        if play.play_id in self._presented:
            self.ends.append((play.choice.creative.id, round(duration_s, 3), completed))

    # What the screens tell.

    def screen_connected(self) -> None:
        self.said.append(("connected",))
        self.schedule.screen_connected(time.monotonic())

    def screen_lost(self, *, broken: bool = False, silent_s: float = 0.0) -> None:
        self.said.append(("lost", broken))
        self.schedule.screen_lost(time.monotonic(), broken=broken, silent_s=silent_s)

    def screen_started(self, play_id: str) -> None:
        self.schedule.screen_started(play_id, time.monotonic())

    def screen_ended(self, play_id: str, shown_s: float) -> None:
        self.schedule.screen_ended(play_id, shown_s, time.monotonic())

    def screen_failed(self, play_id: str, why: str) -> None:
        self.failures.append((self._names[play_id], why))
        self.schedule.screen_failed(play_id, why, time.monotonic())

    def notice_shown(self, shown: bool) -> None:
        pass


@contextmanager
def watching(
    browser: Browser,
    theatre: Theatre,
    width: int = 1280,
    height: int = 720,
    *,
    may_complain: bool = False,
) -> Iterator[Page]:
    screen = browser.new_page(viewport={"width": width, "height": height})
    errors: list[object] = []
    # A creative's errors are told here too.
    screen.on("pageerror", lambda error: errors.append(error))  # noqa: PLW0108
    try:
        screen.goto(theatre.url)
        yield screen
    finally:
        screen.close()
    assert may_complain or errors == []


def wait_for(condition: Callable[[], object], what: str, within_s: float = 45) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"not within {within_s} s: {what}"
        time.sleep(0.02)


def picture_of(screen: Page) -> np.ndarray:
    """What is on the screen: height x width x 3, red first."""
    data = np.frombuffer(screen.screenshot(), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1]


def middle_of(screen: Page) -> tuple[int, int, int]:
    picture = picture_of(screen)
    height, width = picture.shape[:2]
    red, green, blue = (int(value) for value in picture[height // 2, width // 2])
    return red, green, blue


def is_about(found: tuple[int, int, int], wanted: tuple[int, int, int]) -> bool:
    return max(abs(a - b) for a, b in zip(found, wanted, strict=True)) < 24
