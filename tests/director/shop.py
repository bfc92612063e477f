"""A director in this process, with a clock that runs fast and a vision that says what we want."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from kiosk.config import Settings
from kiosk.director.director import Director
from kiosk.service import Heartbeat
from kiosk.state import open_store
from tests.fakes import FakeClock, record, viewer

CAMPAIGN = """version: 1
name: {name}
creatives:
  - {{id: tea, kind: image, file: tea.svg, duration_s: 2}}
  - {{id: cake, kind: image, file: tea.svg, duration_s: 2}}
  - {{id: scarf, kind: image, file: tea.svg, duration_s: 2, targeting: {{gender: [female]}}}}
"""


def write_campaign(folder: Path, name: str = "spring") -> Path:
    (folder / "tea.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "campaign.yaml").write_text(CAMPAIGN.format(name=name))
    return folder / "campaign.yaml"


def settings_for(folder: Path, **changes: dict[str, Any]) -> Settings:
    data: dict[str, dict[str, Any]] = {
        "audience": {"socket": folder / "audience.sock"},
        "privacy": {"noise": "off"},
        "ads": {"campaign": folder / "campaign.yaml", "reload_s": 1},
        "player": {"port": 0, "plays_batch_s": 10},
        "state": {"path": folder / "state.db"},
    }
    for section, values in changes.items():
        data.setdefault(section, {}).update(values)
    return Settings.model_validate(data)


class Shop:
    """A running director and its surroundings."""

    def __init__(self, director: Director, settings: Settings, clock: FakeClock) -> None:
        self.director = director
        self.settings = settings
        self.clock = clock

    async def go(self, seconds: float, step_s: float = 0.1) -> None:
        """Let the director live through so much time."""
        for _ in range(round(seconds / step_s)):
            self.clock.advance(step_s)
            await asyncio.sleep(0.004)

    async def go_until(self, condition, what: str) -> None:
        """Let time pass until something is so."""
        for _ in range(100):
            await self.go(0.5)
            if condition():
                return
        raise AssertionError(f"not within 50 s of its own time: {what}")

    async def until(self, condition, what: str) -> None:
        for _ in range(6000):
            if condition():
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"not within 30 s: {what}")

    async def written(self) -> None:
        await self.until(lambda: not self.director._journal._waiting, "everything is written")

    async def ask(self, sql: str) -> list[tuple]:
        await self.written()
        return await self.director._journal.read(lambda store: store.db.execute(sql).fetchall())

    @asynccontextmanager
    async def vision(self, *, leaves: bool = True):
        """Hands over records; at the end vision leaves, or else outlives the director."""
        before = self.director._receiver._writer
        _, writer = await asyncio.open_unix_connection(str(self.settings.audience.socket))
        await self.until(
            lambda: self.director._receiver._writer not in (None, before), "vision is connected"
        )

        async def see(*viewers, t_s: float | None = None) -> None:
            one = record(self.clock.seconds if t_s is None else t_s, *viewers)
            writer.write(one.encode())
            await self.until(
                lambda: self.director._receiver.latest == one, "the director has the record"
            )

        yield see
        if leaves:
            writer.close()
            await self.until(
                lambda: not self.director._receiver.connected, "the director has seen it go"
            )

    def screen(self):
        return connect(f"ws://127.0.0.1:{self.director._web.port}/screen/ws")


@asynccontextmanager
async def opened(folder: Path, clock: FakeClock | None = None, **changes):
    """A director that runs within the block and stops in good order after it."""
    if not (folder / "campaign.yaml").exists():
        write_campaign(folder)
    clock = clock or FakeClock()
    settings = settings_for(folder, **changes)
    director = Director(settings, clock, Heartbeat())
    stop = asyncio.Event()
    task = asyncio.create_task(director.run(stop))
    shop = Shop(director, settings, clock)
    try:
        await shop.until(
            lambda: task.done() or director._schedule.current is not None, "something plays"
        )
        yield shop
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


def look(folder: Path, sql: str) -> list[tuple]:
    """Ask the state file after the director has gone."""
    store = open_store(folder / "state.db", FakeClock())
    try:
        return store.db.execute(sql).fetchall()
    finally:
        store.close()


def outbox(folder: Path, stream: str) -> list[dict[str, Any]]:
    rows = look(folder, f"SELECT seq, payload FROM outbox WHERE stream = '{stream}' ORDER BY seq")
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    return [json.loads(row[1]) for row in rows]


def woman(shop, name="w", since_s=2.0, **changes):
    now_s = shop.clock.seconds
    return viewer(name, now_s - since_s, now_s, **changes)
