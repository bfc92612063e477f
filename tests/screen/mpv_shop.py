"""The player's own server and schedule in a thread, with plays of coloured pictures and films."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np

from kiosk.config import NoticeSettings, PlayerSettings
from kiosk.player import Media, Schedule, Screens, WebServer, make_app

TICK_S = 0.02
SIZE = (640, 360)
COLOURS = {
    "red": (230, 20, 20),
    "green": (20, 200, 20),
    "blue": (20, 20, 230),
    "yellow": (230, 220, 20),
    "white": (250, 250, 250),
}


@dataclass
class Told:
    """A word of the screen's, and when it came."""

    what: str
    creative: str
    at: float
    more: object = None


class Shop:
    """What the director does for its screen, with plays in a fixed order."""

    def __init__(self, folder: Path, port: int = 0, **creatives: tuple[str, str, float]) -> None:
        """Creatives: name to kind, file and seconds."""
        self.told: list[Told] = []
        self.call: Callable[[Callable[[], object]], object] = lambda what: what()
        self.stop: Callable[[], object] = lambda: None
        self.order = list(creatives)
        self._turn = itertools.count()
        self._ids = itertools.count(1)
        every = {
            name: SimpleNamespace(
                id=name, kind=kind, path=folder / file, duration_s=s, sha256=None, campaign="c"
            )
            for name, (kind, file, s) in creatives.items()
        }
        self.creatives = every
        self.campaign = SimpleNamespace(
            creatives=tuple(every.values()), rotation=tuple(every.values())
        )
        settings = PlayerSettings(port=port, lead_s=0.5, load_timeout_s=5)
        self._schedule = Schedule(settings, self._choose, self._id, self, refused=self._unfit)
        self.screens = Screens(
            self,
            lambda: self.campaign,
            NoticeSettings(languages=["en", "de"]),
            dict,
            ["age"],
        )
        self.server = WebServer(
            make_app(self.screens, Media(lambda: [self.campaign]), self.status), settings
        )

    def status(self) -> dict:
        return {
            "screen": {"pages": self.screens.count, "beat_age_s": self.screens.beat_age_s},
        }

    def _id(self) -> str:
        return f"play-{next(self._ids)}"

    def _choose(self, out):
        fit = [name for name in self.order if name not in out]
        if not fit:
            return None
        one = self.creatives[fit[next(self._turn) % len(fit)]]
        return SimpleNamespace(creative=one, campaign="c", reason="rotation", explanation=".")

    def _unfit(self) -> dict[str, str]:
        kinds = self.screens.kinds
        return {one.id: "kind" for one in self.creatives.values() if one.kind not in kinds}

    def _tell(self, what: str, creative: str = "", more: object = None) -> None:
        self.told.append(Told(what, creative, time.monotonic(), more))

    def names(self, what: str) -> list[str]:
        return [one.creative for one in self.told if one.what == what]

    def prepare(self, play):
        self.screens.prepare(play)

    def started(self, play, *, presented):
        if presented:
            self._tell("started", play.choice.creative.id)

    def ended(self, play, duration_s, *, completed):
        self._tell("ended", play.choice.creative.id, (duration_s, completed))

    def screen_connected(self):
        self._tell("connected")
        self._schedule.screen_connected(time.monotonic())

    def screen_lost(self, *, broken=False, **_):
        self._tell("lost")
        self._schedule.screen_lost(time.monotonic(), broken=broken)

    def screen_started(self, play_id):
        self._schedule.screen_started(play_id, time.monotonic())

    def screen_ended(self, play_id, shown_s):
        self._schedule.screen_ended(play_id, shown_s, time.monotonic())

    def screen_failed(self, play_id, why):
        self._tell("failed", play_id, why)
        self._schedule.screen_failed(play_id, why, time.monotonic())

    def notice_shown(self, shown):
        self._tell("notice", more=shown)

    async def serve(self, stop: threading.Event) -> None:
        await self.server.start()
        self._tell("serving")
        try:
            while not stop.is_set():
                self._schedule.tick(time.monotonic())
                self.screens.tick()
                await asyncio.sleep(TICK_S)
        finally:
            await self.server.stop()


@contextmanager
def open_shop(folder: Path, port: int = 0, **creatives: tuple[str, str, float]) -> Iterator[Shop]:
    shop, stop, loops = Shop(folder, port, **creatives), threading.Event(), []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await shop.serve(stop)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    while not shop.told:
        time.sleep(0.01)

    def end() -> None:
        stop.set()
        thread.join(10)

    shop.stop = end
    shop.call = loops[0].call_soon_threadsafe
    try:
        yield shop
    finally:
        end()


def picture(file: Path, colour: str, size: tuple[int, int] = SIZE) -> None:
    """One colour all over, so that any scaling of it is the same."""
    frame = np.full((size[1], size[0], 3), COLOURS[colour][::-1], np.uint8)
    cv2.imwrite(str(file), frame)


def film(file: Path, colour: str, seconds: float = 1.0, size: tuple[int, int] = SIZE) -> None:
    """The colour with a white bar that moves."""
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), 25, size)
    for n in range(round(seconds * 25)):
        frame = np.full((size[1], size[0], 3), COLOURS[colour][::-1], np.uint8)
        x = n * 7 % (size[0] - 20)
        frame[size[1] - 30 :, x : x + 20] = 255
        writer.write(frame)
    writer.release()


def seen(sockets: Path) -> tuple[int, ...]:
    """The colour of the screen's upper middle."""
    shown = looked_at(sockets)
    return tuple(int(v) for v in shown[shown.shape[0] // 4, shown.shape[1] // 2])


def looked_at(sockets: Path) -> np.ndarray:
    display = next(path.name for path in sockets.glob("wayland-*") if path.is_socket())
    shot = subprocess.run(
        ["grim", "-t", "ppm", "-"],
        env={"XDG_RUNTIME_DIR": str(sockets), "WAYLAND_DISPLAY": display, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
        timeout=10,
    )
    decoded = cv2.imdecode(np.frombuffer(shot.stdout, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded[:, :, ::-1]


def close_to(one: tuple[int, ...], colour: str, within: int = 24) -> bool:
    return all(abs(a - b) <= within for a, b in zip(one, COLOURS[colour], strict=True))
