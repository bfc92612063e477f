"""``GET /status``: what the device says of itself on the spot."""

from __future__ import annotations

import asyncio
import json

import httpx

from kiosk import __version__
from tests.director.shop import opened, woman
from tests.fakes import FakeClock

OFF = {"vision": {"off_hours": [{"days": ["wed"], "begin": "11:00", "end": "13:00"}]}}


async def status(shop) -> dict:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"http://127.0.0.1:{shop.director._web.port}/status")).json()


async def hear(page, kind: str) -> dict:
    while True:
        said = json.loads(await asyncio.wait_for(page.recv(), 5))
        if said["type"] == kind:
            return said


def test_it_tells_of_vision_and_screen_and_of_nobody(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop:
            await shop.go(3)
            said = await status(shop)
            assert said.keys() == {"version", "uptime_s", "vision", "screen"}
            assert said["version"] == __version__
            assert 3 <= said["uptime_s"] < 6
            assert said["vision"] == {"state": "absent", "age_s": None}
            assert said["screen"] == {
                "pages": 0,
                "main": False,
                "beat_age_s": None,
                "presented": 0,
                "presented_age_s": None,
            }
            async with shop.vision() as see:
                await see(woman(shop))
                nobody = {**await status(shop)}
                await see(woman(shop), woman(shop, "v"))
                somebody = await status(shop)
                assert nobody["vision"]["state"] == somebody["vision"]["state"] == "live"
                assert 0 <= somebody["vision"]["age_s"] < 1
                assert somebody["vision"].keys() == {"state", "age_s"}
                await shop.go(5)
                assert (await status(shop))["vision"]["state"] == "stale"

    asyncio.run(scenario())


def test_the_camera_rests_in_off_hours(tmp_path):
    async def scenario():
        async with opened(tmp_path, FakeClock(), **OFF) as shop:
            assert (await status(shop))["vision"]["state"] == "resting"

    asyncio.run(scenario())


def test_plays_and_beats_are_those_of_the_screen_that_speaks(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop, shop.screen() as page:
            play = await hear(page, "prepare")
            await page.send(json.dumps({"type": "started", "play_id": play["play_id"]}))
            await page.send(json.dumps({"type": "beat"}))
            await shop.until(
                lambda: shop.director._screens.beat_age_s is not None, "the beat was heard"
            )
            await shop.go(1)
            screen = (await status(shop))["screen"]
            assert screen["pages"] == screen["presented"] == 1
            assert screen["presented_age_s"] == 0, "its two seconds are not over"
            assert 0.9 <= screen["beat_age_s"] < 3
            await shop.go(4)
            screen = (await status(shop))["screen"]
            assert 2.5 <= screen["presented_age_s"] < 6, "the page confirms nothing any more"
            assert screen["presented_age_s"] < screen["beat_age_s"]
            await page.close()
            await shop.until(lambda: shop.director._screens.count == 0, "the page is gone")
            screen = (await status(shop))["screen"]
            assert screen["beat_age_s"] is None
            assert screen["presented"] == 1

    asyncio.run(scenario())
