"""Runs within an emulated machine: a screen's page without a screen, and people without a camera.

It speaks the page's protocol with the director and vision's with the audience socket, and says to
the outside what it did, a line of JSON each, on a serial line that has no memory to lose:
``{"boot", "t_s", "what", ...}``. ``t_s`` is the machine's monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from kiosk.vision import Viewer, VisionRecord

PAGE = "ws://127.0.0.1:8765/screen/ws"
AUDIENCE = "/run/kiosk/audience.sock"
BOOT = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
RECORDS_PER_S = 5
PASS_S = 2.0
BETWEEN_PASSES_S = 0.6
TICK_S = 0.1


class Outside:
    """The line to the outside; written through at once."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_WRONLY)

    def tell(self, what: str, **more: Any) -> None:
        """Say what was done just now."""
        said = {"boot": BOOT, "t_s": round(time.monotonic(), 3), "what": what, **more}
        os.write(self._descriptor, json.dumps(said).encode() + b"\n")


@dataclass
class Showing:
    """What would be on the screen."""

    play_id: str
    duration_s: float
    since_s: float


class Page:
    """Shows each play when it is due, as the page does."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._showing: Showing | None = None

    async def be(self) -> None:
        """Connect, and again when the director was away."""
        while True:
            try:
                async with connect(PAGE, open_timeout=20) as page:
                    self._showing = None
                    await page.send(json.dumps({"type": "notice", "shown": True}))
                    async for text in page:
                        said = json.loads(text)
                        if said["type"] == "prepare":
                            await self._show(page, said["play_id"], said["creative"])
            except (OSError, TimeoutError, WebSocketException):
                await asyncio.sleep(0.2)

    async def _show(self, page: Any, play_id: str, creative: dict[str, Any]) -> None:
        before = self._showing
        if before is not None:
            await asyncio.sleep(max(0.0, before.since_s + before.duration_s - time.monotonic()))
            shown_s = time.monotonic() - before.since_s
            ended = {"type": "ended", "play_id": before.play_id, "shown_s": round(shown_s, 3)}
            await page.send(json.dumps(ended))
        self._showing = Showing(play_id, creative["duration_s"], time.monotonic())
        await page.send(json.dumps({"type": "started", "play_id": play_id}))
        self._outside.tell("presented", play_id=play_id, creative=creative["id"])


async def people(outside: Outside) -> None:
    """One after the other stands before the screen, as vision would tell it."""
    while True:
        try:
            _, writer = await asyncio.open_unix_connection(AUDIENCE)
            await _stand_there(writer, outside)
        except OSError:
            await asyncio.sleep(0.2)


async def _stand_there(writer: asyncio.StreamWriter, outside: Outside) -> None:
    frames, name, since_s = 0, secrets.token_hex(8), time.monotonic()
    while True:
        now_s, frames = time.monotonic(), frames + 1
        here = now_s - since_s <= PASS_S
        viewers = (_somebody(name, since_s, now_s),) if here else ()
        record = VisionRecord(now_s, frames, RECORDS_PER_S, 20.0, "CPU", "stand-in", viewers)
        writer.write(record.encode())
        await writer.drain()
        if now_s - since_s > PASS_S + BETWEEN_PASSES_S:
            outside.tell("passed", pass_id=name)
            name, since_s = secrets.token_hex(8), now_s
        await asyncio.sleep(1 / RECORDS_PER_S)


def _somebody(name: str, first_s: float, now_s: float) -> Viewer:
    return Viewer(
        id=name,
        first_s=first_s,
        last_s=now_s,
        box=(0.4, 0.3, 0.1, 0.2),
        looking=True,
        age_band="25-34",
        age_p=0.9,
        gender="female",
        gender_p=0.95,
        mood="happy",
        mood_p=0.8,
        minor_possible=False,
        live=True,
    )


async def tick(outside: Outside) -> None:
    """Says that time goes on, so that the moment of a cut is known."""
    while True:
        outside.tell("tick")
        await asyncio.sleep(TICK_S)


async def main() -> None:
    """Until the power is cut."""
    outside = Outside(sys.argv[1])
    outside.tell("began")
    await asyncio.gather(Page(outside).be(), people(outside), tick(outside))


if __name__ == "__main__":
    asyncio.run(main())
