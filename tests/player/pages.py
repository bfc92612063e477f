"""The pages as a server of their own, with one campaign."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from websockets.asyncio.client import connect

from kiosk.ads import Campaign, Creative, Decision, Targeting
from kiosk.config import Attribute, NoticeSettings, PlayerSettings
from kiosk.player import Media, Play, Screens, WebServer, make_app


class Site:
    """A server with one campaign, and what its pages said."""

    def __init__(
        self,
        folder: Path,
        host: str = "127.0.0.1",
        notice: NoticeSettings | None = None,
        estimated: Sequence[Attribute] = ("age", "gender", "mood"),
    ) -> None:
        self.said: list[tuple] = []
        self.skipped_s = 0.0
        self.unchecked: list[str] = []
        self.campaigns = [self.campaign(folder, "tea.svg", "film.webm", "page.html")]
        self.media = Media(lambda: self.campaigns)
        self.screens = Screens(
            self,
            lambda: self.campaigns[0],
            notice or NoticeSettings(),
            lambda: {"version": "test"},
            estimated,
            refused=lambda: [*self.media.refused(), *self.unchecked],
            now_s=lambda: time.monotonic() + self.skipped_s,
        )
        self.server = WebServer(
            make_app(self.screens, self.media, lambda: {"version": "test"}),
            PlayerSettings(host=host, port=0),
        )

    @staticmethod
    def campaign(folder: Path, *files: str) -> Campaign:
        kinds = {".svg": "image", ".webm": "video", ".html": "html"}
        for name in files:
            (folder / name).write_bytes(bytes(range(256)) * 4)
        return Campaign(
            "c",
            tuple(
                Creative(
                    Path(name).stem,
                    kinds[Path(name).suffix],
                    folder / name,
                    5,
                    "g",
                    1,
                    True,
                    Targeting(),
                )
                for name in files
            ),
        )

    def play(self, name: str = "play-1") -> Play:
        return Play(name, Decision(self.campaigns[0].creatives[0], "c", "rotation", "."), 0, 0)

    def screen_connected(self):
        self.said.append(("connected",))
        self.screens.prepare(self.play(f"play-{len(self.said)}"))

    def screen_lost(self, *, broken=False, **_):
        self.said.append(("lost", "broken") if broken else ("lost",))

    def screen_started(self, play_id):
        self.said.append(("started", play_id))

    def screen_ended(self, play_id, shown_s):
        self.said.append(("ended", play_id, shown_s))

    def screen_failed(self, play_id, why):
        self.said.append(("failed", play_id, why))

    def notice_shown(self, shown):
        self.said.append(("notice", shown))

    def ws(self, path: str = "/screen/ws", **options):
        return connect(f"ws://127.0.0.1:{self.server.port}{path}", **options)


@asynccontextmanager
async def serving(folder: Path, **options):
    site = Site(folder, **options)
    await site.server.start()
    try:
        yield site
    finally:
        await site.server.stop()


@asynccontextmanager
async def browsing(site: Site):
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{site.server.port}") as client:
        yield client


async def heard(page) -> dict:
    return json.loads(await asyncio.wait_for(page.recv(), 5))


async def until(condition, what: str) -> None:
    for _ in range(6000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"not within 30 s: {what}")
